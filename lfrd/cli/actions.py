"""How a command with several actions is made."""

import argparse
from collections.abc import Callable
from pathlib import Path

from lfrd.cli.who import add_token_file

DEPLOYMENT = "current, latest, its purpose, or a part of its id"
ENTRY = "LIST/REFERENCE, or a reference that one list has"

Add = Callable[[str, str], argparse.ArgumentParser]


def actions_of(command: argparse.ArgumentParser, *, own_json: str = "") -> Add:
    """What adds an action, with the options that all of them have, to a command. `own_json` is the
    action that has an option --json of its own."""
    group = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = group.add_parser(name, help=text, description=text)
        action.set_defaults(json=False)
        if name != own_json:
            action.add_argument("--json", action="store_true", help="print JSON")
        action.add_argument(
            "--socket", type=Path, help="the daemon's socket (default: as configured)"
        )
        add_token_file(action)
        return action

    return add
