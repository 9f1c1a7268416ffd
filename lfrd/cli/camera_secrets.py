"""Secrets of cameras, from a file or standard input: every user of a machine can read the arguments
of every process."""

import argparse
import getpass
import re
import sys
from pathlib import Path

from lfrd.cli.terminal import warn
from lfrd.errors import UserError

STANDARD_INPUT = "-"
LENGTH_LIMIT = 2048
_WITH_PASSWORD = re.compile(r"[a-z0-9+]+://[^/?#@]*:[^/?#]*@", re.IGNORECASE)


def add_password_file(parser: argparse.ArgumentParser) -> None:
    """`--password-file`, beside an address that names a user and no password."""
    parser.add_argument(
        "--password-file", metavar="FILE",
        help="the password of the user in the address: a file with one line, or - for standard "
        "input",
    )  # fmt: skip


def address_of(given: str) -> str:
    """The address of a camera, which is asked for where `-` is given."""
    return secret_of(given, "the address of the camera") if given == STANDARD_INPUT else given


def warn_of_argument(given: str | None) -> None:
    """Tell the user who wrote a password into an address who could read it; for what was done."""
    if given is not None and _WITH_PASSWORD.match(given.strip()):
        warn(
            "lfrd: every user of this machine can read the arguments of a command, this password "
            "too: give it with --password-file FILE, or - for standard input"
        )


def secret_of(where: str, what: str) -> str:
    """The one line in a file, or on standard input. Raises UserError."""
    if where != STANDARD_INPUT:
        return _checked(_read(where, what), what, where)
    if sys.stdin.isatty():
        return _checked(getpass.getpass(f"{what}: "), what, "standard input")
    return _checked(sys.stdin.readline(LENGTH_LIMIT + 2), what, "standard input")


def _read(where: str, what: str) -> str:
    try:
        with Path(where).open(encoding="utf-8") as file:
            return file.read(LENGTH_LIMIT + 2)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UserError(f"{what}: {where} cannot be read: {reason}") from None


def _checked(text: str, what: str, where: str) -> str:
    secret = text.rstrip("\r\n")
    if not secret or len(secret) > LENGTH_LIMIT or not secret.isprintable():
        raise UserError(
            f"{what}: {where} should hold one line of 1 to {LENGTH_LIMIT} printable characters"
        )
    return secret
