"""The options of `lfrd evaluate`, which measures photos or clips, and which of them go together."""

import argparse
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from lfrd.cli.picture_options import PICTURE, add_picture, picture_of
from lfrd.cli.reach import add_token_file
from lfrd.errors import BadInput, NotFound

TARGET_FPIR, SEED = 0.01, 1

_FOR_PHOTOS: Final = {
    "pairs": None, "list_size": None, "target_fpir": TARGET_FPIR, "seed": SEED, "errata": None,
    "groups": None, "register": False,
}  # fmt: skip
_FOR_CLIPS: Final = {
    "watchlist": None, "labels": None, "baseline": False, "baseline_every": None,
    "detect_hz": None, "require_raised": None, "require_wrong_at_most": None,
    **dict.fromkeys(PICTURE),
}  # fmt: skip
"""Each option with the value it has where it was not given."""


@dataclass(frozen=True, slots=True)
class ClipOptions:
    """What was asked for of clips. `baseline_every` None: no naive loop beside it."""

    clips: tuple[Path, ...]
    labels: tuple[Path, ...]
    watchlist: Path
    baseline_every: int | None
    detect_hz: float | None
    report: Path | None
    out: Path | None
    as_json: bool
    require_raised: int | None
    require_wrong_at_most: int | None
    picture: Mapping[str, Any] = field(default_factory=dict)
    """How the pictures of all clips are made upright, as a camera's section has it."""


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """`lfrd evaluate DIR` and `lfrd evaluate CLIP ... --watchlist DIR --labels CSV ...`."""
    parser.usage = (
        "lfrd evaluate DIR [options]\n"
        "       lfrd evaluate CLIP [CLIP ...] --watchlist DIR --labels CSV [--labels CSV ...] "
        "[options]"
    )
    parser.add_argument(
        "sources", type=Path, nargs="+", metavar="DIR|CLIP",
        help="a folder of people, a folder each with their photos; or video files with --labels",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--report", type=Path, metavar="HTML", help=(
        "write a page with charts; of clips, with a timeline and the crops of those rightly raised"
    ))  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="FILE", help=(
        "write the figures as JSON; those of photos are for `lfrd evaluation add`"))  # fmt: skip
    _add_photos(parser.add_argument_group("photos"))
    _add_clips(parser.add_argument_group(
        "clips", "Plays each clip as `lfrd try --every-frame` does, and says who was raised in "
        "which shot, after how long, and what it cost. Exit code 1 where a requirement is missed."
    ))  # fmt: skip


def _add_photos(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--pairs", type=Path, metavar="TSV", help="pairs for verification")
    group.add_argument("--list-size", type=int, default=None, metavar="N")
    group.add_argument("--target-fpir", type=float, default=TARGET_FPIR, metavar="F")
    group.add_argument("--seed", type=int, default=SEED)
    group.add_argument("--errata", type=Path, help="known double names, a pair a line")
    group.add_argument("--groups", type=Path, metavar="CSV", help="columns person and group")
    group.add_argument("--register", action="store_true", help=(
        "register the figures with the running daemon"))  # fmt: skip
    group.add_argument("--socket", type=Path, help="the daemon's socket (default: as configured)")
    add_token_file(group)


def _add_clips(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--watchlist", type=Path, metavar="DIR", help=(
        "reference photos: the file's name, or a folder's name for several, is the reference"
    ))  # fmt: skip
    group.add_argument("--labels", type=Path, action="append", metavar="CSV", help=(
        "who is in which frames of a clip: start,end,present,optional; once for each clip, in order"
    ))  # fmt: skip
    group.add_argument("--detect-hz", type=_rate, metavar="X", help=(
        "search X frames per second of video (default: every frame)"))  # fmt: skip
    add_picture(group)
    group.add_argument("--baseline", action="store_true", help=(
        "run a naive loop beside it: every face of every frame, single looks decide"))  # fmt: skip
    group.add_argument("--baseline-every", type=_count, metavar="N", help=(
        "the naive loop takes every N-th frame (default: 1)"))  # fmt: skip
    group.add_argument("--require-raised", type=_count, metavar="N", help=(
        "exit with 1 unless N person-shots are raised"))  # fmt: skip
    group.add_argument("--require-wrong-at-most", type=_count_or_none, metavar="N", help=(
        "exit with 1 if more than N wrong identities are raised"))  # fmt: skip


def means_clips(options: argparse.Namespace) -> bool:
    """Whether clips are meant: there are labels, a file, or several things to measure; or it is no
    folder and there are options for clips."""
    sources: list[Path] = options.sources
    asked = bool(_given(options, _FOR_CLIPS)) and not sources[0].is_dir()
    return asked or bool(options.labels) or len(sources) > 1 or sources[0].is_file()


def folder_of(options: argparse.Namespace) -> Path:
    """The folder of people. Raises BadInput where options of clips were given with it."""
    folder: Path = options.sources[0]
    if given := _given(options, _FOR_CLIPS):
        raise BadInput(f"{given[0]} is for clips, and {folder} is a folder")
    return folder


def clips_of(options: argparse.Namespace) -> ClipOptions:
    """What was asked for, once it makes sense by itself. Raises BadInput, NotFound."""
    clips = tuple(options.sources)
    if given := _given(options, _FOR_PHOTOS):
        raise BadInput(f"{given[0]} is for a folder of photos, not for clips")
    for clip in clips:
        _check_clip(clip)
    if not options.labels:
        raise BadInput("clips need --labels CSV, once for each clip: who is in which frames")
    if len(options.labels) != len(clips):
        raise BadInput(
            f"{len(options.labels)} labels files for {len(clips)} clips: give --labels once for "
            "each clip, in the same order"
        )
    if options.watchlist is None:
        raise BadInput("clips need --watchlist DIR: the photos of the people to look for")
    if len({clip.resolve() for clip in clips}) < len(clips):
        raise BadInput("a clip is named twice: it would count twice")
    if options.baseline_every is not None and not options.baseline:
        raise BadInput("--baseline-every needs --baseline")
    return ClipOptions(
        clips=clips,
        labels=tuple(options.labels),
        watchlist=options.watchlist,
        baseline_every=(options.baseline_every or 1) if options.baseline else None,
        detect_hz=options.detect_hz,
        report=options.report,
        out=options.out,
        as_json=options.json,
        require_raised=options.require_raised,
        require_wrong_at_most=options.require_wrong_at_most,
        picture=picture_of(options),
    )


def _check_clip(clip: Path) -> None:
    if ":/" in str(clip) and not clip.exists():  # an address may hold a password: it is not said
        raise BadInput("evaluate is for video files: a live stream has no labels; record it first")
    if clip.is_dir():
        raise BadInput(f"{clip} is a folder: photos are evaluated by themselves, without --labels")
    if not clip.exists():
        raise NotFound(f"there is no clip {clip}")
    if not clip.is_file():
        raise BadInput(f"{clip} is no file that can be read twice, as it must be")


def _given(options: argparse.Namespace, known: Mapping[str, object]) -> list[str]:
    """Those options of `known` that were given, as they are written."""
    return [
        f"--{name.replace('_', '-')}"
        for name, usual in known.items()
        if getattr(options, name) != usual
    ]


def _rate(text: str) -> float:
    value = float(text)
    if not (math.isfinite(value) and 0 < value <= 1000):
        raise argparse.ArgumentTypeError("must be a number above 0, and at most 1000")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1_000_000:
        raise argparse.ArgumentTypeError("must be a whole number above 0")
    return value


def _count_or_none(text: str) -> int:
    return 0 if text.strip() == "0" else _count(text)
