"""The words of `lfrd backup`, `lfrd restore` and `lfrd service`."""

import argparse
from pathlib import Path


def add_backup(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "target", type=Path, nargs="?", metavar="FILE|DIR",
        help="a new file, or a folder where it gets a name (default: [backup] folder)",
    )  # fmt: skip
    parser.add_argument(
        "--recipient", action="append", metavar="age1…",
        help="who may open it, besides nobody else (default: [backup] recipients)",
    )  # fmt: skip
    parser.add_argument("--key", type=Path, help="the master key (default: as the daemon)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_restore(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="an archive of `lfrd backup`")
    parser.add_argument(
        "--identity", type=Path, metavar="FILE", required=True,
        help="the private key that opens it; - reads it from standard input",
    )  # fmt: skip
    parser.add_argument(
        "--escrow", type=Path, metavar="FILE",
        help="the copy of keys.db: what has no key there was erased since (default: keys.escrow)",
    )  # fmt: skip
    parser.add_argument(
        "--checkpoints", type=Path, metavar="FILE",
        help="the copy of the log's checkpoints: whether anything was done since (default: "
        "audit.copy_to)",
    )  # fmt: skip
    parser.add_argument(
        "--check", action="store_true", help="open it and check all of it; nothing is written"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_service(parser: argparse.ArgumentParser) -> None:
    action = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    install = action.add_parser("install", help="write units, users and folders; nothing starts")
    install.add_argument("--dry-run", action="store_true", help="only say what would be done")
    install.add_argument(
        "--uninstall", action="store_true", help="stop it and take them away; the state stays"
    )
    install.add_argument(
        "--root", type=Path, default=Path("/"), help="below this folder, for images (default: /)"
    )
