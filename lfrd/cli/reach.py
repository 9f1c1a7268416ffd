"""Which daemon a command speaks to, and the question before what cannot be taken back."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lfrd.cli.terminal import ask, warn
from lfrd.errors import UserError

if TYPE_CHECKING:
    from lfrd.config import Config


def socket_of(options: argparse.Namespace, config: "Config") -> Path:
    """The socket that was named, else the configured one, else the service's. Where another daemon
    could be meant it is said on standard error which one is asked."""
    from lfrd.config import client_socket, daemon_sockets

    chosen: Path = options.socket or client_socket(config)
    others = [path for path in daemon_sockets(config) if path != chosen]
    if others:
        besides = ", ".join(map(str, others))
        warn(f"lfrd: asking the daemon on {chosen} (there is also {besides})")
    return chosen


def add_yes(action: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """`--yes`, for scripts."""
    action.add_argument("--yes", action="store_true", help="do not ask; for scripts")


def make_sure(options: argparse.Namespace, what: str) -> None:
    """Ask before `what` (a sentence) is done for good. Raises UserError unless told yes."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise UserError(f"{what} This cannot be taken back: add --yes to do it without a question")
    if ask(f"{what} This cannot be taken back. Go on? [y/N]").lower() not in ("y", "yes"):
        raise UserError("nothing was done")
