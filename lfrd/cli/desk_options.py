"""The options of `lfrd tui`. What is not given is as the configuration says."""

import argparse
from pathlib import Path

from lfrd.cli.reach import add_token_file

THEMES = ("dark", "light", "contrast", "colour-blind")
PICTURES = ("auto", "kitty", "sixel", "octants", "sextants", "quadrants", "halves", "spaces")
COLOURS = ("auto", "16m", "256", "16")
NOTIFY = ("off", "osc9", "osc777")


def add_desk(tui: argparse.ArgumentParser) -> None:
    """Which daemon, and how the screen looks."""
    tui.add_argument(
        "--socket", type=Path,
        help="the daemon's socket (default: as configured); with --ssh, the one over there "
        "(default: the service's)",
    )  # fmt: skip
    place = tui.add_mutually_exclusive_group()
    place.add_argument("--url", help="the daemon's loopback port, such as http://127.0.0.1:8787")
    place.add_argument(
        "--ssh", metavar="USER@HOST",
        help="the daemon of another machine, through the system's ssh and its settings",
    )  # fmt: skip
    add_token_file(tui)
    tui.add_argument(
        "--read-only", action="store_true",
        help="only show, for a wall: no key decides or changes anything",
    )  # fmt: skip
    tui.add_argument("--theme", choices=THEMES, help="what the screen looks like")
    tui.add_argument(
        "--pictures", choices=PICTURES,
        help="how faces are drawn (auto asks the terminal; any other overrules it)",
    )  # fmt: skip
    tui.add_argument(
        "--colours", choices=COLOURS,
        help="how many colours the terminal has (auto asks it; any other overrules it)",
    )  # fmt: skip
    tui.add_argument(
        "--notify", choices=NOTIFY,
        help="tell the desktop that a candidate waits, and nothing about whom",
    )  # fmt: skip
    tui.add_argument(
        "--bell", action=argparse.BooleanOptionalAction, default=None,
        help="ring for a candidate",
    )  # fmt: skip
