"""A year's use in sums, and what went wrong: as authorities are told."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.governance.yearly import incidents_csv, span, year_csv, year_of
from lfrd.store.incidents import Incident, IncidentChange
from lfrd.vocabulary import Engagement, IncidentKind
from support.records import Told, record_of
from support.site import SettableClock, deploy, governed, make_list

HOSTILE = '=HYPERLINK("http://x")'
ADA = "user:ada"


def test_the_sums_of_a_year_leave_the_lab_out() -> None:
    one = record_of([Told("false_unconfirmed", "door", Engagement.STOPPED)], {"door": 1000})
    two = record_of([Told("true_confirmed"), Told("false_confirmed")], {"door": 500})
    lab = record_of([Told("false_confirmed")], {"door": 9}).model_copy(update={"lab": True})
    made = year_of(2026, "north", [one, two, lab], ["odd"], [], 1.0)
    assert (made.count, len(made.deployments), made.skipped) == (2, 3, ("odd",))
    assert (made.faces_seen, made.alerts.total, made.alerts.true_confirmed) == (1500, 3, 1)
    assert made.false_alerts_of_faces is not None
    assert (made.false_alerts_of_faces.k, made.false_alerts_of_faces.n) == (2, 1500)
    assert made.outcomes.stopped == 1
    rows = list(csv.DictReader(io.StringIO(year_csv(made))))
    assert [row["lab"] for row in rows] == ["no", "no", "yes"]


def test_no_text_becomes_a_formula() -> None:
    place = record_of([], None, place=HOSTILE)
    incident = Incident(
        id="i", kind=IncidentKind.OTHER, serious=False, deployment_id=None, happened_at_s=0.0,
        what=HOSTILE, reported_to=HOSTILE, recorded_at_s=0.0, principal=ADA, closing=HOSTILE,
    )  # fmt: skip
    for text in (year_csv(year_of(2026, "n", [place], [], [], 1.0)), incidents_csv([incident])):
        (row,) = csv.DictReader(io.StringIO(text))
        assert HOSTILE not in row.values()
        assert any(HOSTILE in value for value in row.values())


async def test_incidents_are_kept_logged_and_leave_with_a_reason(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        row = await deploy(site, await make_list(site))

        async def note(**more: object) -> Incident:
            given = {"serious": True, "happened_at_s": None, "deployment_id": row.id,
                     "reported_to": "", **more}  # fmt: skip
            return await site.yearly.record(
                IncidentKind.WRONGFUL_STOP,
                "held up",
                principal=ADA,
                **given,  # type: ignore[arg-type]
            )

        made = await note()
        with pytest.raises(BadInput, match="after it happened"):
            await note(happened_at_s=clock.wall_s() + 1e6)
        with pytest.raises(NotFound):
            await note(deployment_id="none")
        told = await site.yearly.report(made.id, "the authority", principal=ADA)
        assert told.reported_to == "the authority"
        change = IncidentChange(what="held up for long", serious=True)
        amended = await site.yearly.amend(made.id, change, "a witness", principal="user:ben")
        assert (amended.what, amended.amended_by) == ("held up for long", "user:ben")
        assert (amended.kind, amended.reported_to) == (made.kind, "the authority")
        with pytest.raises(BadInput, match="recorded of incident"):
            await site.yearly.amend(made.id, change, "again", principal=ADA)
        ahead = IncidentChange(happened_at_s=clock.wall_s() + 1e6)
        with pytest.raises(BadInput, match="after it happened"):
            await site.yearly.amend(made.id, ahead, "again", principal=ADA)
        closed = await site.yearly.close(made.id, "an apology", principal=ADA)
        assert (closed.closing, closed.closed_by) == ("an apology", ADA)
        with pytest.raises(Conflict, match="is closed"):
            await site.yearly.close(made.id, "another", principal=ADA)
        with pytest.raises(Conflict, match="is closed"):
            await site.yearly.amend(made.id, IncidentChange(what="no"), "x", principal=ADA)
        await site.deployments.end(row.id, "over", principal=ADA)
        year = datetime.fromtimestamp(clock.wall_s(), UTC).year
        shown = await site.yearly.year(year, ADA)
        assert (shown.count, shown.incidents, shown.serious_incidents) == (
            1, {"wrongful-stop": 1}, 1,
        )  # fmt: skip
        text = await site.yearly.export(year, "incidents", "json", "the report", principal=ADA)
        assert json.loads(text)[0]["what"] == "held up for long"
        logged = await site.database.read(lambda r: r.column(
            "SELECT action || ' ' || payload FROM audit_leaf"
                " WHERE action LIKE 'incident%' ORDER BY id"
        ))  # fmt: skip
        assert [item.split()[0] for item in logged] == [
            "incident.record", "incident.report", "incident.amend", "incident.close",
            "incidents.export",
        ]  # fmt: skip
        assert '"changed":["what"]' in logged[2]
        assert '"reason":"a witness"' in logged[2]
        assert not any("held up" in item or "apology" in item for item in logged)
    with pytest.raises(BadInput, match="a year is"):
        span(1)
