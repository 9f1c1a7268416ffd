"""Confidence intervals of counts: exact (Clopper-Pearson), Wilson's, and by subject. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

NORMAL_95 = 1.959963984540054
"""The 0.975 quantile of the normal distribution."""

DRAWS = 2000
_STEPS = 200
_TINY = 1e-300


@dataclass(frozen=True, slots=True)
class Rate:
    """`k` of `n`, with the 95 % interval of the rate behind it."""

    k: int
    n: int
    lo: float
    hi: float

    @property
    def value(self) -> float:
        """The observed rate; 0 of nothing."""
        return self.k / self.n if self.n else 0.0


def clopper_pearson(k: int, n: int, confidence: float = 0.95) -> Rate:
    """The exact interval of a binomial rate (Clopper and Pearson, Biometrika 26, 1934).

    Never narrower than it claims. 0 of n gives an upper end of about 3.7/n (two-sided 95 %).
    """
    _check(k, n)
    if n == 0:
        return Rate(0, 0, 0.0, 1.0)
    tail = (1 - confidence) / 2
    lo = 0.0 if k == 0 else _beta_quantile(tail, k, n - k + 1)
    hi = 1.0 if k == n else _beta_quantile(1 - tail, k + 1, n - k)
    return Rate(k, n, lo, hi)


def upper_bound(k: int, n: int, confidence: float = 0.95) -> float:
    """The one-sided exact upper bound of a rate: 0 of n gives about 3/n."""
    _check(k, n)
    return 1.0 if k == n else _beta_quantile(confidence, k + 1, n - k)


def wilson(k: int, n: int) -> Rate:
    """Wilson's score interval at 95 % (JASA 22, 1927): good for rates that are not rare."""
    _check(k, n)
    if n == 0:
        return Rate(0, 0, 0.0, 1.0)
    z2 = NORMAL_95**2
    p = k / n
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = NORMAL_95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return Rate(k, n, max(0.0, middle - half), min(1.0, middle + half))


def needed_for_interval(rate: float, half_width: float) -> int:
    """So many opportunities, at least, for Wilson's 95 % interval of a rate like this to be no
    wider than `half_width` to either side. Raises ValueError."""
    if not 0.0 <= rate <= 1.0 or not 0.0 < half_width < 0.5:
        raise ValueError("a rate is from 0 to 1, and a half width above 0 and below 0.5")

    def is_enough(n: int) -> bool:
        z2 = NORMAL_95**2
        return NORMAL_95 / (1 + z2 / n) * math.sqrt(
            rate * (1 - rate) / n + z2 / (4 * n * n)
        ) <= half_width  # fmt: skip

    high = 1
    while not is_enough(high):
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if is_enough(middle) else (middle, high)
    return high


def needed_for_difference(
    one: float, other: float, *, power: float = 0.8, comparisons: int = 1
) -> int:
    """So many opportunities in each of two groups for an exact test at 5 %, shared among so many
    comparisons (Bonferroni), to find that their rates differ, with this power: Fleiss, Statistical
    Methods for Rates and Proportions (1981), 3.2, with his correction. Raises ValueError."""
    if not (0.0 <= one <= 1.0 and 0.0 <= other <= 1.0 and one != other):
        raise ValueError("the two rates are from 0 to 1 and differ")
    if not 0.0 < power < 1.0 or comparisons < 1:
        raise ValueError("a power is above 0 and below 1, and there is a comparison or more")
    normal = NormalDist()
    alpha, beta = normal.inv_cdf(1 - 0.025 / comparisons), normal.inv_cdf(power)
    apart, mean = abs(one - other), (one + other) / 2
    spread = math.sqrt(one * (1 - one) + other * (1 - other))
    plain = (alpha * math.sqrt(2 * mean * (1 - mean)) + beta * spread) ** 2 / apart**2
    return math.ceil(plain / 4 * (1 + math.sqrt(1 + 4 / (plain * apart))) ** 2)


def people_for(opportunities: int, passages: int, correlation: float) -> int:
    """So many people who pass `passages` times each are worth so many independent opportunities,
    where one person's passages correlate (design effect, Kish 1965)."""
    return math.ceil(opportunities * (1 + (passages - 1) * correlation) / passages)


def bootstrap(
    subjects: npt.NDArray[np.intp], events: npt.NDArray[np.bool_] | Sequence[bool], seed: int
) -> Rate:
    """The rate of events where one person passes more than once: their passages stand or fall
    together. With the 95 % percentile interval over draws of whole subjects
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993; subjects as in NIST's open-set
    trials). `subjects[i]` is whose passage i was.

    Of no event at all it says nothing: the interval is then 0 to 0, and a bound for single
    passages (`upper_bound`) says more.
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


def _check(k: int, n: int) -> None:
    if not 0 <= k <= n:
        raise ValueError(f"{k} of {n} is no count")


def _beta_quantile(p: float, a: float, b: float) -> float:
    """Where the regularised incomplete beta function reaches p, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _beta_cdf(middle, a, b) < p:
            low = middle
        else:
            high = middle
        if high - low <= 1e-16 + 1e-12 * low:
            break
    return (low + high) / 2


def _beta_cdf(x: float, a: float, b: float) -> float:
    """I_x(a, b) by Lentz's continued fraction (Numerical Recipes, section 6.4)."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1) / (a + b + 2):
        return 1.0 - _beta_cdf(1.0 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
        + a * math.log(x) + b * math.log1p(-x)
    )  # fmt: skip
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1))
    fraction = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        fraction *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        fraction *= d * c
        if abs(d * c - 1.0) < 1e-14:
            break
    return front * fraction / a


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
