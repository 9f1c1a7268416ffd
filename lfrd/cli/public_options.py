"""The words and options of `lfrd record | notice | subject`."""

import argparse
from pathlib import Path

from lfrd.cli.actions import DEPLOYMENT, Add, actions_of, add_action, group_of
from lfrd.cli.options import add_yes
from lfrd.cli.reach import add_token_file

REFERENCE = "the reference, or LIST/REFERENCE; of what is erased, as it was"


def add_public(add: Add) -> None:
    """Add `record`, `notice` and `subject`."""
    _add_record(add("record", "The public record of a deployment, in figures that add up."))
    _add_notice(add("notice", "The sign before a deployment, and the report after it."))
    _add_incident(add("incident", "What went wrong, and whom it was reported to."))
    _add_subject(add("subject", "Answer people on and off the lists: look up, export, erase."))


def _add_record(record: argparse.ArgumentParser) -> None:
    record.set_defaults(noun="record", json=False)
    group = group_of(record)
    show = add_action(group, "show", "the record, preliminary while it runs")
    show.add_argument("id", help=DEPLOYMENT)
    text = "write it for publication; it is logged that it left"
    export = group.add_parser("export", help=text, description=text)
    export.add_argument("id", help=DEPLOYMENT)
    export.add_argument("--json", dest="as_json", type=Path, metavar="FILE", help="all of it")
    export.add_argument("--csv", dest="as_csv", type=Path, metavar="FILE", help="a table's row")
    export.add_argument("--html", dest="as_html", type=Path, metavar="FILE", help="one page")
    _add_reach(export)
    year = add_action(group, "year", "the use in a year, in sums; with a file as a list")
    year.set_defaults(as_json=None)
    year.add_argument("year", type=int, help="such as 2026; deployments that began in it, in UTC")
    year.add_argument("--json-file", dest="as_json", type=Path, metavar="FILE", help="all of it")
    year.add_argument("--csv", dest="as_csv", type=Path, metavar="FILE", help="a row a deployment")
    year.add_argument("--reason", help="why it leaves; needed for a file, and logged")
    add_action(group, "schema", "the JSON Schema of the record; needs no daemon")


def _add_reach(action: argparse.ArgumentParser) -> None:
    action.add_argument("--socket", type=Path, help="the daemon's socket (default: as configured)")
    add_token_file(action)


KINDS = (
    "wrongful-stop", "wrongful-arrest", "discrimination", "data-breach", "malfunction", "misuse",
    "complaint", "other",
)  # fmt: skip
"""As the vocabulary has them."""


def _add_incident(incident: argparse.ArgumentParser) -> None:
    incident.set_defaults(noun="incident")
    actions = actions_of(incident)
    new = actions("add", "record that something went wrong")
    new.add_argument("kind", choices=KINDS)
    new.add_argument("--what", required=True, help="in words that name nobody")
    new.add_argument("--serious", action="store_true", help="as the EU AI Act has it, 3(49)")
    new.add_argument("--deployment", metavar="ID", help="in which it happened")
    new.add_argument("--at", metavar="DATE", help="when (default: now)")
    new.add_argument("--reported-to", default="", metavar="WHOM")
    listed = actions("list", "what went wrong")
    listed.add_argument("--year", type=int)
    report = actions("report", "note to whom one was reported")
    report.add_argument("id", help="a part of its id")
    report.add_argument("--to", required=True, metavar="WHOM")
    amend = actions("amend", "put right what is recorded of one")
    amend.add_argument("id", help="a part of its id")
    amend.add_argument("--kind", choices=KINDS)
    amend.add_argument("--what", help="in words that name nobody")
    amend.add_argument("--serious", action=argparse.BooleanOptionalAction)
    amend.add_argument("--deployment", metavar="ID", help="in which it happened")
    amend.add_argument("--at", metavar="DATE", help="when")
    amend.add_argument("--reason", required=True, help="why; it is logged, so it names nobody")
    close = actions("close", "say what came of one; it is amended no more")
    close.add_argument("id", help="a part of its id")
    close.add_argument("--outcome", required=True, help="in words that name nobody")
    export = actions("export", "a year's incidents as a file for an authority")
    export.add_argument("year", type=int)
    export.add_argument("file", type=Path, help="a .json or a .csv file")
    export.add_argument("--reason", required=True, help="why it leaves; it is logged")


def _add_notice(notice: argparse.ArgumentParser) -> None:
    notice.set_defaults(noun="notice", action="show")
    notice.add_argument("id", help=DEPLOYMENT)
    notice.add_argument("--text", action="store_true", help="print its text (as without any)")
    notice.add_argument("--svg", type=Path, metavar="FILE", help="the sign with its QR code")
    notice.add_argument("--png", type=Path, metavar="FILE", help="the QR code alone")
    notice.add_argument("--json", action="store_true", help="print JSON")
    _add_reach(notice)


def _add_subject(subject: argparse.ArgumentParser) -> None:
    subject.set_defaults(noun="subject")
    actions = actions_of(subject)
    lookup = actions("lookup", "on which lists somebody is, since when, why; or was on a date")
    lookup.add_argument("reference", nargs="?", help=REFERENCE)
    lookup.add_argument(
        "--photo", type=Path, metavar="FILE", help="compared once and forgotten; no reference"
    )
    lookup.add_argument("--on", metavar="DATE", help="was it on a list then, such as 2026-11-30")
    export = actions("export", "what is kept of somebody on a list, as a file for that person")
    export.add_argument("reference", help=REFERENCE)
    export.add_argument("file", type=Path, help="a .zip with the photos, or a .json without")
    prove = actions("prove-absence", "prove to somebody that they were on none of the lists")
    prove.add_argument("reference", help="whom the proof is about")
    prove.add_argument("file", type=Path, help="a .json file for that person")
    prove.add_argument("--list", metavar="LIST", help="this list: as it is now, or in --deployment")
    prove.add_argument("--deployment", metavar="ID", help="all lists that it compared with")
    erase = actions("erase", "erase somebody from every list and alert; answers with the receipt")
    erase.add_argument("reference", help=REFERENCE)
    add_yes(erase)
    for action in (lookup, export, prove, erase):
        action.add_argument(
            "--reason", required=True, help="such as a case number; in the log, so it names nobody"
        )
