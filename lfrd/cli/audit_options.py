"""The words and options of `lfrd audit`."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from lfrd.cli.actions import add_action, group_of
from lfrd.cli.options import add_yes

CLASSES = (
    "collection", "alteration", "consultation", "disclosure", "combination", "erasure",
    "period-of-use", "decision", "denial",
)  # fmt: skip
"""As the vocabulary has them."""
ALGORITHMS = ("ed25519", "ml-dsa-44")


def add_audit(command: argparse.ArgumentParser) -> None:
    """The actions of `lfrd audit`."""
    group = group_of(command)
    actions = partial(add_action, group)
    show = actions("show", "who did what, newest first")
    show.add_argument("--since", metavar="DATE", help="not before, such as 2026-11-30T18:00")
    show.add_argument("--until", metavar="DATE", help="before this moment")
    show.add_argument("--class", dest="event_class", choices=CLASSES)
    show.add_argument("--actor", help="such as anna, or system")
    show.add_argument("--before", type=int, metavar="INDEX", help="only leaves before this one")
    show.add_argument("--limit", type=int, default=50, help="how many (default: 50)")
    prove = actions("prove", "prove that a leaf is in the log, as c2sp.org/tlog-proof")
    prove.add_argument("index", type=int)
    prove.add_argument("--key", action="append", default=[], help="(default: the daemon's)")
    export = actions("export", "write the whole log into a new folder, for `verify`")
    export.add_argument("folder", type=Path, metavar="DIR")
    export.add_argument("--reason", required=True, help="why it leaves; it is logged")
    actions("key", "print the public key that signs the log")
    _add_offline(group)


def add_authority(command: argparse.ArgumentParser) -> None:
    """The actions of `lfrd authority`."""
    group = group_of(command)
    text = "make a key to authorise with; prints the public key, which the site is given"
    new = group.add_parser("new-key", help=text, description=text)
    new.add_argument("file", type=Path, metavar="FILE", help="for the private key")
    new.add_argument("--name", required=True, help="such as court.example/authority")
    text = "read what is asked for, and sign it"
    sign = group.add_parser("sign", help=text, description=text)
    sign.add_argument("request", type=Path, help="what `deployment request-authority` printed")
    sign.add_argument("--key", type=Path, required=True, metavar="FILE", help="the private key")
    sign.add_argument("--out", type=Path, metavar="FILE", help="(default: standard output)")
    add_yes(sign)


def add_witness(command: argparse.ArgumentParser) -> None:
    """The options of `lfrd witness`."""
    command.add_argument("--folder", type=Path, required=True, help="its key, and what it signed")
    command.add_argument(
        "--name", required=True, help="such as witness.example/w1; kept in its key"
    )
    command.add_argument(
        "--log", action="append", required=True, metavar="KEY",
        help="the public key of a log (`lfrd audit key`), or a file with one a line; repeatable",
    )  # fmt: skip
    command.add_argument(
        "--listen", default="127.0.0.1:8788", metavar="HOST:PORT", help="(default: %(default)s)"
    )


def _add_offline(group: Any) -> None:
    """Those that need no daemon."""
    text = "check an export, or a proof; needs no daemon. Exit code 1: it is not in order"
    verify = group.add_parser("verify", help=text, description=text)
    verify.add_argument("path", type=Path, metavar="DIR", help="an export, or a .tlog-proof file")
    verify.add_argument(
        "--key", action="append", default=[],
        help="the log's public key as you were given it, or a file with one a line; repeatable",
    )  # fmt: skip
    verify.add_argument(
        "--witness", action="append", default=[],
        help="a witness's public key, or a file: the log must be cosigned by each",
    )  # fmt: skip
    verify.add_argument(
        "--copy", type=Path, help="checkpoints of this log that were kept elsewhere"
    )
    verify.add_argument(
        "--record", type=Path, metavar="FILE",
        help="a published record (JSON): its figures are computed again from the leaves",
    )  # fmt: skip
    verify.add_argument("--json", action="store_true", help="print JSON")
    text = "go on under a new key, and write that into the log; while no daemon runs"
    renew = group.add_parser("renew-key", help=text, description=text)
    renew.add_argument("--reason", required=True, help="why; it is logged")
    renew.add_argument("--algorithm", choices=ALGORITHMS, default=ALGORITHMS[0])
