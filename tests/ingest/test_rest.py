"""A reader lets packets gather, and never falls behind for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.ingest.lateness import Lateness
from lfrd.ingest.rest import LEAST_S, MEETS_EVERY_S, REST_S, Rest

READ_S = 0.0005
"""What it takes to read a packet that lies there, and to decode it."""


@dataclass
class Reader:
    """One that reads packets out of a socket: what it does, simulated."""

    longest_s: float = REST_S
    dozes_s: float = 0.0
    """For so long it waits for Python's lock at each packet, though the packet lies there."""
    rests: list[float] = field(default_factory=list)
    lags: list[float] = field(default_factory=list)
    """For how long each packet lay before it was read."""
    told_lays: list[float] = field(default_factory=list)
    """The same as it is told."""

    def read(self, packets: Iterable[tuple[float, float | None]]) -> None:
        """Packets by arrival and stamp."""
        lateness, rest = Lateness(), Rest()
        now_s = rested_s = 0.0
        for arrival_s, stamp_s in packets:
            waited_s = max(arrival_s - now_s, self.dozes_s)
            now_s += waited_s
            late_s = lateness.came(stamp_s, now_s, waited_s, rested_s)
            rest.came(stamp_s, now_s, waited_s)
            self.lags.append(now_s - arrival_s)
            self.told_lays.append(rest.lay_s(late_s))
            done_s = now_s + READ_S
            rested_s = rest.before_next(now_s, late_s, self.longest_s, done_s)
            if rested_s:
                self.rests.append(rested_s)
            now_s = done_s + rested_s


def _packets(
    seconds: float = 20.0, fps: float = 25.0, goes: float = 1.0, jitter_s: float = 0.0
) -> list[tuple[float, float | None]]:
    """Sent evenly, some up to `jitter_s` late, with stamps that go on by `goes` a second."""
    return [
        (5.0 + number / fps + jitter_s * (number % 3) / 2, 900.0 + goes * number / fps)
        for number in range(round(seconds * fps))
    ]


def test_packets_are_taken_several_at_once() -> None:
    reader = Reader()
    reader.read(_packets())
    assert len(reader.rests) <= len(reader.lags) / 2
    assert max(reader.lags) <= REST_S + READ_S * 5
    assert reader.told_lays == pytest.approx(reader.lags, abs=0.005)


@pytest.mark.parametrize("goes", [0.5, 0.8, 1.2, 1.25, 1.5, 2.0, 10.0])
def test_stamps_that_do_not_go_as_the_clock_does_are_not_believed(goes: float) -> None:
    reader = Reader()
    reader.read(_packets(goes=goes))
    assert not reader.rests
    assert max(reader.lags) < 0.01


def test_without_stamps_nobody_rests() -> None:
    reader = Reader()
    reader.read((arrival_s, None) for arrival_s, _ in _packets())
    assert not reader.rests


def test_where_a_face_is_followed_at_the_full_rate_nobody_rests() -> None:
    reader = Reader(longest_s=LEAST_S * 0.9)
    reader.read(_packets())
    assert not reader.rests


def test_a_clock_that_is_set_anew_stops_it_for_a_moment() -> None:
    before, after = _packets(seconds=10), _packets(seconds=10)
    reader = Reader()
    reader.read(before + [(at_s + 10.0, (stamp_s or 0) - 700.0) for at_s, stamp_s in after])
    assert max(reader.lags) < REST_S + 0.05
    assert len(reader.rests) > 60


def test_packets_that_lay_because_the_machine_was_busy_did_not_rest() -> None:
    rest = Rest()
    assert rest.lay_s(0.7) == 0.0


@given(st.floats(5.0, 60.0), st.floats(0.85, 1.15), st.floats(0.0, 0.03), st.floats(0.0, 0.009))
def test_what_is_read_never_lies_for_long(
    fps: float, goes: float, jitter_s: float, dozes_s: float
) -> None:
    reader = Reader(dozes_s=dozes_s)
    reader.read(_packets(10.0, fps, goes, jitter_s))
    most_s = REST_S + MEETS_EVERY_S * 0.15 + 0.05
    assert max(reader.lags) < most_s
    assert max(reader.told_lays) <= REST_S
