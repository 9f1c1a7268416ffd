"""The promise of a threshold: stricter with every reference, look and risk; never beyond reach."""

import dataclasses
import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import ModelError
from lfrd.matching import curve
from lfrd.matching.curve import Curve, LooksPoint, MissPoint, Point
from lfrd.matching.evidence import EvidenceRule
from lfrd.matching.threshold import Risk, Unreachable, check_reachable, derive, false_alert_rate
from lfrd.vision import packs

PAIRS = 1_000_000
RULE = EvidenceRule()


def made(scale: float = 0.025) -> Curve:
    """Strangers whose scores fall off exponentially from 0.2 on."""
    counts = [3, 10, 30, 100, 300, 1000, 10_000, 100_000, 500_000]
    points = tuple(Point(0.2 + scale * math.log(PAIRS / n), n) for n in counts)
    return Curve(
        1, "m" * 64, curve.rule_name(RULE), "made up", 1400, PAIRS, points, scale,
        (LooksPoint(1, 1.0, 10**6), LooksPoint(4, 1.5, 10**6), LooksPoint(16, 3.0, 10**6)),
        (MissPoint(0.01, 0.45), MissPoint(0.1, 0.6), MissPoint(0.5, 0.7), MissPoint(0.9, 0.8)),
    )  # fmt: skip


CURVE = made()


def threshold(one_in: float, references: int, looks: int = 1, factor: float = 10.0) -> float:
    return derive(CURVE, Risk(one_in, factor), references=references, looks=looks).threshold


def test_it_is_the_formula_solved_for_the_score() -> None:
    derived = derive(CURVE, Risk(1000, 1.0), references=100, looks=1)
    rate = 1 - (1 - 1e-3) ** (1 / 100)
    assert derived.threshold == pytest.approx(0.2 + 0.025 * math.log(1 / rate), abs=1e-3)
    assert derived.fpir == pytest.approx(1e-3, rel=1e-6)
    assert derived.fpir_low < derived.fpir < derived.fpir_high
    assert not derived.extrapolated


@given(
    st.floats(2, 1e7), st.integers(1, 10**6), st.integers(1, 64), st.floats(1, 100),
    st.floats(1.01, 10),
)  # fmt: skip
def test_more_of_anything_is_never_laxer(
    one_in: float, references: int, looks: int, factor: float, more: float
) -> None:
    base = threshold(one_in, references, looks, factor)
    assert threshold(one_in * more, references, looks, factor) >= base
    assert threshold(one_in, references + 10, looks, factor) >= base
    assert threshold(one_in, references, looks + 1, factor) >= base
    assert threshold(one_in, references, looks, factor * more) >= base


@given(st.floats(1e-15, 0.9))
def test_rate_and_score_are_each_others_inverse(rate: float) -> None:
    again = CURVE.rate_at(CURVE.score_at(rate))
    if rate * PAIRS < 500_000:
        assert again == pytest.approx(rate, rel=0.02)


def test_beyond_the_measured_pairs_it_says_so_and_gets_stricter() -> None:
    rare = derive(CURVE, Risk(6000), references=10_000, looks=16)
    assert rare.extrapolated
    assert rare.fpir_low == 0.0
    assert rare.threshold > CURVE.points[0].score


def test_a_promise_that_misses_most_people_is_refused() -> None:
    risk = Risk(1e9)
    derived = derive(CURVE, risk, references=100_000, looks=16)
    with pytest.raises(Unreachable, match="stronger model"):
        check_reachable(derived, risk)
    fine = Risk(100)
    check_reachable(derive(CURVE, fine, references=50, looks=1), fine)


def test_expected_false_alerts_follow_the_flow() -> None:
    derived = derive(CURVE, Risk(1000), references=100, looks=4)
    expected, low, high = derived.false_alerts_a_day(20_000)
    assert expected == pytest.approx(20)
    assert low <= expected <= high


def test_a_stated_constant_has_a_cost_that_grows_with_the_list() -> None:
    costs = [false_alert_rate(CURVE, 0.45, references=n, looks=16) for n in (50, 320, 10_000)]
    assert costs == sorted(costs)
    assert costs[-1] > 10 * costs[0]


def test_more_looks_than_were_measured_count_in_proportion() -> None:
    assert CURVE.looks_effective(16) == 3.0
    assert CURVE.looks_effective(3) == 1.5
    assert CURVE.looks_effective(32) == 6.0


def test_the_pack_ships_its_curve() -> None:
    pack = packs.info(packs.DEFAULT_PACK, packs.default_cache_dir())
    shipped = curve.find(pack.model_digest, None, RULE)
    assert shipped.identities >= 1000
    assert shipped.pairs == pytest.approx(
        shipped.identities * (shipped.identities - 1) / 2, rel=1e-3
    )
    assert 0.40 < shipped.score_at(1e-4) < 0.44
    daemon = [test for test in shipped.tests if test.demographic_factor == 10]
    assert len(daemon) == 6
    for test in daemon:
        assert test.upper_95 <= 2 * test.target, test


def test_a_curve_of_another_model_or_rule_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no false match curve"):
        curve.find("f" * 64, tmp_path, RULE)
    path = tmp_path / curve.file_name(CURVE.model_digest)
    path.write_bytes(curve.dump(CURVE))
    assert curve.find(CURVE.model_digest, tmp_path, RULE) == CURVE
    with pytest.raises(ModelError, match=r"another rule of evidence .*apart 2 s.*calibrate"):
        curve.find(CURVE.model_digest, tmp_path, EvidenceRule(apart_s=2.0))
    path.write_bytes(curve.dump(dataclasses.replace(CURVE, model_digest="e" * 64)))
    with pytest.raises(ModelError, match="another model"):
        curve.find(CURVE.model_digest, tmp_path, RULE)
    path.write_text("{}")
    with pytest.raises(ModelError, match="not a readable curve"):
        curve.find(CURVE.model_digest, tmp_path, RULE)


def test_scores_are_monotone_over_the_whole_range() -> None:
    rates = np.logspace(-12, -0.4, 400)
    scores = [CURVE.score_at(float(rate)) for rate in rates]
    assert all(a >= b - 1e-12 for a, b in itertools.pairwise(scores))
