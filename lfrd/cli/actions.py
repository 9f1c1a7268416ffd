"""How a command with several actions is made."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lfrd.cli.who import add_token_file

DEPLOYMENT = "current, latest, its purpose, or a part of its id"
ENTRY = "LIST/REFERENCE, or a reference that one list has"

Add = Callable[[str, str], argparse.ArgumentParser]


def actions_of(command: argparse.ArgumentParser) -> Add:
    """What adds an action, with the options that all of them have, to a command."""
    return partial(add_action, group_of(command))


def group_of(command: argparse.ArgumentParser) -> Any:
    """Where the actions of a command are added."""
    return command.add_subparsers(dest="action", required=True, metavar="ACTION")


def add_action(group: Any, name: str, text: str) -> argparse.ArgumentParser:
    """An action that asks the daemon."""
    action: argparse.ArgumentParser = group.add_parser(name, help=text, description=text)
    action.add_argument("--json", action="store_true", help="print JSON")
    action.add_argument("--socket", type=Path, help="the daemon's socket (default: as configured)")
    add_token_file(action)
    return action
