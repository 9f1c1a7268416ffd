"""The record for people: a row of a table, and one page with charts that needs nothing else. Pure.

Every text in either comes from people and is made harmless here: in the table nothing is a formula,
in the page nothing is markup, and the page may load and run nothing.
"""

import csv
import html
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from lfrd.text import one_line, table_cell
from lfrd.wire.record import Record, RecordAlerts, RecordQuantiles, RecordRate, rate_in_words

ALERTS = {
    "true_confirmed": "true, confirmed",
    "true_unconfirmed": "true, unconfirmed",
    "false_confirmed": "false, confirmed",
    "false_unconfirmed": "false, unconfirmed",
    "unresolved": "unresolved",
    "pending": "pending",
}
OUTCOMES = {
    "stopped": "stopped",
    "no_action": "no action",
    "arrest": "arrest",
    "safeguarding": "safeguarding",
    "other": "other",
    "none_recorded": "none recorded",
}

# a row of a table --------------------------------------------------------------------------------


def as_csv(record: Record) -> str:
    """One row under its header; the Metropolitan Police's published columns come first."""
    row = {**_published(record), **_beyond(record)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(row)
    writer.writerow(_cell(value) for value in row.values())
    return out.getvalue()


Value = str | int | float | None


def _cell(value: Value) -> str:
    return table_cell(value) if isinstance(value, str) else "" if value is None else f"{value:.10g}"


def _published(record: Record) -> dict[str, Value]:
    alerts, outcomes = record.alerts, record.outcomes
    return {
        "Location": record.place,
        "Date": _moment(record.started_at_s)[:10],
        "Duration (min)": record.duration_min,
        "Use case": record.use_case,
        "Watchlist size": record.watchlist_size,
        "Threshold": record.threshold,
        "Total alerts": alerts.total,
        "True alerts confirmed": alerts.true_confirmed,
        "True alerts unconfirmed": alerts.true_unconfirmed,
        "False alerts confirmed": alerts.false_confirmed,
        "False alerts unconfirmed": alerts.false_unconfirmed,
        "False alert rate": _value(record.false_alerts_of_faces),
        **{f"Outcome: {text}": getattr(outcomes, name) for name, text in OUTCOMES.items()},
        "Faces seen": record.faces_seen,
    }


def _beyond(record: Record) -> dict[str, Value]:
    rates = {
        "False alerts per face": record.false_alerts_of_faces,
        "False alerts per alert": record.false_alerts_of_alerts,
        "True alerts per alert": record.true_alerts_of_alerts,
    }
    intervals: dict[str, Value] = {}
    for name, rate in rates.items():
        intervals |= {
            name: _value(rate),
            f"{name}, 95 % from": rate.lo if rate else None,
            f"{name}, 95 % to": rate.hi if rate else None,
        }
    active = sum(camera.active_min for camera in record.cameras)
    down = sum(camera.down_min for camera in record.cameras)
    return {
        "Unresolved": record.alerts.unresolved,
        "Pending": record.alerts.pending,
        **intervals,
        "Counting method": record.counting_method,
        "Faces never compared": record.faces_never_compared,
        "Looks rejected": _listed(record.looks_rejected),
        "Watchlist by category": _listed(record.watchlist_by_category),
        "Watchlist under 18": record.watchlist_under_18,
        "Cameras": len(record.cameras),
        "Camera minutes active": round(active, 2),
        "Camera minutes down": round(down, 2),
        "Minutes paused": record.downtime.paused_min,
        "Minutes away": record.downtime.away_min,
        "Minutes engaged": record.outcomes.engagement_min,
        "Complaints": record.outcomes.complaints,
        "Latency p50 (ms)": record.latency.p50_ms,
        "Latency p95 (ms)": record.latency.p95_ms,
        "Latency p99 (ms)": record.latency.p99_ms,
        "Purpose": record.purpose,
        "Deployment": record.deployment_id,
        "Profile": record.profile,
        "Recogniser": record.recogniser_sha256,
        "Independent tests": "; ".join(record.independent_tests),
        "Software": "; ".join(record.software),
        "Audit log entries": record.audit.size if record.audit else None,
        "Audit log root": record.audit.root if record.audit else None,
        "Preliminary": "; ".join(record.preliminary),
        "Lab": "LAB" if record.lab else "",
    }


def _value(rate: RecordRate | None) -> Value:
    """The rate, or what may be said where nothing was found."""
    if rate is None:
        return None
    return f"at most {rate.at_most:.2g}" if rate.at_most is not None else rate.value


def _listed(counts: Mapping[str, int]) -> str:
    return "; ".join(f"{name}: {count}" for name, count in counts.items())


# one page ----------------------------------------------------------------------------------------

STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1b1b1b}
h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem .25rem 0;
border-bottom:1px solid #ddd;vertical-align:top;overflow-wrap:anywhere}
th{font-weight:600}.number{text-align:right}.mark{background:#7a1f1f;color:#fff;padding:.4rem .8rem}
small{color:#555}svg{max-width:100%;height:auto}@media print{body{margin:0}}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
BAR_PX, ROW_PX, NAME_PX, NUMBER_PX = 460, 26, 210, 90


def as_html(record: Record) -> str:
    """The whole page: no script, no address, nothing that is loaded."""
    title = f"Live facial recognition at {record.place}, {_moment(record.started_at_s)[:10]}"
    parts = [
        f"<h1>{_text(title)}</h1>",
        *(_mark(text) for text in _marks(record)),
        _section("What it was for", _table(_plan(record))),
        _section("What came of it", _chart("Alerts", _shares(record.alerts, ALERTS))
                 + _table(_results(record))),
        _section("What was done", _chart("Outcomes", _shares(record.outcomes, OUTCOMES))),
        _section("Cameras", _cameras(record)),
        _section("Lists", _lists(record)),
        _section("Thresholds", _thresholds(record)),
        _section("How it was run", _table(_running(record))),
        "<p><small>Passing faces are counted as tracks: a person who passes twice, or whose track "
        "broke off, counts twice. Intervals are exact 95 % intervals (Clopper and Pearson). "
        "Nobody is named in it.</small></p>",
    ]  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{_text(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _text(value: object) -> str:
    """A text from outside: no markup, and nothing that turns the reading direction round."""
    return html.escape(one_line(str(value)), quote=True)


def _marks(record: Record) -> list[str]:
    found = ["LAB: consenting people only, no operational use"] if record.lab else []
    if record.preliminary:
        found.append(f"Preliminary: {'; '.join(record.preliminary)}")
    return found


def _mark(text: str) -> str:
    return f'<p class="mark">{_text(text)}</p>'


def _section(title: str, body: str) -> str:
    return f"<h2>{_text(title)}</h2>\n{body}"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    cells = "\n".join(
        f"<tr><th>{_text(name)}</th><td>{_text(value)}</td></tr>" for name, value in rows
    )
    return f"<table>{cells}</table>"


def _grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{_text(name)}</th>" for name in header)
    body = "\n".join(
        "<tr>" + "".join(f"<td>{_text(value)}</td>" for value in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def _shares(counts: object, names: Mapping[str, str]) -> list[tuple[str, float, str]]:
    found = [(text, getattr(counts, name)) for name, text in names.items()]
    most = max(1, *(count for _, count in found))
    return [(text, count / most, str(count)) for text, count in found]


def _chart(title: str, bars: Sequence[tuple[str, float, str]]) -> str:
    """Bars with a name in front, as long as their share (0 to 1), and what they mean behind."""
    width, height = NAME_PX + BAR_PX + NUMBER_PX, ROW_PX * max(1, len(bars))
    rows = []
    for number, (name, share, shown) in enumerate(bars):
        top, length = number * ROW_PX, max(0.0, min(1.0, share)) * BAR_PX
        middle = top + ROW_PX * 0.68
        rows.append(
            f'<text x="0" y="{middle:.0f}">{_text(name)}</text>'
            f'<rect x="{NAME_PX}" y="{top + 4}" width="{length:.1f}" height="{ROW_PX - 8}" '
            f'fill="#2b5c8a"/>'
            f'<text x="{NAME_PX + length + 8:.1f}" y="{middle:.0f}">{_text(shown)}</text>'
        )
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img" font-size="14">'
        f"<title>{_text(title)}</title>{''.join(rows)}</svg>"
    )


def _plan(record: Record) -> list[tuple[str, str]]:
    given = record.authority
    authority = [f"given {_moment(given.authorised_at_s)}"]
    authority += ["by another person than who started it"] * given.by_another_than_the_starter
    authority += ["standing, for a weekly schedule"] * given.standing
    authority += ["urgent"] * given.urgent
    if given.ratified_at_s is not None:
        authority.append(f"ratified {_moment(given.ratified_at_s)}")
    if given.list_size_max is not None:
        authority.append(f"for lists of {given.list_size_max} entries at most")
    authority += ["a team on the spot, as the starter said"] * given.street_team
    if given.extensions:
        authority.append(f"extended {given.extensions} times")
    if given.log_entry is not None:
        authority.append(f"entry {given.log_entry} of the audit log")
    return [
        ("Place", record.place),
        ("Purpose", record.purpose),
        ("Use case", record.use_case),
        ("Planned", f"{_moment(record.planned_start_at_s)} to {_moment(record.planned_end_at_s)}"),
        ("Started", _moment(record.started_at_s)),
        ("Ended", f"{_moment(record.ended_at_s)} ({record.end_reason or 'running'})"),
        ("Authority", ", ".join(authority)),
        ("Documents", "; ".join(record.documents) or "none"),
        ("Rules", f"{record.profile} {record.policy_sha256}"),
    ]


def _results(record: Record) -> list[tuple[str, str]]:
    groups = {item.group or "not recorded": item.false_alerts
              for item in record.false_alerts_by_group}  # fmt: skip
    return [
        ("Faces seen", str(record.faces_seen)),
        ("Alerts", str(record.alerts.total)),
        ("False alerts per passing face", rate_in_words(record.false_alerts_of_faces)),
        ("False alerts per alert", rate_in_words(record.false_alerts_of_alerts)),
        ("True alerts per alert", rate_in_words(record.true_alerts_of_alerts)),
        ("False alerts by recorded group", _listed(groups) or "none"),
        ("Minutes that people were held up", f"{record.outcomes.engagement_min:g}"),
        ("Complaints", str(record.outcomes.complaints)),
    ]


def _cameras(record: Record) -> str:
    bars = [
        (camera.camera_id, camera.coverage or 0.0,
         "unknown" if camera.coverage is None else f"{camera.coverage:.1%}")
        for camera in record.cameras
    ]  # fmt: skip
    header = ("Camera", "Active (min)", "Down (min)", "Faces seen", "Never compared", "Alerts",
              "True", "False", "Looks rejected")  # fmt: skip
    rows = [
        (
            camera.camera_id, f"{camera.active_min:g}", f"{camera.down_min:g}",
            str(camera.faces_seen), str(camera.faces_never_compared), str(camera.alerts.total),
            str(camera.alerts.true_confirmed + camera.alerts.true_unconfirmed),
            str(camera.alerts.false_confirmed + camera.alerts.false_unconfirmed),
            _listed(camera.looks_rejected) or "none",
        )
        for camera in record.cameras
    ]  # fmt: skip
    return _chart("Coverage of each camera", bars) + _grid(header, rows)


def _lists(record: Record) -> str:
    header = ("Category", "Entries", "Under 18", "Photos", "Between the eyes (px)", "Quality",
              "Age of photos (days)", "Built", "Confirmed", "Erased")  # fmt: skip
    rows = [
        (
            item.category or "unknown", str(item.entries), _known(item.under_18),
            _known(item.photos), _spread(item.inter_eye_px), _spread(item.quality),
            _spread(item.photo_age_d), _moment(item.built_at_s), _moment(item.confirmed_at_s),
            _moment(item.erased_at_s),
        )
        for item in record.watchlists
    ]  # fmt: skip
    return _grid(header, rows)


def _thresholds(record: Record) -> str:
    if record.threshold is None:
        return "<p>Shown once you have decided about every alert.</p>"
    now = f"<p>{record.threshold:.4f}</p>"
    if not record.thresholds:
        return now
    header = ("From", "Threshold", "Photos", "Predicted false alerts per face", "95 %")
    rows = [
        (
            _moment(item.at_s), f"{item.threshold:.4f}", str(item.references),
            f"{item.false_alert_rate:.2g}{' (extrapolated)' if item.extrapolated else ''}",
            f"{item.false_alert_rate_lo:.2g} to {item.false_alert_rate_hi:.2g}",
        )
        for item in record.thresholds
    ]  # fmt: skip
    return now + _grid(header, rows)


def _running(record: Record) -> list[tuple[str, str]]:
    latency, down = record.latency, record.downtime
    reviewers = [
        f"reviewer {item.number}: {item.decisions} decided, median {_known(item.median_s)} s"
        for item in record.reviewers
    ]
    log = record.audit
    return [
        ("Capture to alert", f"p50 {_known(latency.p50_ms)}, p95 {_known(latency.p95_ms)}, "
                             f"p99 {_known(latency.p99_ms)} ms over {latency.n} alerts"),
        ("Time to decide", "; ".join(reviewers) or "nobody decided"),
        ("Nobody compared", f"{down.paused_min:g} min without an operator or a team, "
                            f"{down.away_min:g} min while the daemon was away, cut off "
                            f"{down.cut_offs} times"),
        *([("Team on the spot", f"gave no sign for too long {down.team_absences} times")]
          if down.team_absences else []),
        ("Detector", record.detector_sha256),
        ("Recogniser", record.recogniser_sha256),
        ("Tested independently", "; ".join(record.independent_tests) or "no test was recorded"),
        ("Software", "; ".join(record.software) or "unknown"),
        ("Audit log", f"{log.size} entries, root {log.root or 'not computed'}" if log else "open"),
        ("Deployment", record.deployment_id),
        ("Record made", _moment(record.made_at_s)),
    ]  # fmt: skip


def _spread(quantiles: RecordQuantiles | None) -> str:
    if quantiles is None or quantiles.p50 is None:
        return "unknown"
    return f"{quantiles.p50:g} ({_known(quantiles.p05)} to {_known(quantiles.p95)})"


def _known(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"


def _moment(at_s: float | None) -> str:
    return "" if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"


def closing_text(record: Record) -> str:
    """What people who were told beforehand are told afterwards."""
    alerts: RecordAlerts = record.alerts
    return (
        f"Live facial recognition at {record.place} ended on {_moment(record.ended_at_s)}. "
        f"{record.faces_seen} passing faces were compared with {record.watchlist_size} people on "
        f"lists. There were {alerts.total} alerts: "
        f"{alerts.true_confirmed + alerts.true_unconfirmed} true, "
        f"{alerts.false_confirmed + alerts.false_unconfirmed} false, "
        f"{alerts.unresolved} unresolved, {alerts.pending} not decided yet. "
        f"False alerts per passing face: {rate_in_words(record.false_alerts_of_faces)}. "
        "Nothing of anybody who was not on a list was kept."
    )
