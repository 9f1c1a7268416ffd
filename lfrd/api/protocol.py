"""One HTTP connection: uvicorn's, and what it lacks (peer, deadline, limit, problem document, an
end that lets the last answer arrive)."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from lfrd.api.auth import peer_of
from lfrd.api.problems import MEDIA_TYPE, problem
from lfrd.api.shares import Connections

REQUEST_HEAD_S = 10.0
"""How long the head of a request may take to arrive (the first, counted from the connection)."""

LINGER_S, LINGER_BYTES = 10.0, 64 * 1024 * 1024
"""How long, and how much, of a body that nobody wants is still read after its answer. Closed at
once the connection would be reset, and who is still sending would lose the answer (RFC 9112, 9.6).
"""


@dataclass(frozen=True, slots=True)
class Doors:
    """What all connections of a server have in common: its end, and who else is there."""

    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    socket: Connections = field(default_factory=Connections)
    tcp: Connections = field(default_factory=Connections)


class _Transport:
    """A transport whose first `close` may be put off. `before_close` says whether it is."""

    def __init__(self, inner: asyncio.Transport, before_close: Callable[[], bool]) -> None:
        self._inner = inner
        self._before_close = before_close
        self._ends = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def is_closing(self) -> bool:
        return self._ends or self._inner.is_closing()

    def close(self) -> None:
        if self.is_closing() or not self._before_close():
            self._inner.close()
        self._ends = True


class PeerProtocol(H11Protocol):
    """Puts the peer, the connection itself and `abort` into each request's state.

    Expects `doors` in the application's. Who was accepted but not yet heard when the end began
    would otherwise be waited for.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._head_deadline: asyncio.TimerHandle | None = None
        self._doors: Doors = app_state["doors"]
        self._others = self._doors.tcp
        self.holder: str | None = None
        self._unwanted_bytes = 0
        self._linger_deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn declares it so
        super().connection_made(_Transport(transport, self._linger))  # type: ignore[arg-type]  # it is one in all that is used
        peer = peer_of(transport.get_extra_info("socket"))
        if peer.uid is not None:
            self._others, self.holder = self._doors.socket, f"uid:{peer.uid}"
        if self._doors.stopping.is_set() or not self._others.enter(self):
            transport.abort()
            return
        self._watch_head()
        self.app_state = {
            **self.app_state,
            "peer": peer,
            "connection": self,
            "abort": transport.abort,
        }

    def data_received(self, data: bytes) -> None:
        if self._linger_deadline is not None:
            self._unwanted_bytes += len(data)
            if self._unwanted_bytes > LINGER_BYTES:
                self.transport.abort()
            return
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        for deadline in (self._head_deadline, self._linger_deadline):
            if deadline is not None:
                deadline.cancel()
        self._others.leave(self)
        super().connection_lost(exc)

    def on_response_complete(self) -> None:
        self._others.answered(self)
        super().on_response_complete()

    def cut_off(self) -> None:
        """See Connection."""
        self.transport.abort()

    def _linger(self) -> bool:
        """Say that no more is sent, and read on while the other side is still sending; False where
        it is not, or the daemon ends."""
        if self.conn.their_state not in (h11.SEND_BODY, h11.ERROR) or self._doors.stopping.is_set():
            return False
        try:
            self.transport.write_eof()
        except OSError:  # it has gone
            return False
        self.transport.resume_reading()
        self._linger_deadline = self.loop.call_later(LINGER_S, self.transport.abort)
        return True

    def _watch_head(self) -> None:
        """Run the deadline while the head of a request is awaited or arrives, else stop it.

        Between two requests uvicorn's own keep-alive limit applies.
        """
        if self._awaits_head():
            if self._head_deadline is None:
                self._head_deadline = self.loop.call_later(REQUEST_HEAD_S, self._end_if_silent)
        elif self._head_deadline is not None:
            self._head_deadline.cancel()
            self._head_deadline = None

    @property
    def idle(self) -> bool:
        """See Connection. What only waits for its last answer to be read is idle too."""
        return self._awaits_head() or (self._is_answered() and self.transport.is_closing())

    def _awaits_head(self) -> bool:
        return self._is_answered() and self.conn.their_state is h11.IDLE

    def _is_answered(self) -> bool:
        # uvicorn declares `cycle` as never None, and starts with None.
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]

    def _end_if_silent(self) -> None:
        if self._awaits_head():
            self.transport.abort()

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP gets a problem document too."""
        body = problem(400, msg).model_dump_json().encode()
        headers = [
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
