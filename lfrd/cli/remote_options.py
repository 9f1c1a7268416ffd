"""The commands that talk to a running daemon: their words and options."""

import argparse
from pathlib import Path

from lfrd.cli.actions import Add, actions_of
from lfrd.cli.camera_secrets import add_password_file
from lfrd.cli.command_parser import an_id
from lfrd.cli.governance_options import add_deployment_actions, add_evaluation, add_nouns
from lfrd.cli.picture_options import add_picture
from lfrd.cli.public_options import add_public


def add_clients(add: Add) -> None:
    """Add `camera` and `deployment`; `add` makes a command with the common options."""
    camera = add("camera", "List, add and remove cameras of the running daemon.")
    camera.set_defaults(noun="camera")
    actions = actions_of(camera)
    added = actions("add", "add a camera; it starts at once in a running deployment")
    added.add_argument("id", help="lower-case letters, digits, hyphens")
    added.add_argument(
        "address",
        help="rtsp(s)://user@host/path, http(s)://… for MJPEG, whip:// for publishers, "
        "whep+https://…, /dev/video0, or a video file; - asks for it on standard input",
    )
    _add_reading(added)
    changed = actions("change", "change what is given; a running camera starts anew")
    changed.add_argument("id", type=an_id)
    changed.add_argument("--address", help="a new one, as for `add`")
    _add_reading(changed)
    actions("list", "every camera and how it is")
    actions("remove", "forget a camera").add_argument("id", type=an_id)
    actions("pause", "take no part until resumed").add_argument("id", type=an_id)
    actions("resume", "take part again").add_argument("id", type=an_id)
    test = actions("test", "look through a camera for some seconds and say what to mend")
    test.add_argument("id", type=an_id)
    test.add_argument("--seconds", type=float, default=10.0)
    preview = actions("preview", "save where a camera points, as cells that show nobody")
    preview.add_argument("id", type=an_id)
    preview.add_argument("file", type=Path)
    regions = actions("regions", "set where to look and what to hide, as fractions of the picture")
    regions.add_argument("id", type=an_id)
    for name, text in (("include", "look only inside"), ("privacy", "never look inside")):
        regions.add_argument(
            f"--{name}", type=_corners, action="append", default=[],
            metavar="X,Y,X,Y,X,Y", help=f"{text} this polygon; may be repeated",
        )  # fmt: skip

    deployment = add("deployment", "Start, end and list deployments of the running daemon.")
    deployment.set_defaults(noun="deployment")
    actions = actions_of(deployment)
    end = actions("end", "end the running deployment now")
    end.add_argument(
        "--reason", default="ended from the command line", help="kept in the log, and shown"
    )
    actions("list", "the newest deployments")
    add_deployment_actions(actions)
    add_nouns(add)
    add_evaluation(add)
    add_public(add)


def _add_reading(action: argparse.ArgumentParser) -> None:
    """How a camera is read."""
    add_password_file(action)
    action.add_argument("--name")
    action.add_argument("--transport", choices=("tcp", "udp"))
    action.add_argument("--ca-file", help="certificate authority of an rtsps camera")
    action.add_argument("--hwaccel", help="hardware decoder, such as cuda or vaapi")
    action.add_argument("--token", action=_NotAnArgument, help=argparse.SUPPRESS)
    action.add_argument(
        "--bearer-token-file", metavar="FILE",
        help="what to show a WHEP server: a file with one line, or - for standard input",
    )  # fmt: skip
    action.add_argument(
        "--keep-connected", action="store_true", default=None,
        help="stay connected outside deployments, without decoding",
    )  # fmt: skip
    action.add_argument(
        "--pin", metavar="sha256:…", help="the one certificate to accept; `camera test` shows it"
    )
    action.add_argument(
        "--look", dest="look_address", metavar="ADDRESS",
        help="a second, small stream of the same view, in which faces are looked for: an address, "
        "or what comes after the host (/Streaming/Channels/102); none takes it away",
    )  # fmt: skip
    add_picture(action)


class _NotAnArgument(argparse.Action):
    """What was an option once, and would be taken for the beginning of another now."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **_named: object) -> None:
        parser.error("a token is no argument: give it with --bearer-token-file FILE")


def _corners(text: str) -> tuple[tuple[float, float], ...]:
    """`0.1,0.1,0.9,0.1,0.5,0.8` as corners."""
    numbers = [float(part) for part in text.split(",")]
    if len(numbers) < 6 or len(numbers) % 2:
        raise argparse.ArgumentTypeError("give X,Y for three corners or more")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))
