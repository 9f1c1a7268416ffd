"""Keeping one camera running: try, wait a little longer each time, try again.

Only cameras are treated so. Whatever else fails ends the daemon loudly, and its service manager
starts it again.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lfrd.clock import Clock
from lfrd.errors import SourceError, SourceRefused


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait before the next attempt.

    `first_s` doubles up to `cap_s`; after `healthy_s` of running the count starts again. Refused
    credentials wait `refused_s` at once, so that a camera does not lock the account.
    """

    first_s: float = 1.0
    cap_s: float = 30.0
    healthy_s: float = 60.0
    refused_s: float = 60.0
    jitter: float = 0.2

    def delay_s(self, failures: int, refused: bool, random_0_1: float) -> float:
        """Return the pause after the given number of failures in a row (1 = the first).

        The jitter only shortens, so that `cap_s` stays a promise: with r in 0..1 the pause is
        min(cap, first * 2^(failures-1)) * (1 - jitter * r).
        """
        assert failures >= 1
        if refused:
            full_s = self.refused_s
        else:
            full_s = min(self.cap_s, self.first_s * 2.0 ** min(failures - 1, 32))
        return full_s * (1.0 - self.jitter * random_0_1)


PASSIVE = Backoff(first_s=0.05, cap_s=0.5)
"""For a source that waits for a sender: no server is asked too often, and a sender may come at any
time."""


async def keep_running(
    attempt: Callable[[], Awaitable[None]],
    *,
    clock: Clock,
    backoff: Backoff,
    failed: Callable[[SourceError, float], None],
    random_0_1: Callable[[], float] = random.random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Run `attempt` until it returns normally; after a SourceError pause and run it again.

    `failed` hears of each SourceError and of the pause before the next attempt, and may raise to
    give up. Any other exception passes through: it is a fault of ours, not of the camera.
    """
    failures = 0
    while True:
        started_s = clock.monotonic_s()
        try:
            await attempt()
        except SourceError as error:
            if clock.monotonic_s() - started_s >= backoff.healthy_s:
                failures = 0
            failures += 1
            pause_s = backoff.delay_s(failures, isinstance(error, SourceRefused), random_0_1())
            failed(error, pause_s)
            await sleep(pause_s)
        else:
            return
