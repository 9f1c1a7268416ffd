"""The words and options of `lfrd deployment | schedule | hold | erasure | evaluation`."""

import argparse
from pathlib import Path

from lfrd.cli.actions import DEPLOYMENT, Add, actions_of
from lfrd.cli.reach import add_yes

USE_CASES = (
    "locate-wanted", "find-missing", "protect-at-risk", "enforce-court-order", "enforce-exclusion",
    "test",
)  # fmt: skip
HOLD = "its reason, or a part of its id"
SUBJECT = (
    "a list by its name, an entry or its person as LIST/REFERENCE, a photo as LIST/REFERENCE#2, a "
    "deployment by its purpose, an episode by its reference"
)
HOLD_KINDS = ("episode", "deployment", "person", "watchlist")
ERASED = ("watchlist", "entry", "photo", "person", "deployment")
"""As the wire contract has them: importing it would take longer than to parse the command line."""


def add_deployment_actions(actions: Add) -> None:
    """The steps of a deployment; `actions` adds one to `lfrd deployment`."""
    draft = actions("draft", "plan a deployment; nothing starts by it")
    _add_plan(draft)
    draft.add_argument("--hours", type=float, required=True)
    amend = actions("amend", "change a plan that has not begun; it is to be authorised anew")
    amend.add_argument("id", help=DEPLOYMENT)
    _add_plan(amend, whole=False)
    amend.add_argument("--hours", type=float)
    amend.add_argument("--now", action="store_true", help="its planned start is now")
    cancel = actions("cancel", "discard a plan that has not begun")
    cancel.add_argument("id", help=DEPLOYMENT)
    cancel.add_argument("--reason", required=True)
    for name, text in (
        ("gate", "list everything that is missing before it can start"),
        ("authorise", "give it your written authority, until its planned end"),
        ("ratify", "give an urgent start of somebody else the authority it lacked"),
        ("show", "one deployment"),
    ):
        actions(name, text).add_argument("id", help=DEPLOYMENT)
    _add_start(actions("start", "start an authorised deployment, or one of the lab in one go"))
    extend = actions("extend", "a new authorisation to last longer")
    extend.add_argument("id", help=DEPLOYMENT)
    extend.add_argument("--hours", type=float, required=True, help="from now")
    actions("present", "say that an operator is there")


def _add_start(start: argparse.ArgumentParser) -> None:
    start.usage = (
        "lfrd deployment start DEPLOYMENT [--urgent REASON] [options]\n"
        "       lfrd deployment start --profile lab --watchlist NAME --purpose TEXT --place TEXT "
        "[--hours H] [--yes] [options]"
    )
    start.add_argument("id", nargs="?", help=DEPLOYMENT)
    start.add_argument("--urgent", metavar="REASON", help="start a draft without authorisation")
    start.add_argument(
        "--street-team", action="store_true", help="you say that a team is on the spot"
    )
    lab = start.add_argument_group("the lab", "Plans, authorises and starts one in one go.")
    lab.add_argument("--profile", choices=("lab",))
    lab.add_argument("--watchlist", action="append", help="name; may be repeated")
    lab.add_argument("--purpose")
    lab.add_argument("--place")
    lab.add_argument("--hours", type=float, help="default: 1")
    add_yes(lab)


def add_nouns(add: Add) -> None:
    """Add `schedule`, `hold` and `erasure`."""
    schedule = add("schedule", "Weekly deployments under one standing authorisation.")
    schedule.set_defaults(noun="schedule")
    actions = actions_of(schedule)
    added = actions("add", "plan weekly deployments")
    _add_plan(added)
    added.add_argument(
        "--window", action="append", required=True, metavar='"DAY HH:MM HOURS"',
        help='such as "monday 09:00 8"; may be repeated',
    )  # fmt: skip
    added.add_argument("--timezone", default="UTC", help="such as Europe/London")
    added.add_argument("--days", type=float, default=90.0, help="until it expires")
    actions("list", "the schedules")
    for name, text in (
        ("authorise", "give the standing authorisation"),
        ("revoke", "take it back"),
    ):
        actions(name, text).add_argument("id", help="its purpose, or a part of its id")

    hold = add("hold", "Legal holds: asked for by one person, confirmed by another.")
    hold.set_defaults(noun="hold")
    actions = actions_of(hold)
    ask = actions("ask", "ask for one; it has no effect before somebody else confirms it")
    ask.add_argument("kind", choices=HOLD_KINDS)
    ask.add_argument("id", metavar="what", help=SUBJECT)
    ask.add_argument("--reason", required=True)
    actions("confirm", "put it in force").add_argument("id", help=HOLD)
    release = actions("release", "end it; the timers apply at once")
    release.add_argument("id", help=HOLD)
    release.add_argument("--reason", required=True)
    actions("list", "the holds")

    training = add("training", "Who was trained to review candidates, and until when.")
    training.set_defaults(noun="training")
    actions = actions_of(training)
    taught = actions("add", "record a training of somebody else; the last one counts")
    taught.add_argument("person", help="their name, as of their token or login")
    taught.add_argument("--what", required=True, help="such as the course")
    taught.add_argument("--until", required=True, metavar="DATE", help="such as 2027-03-31")
    actions("list", "the last training of each person")

    erasure = add("erasure", "Erase a list, an entry, a person or a deployment; list the receipts.")
    erasure.set_defaults(noun="erasure")
    actions = actions_of(erasure)
    erase = actions("erase", "erase now, and wait for the receipt")
    erase.add_argument("kind", choices=ERASED)
    erase.add_argument("id", metavar="what", help=SUBJECT)
    erase.add_argument("--reason", required=True)
    add_yes(erase)
    actions("list", "what was erased")


def add_evaluation(add: Add) -> None:
    """Add `evaluation`."""
    evaluation = add("evaluation", "Register what `lfrd evaluate` measured; list and withdraw it.")
    evaluation.set_defaults(noun="evaluation")
    actions = actions_of(evaluation)
    actions("add", "register a report of `lfrd evaluate --out FILE`").add_argument(
        "file", type=Path
    )
    actions("list", "the reports, and whether they are of the model in use")
    withdraw = actions("withdraw", "rely on a report no more")
    withdraw.add_argument("id", help="its model pack, or a part of its id")
    withdraw.add_argument("--reason", required=True)


def _add_plan(action: argparse.ArgumentParser, *, whole: bool = True) -> None:
    """The options of a plan; `whole`: all that it needs."""
    if whole:
        action.add_argument("--profile", required=True)
    action.add_argument("--watchlist", action="append", required=whole, help="name; repeatable")
    action.add_argument("--purpose", required=whole)
    action.add_argument("--use-case", required=whole, choices=USE_CASES)
    action.add_argument("--place", required=whole)
    action.add_argument(
        "--expect", default="" if whole else None, help="why listed people are expected there"
    )
    action.add_argument(
        "--list-size-max", type=int, metavar="N", help="so many entries the lists may hold"
    )
    action.add_argument(
        "--document", action="append", default=[], metavar="KIND:REFERENCE",
        help="impact-assessment and notice; may be repeated",
    )  # fmt: skip
