"""The wire contract of incidents, and of a year's use: what authorities are to be told."""

from typing import Annotated, Literal

from pydantic import Field

from lfrd.vocabulary import IncidentKind
from lfrd.wire.base import Line, Moment, Text, Wire
from lfrd.wire.record import Count, Minutes, RecordAlerts, RecordOutcomes, RecordRate

YEARS = range(2020, 2200)
YearNumber = Annotated[int, Field(ge=YEARS.start, lt=YEARS.stop)]


class IncidentRecord(Wire):
    """Something went wrong, at `happened_at_s` (null: now). `what` names nobody."""

    kind: IncidentKind
    what: Annotated[Text, Field(min_length=1)]
    serious: bool = False
    """As the EU AI Act has it, 3(49): harm to health, a breach of rights and the like."""
    deployment_id: Line | None = None
    happened_at_s: Annotated[Moment, Field(ge=0)] | None = None
    reported_to: Annotated[str, Field(max_length=200)] = ""


class IncidentAmendment(Wire):
    """What turned out to be otherwise (null: it stays), and why; `reason` is in the log."""

    kind: IncidentKind | None = None
    what: Annotated[Text, Field(min_length=1)] | None = None
    serious: bool | None = None
    deployment_id: Line | None = None
    happened_at_s: Annotated[Moment, Field(ge=0)] | None = None
    reason: Line


class IncidentClosing(Wire):
    """What came of an incident; it names nobody."""

    closing: Annotated[Text, Field(min_length=1)]


class IncidentReport(Wire):
    """To whom an incident was reported."""

    reported_to: Line


class Incident(Wire):
    """An incident as it was recorded."""

    id: str
    kind: IncidentKind
    serious: bool
    deployment_id: str | None
    happened_at_s: float
    what: str
    reported_to: str
    recorded_at_s: float
    recorded_by: str
    amended_at_s: float | None = None
    amended_by: str | None = None
    closed_at_s: float | None = None
    closed_by: str | None = None
    closing: str | None = None
    """What came of it."""


class YearUse(Wire):
    """One deployment in a year's use."""

    deployment_id: str
    place: str
    use_case: str
    profile: str
    lab: bool
    started_at_s: float
    duration_min: Minutes | None
    watchlist_size: Count
    faces_seen: Count
    alerts: RecordAlerts
    urgent: bool
    ratified: bool
    outside_authority: bool
    preliminary: bool


class Year(Wire):
    """The deployments that started in a year (UTC), and what went wrong in it. The lab's are
    listed, and in no sum. Counts as in the record of each; `skipped` are deployments whose record
    does not add up, so nothing is said of them here."""

    format: Literal["lfrd-year-1"] = "lfrd-year-1"
    year: int
    node: str
    made_at_s: float
    deployments: tuple[YearUse, ...]
    skipped: tuple[str, ...]
    count: Count
    urgent: Count
    urgent_not_ratified: Count
    by_use_case: dict[str, Count]
    duration_min: Minutes
    faces_seen: Count
    alerts: RecordAlerts
    outcomes: RecordOutcomes
    false_alerts_of_faces: RecordRate | None
    false_alerts_of_alerts: RecordRate
    incidents: dict[str, Count]
    """By kind."""
    serious_incidents: Count


class YearFormat(Wire):
    """Why a year's use, or its incidents, leave; and as what."""

    format: Literal["json", "csv"]
    reason: Line
