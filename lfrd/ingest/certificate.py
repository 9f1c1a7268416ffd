"""The certificate that a camera shows, and how one is pinned.

Cameras and recorders sign their certificates themselves, for names that are not their address. A
pin is the SHA-256 of the one certificate that is accepted, whatever its names are; FFmpeg is then
given this certificate as the only issuer it trusts, and one of its own names to look for in it.
"""

import hashlib
import re
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lfrd.errors import BadInput, SourceError, SourceRefused

_PROBE_S: Final = 3.0
_PIN = re.compile(r"(?i)sha-?256:((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})")


def trusted_by(ca_file: Path, shown: str) -> ssl.SSLContext:
    """Trust in the issuers of a file. Raises SourceError, in the same words whatever is wrong with
    it: they do not tell which files there are."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError:
        raise SourceError(
            f"{shown}: its CA file cannot be used: it is missing, may not be read, or holds no "
            "certificate (PEM)"
        ) from None


def read_pin(text: str) -> str:
    """A pin as it is kept, `sha256:` and 64 small digits. Raises BadInput."""
    found = _PIN.fullmatch(text.strip())
    if found is None:
        raise BadInput("a pin is written sha256: and the 64 hexadecimal digits of a certificate")
    return "sha256:" + found[1].replace(":", "").lower()


@dataclass(frozen=True, slots=True)
class Certificate:
    """One that a server shows, in DER."""

    der: bytes

    @property
    def pin(self) -> str:
        return "sha256:" + hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> str:
        return ssl.DER_cert_to_PEM_cert(self.der)

    @property
    def name(self) -> str | None:
        """A name that it is for; None where it has none."""
        from cryptography import x509  # a third of a second that most cameras do without
        from cryptography.x509.oid import NameOID

        read = x509.load_der_x509_certificate(self.der)
        try:
            names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except x509.ExtensionNotFound:
            names = x509.SubjectAlternativeName([])
        found: list[object] = [*names.get_values_for_type(x509.DNSName)]
        found += names.get_values_for_type(x509.IPAddress)
        found += [item.value for item in read.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
        return str(found[0]) if found else None


def shown_by(host: str, port: int) -> Certificate | None:
    """The certificate that a server shows; None where it does not get so far."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # it is looked at, not believed
    try:
        with (
            socket.create_connection((host, port), timeout=_PROBE_S) as plain,
            context.wrap_socket(plain, server_hostname=host) as wrapped,
        ):
            der = wrapped.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return None
    return Certificate(der) if der else None


def trusted_pin(shown: str, host: str, port: int, pin: str) -> ssl.SSLContext:
    """Trust in this certificate and no other, whatever its names are. Raises as `pinned`."""
    trusted = ssl.create_default_context(cadata=pinned(shown, host, port, pin).pem)
    trusted.check_hostname = False
    return trusted


def pinned(shown: str, host: str, port: int, pin: str) -> Certificate:
    """The pinned certificate, as the server shows it now.

    Raises SourceRefused where it shows another one, SourceError where it shows none.
    """
    certificate = shown_by(host, port)
    if certificate is None:
        raise SourceError(f"{shown} does not answer with TLS")
    if certificate.pin != pin:
        raise SourceRefused(
            f"{shown} shows another certificate than the pinned one: {certificate.pin}. Was the "
            "camera replaced or reset? Else somebody is in between"
        )
    return certificate


def how_to_trust(certificate: Certificate | None) -> str:
    """What the user can do about a certificate that is not trusted."""
    by_issuer = "name the certificate of its issuer as the camera's CA file"
    if certificate is None:
        return by_issuer
    return (
        f"{by_issuer}, or compare {certificate.pin} with what the camera itself shows and accept "
        "just this one with --pin"
    )
