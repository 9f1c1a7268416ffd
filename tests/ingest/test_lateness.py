"""How late a packet is read, told from its stamp and its arrival."""

import pytest

from lfrd.ingest.lateness import Lateness


def _feed(
    lateness: Lateness, count: int, *, begin_s: float = 0.0, stamp_s: float = 50.0,
    every_s: float = 0.04, period_s: float = 0.04, waited_s: float = 0.0,
) -> float:  # fmt: skip
    """Packets whose stamps are `period_s` apart, read every `every_s`; how late the last one is."""
    late_s = 0.0
    for number in range(count):
        late_s = lateness.came(stamp_s + number * period_s, begin_s + number * every_s, waited_s)
    return late_s


def test_what_is_read_as_fast_as_it_comes_is_on_time() -> None:
    assert _feed(Lateness(), 500) == pytest.approx(0.0, abs=1e-9)


def test_what_is_read_too_slowly_falls_behind() -> None:
    assert _feed(Lateness(), 101, every_s=0.05) == pytest.approx(1.0)


def test_reading_faster_catches_up() -> None:
    lateness = Lateness()
    _feed(lateness, 101, every_s=0.05)
    late_s = _feed(lateness, 50, begin_s=5.001, stamp_s=54.04, every_s=0.001)
    assert late_s < 0.0 + 0.04 * 1.1


def test_a_reader_that_waits_is_not_behind_whatever_the_stamps_say() -> None:
    lateness = Lateness()
    _feed(lateness, 50, waited_s=0.03)
    late_s = _feed(lateness, 60, begin_s=2.0, stamp_s=50.5, waited_s=0.03)  # set right by 1.5 s
    assert late_s == pytest.approx(0.0, abs=1e-9)


def test_stamps_that_begin_anew_or_leap_are_a_new_origin() -> None:
    lateness = Lateness()
    _feed(lateness, 50)
    assert lateness.came(3.0, 2.0, 0.0) == 0.0
    assert lateness.came(900.0, 2.04, 0.0) == 0.0


def test_without_stamps_nothing_is_late() -> None:
    assert Lateness().came(None, 5.0, 0.0) == 0.0


def test_clocks_that_drift_apart_make_nobody_late() -> None:
    lateness = Lateness()
    assert _feed(lateness, 25 * 600, every_s=0.04 * 1.001) < 0.1  # 0.1 % in ten minutes


def test_what_lay_while_the_reader_rested_is_late_by_as_much() -> None:
    lateness = Lateness()
    _feed(lateness, 50, waited_s=0.03)
    for number in range(50, 110, 2):  # two packets are read every 0.08 s, none as it comes
        read_at_s = (number + 1) * 0.04 + 0.01
        assert lateness.came(50.0 + number * 0.04, read_at_s, 0.0, 0.07) == pytest.approx(0.05)
        assert lateness.came(50.04 + number * 0.04, read_at_s, 0.0) == pytest.approx(0.01)
