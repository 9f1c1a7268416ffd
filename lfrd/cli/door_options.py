"""The words and options of `lfrd health | me | events | api`, and of what is done about alerts."""

import argparse
from pathlib import Path

from lfrd.cli.actions import DEPLOYMENT, ENTRY, Add, asks_daemon

KINDS = (
    "alert.raised", "alert.updated", "alert.closed", "camera.changed", "watchlist.changed",
    "deployment.changed", "deployment.ending",
)  # fmt: skip
"""As the wire contract has them."""
DECISIONS = ("match", "not_a_match", "unsure")
ENGAGEMENTS = ("stopped", "no_action", "arrest", "safeguarding", "other")
IDENTITIES = ("same", "other")
IMAGES = ("probe", "reference", "scene")
MINE = ("waiting", "decided")
ALERT = "the reference that is shown, or a part of its id"


def add_health(command: argparse.ArgumentParser) -> None:
    """`lfrd health`."""
    asks_daemon(command)


def add_me(command: argparse.ArgumentParser) -> None:
    """`lfrd me`."""
    asks_daemon(command)


def add_events(command: argparse.ArgumentParser) -> None:
    """`lfrd events`."""
    asks_daemon(command)
    command.add_argument("--follow", "-f", action="store_true", help="go on with what comes")
    command.add_argument(
        "--since", type=int, metavar="ID", help="after this event (default: all that are kept, a "
        "day or 100,000; with --follow from now on)",
    )  # fmt: skip
    command.add_argument(
        "--kind", action="append", default=[], choices=KINDS, help="only these; may be repeated"
    )
    command.add_argument("--health", action="store_true", help="with --follow: health too")


def add_api(command: argparse.ArgumentParser) -> None:
    """`lfrd api`."""
    asks_daemon(command)
    command.add_argument(
        "method", nargs="?", type=_method, metavar="METHOD",
        help="GET, HEAD, POST, PATCH, PUT, DELETE (default: GET, with a body POST)",
    )  # fmt: skip
    command.add_argument("path", metavar="PATH", help="such as /v1/alerts")
    command.add_argument(
        "--query", "-q", action="append", default=[], metavar="NAME=VALUE",
        help="a parameter; may be repeated",
    )  # fmt: skip
    body = command.add_mutually_exclusive_group()
    body.add_argument("--data", "-d", metavar="JSON", help="the body; @FILE or - reads it")
    body.add_argument("--file", metavar="FILE", help="the body is this file as it is, or -")
    command.add_argument("--all", action="store_true", help="all pages, an item a line")
    command.add_argument("--include", "-i", action="store_true", help="print status and headers")
    command.add_argument("--output", "-o", type=Path, metavar="FILE", help="write it there")


def _method(text: str) -> str:
    method = text.upper()
    if method not in {"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"}:
        raise argparse.ArgumentTypeError("a method is GET, HEAD, POST, PATCH, PUT or DELETE")
    return method


def add_alert_filter(listed: argparse.ArgumentParser) -> None:
    """Which alerts `lfrd alert list` shows."""
    listed.add_argument("--mine", choices=MINE, help="that wait for me, or that I decided about")
    listed.add_argument("--camera", metavar="ID")
    listed.add_argument("--list", metavar="NAME", help="of this list")
    listed.add_argument("--entry", help=ENTRY)
    listed.add_argument("--deployment", help=DEPLOYMENT)
    listed.add_argument("--since", metavar="DATE", help="not before, such as 2026-11-30T18:00")
    listed.add_argument("--until", metavar="DATE", help="before this moment")
    listed.add_argument("--all", action="store_true", help="all of them, however many")


def add_alert_actions(actions: Add) -> None:
    """What is done about one alert."""
    image = actions("image", "save a picture of an alert; that you looked is logged")
    image.add_argument("id", help=ALERT)
    image.add_argument("which", choices=IMAGES)
    image.add_argument("file", type=Path)
    image.add_argument("--rival", metavar="PERSON", help="the reference of this other person")
    review = actions("review", "decide, from a screen of your own that showed the two faces")
    review.description = (
        "Decide about a candidate. It is for programs that show the two faces themselves and say "
        "what was shown; `lfrd tui` does both."
    )
    review.add_argument("id", help=ALERT)
    review.add_argument("decision", choices=DECISIONS)
    review.add_argument("--reason", default="", help="kept with your decision, and not in the log")
    for name, what in (("face", "the face seen"), ("reference", "the reference")):
        review.add_argument(
            f"--{name}-px", type=int, required=True, metavar="PX",
            help=f"how large {what} was drawn: the shorter side, in dots",
        )  # fmt: skip
    review.add_argument(
        "--seen-s", type=float, required=True, metavar="S", help="for how long both could be seen"
    )
    for name, text in (
        ("undo", "take your decision back, within 10 s"),
        ("final", "make your decision final now"),
    ):
        actions(name, text).add_argument("id", help=ALERT)
    engagement = actions("engagement", "say once what was done about a closed alert")
    engagement.add_argument("id", help=ALERT)
    engagement.add_argument("kind", choices=ENGAGEMENTS)
    engagement.add_argument("--minutes", type=float, default=0.0, help="that a person was held up")
    engagement.add_argument("--complaint", action="store_true")
    engagement.add_argument("--note", default="", help="kept with the alert, and not in the log")
    engagement.add_argument("--identity", choices=IDENTITIES, help="who it was, on the spot")
    engagement.add_argument("--group", help="of a false alert: a word of [notice] groups")
