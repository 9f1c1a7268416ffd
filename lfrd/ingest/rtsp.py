"""RTSP and RTSPS cameras through FFmpeg, pulled over TCP or UDP."""

import socket
from pathlib import Path
from typing import Final, Literal

from lfrd.clock import Clock
from lfrd.errors import SourceError
from lfrd.ingest.address import Address, host_and_port
from lfrd.ingest.container import Opening, Reading
from lfrd.ingest.source import Sink

_OPTIONS: Final = {
    # no probing of what the first picture says anyway: 0.1 s to open instead of 1.2 s, no backlog
    "probesize": "32768",
    "analyzeduration": "1",
    "allowed_media_types": "video",  # sound is not even asked for
}


class RtspSource:
    """Pulls one RTSP stream; the end of the stream is a lost camera."""

    live = True
    passive = False

    def __init__(
        self,
        address: Address,
        clock: Clock,
        transport: Literal["tcp", "udp"] = "tcp",
        ca_file: Path | None = None,
        hwaccel: str | None = None,
    ) -> None:
        options = {**_OPTIONS, "rtsp_transport": transport}
        if address.encrypted:
            options["tls_verify"] = "1"
            if ca_file is not None:
                options["ca_file"] = str(ca_file)
        self._address = address
        self._clock = clock
        self._ca_file = ca_file
        self._opening = Opening(address.location, address.shown, options, hwaccel)

    def run(self, sink: Sink) -> None:
        """See Source.run."""
        self._check_reachable_names()
        reading = Reading(self._opening)
        try:
            sink.opened(reading.info())
            for picture in reading.pictures(sink, self._clock):
                sink.picture(picture)
        finally:
            reading.close()

    def _check_reachable_names(self) -> None:
        """Say plainly what FFmpeg only calls an input/output error."""
        if self._ca_file is not None and not self._ca_file.is_file():
            raise SourceError(f"{self._address.shown}: there is no CA file {self._ca_file}")
        host, port = host_and_port(self._address)
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            raise SourceError(f"{self._address.shown}: the host name {host} is unknown") from None
