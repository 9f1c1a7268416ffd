"""An ONVIF camera of our own: what it answers can be changed, as a hostile or broken one would.

It checks logins by its own reading of WS-Security, and counts what it is asked.
"""

import base64
import datetime
import hashlib
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USER, PASSWORD = "viewer", "s3cret & <more>"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
MEDIA2 = "http://www.onvif.org/ver20/media/wsdl"


@dataclass
class OnvifDevice:
    """`host` is what it calls itself in its own addresses; `instead` replaces whole answers, by
    action. `profile_t`: it speaks media2."""

    port: int = 0
    host: str = "127.0.0.1"
    profile_t: bool = False
    open: bool = False
    clock: datetime.datetime | None = None
    sizes: tuple[tuple[int, int], ...] = ((1920, 1080), (640, 360), (640, 480), (160, 90))
    path: str = "/Streaming/Channels/10{n}"
    instead: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refused: int = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/onvif/device_service"

    def answer(self, action: str, body: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(action)
        if action in self.instead:
            return self.instead[action]
        if action != "GetSystemDateAndTime" and not self.open and not self._knows(body):
            self.refused += 1
            fault = "<s:Fault><s:Code><s:Subcode><s:Value>ter:NotAuthorized</s:Value></s:Subcode>"
            return 400, {}, _envelope(f"{fault}</s:Code></s:Fault>")
        return 200, {}, _envelope(getattr(self, f"_{action}")(body))

    def _now(self) -> datetime.datetime:
        return self.clock or datetime.datetime.now(datetime.UTC)

    def _knows(self, body: str) -> bool:
        """Digest of nonce, time and password; the time within five minutes of its own."""
        user, digest, nonce, created = (
            _inside(body, name) for name in ("Username", "Password", "Nonce", "Created")
        )
        if not created:
            return False
        made = hashlib.sha1(base64.b64decode(nonce) + created.encode() + PASSWORD.encode()).digest()
        apart = datetime.datetime.fromisoformat(created) - self._now()
        near = abs(apart) < datetime.timedelta(minutes=5)
        return user == USER and base64.b64encode(made).decode() == digest and near

    def _GetSystemDateAndTime(self, _: str) -> str:  # noqa: N802
        now = self._now()
        return (
            "<r><UTCDateTime>"
            f"<Time><Hour>{now.hour}</Hour><Minute>{now.minute}</Minute><Second>{now.second}"
            f"</Second></Time><Date><Year>{now.year}</Year><Month>{now.month}</Month>"
            f"<Day>{now.day}</Day></Date></UTCDateTime></r>"
        )

    def _GetServices(self, _: str) -> str:  # noqa: N802
        spaces = (MEDIA, MEDIA2) if self.profile_t else (MEDIA,)
        return "".join(
            f"<Service><Namespace>{space}</Namespace>"
            f"<XAddr>http://{self.host}:{self.port}/onvif/media</XAddr></Service>"
            for space in spaces
        )

    def _GetDeviceInformation(self, _: str) -> str:  # noqa: N802
        return "<r><Manufacturer>Acme</Manufacturer><Model>Dome 4</Model></r>"

    def _GetProfiles(self, _: str) -> str:  # noqa: N802
        kind = "VideoEncoder" if self.profile_t else "VideoEncoderConfiguration"
        return (
            "<r>"
            + "".join(
                f'<Profiles token="p{n}"><Name>stream {n}</Name><{kind}><Encoding>H264</Encoding>'
                f"<Resolution><Width>{width}</Width><Height>{height}</Height></Resolution>"
                f"<RateControl><FrameRateLimit>25</FrameRateLimit></RateControl></{kind}></Profiles>"
                for n, (width, height) in enumerate(self.sizes, start=1)
            )
            + "</r>"
        )

    def _GetStreamUri(self, body: str) -> str:  # noqa: N802
        n = _inside(body, "ProfileToken").removeprefix("p")
        path = self.path.replace("{n}", n)
        return f"<r><MediaUri><Uri>rtsp://{self.host}:554{path}</Uri></MediaUri></r>"


def _inside(body: str, name: str) -> str:
    found = re.search(rf"<(?:\w+:)?{name}(?:\s[^>]*)?>([^<]*)<", body)
    return found[1] if found else ""


def _envelope(body: str) -> bytes:
    space = "http://www.w3.org/2003/05/soap-envelope"
    return f'<s:Envelope xmlns:s="{space}"><s:Body>{body}</s:Body></s:Envelope>'.encode()


@contextmanager
def serving(device: OnvifDevice) -> Iterator[OnvifDevice]:
    """The device's questions are answered on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            found = re.search(r"<s:Body><q:(\w+)", body)
            status, headers, content = device.answer(found[1] if found else "", body)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    device.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield device
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def answering(make: Callable[[str], list[bytes]]) -> Iterator[tuple[str, int]]:
    """A host that answers each question of WS-Discovery with `make(message id)`, a list of
    datagrams; gives its address in place of the group's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.bind(("127.0.0.1", 0))
        channel.settimeout(0.05)
        ended = threading.Event()

        def serve() -> None:
            while not ended.is_set():
                try:
                    content, sender = channel.recvfrom(65535)
                except TimeoutError:
                    continue
                for datagram in make(_inside(content.decode(), "MessageID")):
                    channel.sendto(datagram, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield channel.getsockname()
        finally:
            ended.set()
            thread.join()


def match(relates_to: str, xaddrs: str, *, name: str = "Front%20door") -> bytes:
    """A ProbeMatch."""
    scopes = f"onvif://www.onvif.org/name/{name} onvif://www.onvif.org/hardware/D4"
    return (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://schemas.xm'
        f'lsoap.org/ws/2004/08/addressing"><e:Header><a:RelatesTo>{relates_to}</a:RelatesTo>'
        f"</e:Header><e:Body><ProbeMatches><ProbeMatch><Scopes>{scopes}</Scopes>"
        f"<XAddrs>{xaddrs}</XAddrs></ProbeMatch></ProbeMatches></e:Body></e:Envelope>"
    ).encode()
