"""How a command with several actions is made, and what every command has that asks a daemon."""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lfrd.cli.reach import add_token_file

DEPLOYMENT = "current, latest, its purpose, or a part of its id"
ENTRY = "LIST/REFERENCE, or a reference that one list has"

Add = Callable[[str, str], argparse.ArgumentParser]


def asks_daemon(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Add what every command has that asks a daemon: how to print, which daemon, as whom."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--socket", type=Path, help="the daemon's socket (default: as configured)")
    add_token_file(parser)
    parser.set_defaults(asks_daemon=True)
    return parser


def actions_of(command: argparse.ArgumentParser, dest: str = "action") -> Add:
    """What adds an action of a command, which asks a daemon; `dest` will hold its name."""
    return partial(add_action, group_of(command, dest))


def group_of(command: argparse.ArgumentParser, dest: str = "action") -> Any:
    """Where the actions of a command are added."""
    return command.add_subparsers(dest=dest, required=True, metavar="ACTION")


def add_action(group: Any, name: str, text: str) -> argparse.ArgumentParser:
    """An action that asks a daemon."""
    return asks_daemon(group.add_parser(name, help=text, description=text))
