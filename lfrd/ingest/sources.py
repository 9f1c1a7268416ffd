"""Which source an address asks for."""

from lfrd.clock import Clock
from lfrd.errors import BadInput
from lfrd.ingest.address import Kind
from lfrd.ingest.device import DeviceSource
from lfrd.ingest.file import FileSource
from lfrd.ingest.rtsp import RtspSource
from lfrd.ingest.settings import CameraSettings
from lfrd.ingest.source import Source
from lfrd.ingest.web import MjpegSource
from lfrd.ingest.whip import WhipIngest, WhipSource


def build_source(settings: CameraSettings, clock: Clock, whip: WhipIngest | None = None) -> Source:
    """Return the source for a camera's address, or raise BadInput with one sentence.

    `whip` is the site's door for publishers; without one, whip:// cameras are refused.
    """
    address = settings.address
    match address.kind:
        case Kind.DEVICE:
            return DeviceSource(address, clock, settings.correction)
        case Kind.RTSP | Kind.MJPEG:
            network = RtspSource if address.kind is Kind.RTSP else MjpegSource
            return network(
                address,
                clock,
                settings.transport,
                settings.ca_file,
                settings.hwaccel,
                settings.correction,
                settings.stream,
                settings.pin,
                settings.reach,
            )
        case Kind.FILE:
            return FileSource(
                address,
                clock,
                loop=settings.loop,
                paced=settings.paced and not settings.every_frame,
                hwaccel=settings.hwaccel,
                correction=settings.correction,
                stream=settings.stream,
                reach=settings.reach,
            )
        case Kind.WHEP:
            from lfrd.ingest.whep import WhepSource  # the WebRTC stack: only for such cameras

            return WhepSource(
                address,
                clock,
                settings.bearer_token,
                settings.ca_file,
                settings.ice_servers,
                settings.correction,
                settings.pin,
                settings.reach,
            )
        case Kind.WHIP:
            if whip is None:
                raise BadInput("whip:// cameras need a running daemon that publishers can reach")
            return WhipSource(
                settings.id, address.shown, whip, clock, settings.ice_servers, settings.correction
            )
