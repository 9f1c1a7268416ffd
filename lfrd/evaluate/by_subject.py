"""Intervals where one person passes more than once: their passages stand or fall together."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from lfrd.stats import Rate

DRAWS = 2000


def bootstrap(
    subjects: npt.NDArray[np.intp], events: npt.NDArray[np.bool_] | Sequence[bool], seed: int
) -> Rate:
    """The rate of events, with the 95 % percentile interval over draws of whole subjects
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993; subjects as in NIST's open-set
    trials). `subjects[i]` is whose passage i was.

    Of no event at all it says nothing: the interval is then 0 to 0, and a bound for single
    passages (`intervals.upper_bound`) says more.
    """
    _, index = np.unique(subjects, return_inverse=True)
    happened = np.bincount(index, weights=np.asarray(events, float))
    passed = np.bincount(index)
    rng = np.random.default_rng(seed)
    rates = np.empty(DRAWS)
    for draw in range(DRAWS):
        drawn = rng.integers(len(passed), size=len(passed))
        rates[draw] = happened[drawn].sum() / passed[drawn].sum()
    low, high = np.quantile(rates, (0.025, 0.975))
    return Rate(int(happened.sum()), int(passed.sum()), float(low), float(high))
