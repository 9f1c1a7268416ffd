"""Labelled clips: who is in which shot, and how what the daemon raised agrees with it. Pure.

A shot is a run of frames during which the same people are there: between two cuts of a film, or,
at a doorway, from the moment a person comes into the picture until they have left it. Frames are
numbered from 0, and a shot's end is the first frame that no longer belongs to it.
"""

import csv
import io
import unicodedata
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from lfrd.errors import BadInput, NotFound

LATE_FRAMES = 12
"""A raise up to so many frames after a shot's end still counts for it, half a second at 25 a
second: a track outlives a cut by some frames, and cuts are labelled to within a few. Figures of two
runs can be compared only where this is the same, so it is in the output and is no option."""

LABELS_LIMIT_BYTES = 10_000_000
NAMES_SHOWN = 20

_COLUMNS = ("start", "end", "present", "optional")
_NOTES = "notes"
"""A column for the one who labels; it is not read."""


@dataclass(frozen=True, slots=True)
class Shot:
    """Frames `start` to `end`, the last not included. `present` are expected to be raised;
    `optional` are there, and too small or turned away to ask for: raising them is not wrong."""

    start: int
    end: int
    present: tuple[str, ...]
    optional: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Raised:
    """An entry was raised: its reference, and frame and media time of the deciding look."""

    frame: int
    at_s: float
    entry: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Score:
    """How raises agree with the labels.

    `by_shot` holds for each shot the first raise of each expected person, in the order of frames;
    a raise soon after a cut counts for the shots on both sides that expect the person. `right` are
    all that agree, `optional` those of people who may be raised, `wrong` the rest: each one is
    a person who was not in the shot, or in no shot at all.
    """

    by_shot: tuple[tuple[Raised, ...], ...]
    right: tuple[Raised, ...]
    optional: tuple[Raised, ...]
    wrong: tuple[Raised, ...]

    @property
    def raised(self) -> int:
        """How many person-shots were raised."""
        return sum(len(found) for found in self.by_shot)


def score(shots: Sequence[Shot], raised: Sequence[Raised]) -> Score:
    """Judge raises by shots that are in order and do not overlap."""
    starts = [shot.start for shot in shots]
    first: list[dict[str, Raised]] = [{} for _ in shots]
    right: list[Raised] = []
    optional: list[Raised] = []
    wrong: list[Raised] = []
    for one in sorted(raised, key=lambda item: item.frame):
        near = _near(shots, starts, one.frame)
        asked = [number for number in near if one.entry in shots[number].present]
        for number in asked:
            first[number].setdefault(one.entry, one)
        if asked:
            right.append(one)
        elif any(one.entry in shots[number].optional for number in near):
            optional.append(one)
        else:
            wrong.append(one)
    by_shot = tuple(tuple(found.values()) for found in first)
    return Score(by_shot, tuple(right), tuple(optional), tuple(wrong))


def by_shot(shots: Sequence[Shot], frames: Mapping[int, int]) -> tuple[list[int], int]:
    """Sum up counts by frame: for each shot, and for all frames that are in none."""
    starts = [shot.start for shot in shots]
    counts, outside = [0] * len(shots), 0
    for frame, count in frames.items():
        number = shot_of(shots, starts, frame)
        if number is None:
            outside += count
        else:
            counts[number] += count
    return counts, outside


def shot_of(shots: Sequence[Shot], starts: Sequence[int], frame: int) -> int | None:
    """The shot that a frame is in; None where it is in none."""
    number = bisect_right(starts, frame) - 1
    return number if number >= 0 and frame < shots[number].end else None


def fits(shots: Sequence[Shot], one: Raised) -> bool:
    """Whether a raise is of a person who is there by the labels, asked for or not."""
    near = _near(shots, [shot.start for shot in shots], one.frame)
    return any(one.entry in (*shots[n].present, *shots[n].optional) for n in near)


def _near(shots: Sequence[Shot], starts: Sequence[int], frame: int) -> list[int]:
    """The shots that a raise at this frame may count for, the latest first."""
    found = []
    number = bisect_right(starts, frame) - 1
    while number >= 0 and frame < shots[number].end + LATE_FRAMES:
        found.append(number)
        number -= 1
    return found


# labels ------------------------------------------------------------------------------------------


def read_labels(path: Path) -> tuple[Shot, ...]:
    """The shots of a labels file, in order of their frames.

    CSV with the columns start, end, present, optional; a line with their names may come first, and
    lines that begin with # are comments. Names are separated by semicolons. Raises BadInput, which
    names the line; NotFound.
    """
    found: list[tuple[int, Shot]] = []
    columns: tuple[str, ...] | None = None
    for line, row in _rows(path):
        if columns is None:
            columns = _header(row, f"{path}, line {line}")
            if columns is not None:
                continue
            columns = _COLUMNS
        found.append((line, _shot(row, columns, f"{path}, line {line}")))
    if not found:
        raise BadInput(f"{path} has no shots: write lines such as 0,250,anna;ben,")
    found.sort(key=lambda item: item[1].start)
    for (line, before), (later_line, after) in pairwise(found):
        if after.start < before.end:
            raise BadInput(
                f"{path}: the shots of lines {line} and {later_line} overlap: "
                f"{before.start}-{before.end} and {after.start}-{after.end}; an end is the first "
                "frame that no longer belongs to the shot"
            )
    return tuple(shot for _, shot in found)


def check_names(shots: Sequence[Shot], known: Collection[str], path: Path) -> tuple[Shot, ...]:
    """The same shots, with names spelt as the list spells them. Raises BadInput for others."""
    spelt = {plain(name): name for name in known}
    wanted = {name for shot in shots for name in (*shot.present, *shot.optional)}
    strange = sorted(name for name in wanted if plain(name) not in spelt)
    if strange:
        raise BadInput(
            f"{path} names who is not on the list: {_some(strange)}; the list has "
            f"{_some(sorted(known))}"
        )

    def of_list(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(spelt[plain(name)] for name in names)

    return tuple(
        Shot(shot.start, shot.end, of_list(shot.present), of_list(shot.optional)) for shot in shots
    )


def check_length(shots: Sequence[Shot], frames: int, path: Path, clip: Path) -> None:
    """Raises BadInput where a shot goes on after the clip's last frame."""
    last = max(shots, key=lambda shot: shot.end)
    if last.end > frames:
        raise BadInput(
            f"{path} has a shot that ends at frame {last.end}, but {clip} has {frames} frames, "
            f"0 to {frames - 1}: are these the labels of this clip?"
        )


def plain(name: str) -> str:
    """A name as it is compared: file systems write accents in more than one way."""
    return unicodedata.normalize("NFC", name.strip())


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LABELS_LIMIT_BYTES + 1)
        if len(data) > LABELS_LIMIT_BYTES:
            raise BadInput(f"{path} is too long for labels: over {LABELS_LIMIT_BYTES:,} bytes")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise NotFound(f"there are no labels {path}") from None
    except OSError as error:
        raise BadInput(f"the labels {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadInput(f"the labels {path} are no text in UTF-8: save them as CSV") from None


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Number (from 1) and cells of each line that says something."""
    for number, line in enumerate(_text(path).splitlines(), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                yield number, next(csv.reader(io.StringIO(line)))
            except csv.Error as error:
                raise BadInput(f"{path}, line {number} cannot be read: {error}") from None


def _header(row: Sequence[str], where: str) -> tuple[str, ...] | None:
    """The names of the columns; None where the first line is a shot already."""
    names = tuple(cell.strip().lower() for cell in row)
    if not {"start", "end", "present"} & set(names):
        return None
    wrong = [name for name in names if name not in (*_COLUMNS, _NOTES)]
    if wrong or not set(_COLUMNS[:3]) <= set(names) or len(set(names)) < len(names):
        raise BadInput(
            f"{where}: the columns are start,end,present and, if wanted, optional and notes, "
            f"separated by commas; not {','.join(names)}"
        )
    return names


def _shot(row: Sequence[str], columns: tuple[str, ...], where: str) -> Shot:
    if not 3 <= len(row) <= len(columns):
        raise BadInput(
            f"{where}: {len(row)} columns instead of {len(columns)} ({','.join(columns)}); names "
            "are separated by semicolons, columns by commas"
        )
    cells = dict(zip(columns, (cell.strip() for cell in row), strict=False))
    start, end = (_frame(cells.get(name, ""), name, where) for name in ("start", "end"))
    if start >= end:
        raise BadInput(
            f"{where}: the shot starts at frame {start} and ends at {end}; the end must be later, "
            "since it is the first frame that no longer belongs to the shot"
        )
    present = _names(cells.get("present", ""), where)
    optional = _names(cells.get("optional", ""), where)
    if both := sorted(set(map(plain, present)) & set(map(plain, optional))):
        raise BadInput(f"{where}: both present and optional: {_some(both)}; one of them is meant")
    return Shot(start, end, present, optional)


def _frame(text: str, name: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(f"{where}: {name} is a frame's number, 0 or more, not {text[:20]!r}")
    return int(text)


def _names(text: str, where: str) -> tuple[str, ...]:
    names = tuple(filter(None, (plain(name) for name in text.split(";"))))
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadInput(f"{where}: named twice: {_some(twice)}")
    return names


def _some(names: Sequence[str]) -> str:
    """Names for a message; of many, the first."""
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
