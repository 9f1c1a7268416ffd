"""How often a model takes two strangers for one: the measured false match curve of a pack.

A curve is measured once for a model (by `lfrd models calibrate`) and ships with its model card. It
belongs to one model digest and one evidence rule, and says by itself how far it was measured.
"""

import itertools
import math
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from lfrd.errors import ModelError
from lfrd.matching.evidence import WEIGHT_POWER, EvidenceRule

SUPPORT_PAIRS = 3
"""A rate below 3 in all measured pairs is extrapolated (the rule of three)."""

TAIL_PAIRS = 30
"""Below so many pairs at or above a score their number is too rough: the tail is smoothed."""

TAIL_FIT_PAIRS = 300
"""The pairs from whose scores the slope of the tail is taken."""


@dataclass(frozen=True, slots=True)
class Point:
    """So many of the measured pairs of strangers scored `score` or more."""

    score: float
    pairs: int


@dataclass(frozen=True, slots=True)
class LooksPoint:
    """A track of up to `looks` looks errs as often as `effective` single looks: measured on
    `comparisons` of tracks with references of other people."""

    looks: int
    effective: float
    comparisons: int


@dataclass(frozen=True, slots=True)
class MissPoint:
    """Of the people on the list, this share of single looks scored less than `score`."""

    missed: float
    score: float


@dataclass(frozen=True, slots=True)
class CurveTest:
    """The curve on people it was not made from: what was promised, and what came of it."""

    entries: int
    target: float
    demographic_factor: float
    threshold: float
    false_alerts: int
    tracks: int
    upper_95: float


@dataclass(frozen=True, slots=True)
class Curve:
    """`points` from the highest score down; `tail_scale` is the mean by which the best
    TAIL_FIT_PAIRS scores exceed the lowest of them; `rule` names the evidence rule."""

    version: Literal[1]
    model_digest: str
    rule: str
    measured_on: str
    identities: int
    pairs: int
    points: tuple[Point, ...]
    tail_scale: float
    looks: tuple[LooksPoint, ...]
    misses: tuple[MissPoint, ...]
    tests: tuple[CurveTest, ...] = ()

    def score_at(self, rate: float) -> float:
        """The score that pairs of strangers reach at this rate (0 < rate <= 1); falls with rate.

        Between measured points the score is linear in the logarithm of the rate. Under TAIL_PAIRS
        pairs it follows an exponential tail, as exceedances of a high level do when their shape is
        0 (Pickands, Annals of Statistics 3(1), 1975); the scores of strangers fall off faster, so
        this errs towards a stricter threshold. It is never below a measured point.
        """
        pairs = rate * self.pairs
        measured = self._measured(max(pairs, SUPPORT_PAIRS))
        if pairs >= TAIL_PAIRS:
            return measured
        start = self._measured(TAIL_PAIRS)
        return max(measured, start + self.tail_scale * math.log(TAIL_PAIRS / pairs))

    def rate_at(self, score: float) -> float:
        """The rate at which strangers reach this score: the inverse of `score_at`."""
        low, high = math.log(1e-18), 0.0
        for _ in range(80):
            middle = (low + high) / 2
            if self.score_at(math.exp(middle)) > score:
                low = middle
            else:
                high = middle
        return math.exp(high)

    def is_extrapolated(self, rate: float) -> bool:
        """Whether the rate is rarer than the measured pairs support."""
        return rate * self.pairs < SUPPORT_PAIRS

    def looks_effective(self, looks: int) -> float:
        """L_eff: how many single looks a track of at most `looks` looks is worth, erring up."""
        enough = (point.effective for point in self.looks if point.looks >= looks)
        known = next(enough, None)
        if known is not None:
            return known
        last = self.looks[-1]
        return last.effective * looks / last.looks  # beyond what was measured: in proportion

    def missed_at(self, score: float) -> float:
        """The share of single looks at listed people that stay below this score, roughly."""
        below = [point for point in self.misses if point.score <= score]
        if not below:
            return 0.0
        lower = below[-1]
        upper = next((point for point in self.misses if point.score > score), None)
        if upper is None:
            return lower.missed
        share = (score - lower.score) / (upper.score - lower.score)
        return lower.missed + share * (upper.missed - lower.missed)

    def _measured(self, pairs: float) -> float:
        """The score of the points, linear in log(pairs); `pairs` may be a fraction."""
        if pairs <= self.points[0].pairs:
            return self.points[0].score
        for upper, lower in itertools.pairwise(self.points):
            if pairs <= lower.pairs:
                share = math.log(pairs / upper.pairs) / math.log(lower.pairs / upper.pairs)
                return upper.score + share * (lower.score - upper.score)
        return self.points[-1].score


def rule_name(rule: EvidenceRule) -> str:
    """What of the evidence rule changes the fused score, as text."""
    handicaps = " ".join(f"{value:g}" for value in rule.handicaps)
    return (
        f"mean template weighed by norm^{WEIGHT_POWER}, handicaps {handicaps}, "
        f"apart {rule.apart_s:g} s"
    )


_TYPE = TypeAdapter(Curve)


def dump(curve: Curve) -> bytes:
    """As JSON."""
    return _TYPE.dump_json(curve, indent=1) + b"\n"


def read(path: Path) -> Curve:
    """A curve from a file. Raises ModelError."""
    try:
        return _TYPE.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise ModelError(
            f"{path} is not a readable curve; make it again with `lfrd models calibrate`"
        ) from error


def find(model_digest: str, folder: Path | None, rule: EvidenceRule) -> Curve:
    """The curve of a model: one measured here (in `folder`), else the one that ships with it.

    Raises ModelError where there is none, or where it belongs to another model or evidence rule.
    """
    own = folder / file_name(model_digest) if folder else None
    if own is not None and own.is_file():
        curve = read(own)
    else:
        with resources.as_file(resources.files("lfrd.matching") / "curves") as shipped:
            path = shipped / file_name(model_digest)
            if not path.is_file():
                raise ModelError(
                    f"no false match curve was measured for model {model_digest[:12]}; measure one "
                    "with `lfrd models calibrate FOLDER`"
                )
            curve = read(path)
    if curve.model_digest != model_digest:
        raise ModelError(
            f"the false match curve of model {model_digest[:12]} belongs to another model; measure "
            "it again with `lfrd models calibrate FOLDER`"
        )
    if curve.rule != rule_name(rule):
        raise ModelError(
            f"the false match curve of model {model_digest[:12]} was measured for another rule of "
            f"evidence ({curve.rule}) than this version's ({rule_name(rule)}), so its thresholds "
            "would not keep their promise; measure it again with `lfrd models calibrate FOLDER`"
        )
    return curve


def file_name(model_digest: str) -> str:
    return f"{model_digest[:16]}.json"
