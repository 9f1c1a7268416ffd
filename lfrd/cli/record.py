"""`lfrd record show | export | schema` and `lfrd notice`: what the public is told."""

import argparse
import io
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from lfrd.cli.dates import moment, shown
from lfrd.cli.names import Choice, choose, deployment_of
from lfrd.cli.outputs import refuse_folder, write_public
from lfrd.client import Client
from lfrd.errors import BadInput
from lfrd.text import one_line
from lfrd.vocabulary import IncidentKind
from lfrd.wire.base import Wire
from lfrd.wire.incidents import Incident, IncidentAmendment, IncidentRecord, Year, YearFormat
from lfrd.wire.record import Notice, Record, RecordAlerts, rate_in_words, record_schema

Shown = Sequence[Wire | str]

FORMS = ("json", "csv", "html")
LINE_CHARS, LINE_PX, MODULE_PX, EDGE_PX = 60, 30, 6, 40


async def _show(client: Client, options: argparse.Namespace) -> Shown:
    return [await client.record(await deployment_of(client, options.id))]


async def _export(client: Client, options: argparse.Namespace) -> Shown:
    files = {form: getattr(options, f"as_{form}") for form in FORMS}
    wanted = {form: path for form, path in files.items() if path is not None}
    if not wanted:
        raise BadInput("say in which form, and where to: --html FILE, --csv FILE or --json FILE")
    for path in wanted.values():
        refuse_folder(path)
    chosen = await deployment_of(client, options.id)
    for form, path in wanted.items():
        write_public(path, await client.export_record(chosen, form))
    return [f"written: {', '.join(map(str, wanted.values()))}"]


async def _schema(_client: Client, _options: argparse.Namespace) -> Shown:
    return [record_schema().rstrip()]


async def _notice(client: Client, options: argparse.Namespace) -> Shown:
    notice = await client.notice(await deployment_of(client, options.id))
    written = []
    for path, make in ((options.svg, sign_svg), (options.png, code_png)):
        if path is not None:
            refuse_folder(path)
            write_public(path, make(notice))
            written.append(f"written: {path}")
    return [notice] if options.text or not written else written


async def _year(client: Client, options: argparse.Namespace) -> Shown:
    files = {form: getattr(options, f"as_{form}") for form in ("json", "csv")}
    wanted = {form: path for form, path in files.items() if path is not None}
    if not wanted:
        return [await client.governance.year(options.year)]
    return await _export_year(client, options, "year", wanted)


async def _export_year(
    client: Client, options: argparse.Namespace, what: str, wanted: dict[str, Path]
) -> Shown:
    if options.reason is None:
        raise BadInput("say why it leaves, with --reason: it is logged")
    for form, path in wanted.items():
        refuse_folder(path)
        asked = YearFormat.model_validate({"format": form, "reason": options.reason})
        write_public(path, await client.export_year(options.year, what, asked))
    return [f"written: {', '.join(map(str, wanted.values()))}"]


async def _incident_add(client: Client, options: argparse.Namespace) -> Shown:
    given = options.deployment
    incident = IncidentRecord(
        kind=IncidentKind(options.kind),
        what=options.what,
        serious=options.serious,
        deployment_id=None if given is None else await deployment_of(client, given),
        happened_at_s=None if options.at is None else moment(options.at),
        reported_to=options.reported_to,
    )
    return [await client.governance.record_incident(incident)]


async def _incident_list(client: Client, options: argparse.Namespace) -> Shown:
    return [*await client.governance.incidents(options.year)] or ["nothing was recorded"]


async def _incident_report(client: Client, options: argparse.Namespace) -> Shown:
    chosen = await _incident_of(client, options.id)
    return [await client.governance.report_incident(chosen.id, options.to)]


async def _incident_amend(client: Client, options: argparse.Namespace) -> Shown:
    given = options.deployment
    if {options.kind, options.what, options.serious, given, options.at} == {None}:
        raise BadInput("say what is otherwise: --kind, --what, --serious, --deployment or --at")
    change = IncidentAmendment(
        kind=None if options.kind is None else IncidentKind(options.kind),
        what=options.what,
        serious=options.serious,
        deployment_id=None if given is None else await deployment_of(client, given),
        happened_at_s=None if options.at is None else moment(options.at),
        reason=options.reason,
    )
    chosen = await _incident_of(client, options.id)
    return [await client.governance.amend_incident(chosen.id, change)]


async def _incident_close(client: Client, options: argparse.Namespace) -> Shown:
    chosen = await _incident_of(client, options.id)
    return [await client.governance.close_incident(chosen.id, options.outcome)]


async def _incident_of(client: Client, given: str) -> Incident:
    found = await client.governance.incidents()
    choices = [Choice(item, item.id, (item.id,), incident_text(item)) for item in found]
    return choose("incident", given, choices)


async def _incident_export(client: Client, options: argparse.Namespace) -> Shown:
    form = options.file.suffix.removeprefix(".")
    if form not in ("json", "csv"):
        raise BadInput("name a .json or a .csv file")
    return await _export_year(client, options, "incidents", {form: options.file})


ACTIONS: dict[tuple[str, str], Callable[[Client, argparse.Namespace], Awaitable[Shown]]] = {
    ("record", "show"): _show,
    ("record", "export"): _export,
    ("record", "schema"): _schema,
    ("record", "year"): _year,
    ("notice", "show"): _notice,
    ("incident", "add"): _incident_add,
    ("incident", "list"): _incident_list,
    ("incident", "report"): _incident_report,
    ("incident", "amend"): _incident_amend,
    ("incident", "close"): _incident_close,
    ("incident", "export"): _incident_export,
}


def row(item: Wire) -> str | None:
    """One of our things for people; None for what is not ours."""
    if isinstance(item, Record):
        return record_text(item)
    if isinstance(item, Notice):
        return notice_text(item)
    if isinstance(item, Incident):
        return incident_text(item)
    if isinstance(item, Year):
        return year_text(item)
    return None


def incident_text(item: Incident) -> str:
    """An incident in one line."""
    told = f", reported to {item.reported_to}" if item.reported_to else ", reported to nobody"
    serious = "serious, " if item.serious else ""
    amended = "" if item.amended_at_s is None else f", amended {shown(item.amended_at_s)}"
    closed = (
        "" if item.closed_at_s is None else f", closed {shown(item.closed_at_s)}: {item.closing}"
    )
    return (
        f"{item.id}  {shown(item.happened_at_s)}  {serious}{item.kind.value}: "
        f"{item.what}{told}{amended}{closed}"
    )


def year_text(item: Year) -> str:
    """A year's sums."""
    alerts = item.alerts
    uses = ", ".join(f"{count} {name}" for name, count in item.by_use_case.items()) or "none"
    kinds = ", ".join(f"{count} {kind}" for kind, count in item.incidents.items()) or "none"
    lines = [
        f"{item.year} at {item.node}: {item.count} deployments, {item.duration_min / 60:.1f} h, "
        f"{item.urgent} urgent ({item.urgent_not_ratified} not ratified)",
        f"use          {uses}",
        f"faces seen   {item.faces_seen}",
        f"alerts       {alerts_text(alerts)}",
        f"false        per face   {rate_in_words(item.false_alerts_of_faces)}",
        f"             per alert  {rate_in_words(item.false_alerts_of_alerts)}",
        f"incidents    {kinds}; {item.serious_incidents} serious",
    ]
    open_ones = sum(use.preliminary for use in item.deployments)
    lines += [f"preliminary: the records of {open_ones} deployments"] if open_ones else []
    lines += [f"left out: {len(item.skipped)} records do not add up"] if item.skipped else []
    return "\n".join(lines)


def notice_text(item: Notice) -> str:
    """The sign, line by line, and the report after the end."""
    return "\n".join([*item.lines, *(["", item.closing] if item.closing else [])])


def record_text(item: Record) -> str:
    """The figures of a record that people ask for first."""
    alerts, outcomes = item.alerts, item.outcomes
    ended = "runs" if item.ended_at_s is None else f"ended {shown(item.ended_at_s)}"
    began = "" if item.started_at_s is None else f"began {shown(item.started_at_s)}, "
    lines = [
        *([f"preliminary: {'; '.join(item.preliminary)}"] if item.preliminary else []),
        *(["LAB"] if item.lab else []),
        f"{item.purpose} at {item.place}: {began}{ended}",
        f"lists        {item.watchlist_size} entries, {item.watchlist_under_18} under 18",
        f"faces seen   {item.faces_seen}, {item.faces_never_compared} never compared",
        f"alerts       {alerts_text(alerts)}",
        f"false        per face   {rate_in_words(item.false_alerts_of_faces)}",
        f"             per alert  {rate_in_words(item.false_alerts_of_alerts)}",
        f"true         per alert  {rate_in_words(item.true_alerts_of_alerts)}",
        f"outcomes     {outcomes.stopped} stopped, {outcomes.arrest} arrest, "
        f"{outcomes.safeguarding} safeguarding, {outcomes.no_action} no action, "
        f"{outcomes.other} other, {outcomes.none_recorded} not recorded; "
        f"{outcomes.engagement_min:g} min, {outcomes.complaints} complaints",
        f"model tested {'; '.join(item.independent_tests) or 'by nobody outside, as far as known'}",
    ]
    for camera in item.cameras:
        coverage = "unknown" if camera.coverage is None else f"{camera.coverage:.1%}"
        lines.append(
            f"camera       {camera.camera_id}: coverage {coverage}, {camera.active_min:g} min "
            f"active, {camera.down_min:g} min down, {camera.faces_seen} faces, "
            f"{camera.alerts.total} alerts"
        )
    return "\n".join(lines)


def alerts_text(alerts: RecordAlerts) -> str:
    return (
        f"{alerts.total}: true {alerts.true_confirmed} confirmed, {alerts.true_unconfirmed} not; "
        f"false {alerts.false_confirmed} confirmed, {alerts.false_unconfirmed} not; "
        f"{alerts.unresolved} unresolved, {alerts.pending} pending"
    )


# the sign ----------------------------------------------------------------------------------------


def code_png(notice: Notice) -> bytes:
    """The QR code as a picture, for a sign of one's own."""
    import segno

    out = io.BytesIO()
    segno.make(notice.code, error="m").save(out, kind="png", scale=10, border=4)
    return out.getvalue()


def sign_svg(notice: Notice) -> bytes:
    """The sign as one drawing: its lines, and the QR code below them."""
    import segno

    lines = [piece for line in notice.lines for piece in _wrapped(one_line(line))]
    out = io.BytesIO()
    code = segno.make(notice.code, error="m")
    code.save(out, kind="svg", scale=MODULE_PX, border=4, xmldecl=False, svgns=False, nl=False)
    side = code.symbol_size(scale=MODULE_PX, border=4)[0]
    width, top = 960, EDGE_PX + LINE_PX * (len(lines) + 1)
    texts = "".join(
        f'<text x="{EDGE_PX}" y="{EDGE_PX + LINE_PX * (number + 1)}">{escape(line)}</text>'
        for number, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{top + side + EDGE_PX}" '
        f'font-family="sans-serif" font-size="22"><rect width="100%" height="100%" fill="#fff"/>'
        f'{texts}<g transform="translate({EDGE_PX} {top})">{out.getvalue().decode()}</g></svg>\n'
    ).encode()


def _wrapped(text: str) -> list[str]:
    """Lines of a sign, broken between words."""
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= LINE_CHARS:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
