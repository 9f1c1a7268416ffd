"""An endpoint: who is told what, and by which way it leaves. And what may go wrong on that way."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from lfrd.store.outbox import Fact
from lfrd.vocabulary import OutwardKind


class DeliveryFailed(Exception):
    """A message did not arrive; the text says why, and holds no secret.

    `retry_after_s`: the receiver asked for so much patience.
    """

    def __init__(self, reason: str, retry_after_s: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Unreachable(DeliveryFailed):
    """Nobody answers there: no other message would arrive either."""


class RefusedForGood(DeliveryFailed):
    """The receiver will never take this message."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message as it leaves. `id` is the same at each attempt and for each endpoint, `at_s` is
    when it was said (Unix time); `image` is a JPEG where one goes along."""

    id: str
    kind: OutwardKind
    at_s: float
    facts: Mapping[str, Fact]
    image: bytes | None = None


class Way(Protocol):
    """How messages leave: one object for each endpoint, entered while the site is open."""

    @property
    def place(self) -> str:
        """Where it leads, for people: without secrets."""

    async def send(self, letter: Letter) -> None:
        """Return once the receiver has it. Raises DeliveryFailed."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What an endpoint is told; an empty set is all. `cameras` are ids, `lists` names. `once`:
    candidates that are bundled with an earlier one are left out, since people were told."""

    kinds: frozenset[OutwardKind] = frozenset()
    cameras: frozenset[str] = frozenset()
    lists: frozenset[str] = frozenset()
    once: bool = False

    def wants(self, kind: OutwardKind, facts: Mapping[str, Fact], list_name: str | None) -> bool:
        """Whether a message goes there. What is about no camera or no list passes those filters."""
        if kind is OutwardKind.TEST:
            return False  # goes to the one it was asked for
        camera = facts.get("camera_id")
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.cameras or camera is None or camera in self.cameras)
            and (not self.lists or list_name is None or list_name in self.lists)
            and not (self.once and facts.get("bundled_with"))
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`id` is its name in commands and rows. `images`: pictures may go there where the deployment's
    rules allow it."""

    id: str
    way: Way
    images: bool = False
