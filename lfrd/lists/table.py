"""The table of a bulk import: which columns it may have, and how people write what is in them.

It is checked as a whole before the first photo is touched. What is unambiguous is taken as it was
written; of everything else the row's mistake says how to write it.
"""

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lfrd.errors import BadInput
from lfrd.tables import Table, parse_date

REQUIRED = ("reference", "file")
OPTIONAL = (
    "basis", "source", "reviewer", "under_18", "under_18_reason", "margin", "expires",
    "status_checked", "person", "box",
)  # fmt: skip
RESULT_COLUMNS = ("row", "reference", "file", "outcome", "codes", "message")
"""What the result file of an import has, which is no table of one."""

ROWS_LIMIT = 1_000_000
FIELD_LIMIT = 200
MISTAKES_SHOWN = 20
SIDE_LIMIT_PX = 1e6

YES, NO = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0", ""})


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: a photo of an entry. `number` counts from 1, the header apart.

    Rows with one `reference` are photos of one entry. `person` groups entries of several lists
    that are one person, within the daemon they are imported to. `box` (left, top, right, bottom in
    pixels of the upright picture) says which face is meant where the photo shows several people.

    `lfrd.wire.lists.ImportRow` has the same fields and is another type: it holds what a daemon
    takes, trimmed and bounded, while `file` here is the path as it lies on the disk.
    """

    number: int
    reference: str
    file: str
    basis: str = ""
    source: str = ""
    reviewer: str = ""
    under_18: bool = False
    under_18_reason: str = ""
    margin: float = 0.0
    expires_at_s: float | None = None
    status_checked_at_s: float | None = None
    person: str = ""
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for every row that does not say it itself."""

    basis: str = ""
    source: str = ""
    expires_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """The rows of a table, and sentences about how it was read."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


def parse(
    content: bytes, name: str, encoding: str | None = None, defaults: Defaults | None = None
) -> Parsed:
    """Raises BadInput that lists the table's mistakes by row."""
    table = open_table(content, name, encoding)
    _check_header(table.columns, name)
    rows, mistakes = _rows(table, defaults or Defaults())
    if mistakes:
        raise BadInput(mistakes_text(name, mistakes))
    if not rows:
        raise BadInput(f"{name} has no rows")
    return Parsed(tuple(rows), table.notes)


def open_table(content: bytes, name: str, encoding: str | None = None) -> Table:
    """Its header read, and not yet held against the columns of an import. Raises BadInput."""
    return Table(content, name, REQUIRED + OPTIONAL, encoding)


def mistakes_text(name: str, mistakes: Sequence[str]) -> str:
    """The first of them, a line each."""
    shown = "\n".join(f"  {mistake}" for mistake in mistakes[:MISTAKES_SHOWN])
    return f"{name} has {len(mistakes)} mistake(s):\n{shown}"


def fill(row: Row, defaults: Defaults) -> Row:
    """The row with what holds for every row that does not say it."""
    expires_at_s = defaults.expires_at_s if row.expires_at_s is None else row.expires_at_s
    return dataclasses.replace(
        row, basis=row.basis or defaults.basis, source=row.source or defaults.source,
        expires_at_s=expires_at_s,
    )  # fmt: skip


def relative(text: str) -> str:
    """A path inside the folder or ZIP, with `/` between its parts. Raises BadInput."""
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or re.match("[A-Za-z]:", text) or "\0" in text:
        raise BadInput(f"file {text!r} must be a path inside the folder or ZIP")
    return str(path)


def _rows(table: Table, defaults: Defaults) -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    mistakes: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    first: dict[str, Row] = {}
    for line in table:
        if line.number > ROWS_LIMIT:
            raise BadInput(f"more than {ROWS_LIMIT:,} rows: split the table")
        try:
            if line.surplus:
                raise BadInput(
                    "has more fields than the header; put quotes around a text that holds the "
                    "separator"
                )
            row = fill(_row(line.number, dict(line.cells)), defaults)
            before = seen.setdefault((row.reference, row.file), line.number)
            if before != line.number:
                raise BadInput(f"the same reference and file as row {before}")
            _agrees(row, first.setdefault(row.reference, row))
        except BadInput as error:
            mistakes.append(f"{line.place}: {error}")
            continue
        rows.append(row)
    return rows, mistakes


def _row(number: int, given: dict[str, str]) -> Row:
    for name in REQUIRED:
        if not given[name]:
            raise BadInput(f"{name} is empty")
    for name, value in given.items():
        _check_text(name, value)
    return Row(
        number=number,
        reference=given["reference"],
        file=relative(given["file"]),
        basis=given.get("basis", ""),
        source=given.get("source", ""),
        reviewer=given.get("reviewer", ""),
        under_18=_yes_or_no(given.get("under_18", "")),
        under_18_reason=given.get("under_18_reason", ""),
        margin=_margin(given.get("margin", "")),
        expires_at_s=parse_date(given.get("expires", "")),
        status_checked_at_s=parse_date(given.get("status_checked", "")),
        person=given.get("person", ""),
        box=_box(given.get("box", "")),
    )


_NAMES = frozenset({*REQUIRED, "person"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _check_text(name: str, value: str) -> None:
    if len(value) > FIELD_LIMIT:
        raise BadInput(f"{name} is longer than {FIELD_LIMIT} characters")
    if (_CONTROL if name in _NAMES else _CONTROL_IN_TEXT).search(value):
        raise BadInput(f"{name} holds a control character: {value!a}")


def check_reference(text: str) -> str:
    """A reference that was no cell of a table. Raises BadInput."""
    _check_text("reference", text)
    return text


def _agrees(row: Row, first: Row) -> None:
    """Rows of one reference are one entry: what they say of it must be the same."""
    for name in ("basis", "source", "reviewer", "under_18", "margin", "expires_at_s", "person"):
        if getattr(row, name) != getattr(first, name):
            raise BadInput(f"{name} differs from row {first.number} of the same reference")


def _check_header(found: Sequence[str], name: str) -> None:
    missing = [column for column in REQUIRED if column not in found]
    unknown = [column for column in found if column not in REQUIRED + OPTIONAL]
    twice = sorted({column for column in found if found.count(column) > 1})
    if missing or unknown or twice:
        raise BadInput(
            f"{name}: missing columns: {', '.join(missing) or 'none'}; unknown: "
            f"{_names(unknown) or 'none'}; twice: {_names(twice) or 'none'}. There are: "
            f"{', '.join(REQUIRED)} (needed), {', '.join(OPTIONAL)}"
        )


def _names(columns: Sequence[str]) -> str:
    plain = (column[:40] if column.isprintable() else ascii(column[:40]) for column in columns)
    return ", ".join(plain)


def _yes_or_no(text: str) -> bool:
    if text.lower() in YES | NO:
        return text.lower() in YES
    raise BadInput(f"under_18 is yes or no, not {text!r}")


_NUMBER = re.compile(r"\+?([0-9]+([.,][0-9]*)?|[.,][0-9]+)", re.ASCII)


def _number(text: str) -> float:
    """A number with a decimal point or comma. Raises ValueError."""
    if not _NUMBER.fullmatch(text):
        raise ValueError(text)
    return float(text.replace(",", "."))


def _margin(text: str) -> float:
    try:
        value = _number(text or "0")
    except ValueError:
        value = math.inf
    if not 0 <= value <= 0.5:
        raise BadInput(f"margin is a number from 0 to 0.5, such as 0.05, not {text!r}")
    return value


def _box(text: str) -> tuple[float, float, float, float] | None:
    """Four numbers, as a refusal prints them (`52, 266, 171, 400`) or with spaces alone."""
    if not text:
        return None
    parts = re.split(r"[\s;]+", text)
    if len(parts) == 1:
        parts = text.split(",")
    try:
        left, top, right, bottom = (_number(part.rstrip(",")) for part in parts)
    except ValueError:
        left = top = right = bottom = 0.0
    if not (0 <= left < right <= SIDE_LIMIT_PX and 0 <= top < bottom <= SIDE_LIMIT_PX):
        raise BadInput(f"box is `left top right bottom` in pixels, not {text!r}")
    return left, top, right, bottom
