"""Whether a figure that is sampled for hours grows: the slope of Theil and Sen, its interval; and
how much of it another figure explains."""

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

    bins = _bins(samples, bin_s)
    if len(bins) < LEAST_BINS:
        raise ValueError(f"samples of {len(bins)} times {bin_s:g} s tell no slope")
    hours = [number * bin_s / 3600 for number in sorted(bins)]
    values = [statistics.median(bins[number]) for number in sorted(bins)]
    found = theilslopes(values, hours, alpha=0.95)
    return Slope(float(found.slope), float(found.low_slope), float(found.high_slope))


def slope_beside(
    samples: Sequence[tuple[float, float]],
    other: Sequence[tuple[float, float]],
    bin_s: float = BIN_S,
) -> Slope:
    """The same of what goes up and down with another figure, as it would be were that one steady:
    least squares of the bins' means. Raises ValueError as `slope_of`."""
    import numpy as np
    from scipy.stats import t

    own, beside = _bins(samples, bin_s), _bins(other, bin_s)
    both = sorted(own.keys() & beside.keys())
    if len(both) < LEAST_BINS:
        raise ValueError(f"samples of {len(both)} times {bin_s:g} s tell no slope")
    hours = np.array(both) * bin_s / 3600
    known = np.column_stack(
        [np.ones(len(both)), hours, [statistics.fmean(beside[number]) for number in both]]
    )
    values = np.array([statistics.fmean(own[number]) for number in both])
    found, *_ = np.linalg.lstsq(known, values, rcond=None)
    left = values - known @ found
    free = max(1, len(both) - 3)
    spread = float(left @ left) / free * np.linalg.pinv(known.T @ known)[1, 1]
    half = float(t.ppf(0.975, free) * np.sqrt(spread))
    per_h = float(found[1])
    return Slope(per_h, per_h - half, per_h + half)


def _bins(samples: Sequence[tuple[float, float]], bin_s: float) -> dict[int, list[float]]:
    bins: dict[int, list[float]] = {}
    for at_s, value in samples:
        bins.setdefault(int(at_s // bin_s), []).append(value)
    return bins
