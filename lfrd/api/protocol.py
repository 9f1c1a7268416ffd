"""One HTTP connection: uvicorn's, and what it lacks (peer, deadline, limit, problem document)."""

import asyncio
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from lfrd.api.auth import peer_of
from lfrd.api.problems import MEDIA_TYPE, problem

REQUEST_HEAD_S = 10.0
"""How long the head of a request may take to arrive (the first, counted from the connection)."""

CONNECTIONS_MAX = 64
"""More than so many are answered 503; twice so many, and a new one is cut off unread."""


class PeerProtocol(H11Protocol):
    """Puts the peer, `crowded` and `abort` into each request's state.

    Expects the event `stopping` in the application's: who was accepted but not yet heard when it
    was set would otherwise be waited for.
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
        self._stopping: asyncio.Event = app_state["stopping"]

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn declares it so
        super().connection_made(transport)
        if self._stopping.is_set() or len(self.connections) > 2 * CONNECTIONS_MAX:
            transport.abort()
            return
        self._watch_head()
        self.app_state = {
            **self.app_state,
            "peer": peer_of(transport.get_extra_info("socket")),
            "crowded": len(self.connections) > CONNECTIONS_MAX,
            "abort": transport.abort,
        }

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head_deadline is not None:
            self._head_deadline.cancel()
        super().connection_lost(exc)

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

    def _awaits_head(self) -> bool:
        # uvicorn declares `cycle` as never None, and starts with None.
        answered = self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]
        return answered and self.conn.their_state is h11.IDLE

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
