import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.stats import (
    bootstrap,
    clopper_pearson,
    needed_for_difference,
    needed_for_interval,
    people_for,
    upper_bound,
    wilson,
)


@pytest.mark.parametrize(
    ("k", "n", "lo", "hi"),
    [
        (0, 100, 0.0, 0.036217),
        (1, 100, 0.000253, 0.054459),
        (10, 100, 0.049005, 0.176223),
        (50, 100, 0.398321, 0.601679),
        (100, 100, 0.963783, 1.0),
        (5, 100_000, 1.6235e-5, 1.16682e-4),
    ],
)
def test_clopper_pearson_is_the_published_interval(k: int, n: int, lo: float, hi: float) -> None:
    rate = clopper_pearson(k, n)
    assert rate.lo == pytest.approx(lo, rel=1e-3, abs=1e-9)
    assert rate.hi == pytest.approx(hi, rel=1e-3)


def test_nothing_seen_is_three_in_n_and_never_zero() -> None:
    assert upper_bound(0, 1000) == pytest.approx(3 / 1000, rel=0.01)


def test_wilson_is_the_published_interval() -> None:
    rate = wilson(95, 100)
    assert (rate.lo, rate.hi) == (pytest.approx(0.8882, abs=1e-4), pytest.approx(0.9785, abs=1e-4))


def test_nothing_of_nothing_says_nothing() -> None:
    assert (clopper_pearson(0, 0).lo, clopper_pearson(0, 0).hi) == (0.0, 1.0)
    assert (wilson(0, 0).lo, wilson(0, 0).hi) == (0.0, 1.0)
    with pytest.raises(ValueError, match="no count"):
        clopper_pearson(3, 2)


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_rate_and_is_symmetric(counted: tuple[int, int]) -> None:
    k, n = counted
    rate, other = clopper_pearson(k, n), clopper_pearson(n - k, n)
    assert 0 <= rate.lo <= k / n <= rate.hi <= 1
    assert rate.lo == pytest.approx(1 - other.hi, abs=1e-8)
    inner = wilson(k, n)
    assert inner.lo - 1e-12 <= k / n <= inner.hi + 1e-12


def test_passages_of_one_person_count_as_little_more_than_one() -> None:
    """20 people, 10 passages each, two of whom are always missed: 20 of 200 tell as much of the
    rate as 2 of 20."""
    subjects = np.repeat(np.arange(20), 10)
    found = bootstrap(subjects, subjects < 2, seed=1)
    assert (found.k, found.n) == (20, 200)
    alone = wilson(20, 200)
    assert found.hi - found.lo > 1.8 * (alone.hi - alone.lo)
    assert found.lo < 0.1 < found.hi


def test_independent_passages_have_the_width_of_wilson() -> None:
    events = np.random.default_rng(3).random(400) < 0.3
    found = bootstrap(np.arange(400), events, seed=1)
    known = wilson(int(events.sum()), 400)
    assert found.lo == pytest.approx(known.lo, abs=0.01)
    assert found.hi == pytest.approx(known.hi, abs=0.01)


def test_the_same_seed_gives_the_same_interval() -> None:
    events = [n % 3 == 0 for n in range(60)]
    subjects = np.arange(60) // 4
    assert bootstrap(subjects, events, 5) == bootstrap(subjects, events, 5)


def test_no_event_gives_nothing() -> None:
    found = bootstrap(np.arange(5), [False] * 5, 1)
    assert (found.k, found.lo, found.hi) == (0, 0.0, 0.0)


@given(st.integers(1, 99), st.sampled_from([0.02, 0.05, 0.1]))
def test_so_many_are_enough_for_the_interval_and_one_less_is_not(percent: int, half: float) -> None:
    rate = percent / 100
    needed = needed_for_interval(rate, half)

    def width(n: int) -> float:
        lo, hi = (wilson_at(rate, n, sign) for sign in (-1, 1))
        return (hi - lo) / 2

    assert width(needed) <= half + 1e-12
    assert needed == 1 or width(needed - 1) > half - 1e-12


def wilson_at(rate: float, n: int, sign: int) -> float:
    """An end of Wilson's interval for a rate that need be no count."""
    z = 1.959963984540054
    middle = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (rate * (1 - rate) / n + z * z / (4 * n * n)) ** 0.5
    return middle + sign * half


def test_the_size_of_two_groups_is_the_published_one() -> None:
    """Fleiss, Statistical Methods for Rates and Proportions (1981), table A.3."""
    assert needed_for_difference(0.9, 0.8) == 219
    assert needed_for_difference(0.5, 0.3) == pytest.approx(103, abs=1)
    assert needed_for_difference(0.9, 0.8, comparisons=6) > 219
    assert people_for(219, 1, 0.5) == 219
    assert people_for(219, 4, 0.0) == 55
    assert people_for(219, 4, 1.0) == 219
    for wrong in (lambda: needed_for_difference(0.5, 0.5), lambda: needed_for_interval(1.2, 0.1)):
        with pytest.raises(ValueError, match="rate"):
            wrong()
