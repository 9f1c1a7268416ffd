"""How many connections and requests each transport and each user may hold at the same time.

The Unix socket and loopback TCP are counted apart. Of connections the idle ones give way; requests
under way are never cut off for another: what comes over the bounds is told so, with 503.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Protocol

CONNECTIONS_MAX = 192
"""Open on one transport. For one more, an idle one is closed: the oldest of the caller that holds
most."""

REQUESTS_MAX = 96
"""Under way on one transport."""

KEPT = 64
"""Further ones, for who has fewer than KEPT_EACH under way."""
KEPT_EACH = 4

USER_REQUESTS_MAX = 40
"""Under way of one user: an import of many photos (24 at once) beside every event stream."""

USER_STREAMS_MAX = 16
"""Event streams and exports of one user: answers that hold their place as long as they are read."""


class Connection(Protocol):
    """An open connection. `holder` is its user; None: it has not said who it is."""

    holder: str | None

    @property
    def idle(self) -> bool:
        """Whether no request is under way."""

    def cut_off(self) -> None:
        """Close it now."""


class Connections:
    """The open connections of one transport, those that are idle longest first."""

    def __init__(self) -> None:
        self._open: dict[Connection, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def enter(self, new: Connection) -> bool:
        """Take a connection in; False where there is no place and none can be made."""
        if len(self._open) >= CONNECTIONS_MAX and not self._make_room():
            return False
        self._open[new] = None
        return True

    def answered(self, connection: Connection) -> None:
        """It has been of use just now."""
        if connection in self._open:
            del self._open[connection]
            self._open[connection] = None

    def leave(self, connection: Connection) -> None:
        self._open.pop(connection, None)

    def _make_room(self) -> bool:
        idle = [connection for connection in self._open if connection.idle]
        if not idle:
            return False
        held = Counter(connection.holder for connection in self._open)
        given_up = max(idle, key=lambda connection: held[connection.holder])  # the first of equals
        del self._open[given_up]
        given_up.cut_off()
        return True


@dataclass(frozen=True, slots=True)
class Task:
    """One request. `local`: it came over the Unix socket. `endless`: its answer has no end."""

    who: str
    local: bool
    endless: bool


class Requests:
    """The requests under way."""

    def __init__(self) -> None:
        self._of_transport: Counter[bool] = Counter()
        self._of_user: Counter[str] = Counter()
        self._streams: Counter[str] = Counter()

    def begin(self, task: Task) -> str | None:
        """Count a request, or say in one sentence why it has no place now."""
        refusal = self._refusal(task)
        if refusal is None:
            self._of_transport[task.local] += 1
            self._of_user[task.who] += 1
            self._streams[task.who] += task.endless
        return refusal

    def end(self, task: Task) -> None:
        """One that was begun is over."""
        self._of_transport[task.local] -= 1
        for counted, number in ((self._of_user, 1), (self._streams, int(task.endless))):
            counted[task.who] -= number
            if not counted[task.who]:
                del counted[task.who]

    def _refusal(self, task: Task) -> str | None:
        mine, all_of_them = self._of_user[task.who], self._of_transport[task.local]
        if task.endless and self._streams[task.who] >= USER_STREAMS_MAX:
            return f"you have {USER_STREAMS_MAX} event streams and exports open: close one first"
        if mine >= USER_REQUESTS_MAX:
            return f"you have {USER_REQUESTS_MAX} requests under way: wait for one to end"
        kept = KEPT if mine < KEPT_EACH else 0
        if all_of_them >= REQUESTS_MAX + kept:
            return "too many requests are under way: try again in a moment"
        return None
