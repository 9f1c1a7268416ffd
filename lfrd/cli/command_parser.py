"""The parser of the command line: what every command has, and mistakes that repeat no secret."""

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lfrd.text import MASK, printable, without_secrets

_VALUES = (
    re.compile(r"(invalid [\w ]+ value): .*", re.DOTALL),
    re.compile(r"(invalid choice): .*(?= \(choose from )", re.DOTALL),
    re.compile(r"(ignored explicit argument) .*", re.DOTALL),
    re.compile(r"(ambiguous option: [\w-]*).*(?= could match )", re.DOTALL),
)
"""What argparse repeats of a value: everything after the group."""

_OPTION = re.compile(r"--?[a-z][a-z-]*")
"""What is repeated of words that are no option: any other may be a password."""

_NOTHING = re.compile(r"--[\w-]+=--")

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class CommandParser(argparse.ArgumentParser):
    """A parser for a command or an action: `--config` and `--verbose` are taken at each level.

    What a user types may be the address of a camera with its password, at the wrong place too: a
    message names the argument and never repeats its value.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self.add_argument(
            "--config", type=Path, default=argparse.SUPPRESS, metavar="FILE",
            help="configuration file (default: $LFRD_CONFIG, else built-in defaults)",
        )  # fmt: skip
        self.add_argument(
            "--verbose", action="store_true", default=argparse.SUPPRESS,
            help="log everything to standard error",
        )  # fmt: skip

    def parse(self, arguments: Sequence[str] | None) -> argparse.Namespace:
        """The options; a mistake ends the program with exit code 2."""
        words = sys.argv[1:] if arguments is None else arguments
        for word in words:  # up to Python 3.12, argparse makes an empty list of it
            if _NOTHING.fullmatch(word):
                self.error(f"argument {word.removesuffix('=--')}: expected one argument")
        options, unknown = self.parse_known_args(words)
        if unknown:
            names = (word.partition("=")[0] for word in unknown)
            shown = [name if _OPTION.fullmatch(name) else MASK for name in names]
            self.error(f"unrecognized arguments: {' '.join(shown)}")
        return options

    def error(self, message: str) -> Any:
        """Say what is wrong and leave."""
        for pattern in _VALUES:
            message = pattern.sub(r"\1", message)
        return super().error(printable(without_secrets(message)))


def an_id(text: str) -> str:
    """An id that is asked for at the daemon: it becomes a part of a path there."""
    if not _ID.fullmatch(text):
        raise argparse.ArgumentTypeError("an id has letters, digits, hyphens and dots only")
    return text
