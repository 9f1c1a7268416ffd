"""RTSP and RTSPS cameras through FFmpeg, pulled over TCP or UDP."""

import socket
import ssl
from pathlib import Path
from typing import Final, Literal

from lfrd.clock import Clock
from lfrd.errors import SourceError
from lfrd.ingest.address import Address, host_and_port
from lfrd.ingest.container import NO_VIDEO, Opening, Reading
from lfrd.ingest.settings import AS_SENT, Correction
from lfrd.ingest.source import Sink

_OPTIONS: Final = {
    # no probing of what the first picture says anyway: 0.1 s to open instead of 1.2 s, no backlog
    "probesize": "32768",
    "analyzeduration": "1",
    "allowed_media_types": "video",  # sound is not even asked for
}
_TLS_PROBE_S: Final = 3.0


class RtspSource:
    """Pulls one RTSP stream; the end of the stream is a lost camera."""

    live = True
    passive = False
    unreadable = NO_VIDEO

    def __init__(
        self,
        address: Address,
        clock: Clock,
        transport: Literal["tcp", "udp"] = "tcp",
        ca_file: Path | None = None,
        hwaccel: str | None = None,
        correction: Correction = AS_SENT,
        stream: int | None = None,
    ) -> None:
        self._address = address
        self._clock = clock
        self._ca_file = ca_file
        self._transport = transport
        options = self._options()
        if address.encrypted:
            options["tls_verify"] = "1"
            trusted = ca_file or _system_ca_file()
            if trusted is not None:
                options["ca_file"] = str(trusted)
        self._opening = Opening(
            address.secret_location,
            address.shown,
            options,
            hwaccel,
            correction,
            stream,
            unreadable=self.unreadable,
        )

    def _options(self) -> dict[str, str]:
        return {**_OPTIONS, "rtsp_transport": self._transport}

    def run(self, sink: Sink) -> None:
        """See Source.run."""
        self._check_names()
        reading = self._open()
        try:
            sink.opened(reading.info())
            for picture in reading.pictures(sink, self._clock):
                sink.picture(picture)
        finally:
            reading.close()

    def _open(self) -> Reading:
        try:
            return Reading(self._opening)
        except SourceError:
            if self._address.encrypted:
                self._check_certificate()
            raise

    def _check_names(self) -> None:
        """Say plainly what FFmpeg only calls an input/output error."""
        if self._ca_file is not None and not self._ca_file.is_file():
            raise SourceError(f"{self._address.shown}: there is no CA file {self._ca_file}")
        host, port = host_and_port(self._address)
        try:
            socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise SourceError(f"{self._address.shown}: the host name {host} is unknown") from None

    def _check_certificate(self) -> None:
        """After a failure: is the certificate the reason? FFmpeg does not tell."""
        host, port = host_and_port(self._address)
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
            with (
                socket.create_connection((host, port), timeout=_TLS_PROBE_S) as plain,
                context.wrap_socket(plain, server_hostname=host),
            ):
                return
        except ssl.SSLCertVerificationError as error:
            raise SourceError(
                f"{self._address.shown}: its certificate is not trusted ({error.verify_message}); "
                "name the certificate of its issuer as the camera's CA file"
            ) from None
        except OSError:
            return  # something else is wrong, and the first error says it


def _system_ca_file() -> Path | None:
    """The system's trusted issuers; FFmpeg's own default is where it was built, not here."""
    built_in: str | None = ssl.get_default_verify_paths().cafile
    for candidate in (built_in, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None
