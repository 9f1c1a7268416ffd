"""Messages as ONVIF devices send and take them, read within bounds: whatever answers on a network
is a stranger.

No document type is read, so that no entity can grow or fetch a file; names are compared without
their namespaces, which devices get wrong.
"""

import base64
import datetime
import hashlib
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape

SIZE_LIMIT: Final = 1024 * 1024
DEPTH_LIMIT, ELEMENTS_LIMIT = 64, 20_000
TEXT_LIMIT: Final = 2048
"""Characters of one value that are used; a longer one is left out."""

_SECURITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss"


class BadMessage(Exception):
    """What came is no message that can be used; the text says why, in half a sentence."""


class _Bounded(ElementTree.TreeBuilder):
    """Refuses what no device has a reason to send."""

    def __init__(self) -> None:
        super().__init__()
        self._depth = self._elements = 0

    def doctype(self, *_: object) -> None:
        raise BadMessage("it declares a document type, which no device needs")

    def start(self, tag: str, attrs: dict[str, str], /) -> ElementTree.Element:
        self._depth += 1
        self._elements += 1
        if self._depth > DEPTH_LIMIT or self._elements > ELEMENTS_LIMIT:
            raise BadMessage("it is nested too deeply or has too many parts")
        return super().start(tag, attrs)

    def end(self, tag: str, /) -> ElementTree.Element:
        self._depth -= 1
        return super().end(tag)


def parse(content: bytes) -> ElementTree.Element:
    """The message. Raises BadMessage."""
    if len(content) > SIZE_LIMIT:
        raise BadMessage(f"it is longer than {SIZE_LIMIT // 1024} KB")
    parser = ElementTree.XMLParser(target=_Bounded())  # noqa: S314  see the class
    try:
        parser.feed(content)
        root: ElementTree.Element = parser.close()
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise BadMessage("it is no XML") from error
    return root


def each(root: ElementTree.Element, name: str) -> Iterator[ElementTree.Element]:
    """Every element of this local name, at any depth."""
    return (item for item in root.iter() if _local(item.tag) == name)


def first(root: ElementTree.Element, *names: str) -> ElementTree.Element | None:
    """The first element down this path of local names, each at any depth below the one before."""
    found: ElementTree.Element | None = root
    for name in names:
        found = None if found is None else next(each(found, name), None)
    return found


def text(root: ElementTree.Element, *names: str) -> str:
    """What stands in that element: one line; empty where there is none, or it is no plain text."""
    found = first(root, *names)
    value = "" if found is None else " ".join((found.text or "").split())
    return value if len(value) <= TEXT_LIMIT and value.isprintable() else ""


def namespace(element: ElementTree.Element) -> str:
    """The namespace of an element; empty where it has none."""
    return element.tag[1:].partition("}")[0] if element.tag.startswith("{") else ""


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


_SPACES = {
    "s": "http://www.w3.org/2003/05/soap-envelope",
    "wsa": "http://schemas.xmlsoap.org/ws/2004/08/addressing",
    "wsd": "http://schemas.xmlsoap.org/ws/2005/04/discovery",
    "wsse": f"{_SECURITY}-wssecurity-secext-1.0.xsd",
    "wsu": f"{_SECURITY}-wssecurity-utility-1.0.xsd",
    "tt": "http://www.onvif.org/ver10/schema",
    "dn": "http://www.onvif.org/ver10/network/wsdl",
    "tds": "http://www.onvif.org/ver10/device/wsdl",
}


def envelope(body: str, header: str = "") -> bytes:
    """A request. Its namespaces are declared at its root: some devices look for `<wsa:MessageID>`
    as that very text."""
    spaces = " ".join(f'xmlns:{prefix}="{space}"' for prefix, space in _SPACES.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><s:Envelope {spaces}>'
        f"<s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    ).encode()


def login(user: str, password: str, now: datetime.datetime) -> str:
    """The header that says who asks (WS-Security UsernameToken Profile 1.0): a digest, by which the
    password cannot be read. `now` is the device's own time: others are refused as replays."""
    nonce = os.urandom(16)
    created = now.strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hashlib.sha1(nonce + created.encode() + password.encode()).digest()  # noqa: S324
    return (
        f'<wsse:Security s:mustUnderstand="1"><wsse:UsernameToken>'
        f"<wsse:Username>{escape(user)}</wsse:Username>"
        f'<wsse:Password Type="{_SECURITY}-username-token-profile-1.0#PasswordDigest">'
        f"{base64.b64encode(digest).decode()}</wsse:Password>"
        f'<wsse:Nonce EncodingType="{_SECURITY}-soap-message-security-1.0#Base64Binary">'
        f"{base64.b64encode(nonce).decode()}</wsse:Nonce>"
        f"<wsu:Created>{created}</wsu:Created></wsse:UsernameToken></wsse:Security>"
    )
