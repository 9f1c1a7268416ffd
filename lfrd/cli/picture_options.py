"""The options that say how pictures are made upright, square and progressive, as a camera has them.

They are the same for a camera of the daemon, for `lfrd try` and for the clips of `lfrd evaluate`.
"""

import argparse
from typing import Any

PICTURE = ("rotate", "aspect", "deinterlace", "stream")
"""Each is None where it was not given."""


def add_picture(action: "argparse.ArgumentParser | argparse._ArgumentGroup") -> None:
    """Add them to a command."""
    action.add_argument(
        "--rotate", type=int, choices=(0, 90, 180, 270),
        help="turn the picture clockwise, until it is upright",
    )  # fmt: skip
    action.add_argument(
        "--aspect", metavar="W:H", help="of the whole picture, where it is sent squeezed: 16:9"
    )
    action.add_argument(
        "--deinterlace", choices=("auto", "on", "off"),
        help="auto: where the stream says that it is interlaced",
    )  # fmt: skip
    action.add_argument(
        "--stream", type=int, metavar="N", help="which video stream, from 0 (default: the largest)"
    )


def picture_of(options: argparse.Namespace) -> dict[str, Any]:
    """What was given of them, by its name in the configuration and in the API."""
    given = {name: getattr(options, name) for name in PICTURE}
    return {name: value for name, value in given.items() if value is not None}
