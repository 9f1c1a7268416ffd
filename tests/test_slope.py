"""A figure that grows is told from one that only moves."""

import random

import pytest

from benchmarks.slope import slope_of

HOUR = [5.0 * number for number in range(720)]


def test_growth_is_found_under_noise_and_peaks() -> None:
    rng = random.Random(1)
    samples = [
        (at_s, 400 + 3 * at_s / 3600 + rng.gauss(0, 2) + (50 if rng.random() < 0.02 else 0))
        for at_s in HOUR
    ]
    slope = slope_of(samples)
    assert slope.per_h == pytest.approx(3, abs=1)
    assert 1 < slope.low < 3 < slope.high


def test_a_step_is_no_slope() -> None:
    assert slope_of([(at_s, 400.0 + 20 * (at_s > 900)) for at_s in HOUR]).per_h == 0


def test_few_samples_tell_none() -> None:
    with pytest.raises(ValueError, match="tell no slope"):
        slope_of([(at_s, 1.0) for at_s in HOUR[:20]])
