"""The API's server: uvicorn's protocol on sockets of our own, owned by one context manager.

uvicorn's own `serve()` takes the signals and polls for its end; the daemon owns both, so only
`startup()` and `shutdown()` are used, and between them no task runs but the connections'.
"""

import asyncio
import logging
import os
from contextlib import ExitStack
from types import TracebackType

from lfrd.api.app import make_app
from lfrd.api.protocol import Doors, PeerProtocol
from lfrd.api.request_guard import Limits, RequestGuard
from lfrd.api.sockets import SHUTDOWN_S, Bound, bind_all, server_of
from lfrd.governance.people import TokenDirectory
from lfrd.site import Site

log = logging.getLogger(__name__)


class ApiServer:
    """Answers from `__aenter__` to `__aexit__`; restart-safe, since no state is its own."""

    def __init__(self, site: Site, limits: Limits | None = None) -> None:
        self._site = site
        self._doors = Doors()
        self._stopping = self._doors.stopping
        self._tokens = TokenDirectory(site.database, site.clock)
        app = make_app(site, self._stopping)
        app.state.tokens = self._tokens
        guard = RequestGuard(
            app, self._tokens, site.denials, limits or Limits(), site.measures, site.clock
        )
        site.eraser.forgetters.append(guard.answers.forget_all)
        self._server = server_of(guard, PeerProtocol)
        self._server.lifespan.state["doors"] = self._doors
        self._bound: list[Bound] = []

    @property
    def ready(self) -> bool:
        """Whether requests are answered now."""
        return self._server.started and not self._stopping.is_set()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return len(self._server.server_state.connections)

    @property
    def tcp_port(self) -> int | None:
        """The loopback port, where one is open (the configured one, or the free one taken)."""
        names = [bound.sock.getsockname() for bound in self._bound]
        return next((int(name[1]) for name in names if isinstance(name, tuple)), None)

    async def __aenter__(self) -> "ApiServer":
        config = self._site.config
        await self._tokens.load()
        with ExitStack() as undo:
            self._bound = bind_all(
                config.socket_path, config.api.tcp, os.environ, config.api.socket_group
            )
            for bound in self._bound:
                undo.callback(bound.release)
            await self._server.startup([bound.sock for bound in self._bound])
            undo.pop_all()
        for bound in self._bound:
            log.info("the API answers on %s", bound.sock.getsockname())
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Refuse new connections, end the event streams, let requests finish, remove the socket."""
        self._stopping.set()
        await self._server.shutdown()
        tasks = list(self._server.server_state.tasks)
        if tasks:  # cancelled after SHUTDOWN_S; they are ours, so their end is awaited
            await asyncio.wait(tasks, timeout=SHUTDOWN_S)
        for bound in self._bound:
            bound.release()
