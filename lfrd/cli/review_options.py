"""The words and options of `lfrd alert` and `lfrd token`."""

import argparse
from pathlib import Path

from lfrd.cli.actions import DEPLOYMENT
from lfrd.cli.who import add_token_file

ROLES = ("operator", "supervisor", "admin")


def add_alert(command: argparse.ArgumentParser) -> None:
    """`lfrd alert list | show ID | replay ID | reviewers`."""
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="the newest alerts, as you may see them")
    listed.add_argument("--state", choices=("open", "closed"))
    listed.add_argument("--limit", type=int, default=50)
    show = actions.add_parser("show", help="one alert")
    replay = actions.add_parser("replay", help="compute score and decision of an alert again")
    for action in (show, replay):
        action.add_argument("id", help="the reference that is shown, or a part of its id")
    figures = actions.add_parser("reviewers", help="how each reviewer decides; for supervisors")
    figures.add_argument("--deployment", help=f"of one deployment only: {DEPLOYMENT}")
    for action in (listed, show, replay, figures):
        _common(action)


def add_token(command: argparse.ArgumentParser) -> None:
    """`lfrd token create | list | revoke ID`."""
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="a personal token; its secret is shown once")
    create.add_argument("--principal", required=True, metavar="NAME", help="whose it is")
    create.add_argument("--role", choices=ROLES, default=ROLES[0])
    listed = actions.add_parser("list", help="all tokens, without their secrets")
    revoke = actions.add_parser("revoke", help="a token that opens nothing any more")
    revoke.add_argument("id", help="whose it is, or a part of its id")
    for action in (create, listed, revoke):
        _common(action)


def _common(action: argparse.ArgumentParser) -> None:
    action.add_argument("--json", action="store_true", help="print JSON")
    action.add_argument("--socket", type=Path, help="the daemon's socket (default: as configured)")
    add_token_file(action)
