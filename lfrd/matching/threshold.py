"""The threshold that keeps a promise: at most one false alert in so many passing faces.

A passing face is a track of up to L looks, compared with N entries that have R references each. If
strangers match at the rate FMR, then by the union of all comparisons

    FPIR = 1 - (1 - g x FMR) ^ (N x R x L_eff)

where L_eff is the measured number of single looks that a fused track is worth, and g the
demographic factor: between groups of people false match rates differ by 10 to 100 times (Grother,
Ngan and Hanaoka, NIST IR 8280, 2019), and it is not known who passes. Solved for FMR, the measured
curve says which score that is. Pure functions of values.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass

from lfrd.errors import Conflict
from lfrd.matching.curve import Curve
from lfrd.stats import clopper_pearson
from lfrd.store.evaluations import Evaluation

DEMOGRAPHIC_FACTOR = 10.0
"""Until an evaluation report with labelled groups replaces it."""

LARGEST_MISS = 0.5
"""A threshold that would miss more than this share of single looks at listed people is not one
that the model reaches."""


@dataclass(frozen=True, slots=True)
class Risk:
    """What a site accepts: at most one false alert in `one_in` passing faces."""

    one_in: float
    demographic_factor: float = DEMOGRAPHIC_FACTOR

    def __post_init__(self) -> None:
        assert self.one_in > 1, self.one_in
        assert self.demographic_factor >= 1, self.demographic_factor


@dataclass(frozen=True, slots=True)
class Derived:
    """A threshold and where it comes from.

    `fpir` is the promised rate of false alerts per passing face, `fpir_low` and `fpir_high` the
    95 % interval that the number of measured pairs leaves. `references` is N x R, `looks_effective`
    L_eff, `missed` the share of single looks at listed people expected to stay below.
    """

    threshold: float
    fpir: float
    fpir_low: float
    fpir_high: float
    extrapolated: bool
    references: int
    looks: int
    looks_effective: float
    demographic_factor: float
    missed: float

    def false_alerts_a_day(self, faces_a_day: float) -> tuple[float, float, float]:
        """Expected at this flow, and the ends of the interval."""
        return self.fpir * faces_a_day, self.fpir_low * faces_a_day, self.fpir_high * faces_a_day


class Unreachable(Conflict):
    """The model cannot keep the promise on this list."""

    code = "threshold-unreachable"


def derive(curve: Curve, risk: Risk, *, references: int, looks: int) -> Derived:
    """The lowest threshold that keeps the promise for a list of `references` reference photos and
    tracks of at most `looks` looks; it may be one that misses too many (`check_reachable`)."""
    assert references >= 0, references
    assert looks >= 1, looks
    effective = curve.looks_effective(looks)
    compared = max(1, references) * effective
    rate = -math.expm1(math.log1p(-1 / risk.one_in) / compared) / risk.demographic_factor
    threshold = curve.score_at(rate)
    pairs = clopper_pearson(min(curve.pairs, round(rate * curve.pairs)), curve.pairs)

    def fpir(fmr: float) -> float:
        return -math.expm1(compared * math.log1p(-min(1.0 - 1e-12, risk.demographic_factor * fmr)))

    return Derived(
        threshold=threshold,
        fpir=fpir(rate),
        fpir_low=fpir(pairs.lo),
        fpir_high=fpir(pairs.hi),
        extrapolated=curve.is_extrapolated(rate),
        references=references,
        looks=looks,
        looks_effective=effective,
        demographic_factor=risk.demographic_factor,
        missed=curve.missed_at(threshold),
    )


def check_reachable(derived: Derived, risk: Risk) -> None:
    """Raises Unreachable where the threshold would miss most of the people on the list."""
    if derived.missed <= LARGEST_MISS and derived.threshold < 1.0:
        return
    raise Unreachable(
        f"the model cannot keep the promise of one false alert in {risk.one_in:,.0f} passing "
        f"faces on {derived.references:,} reference photos: it would need the threshold "
        f"{derived.threshold:.3f}, at which it misses more than {LARGEST_MISS:.0%} of single "
        "looks. Take fewer people on the list, accept more false alerts, or install a stronger "
        "model"
    )


def false_alert_rate(
    curve: Curve, threshold: float, *, references: int, looks: int, factor: float = 1.0
) -> float:
    """The FPIR that a given threshold has on a list: what a stated constant costs."""
    compared = max(1, references) * curve.looks_effective(looks)
    rate = min(1.0 - 1e-12, factor * curve.rate_at(threshold))
    return -math.expm1(compared * math.log1p(-rate))


GROUPS_LEAST = 2


def demographic_factor(valid: Sequence[Evaluation], otherwise: float) -> float:
    """The factor of the newest labelled report among these (newest first), else `otherwise`.

    False match rates differ between groups of people by 10 to 100 times (NIST IR 8280), and who
    passes is not known. So a factor of 10 stands in every derived threshold, until a site has
    measured people of its own by group. Then it is

        max over the groups of (upper 95 % bound of the group's FPIR) / FPIR promised to that
        evaluation

    and never less than 1. The bound, and not the rate: a small group lowers nothing. It is measured
    at the evaluation's own, larger rate, and taken to hold at the deployment's.
    """
    for row in valid:
        found = factor_of(row.report)
        if found is not None:
            return found
    return otherwise


def factor_of(report: str) -> float | None:
    """The factor that a report measured; None for one without labels."""
    kept = json.loads(report)
    bounds = [clopper_pearson(group["fpir"]["k"], group["fpir"]["n"]).hi
              for group in kept["groups"]]  # fmt: skip
    if len(bounds) < GROUPS_LEAST:
        return None
    return max(1.0, max(bounds) / float(kept["target_fpir"]))
