"""The commands that talk to a running daemon: their words and options."""

import argparse
from collections.abc import Callable
from pathlib import Path

Add = Callable[[str, str], argparse.ArgumentParser]


def add_clients(add: Add) -> None:
    """Add `camera` and `deployment`; `add` makes a command with the common options."""
    camera = add("camera", "List, add and remove cameras of the running daemon.")
    camera.set_defaults(noun="camera")
    actions = _actions(camera)
    added = actions("add", "add a camera; it starts at once in a running deployment")
    added.add_argument("id", help="lower-case letters, digits, hyphens")
    added.add_argument("address", help="rtsp(s)://user:password@host/path")
    added.add_argument("--name")
    added.add_argument("--transport", choices=("tcp", "udp"), default="tcp")
    actions("list", "every camera and how it is")
    actions("remove", "forget a camera").add_argument("id")

    deployment = add("deployment", "Start, end and list deployments of the running daemon.")
    deployment.set_defaults(noun="deployment")
    actions = _actions(deployment)
    start = actions("start", "start comparing faces with watchlists")
    start.add_argument("--profile", choices=("lab",), required=True)
    start.add_argument("--watchlist", action="append", required=True, help="name; may be repeated")
    start.add_argument("--purpose", required=True)
    start.add_argument("--place", required=True)
    start.add_argument("--hours", type=float, default=1.0)
    actions("end", "end the running deployment now")
    actions("list", "the newest deployments")


def _actions(command: argparse.ArgumentParser) -> Add:
    group = command.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(name: str, text: str) -> argparse.ArgumentParser:
        action: argparse.ArgumentParser = group.add_parser(name, help=text, description=text)
        action.add_argument("--json", action="store_true", help="print JSON")
        action.add_argument(
            "--socket", type=Path, help="the daemon's socket (default: as configured)"
        )
        return action

    return add
