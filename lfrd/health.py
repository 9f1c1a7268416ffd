"""Whether the site works, said by its parts and read by the API and the service manager."""

import asyncio
import enum
import logging
from dataclasses import dataclass

log = logging.getLogger(__name__)


class Status(enum.StrEnum):
    """`degraded`: something is missing and the rest works. `failed`: it cannot do its job."""

    OK = "ok"
    DEGRADED = "degraded"
    FAILED = "failed"


_ORDER = tuple(Status)


@dataclass(frozen=True, slots=True)
class Picture:
    """Everything there is to say at one moment; `version` grows with each change."""

    version: int
    status: Status
    reasons: tuple[str, ...]


class HealthBoard:
    """Each component hangs up at most one reason and takes it down again.

    Kept in memory only: the commonest reason to be ill is a disk that takes no more writes. For
    the event loop only; a thread goes through `call_soon_threadsafe`.
    """

    def __init__(self) -> None:
        self._ill: dict[str, tuple[Status, str]] = {}
        self._version = 0
        self._next_change = asyncio.Event()

    @property
    def now(self) -> Picture:
        """The worst status of any component, and why, failures first."""
        ill = sorted(self._ill.values(), key=lambda item: -_ORDER.index(item[0]))
        status = ill[0][0] if ill else Status.OK
        return Picture(self._version, status, tuple(reason for _, reason in ill))

    def degrade(self, component: str, reason: str) -> None:
        """`component` (such as `camera:north-door`) does without something; one sentence why."""
        self._set(component, Status.DEGRADED, reason)

    def fail(self, component: str, reason: str) -> None:
        """`component` cannot do its job; one sentence that says why and how to mend it."""
        self._set(component, Status.FAILED, reason)

    def clear(self, component: str) -> None:
        """`component` works (again)."""
        if self._ill.pop(component, None) is not None:
            log.info("%s works again", component)
            self._changed()

    async def after(self, version: int) -> Picture:
        """The picture, as soon as it is newer than `version`."""
        while self._version <= version:
            await self._next_change.wait()
        return self.now

    def _set(self, component: str, status: Status, reason: str) -> None:
        if self._ill.get(component) == (status, reason):
            return
        self._ill[component] = (status, reason)
        level = logging.ERROR if status is Status.FAILED else logging.WARNING
        log.log(level, "%s is %s: %s", component, status, reason)
        self._changed()

    def _changed(self) -> None:
        self._version += 1
        self._next_change.set()
        self._next_change = asyncio.Event()
