import numpy as np
import pytest

from lfrd.evaluate.by_subject import bootstrap
from lfrd.stats import wilson


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
