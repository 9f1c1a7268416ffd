"""Retries: when, how long, and how often."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.clock import ManualClock
from lfrd.errors import SourceError, SourceRefused
from lfrd.supervise import Backoff, keep_running


def test_the_pause_doubles_to_the_cap() -> None:
    pauses = [Backoff().delay_s(n, refused=False, random_0_1=0.0) for n in range(1, 9)]
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


@given(st.integers(1, 10_000), st.booleans(), st.floats(0, 1))
def test_every_pause_is_within_its_bounds(failures: int, refused: bool, random_0_1: float) -> None:
    pause_s = Backoff().delay_s(failures, refused, random_0_1)
    assert 0.8 <= pause_s <= (60.0 if refused else 30.0)


def test_refused_credentials_wait_long_at_once() -> None:
    assert Backoff().delay_s(1, refused=True, random_0_1=1.0) == pytest.approx(48.0)


class Script:
    """Attempts that last and fail as written, on a clock that stands still otherwise."""

    def __init__(self, *attempts: tuple[float, Exception | None]) -> None:
        self.clock = ManualClock()
        self.pauses: list[float] = []
        self._attempts = list(attempts)

    async def attempt(self) -> None:
        lasted_s, error = self._attempts.pop(0)
        self.clock.advance(lasted_s)
        if error is not None:
            raise error

    async def run(self) -> None:
        async def sleep(seconds: float) -> None:
            self.pauses.append(seconds)

        await keep_running(
            self.attempt,
            clock=self.clock,
            backoff=Backoff(),
            failed=lambda *_: None,
            random_0_1=lambda: 0.0,
            sleep=sleep,
        )


async def test_a_minute_of_health_starts_the_count_again() -> None:
    lost = SourceError("lost")
    script = Script((0, lost), (0, lost), (59, lost), (61, lost), (0, lost), (5, None))
    await script.run()
    assert script.pauses == [1, 2, 4, 1, 2]


async def test_refusal_is_told_apart() -> None:
    script = Script((0, SourceRefused("no")), (0, SourceError("lost")), (0, None))
    await script.run()
    assert script.pauses == [60, 2]


async def test_a_fault_of_ours_is_not_retried() -> None:
    script = Script((0, ZeroDivisionError()), (0, None))
    with pytest.raises(ZeroDivisionError):
        await script.run()
    assert script.pauses == []
