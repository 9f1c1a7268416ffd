"""The wire contract of evaluation reports: what `lfrd evaluate` measured, in figures alone."""

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from lfrd.wire.base import Line, Moment, Wire

Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=10**12)]
Share = Annotated[float, Field(ge=0, le=1)]
Score = Annotated[float, Field(ge=-1, le=1)]


class Rate(Wire):
    """`k` of `n`, and the 95 % interval of the rate behind it."""

    k: Count
    n: Annotated[Count, Field(ge=1)]
    lo: Share
    hi: Share

    @model_validator(mode="after")
    def _is_a_rate(self) -> Self:
        if not (self.k <= self.n and self.lo - 1e-6 <= self.k / self.n <= self.hi + 1e-6):
            raise ValueError("k of n must lie between lo and hi")
        return self


class Verified(Wire):
    """Ten-fold accuracy on pairs."""

    accuracy: Share
    standard_error: Share
    threshold: Score
    pairs: Count


class OperatingPoint(Wire):
    """The rates at one threshold."""

    threshold: Score
    fpir: Rate
    fnir: Rate


class GroupFalseAlerts(Wire):
    """False alerts among one group of passers-by; `p_holm` of Fisher's test, after Holm."""

    group: Line
    fpir: Rate
    p_holm: Share


class EvaluationReport(Wire):
    """What `lfrd evaluate --out FILE` writes and a site registers. No face and no name is in it.

    `model_digest` is that of templates which can be compared; `list_size` the people on the list,
    `looks` a passage has, `points` the rates at rising thresholds, `groups` empty without labels.
    """

    format: Literal["lfrd-evaluation-1"] = "lfrd-evaluation-1"
    pack: Line
    model_digest: Digest
    software: Line
    evaluated_at_s: Annotated[Moment, Field(gt=0)]
    people: Annotated[Count, Field(ge=2)]
    photos: Annotated[Count, Field(ge=2)]
    missed_photos: Count
    list_size: Annotated[Count, Field(ge=1)]
    looks: Annotated[Count, Field(ge=1)]
    seed: int
    target_fpir: Annotated[float, Field(gt=0, lt=1)]
    threshold: Score
    fpir: Rate
    fnir: Rate
    misidentified: Count
    verification: Verified
    points: Annotated[tuple[OperatingPoint, ...], Field(min_length=2, max_length=200)]
    groups: Annotated[tuple[GroupFalseAlerts, ...], Field(max_length=100)] = ()

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        thresholds = [point.threshold for point in self.points]
        if not all(one < other for one, other in pairwise(thresholds)):
            raise ValueError("the thresholds of the points must rise")
        if not thresholds[0] <= self.threshold <= thresholds[-1]:
            raise ValueError("the threshold must lie among those of the points")
        return self


class Evaluation(Wire):
    """A registered report. A withdrawn one opens no gate and stays on the record."""

    id: str
    report: EvaluationReport
    report_sha256: str
    in_use: bool
    """Whether it is of the model that faces are compared with now."""
    registered_by: str
    registered_at_s: float
    withdrawn_by: str | None
    withdrawn_at_s: float | None
    withdraw_reason: str | None


class IndependentTestRecord(Wire):
    """Somebody who does not run this site tested a model; null: the one in use."""

    tested_by: Line
    tested_at_s: Annotated[Moment, Field(ge=0)]
    reference: Line
    """Where it can be read."""
    model_digest: str | None = None


class IndependentTest(Wire):
    """A test as it was recorded."""

    id: str
    model_digest: str
    tested_by: str
    tested_at_s: float
    reference: str
    recorded_at_s: float
    recorded_by: str
