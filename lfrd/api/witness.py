"""`lfrd witness`: a witness for logs of other machines, as a server of its own."""

import asyncio
import signal
import socket
from collections.abc import Callable
from types import TracebackType

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from lfrd.api.sockets import server_of
from lfrd.audit.cosigner import BODY_BYTES_MAX, PLAIN, Answer, Cosigner
from lfrd.errors import UserError

PATH = "/add-checkpoint"
CONCURRENT_MAX = 64
"""Connections and requests at a time; further ones are told 503."""
BODY_S = 10.0


class WitnessServer:
    """Answers on `listen` (HOST:PORT, port 0 for a free one) while entered.

    Raises UserError where it cannot listen there.
    """

    def __init__(self, cosigner: Cosigner, listen: str) -> None:
        self._cosigner = cosigner
        self._listen = listen
        self._one_at_a_time = asyncio.Lock()
        self._server = server_of(self._answer, "h11", CONCURRENT_MAX)
        self._sock: socket.socket | None = None

    @property
    def url(self) -> str:
        assert self._sock is not None
        host, port = self._sock.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def __aenter__(self) -> "WitnessServer":
        host, _, port = self._listen.rpartition(":")
        host = host.strip("[]")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if not port.isdigit() or int(port) > 65535:
            raise UserError(f"--listen: cannot listen on {self._listen}: give HOST:PORT")
        try:
            self._sock = socket.create_server((host, int(port)), family=family)
        except OSError as error:
            raise UserError(f"--listen: cannot listen on {self._listen}: {error}") from None
        await self._server.startup([self._sock])
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self._server.shutdown()
        if self._sock is not None:
            self._sock.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = await self._found(Request(scope, receive))
        reply = Response(found.text, found.status, media_type=None)
        reply.headers["content-type"] = found.media_type
        await reply(scope, receive, send)

    async def _found(self, request: Request) -> Answer:
        if request.url.path != PATH:
            return Answer(404, f"this is a witness: POST {PATH}\n")
        if request.method != "POST":
            return Answer(405, "POST it\n")
        body = b""
        try:
            async with asyncio.timeout(BODY_S):
                async for piece in request.stream():
                    body += piece
                    if len(body) > BODY_BYTES_MAX:
                        return Answer(413, "too large\n")
        except (TimeoutError, ClientDisconnect):
            return Answer(408, "too slow\n", PLAIN)
        async with self._one_at_a_time:
            return await asyncio.to_thread(self._cosigner.add, body)


async def serve(cosigner: Cosigner, listen: str, say: Callable[[str], None]) -> None:
    """Answer until SIGTERM or SIGINT; `say` its key, then its address."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with WitnessServer(cosigner, listen) as server:
        say(cosigner.key.text)
        say(server.url)
        await stop.wait()
