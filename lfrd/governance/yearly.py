"""What authorities are told beyond one deployment: incidents, and the use in a year."""

import csv
import io
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from pydantic import TypeAdapter

from lfrd.clock import Clock
from lfrd.errors import BadInput, RecordUnsound
from lfrd.governance.publication import Publication
from lfrd.governance.record import KINDS, rate
from lfrd.store import deployments, incidents
from lfrd.store.audit import AuditClass
from lfrd.store.database import Database
from lfrd.store.incidents import Incident, IncidentChange
from lfrd.store.transaction import Reader, Transaction
from lfrd.text import table_cell
from lfrd.vocabulary import Engagement, IncidentKind
from lfrd.wire import incidents as wire
from lfrd.wire.incidents import YEARS
from lfrd.wire.record import Record, RecordAlerts, RecordOutcomes

AHEAD_S = 300.0


class Yearly:
    """Incidents and yearly use of one site, which is called `node`."""

    def __init__(self, database: Database, clock: Clock, office: Publication, node: str) -> None:
        self._database = database
        self._clock = clock
        self._office = office
        self._node = node

    async def record(
        self,
        kind: IncidentKind,
        what: str,
        *,
        serious: bool,
        happened_at_s: float | None,
        deployment_id: str | None,
        reported_to: str,
        principal: str,
    ) -> Incident:
        """Note that something went wrong. Raises NotFound, BadInput where it lies ahead."""
        at_s = self._clock.wall_s() if happened_at_s is None else happened_at_s
        self._has_happened(at_s)
        return await self._database.write(
            lambda tx: incidents.add(
                tx, kind, what, serious=serious, happened_at_s=at_s, deployment_id=deployment_id,
                reported_to=reported_to,
            ), principal=principal,
        )  # fmt: skip

    async def amend(
        self, incident_id: str, change: IncidentChange, reason: str, *, principal: str
    ) -> Incident:
        """Put right what is recorded. Raises NotFound, BadInput, Conflict where it is closed."""
        self._has_happened(change.happened_at_s or 0.0)
        return await self._database.write(
            lambda tx: incidents.amend(tx, incident_id, change, reason), principal=principal
        )

    async def close(self, incident_id: str, closing: str, *, principal: str) -> Incident:
        """Say what came of it. Raises NotFound, Conflict where it is closed."""
        return await self._database.write(
            lambda tx: incidents.close(tx, incident_id, closing), principal=principal
        )

    def _has_happened(self, at_s: float) -> None:
        if at_s > self._clock.wall_s() + AHEAD_S:
            raise BadInput("an incident is recorded after it happened")

    async def report(self, incident_id: str, reported_to: str, *, principal: str) -> Incident:
        """Note to whom it was reported. Raises NotFound."""
        return await self._database.write(
            lambda tx: incidents.report(tx, incident_id, reported_to), principal=principal
        )

    async def incidents(
        self, year: int | None, after: tuple[float, str] | None, limit: int
    ) -> list[Incident]:
        """Those of a year, or of all; `after`: when the last one of the page before happened, and
        its id."""
        begin_s, end_s = (0.0, 1e18) if year is None else span(year)
        return await self._database.read(
            lambda reader: incidents.page(reader, begin_s, end_s, after, limit)
        )

    async def year(self, year: int, viewer: str) -> wire.Year:
        """The use in a year as `viewer` may see it: what they have yet to decide is pending."""
        begin_s, end_s = span(year)
        return await self._database.read(
            lambda reader: self._year(reader, year, viewer, begin_s, end_s)
        )

    async def export(
        self, year: int, wanted: str, form: str, reason: str, *, principal: str
    ) -> str:
        """A year's use, or its incidents, as a text for an authority; that it left is logged."""
        begin_s, end_s = span(year)

        def write(tx: Transaction) -> str:
            tx.audit(
                AuditClass.DISCLOSURE, f"{wanted}.export", (),
                {"year": year, "format": form, "reason": reason},
            )  # fmt: skip
            if wanted == "year":
                return YEAR[form](self._year(tx, year, principal, begin_s, end_s))
            return INCIDENTS[form](incidents.between(tx, begin_s, end_s))

        return await self._database.write(write, principal=principal)

    def _year(
        self, reader: Reader, year: int, viewer: str, begin_s: float, end_s: float
    ) -> wire.Year:
        made, skipped = [], []
        for deployment_id in deployments.started_between(reader, begin_s, end_s):
            try:
                made.append(self._office.made(reader, deployment_id, viewer))
            except RecordUnsound:
                skipped.append(deployment_id)
        happened = incidents.between(reader, begin_s, end_s)
        return year_of(year, self._node, made, skipped, happened, self._clock.wall_s())


def span(year: int) -> tuple[float, float]:
    """From its begin until before its end, in UTC. Raises BadInput."""
    if year not in YEARS:
        raise BadInput(f"a year is from {YEARS.start} to {YEARS.stop - 1}")
    begin, end = datetime(year, 1, 1, tzinfo=UTC), datetime(year + 1, 1, 1, tzinfo=UTC)
    return begin.timestamp(), end.timestamp()


def year_of(
    year: int,
    node: str,
    made: Sequence[Record],
    skipped: Sequence[str],
    happened: Sequence[Incident],
    now_s: float,
) -> wire.Year:
    """The sums of a year. Pure."""
    real = [item for item in made if not item.lab]
    alerts = _alerts([item.alerts for item in real])
    faces = sum(item.faces_seen for item in real)
    false = alerts.false_confirmed + alerts.false_unconfirmed
    urgent = [item for item in real if item.authority.urgent]
    kinds = Counter(item.kind.value for item in happened)
    return wire.Year(
        year=year,
        node=node,
        made_at_s=now_s,
        deployments=tuple(_use(item) for item in made),
        skipped=tuple(skipped),
        count=len(real),
        urgent=len(urgent),
        urgent_not_ratified=sum(item.authority.ratified_at_s is None for item in urgent),
        by_use_case=dict(sorted(Counter(item.use_case for item in real).items())),
        duration_min=round(sum(item.duration_min or 0.0 for item in real), 2),
        faces_seen=faces,
        alerts=alerts,
        outcomes=_outcomes([item.outcomes for item in real]),
        false_alerts_of_faces=rate(false, faces) if false <= faces else None,
        false_alerts_of_alerts=rate(false, alerts.total - alerts.pending),
        incidents=dict(sorted(kinds.items())),
        serious_incidents=sum(item.serious for item in happened),
    )


def _use(item: Record) -> wire.YearUse:
    assert item.started_at_s is not None
    return wire.YearUse(
        deployment_id=item.deployment_id, place=item.place, use_case=item.use_case,
        profile=item.profile, lab=item.lab, started_at_s=item.started_at_s,
        duration_min=item.duration_min, watchlist_size=item.watchlist_size,
        faces_seen=item.faces_seen, alerts=item.alerts, urgent=item.authority.urgent,
        ratified=item.authority.ratified_at_s is not None,
        outside_authority=item.authority.outside, preliminary=bool(item.preliminary),
    )  # fmt: skip


def _alerts(items: Sequence[RecordAlerts]) -> RecordAlerts:
    names = ("total", *KINDS)
    return RecordAlerts(**{name: sum(getattr(item, name) for item in items) for name in names})


def _outcomes(items: Sequence[RecordOutcomes]) -> RecordOutcomes:
    names = (*(kind.value for kind in Engagement), "none_recorded", "engagement_min", "complaints")
    return RecordOutcomes(**{name: sum(getattr(item, name) for item in items) for name in names})


# as files ----------------------------------------------------------------------------------------

_INCIDENTS = TypeAdapter(list[Incident])
_ROWS = ("place", "use_case", "profile", "duration_min", "watchlist_size", "faces_seen")


def year_csv(year: wire.Year) -> str:
    """A row for each deployment."""
    rows = [
        {"deployment": use.deployment_id, "started": _moment(use.started_at_s),
         **{name: getattr(use, name) for name in _ROWS},
         "alerts": use.alerts.total, **{kind: getattr(use.alerts, kind) for kind in KINDS},
         "urgent": use.urgent, "ratified": use.ratified,
         "outside authority": use.outside_authority, "lab": use.lab,
         "preliminary": use.preliminary}
        for use in year.deployments
    ]  # fmt: skip
    return _table(rows)


def incidents_csv(rows: Sequence[Incident]) -> str:
    """A row for each."""
    return _table([
        {"incident": row.id, "happened": _moment(row.happened_at_s), "kind": row.kind.value,
         "serious": row.serious, "deployment": row.deployment_id or "", "what": row.what,
         "reported to": row.reported_to, "recorded": _moment(row.recorded_at_s),
         "amended": "" if row.amended_at_s is None else _moment(row.amended_at_s),
         "closed": "" if row.closed_at_s is None else _moment(row.closed_at_s),
         "what came of it": row.closing or ""}
        for row in rows
    ])  # fmt: skip


def _table(rows: Sequence[dict[str, object]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(rows[0] if rows else ["nothing"])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return out.getvalue()


def _cell(value: object) -> object:
    """Texts that a spreadsheet would take for a formula are no formulas any more."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return table_cell(value) if isinstance(value, str) else "" if value is None else value


def _moment(at_s: float) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M}"


YEAR: dict[str, Callable[[wire.Year], str]] = {
    "json": lambda item: item.model_dump_json(indent=2) + "\n",
    "csv": year_csv,
}
INCIDENTS: dict[str, Callable[[Sequence[Incident]], str]] = {
    "json": lambda rows: _INCIDENTS.dump_json(list(rows), indent=2).decode() + "\n",
    "csv": incidents_csv,
}
