"""Which source an address asks for."""

from lfrd.clock import Clock
from lfrd.errors import BadInput
from lfrd.ingest.address import Kind
from lfrd.ingest.file import FileSource
from lfrd.ingest.rtsp import RtspSource
from lfrd.ingest.settings import CameraSettings
from lfrd.ingest.source import Source


def build_source(settings: CameraSettings, clock: Clock) -> Source:
    """Return the source for a camera's address, or raise BadInput with one sentence."""
    address = settings.parsed()
    match address.kind:
        case Kind.RTSP:
            return RtspSource(
                address, clock, settings.transport, settings.ca_file, settings.hwaccel
            )
        case Kind.FILE:
            return FileSource(
                address,
                clock,
                loop=settings.loop,
                paced=settings.paced and not settings.every_frame,
                hwaccel=settings.hwaccel,
            )
        case Kind.WHIP | Kind.WHEP:
            raise BadInput(f"{address.kind} cameras are not available here")
