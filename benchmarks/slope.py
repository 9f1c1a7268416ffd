"""Whether a figure that is sampled for hours grows: the slope of Theil and Sen, its interval."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

BIN_S = 60.0
"""Samples of so long count as one, their median: what lies seconds apart is no independent news."""
LEAST_BINS = 4


@dataclass(frozen=True, slots=True)
class Slope:
    """Growth an hour, in the unit of the samples, and where it lies with 95 % confidence."""

    per_h: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.low:+.2f} to {self.high:+.2f} with 95 % confidence"


def slope_of(samples: Sequence[tuple[float, float]], bin_s: float = BIN_S) -> Slope:
    """Of (seconds, value): the median of the slopes between any two bins, so that a step or a peak
    moves it little. Raises ValueError where the samples fill too few bins."""
    from scipy.stats import theilslopes

    bins: dict[int, list[float]] = {}
    for at_s, value in samples:
        bins.setdefault(int(at_s // bin_s), []).append(value)
    if len(bins) < LEAST_BINS:
        raise ValueError(f"samples of {len(bins)} times {bin_s:g} s tell no slope")
    hours = [number * bin_s / 3600 for number in sorted(bins)]
    values = [statistics.median(bins[number]) for number in sorted(bins)]
    found = theilslopes(values, hours, alpha=0.95)
    return Slope(float(found.slope), float(found.low_slope), float(found.high_slope))
