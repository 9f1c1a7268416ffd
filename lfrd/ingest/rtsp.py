"""RTSP and RTSPS cameras through FFmpeg, pulled over TCP or UDP."""

import socket
import ssl
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Final, Literal

from lfrd.clock import Clock
from lfrd.errors import SourceError, SourceRefused
from lfrd.ingest.address import Address, Kind, host_and_port
from lfrd.ingest.certificate import how_to_trust, pinned, shown_by, trusted_by, trusted_pin
from lfrd.ingest.container import NO_VIDEO, READ_TIMEOUT_S, Opening, Reading
from lfrd.ingest.reach import ANYWHERE, Reach, addresses_of
from lfrd.ingest.rtsp_control import describe, only_sha256, redirects_refused
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
    timed = True

    def __init__(
        self,
        address: Address,
        clock: Clock,
        transport: Literal["tcp", "udp"] = "tcp",
        ca_file: Path | None = None,
        hwaccel: str | None = None,
        correction: Correction = AS_SENT,
        stream: int | None = None,
        pin: str | None = None,
        reach: Reach = ANYWHERE,
    ) -> None:
        self._address = address
        self._reach = reach
        self._clock = clock
        self._ca_file = ca_file
        self._pin = pin
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
            timed=self.timed,
            gathers=address.kind is Kind.RTSP and transport == "tcp",
        )

    def _options(self) -> dict[str, str]:
        timeout_us = str(round(READ_TIMEOUT_S * 1e6))
        return {**_OPTIONS, "rtsp_transport": self._transport, "timeout": timeout_us}

    def run(self, sink: Sink) -> None:
        """See Source.run."""
        self._check_names()
        with self._within_reach():
            reading = self._open()
        try:
            sink.opened(reading.info())
            for picture in reading.pictures(sink, self._clock):
                sink.picture(picture)
        finally:
            reading.close()

    def _open(self) -> Reading:
        with tempfile.TemporaryDirectory(prefix="lfrd-pin-") as folder:
            try:
                return Reading(self._pinned(Path(folder)))
            except SourceRefused:
                self._check_login()
                raise
            except SourceError:
                if self._address.encrypted and self._pin is None:
                    self._check_certificate()
                raise

    def _pinned(self, folder: Path) -> Opening:
        """How to open it with no other certificate than the pinned one."""
        if self._pin is None:
            return self._opening
        certificate = pinned(self._address.shown, *host_and_port(self._address), self._pin)
        name = certificate.name
        if name is None:
            raise SourceError(f"{self._address.shown}: a certificate without a name cannot be used")
        file = folder / "pinned.pem"
        file.write_text(certificate.pem)
        options = {**self._opening.options, "ca_file": str(file), "verifyhost": name}
        return replace(self._opening, options=options)

    def _check_names(self) -> None:
        """Say plainly what FFmpeg only calls an input/output error."""
        if self._ca_file is not None:
            trusted_by(self._ca_file, self._address.shown)
        host, port = host_and_port(self._address)
        if not addresses_of(host, port):
            raise SourceError(f"{self._address.shown}: the host name {host} is unknown")

    def _within_reach(self) -> AbstractContextManager[None]:
        """Enter it to open the stream: FFmpeg would go wherever the server says."""
        if self._reach.redirects:
            return nullcontext()
        address, trusted = self._address, None
        if address.encrypted:
            if self._pin is not None:
                trusted = trusted_pin(address.shown, *host_and_port(address), self._pin)
            else:
                trusted = ssl.create_default_context(cafile=self._ca_file)
        return redirects_refused(address, trusted)

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
                f"{how_to_trust(shown_by(host, port))}"
            ) from None
        except OSError:
            return  # something else is wrong, and the first error says it

    def _check_login(self) -> None:
        """After a refused login: was it sent at all? FFmpeg answers MD5 digests and Basic only."""
        if self._address.encrypted or self._address.kind is not Kind.RTSP:
            return
        if only_sha256(describe(self._address)):
            raise SourceRefused(
                f"{self._address.shown} takes logins by SHA-256 digest alone, which is not known "
                "here, so none was sent: the password may be right. Allow MD5 digest for RTSP in "
                'the settings of the camera ("digest", "MD5/SHA256")'
            )


def _system_ca_file() -> Path | None:
    """The system's trusted issuers; FFmpeg's own default is where it was built, not here."""
    built_in: str | None = ssl.get_default_verify_paths().cafile
    for candidate in (built_in, "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/cert.pem"):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    return None
