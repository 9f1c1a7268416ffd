"""Where the rows of a bulk import come from: a table (CSV) beside a folder or in a ZIP of photos.

The table is checked as a whole before the first photo is touched. Photos are read one at a time
and never unpacked to disk, so that ten thousand rows need no more memory than ten.
"""

import csv
import datetime
import hashlib
import io
import math
import os
import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from lfrd.errors import BadInput

REQUIRED = ("reference", "file")
OPTIONAL = (
    "basis", "source", "reviewer", "under_18", "under_18_reason", "margin", "expires",
    "status_checked", "person", "box",
)  # fmt: skip
PHOTO_LIMIT_BYTES = 20_000_000
ROWS_LIMIT = 1_000_000
TABLE_LIMIT_BYTES = 200_000_000
MISTAKES_SHOWN = 20
ZIP_ENTRIES_LIMIT = 200_000
ZIP_RATIO_LIMIT = 200
"""Photos hardly shrink: a file that unpacks to so many times its size is a bomb."""

YES, NO = frozenset({"yes", "true", "1"}), frozenset({"no", "false", "0", ""})


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: a photo of an entry. `number` counts from 1, the header apart.

    Rows with one `reference` are photos of one entry. `person` groups entries of several lists
    that are one person, within the daemon they are imported to. `box` (left, top, right, bottom in
    pixels of the upright picture) says which face is meant where the photo shows several people.
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


class Source(Protocol):
    """Rows and the photos they name. `sha256` tells one source from another, for going on."""

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def rows(self) -> Sequence[Row]: ...

    def photo(self, row: Row) -> bytes:
        """The photo's file. Raises BadInput where it is missing or cannot be read."""
        ...


class FolderSource:
    """A table and the folder that its files are in."""

    def __init__(self, table: Path, folder: Path) -> None:
        if not folder.is_dir():
            raise BadInput(f"there is no folder {folder}")
        content = _read_table(table)
        self.name = table.name
        self.rows = parse(content, table.name)
        self.sha256 = hashlib.sha256(content).hexdigest()
        self._folder = folder.resolve()

    def photo(self, row: Row) -> bytes:
        path = (self._folder / row.file).resolve()
        if not path.is_relative_to(self._folder):
            raise BadInput(f"row {row.number}: {row.file} is outside the folder")
        try:
            return _bounded(_read_file(path, PHOTO_LIMIT_BYTES), row)
        except OSError as error:
            raise BadInput(
                f"row {row.number}: {row.file} cannot be read ({error.strerror})"
            ) from None


class ZipSource:
    """A table and a ZIP of its files; without a table, the one CSV inside the ZIP."""

    def __init__(self, archive: Path, table: Path | None = None) -> None:
        try:
            self._zip = zipfile.ZipFile(archive)
        except (OSError, zipfile.BadZipFile) as error:
            raise BadInput(f"{archive} is not a readable ZIP: {error}") from None
        try:
            self._members = _members(self._zip, archive.name)
            content = _read_table(table) if table else self._table_inside(archive.name)
            self.rows = parse(content, table.name if table else archive.name)
        except BaseException:
            self._zip.close()
            raise
        self.name = archive.name
        self.sha256 = hashlib.sha256(content).hexdigest()

    def __enter__(self) -> "ZipSource":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def photo(self, row: Row) -> bytes:
        member = self._members.get(row.file)
        if member is None:
            raise BadInput(f"row {row.number}: {row.file} is not in the ZIP")
        return _bounded(self._read(member, PHOTO_LIMIT_BYTES), row)

    def _table_inside(self, name: str) -> bytes:
        tables = [member for path, member in self._members.items() if path.endswith(".csv")]
        if len(tables) != 1:
            raise BadInput(f"{name} holds {len(tables)} CSV files; exactly one is the table")
        return self._read(tables[0], TABLE_LIMIT_BYTES)

    def _read(self, member: zipfile.ZipInfo, limit: int) -> bytes:
        """At most `limit` + 1 bytes, whatever the ZIP claims."""
        try:
            with self._zip.open(member) as file:
                return file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError,
                RuntimeError) as error:  # fmt: skip
            raise BadInput(f"{member.filename} in the ZIP cannot be read: {error}") from None


def parse(content: bytes, name: str) -> tuple[Row, ...]:
    """The rows of a table in UTF-8. Raises BadInput that lists its mistakes by row."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{name} is not UTF-8 text (byte {error.start}); save it as CSV UTF-8"
        ) from None
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        _check_header(reader.fieldnames or (), name)
        rows, mistakes = _rows(reader)
    except csv.Error as error:
        raise BadInput(f"{name} is not a readable CSV: {error}") from None
    if mistakes:
        shown = "\n".join(f"  {mistake}" for mistake in mistakes[:MISTAKES_SHOWN])
        raise BadInput(f"{name} has {len(mistakes)} mistake(s):\n{shown}")
    if not rows:
        raise BadInput(f"{name} has no rows")
    return tuple(rows)


def _rows(reader: "csv.DictReader[str]") -> tuple[list[Row], list[str]]:
    rows: list[Row] = []
    mistakes: list[str] = []
    seen: dict[tuple[str, str], int] = {}
    first: dict[str, Row] = {}
    for number, fields in enumerate(reader, start=1):
        if number > ROWS_LIMIT:
            raise BadInput(f"more than {ROWS_LIMIT:,} rows: split the table")
        try:
            row = _row(number, fields)
            before = seen.setdefault((row.reference, row.file), number)
            if before != number:
                raise BadInput(f"the same reference and file as row {before}")
            _agrees(row, first.setdefault(row.reference, row))
        except BadInput as error:
            mistakes.append(f"row {number}: {error}")
            continue
        rows.append(row)
    return rows, mistakes


def _row(number: int, fields: dict[str, str | None]) -> Row:
    if None in fields or any(value is None for value in fields.values()):
        raise BadInput("has more or fewer fields than the header")
    given = {name: (value or "").strip() for name, value in fields.items()}
    for name in REQUIRED:
        if not given[name]:
            raise BadInput(f"{name} is empty")
    if any(len(value) > 200 for value in given.values()):
        raise BadInput("a field is longer than 200 characters")
    return Row(
        number=number,
        reference=given["reference"],
        file=_relative(given["file"]),
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
            f"{', '.join(unknown) or 'none'}; twice: {', '.join(twice) or 'none'}. There are: "
            f"{', '.join(REQUIRED)} (needed), {', '.join(OPTIONAL)}"
        )


def _relative(text: str) -> str:
    path = PurePosixPath(text.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in text or "\0" in text:
        raise BadInput(f"file {text!r} must be a path inside the folder or ZIP")
    return str(path)


def _yes_or_no(text: str) -> bool:
    if text.lower() in YES | NO:
        return text.lower() in YES
    raise BadInput(f"under_18 is yes or no, not {text!r}")


def _margin(text: str) -> float:
    try:
        value = float(text or 0)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 0.5:
        raise BadInput(f"margin is a number from 0 to 0.5, not {text!r}")
    return value


def _box(text: str) -> tuple[float, float, float, float] | None:
    """Four numbers with spaces between them; commas are the table's own."""
    if not text:
        return None
    try:
        left, top, right, bottom = (float(part) for part in text.split())
    except ValueError:
        left = top = right = bottom = 0.0
    if not (0 <= left < right < math.inf and 0 <= top < bottom < math.inf):
        raise BadInput(f"box is `left top right bottom` in pixels, not {text!r}")
    return left, top, right, bottom


def parse_date(text: str) -> float | None:
    """Seconds of a date or date-time (ISO 8601); without an offset it is UTC."""
    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is not a date such as 2026-11-30 or 2026-11-30T18:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return moment.timestamp()


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """The files of a ZIP by path, after its directory was checked."""
    infos = archive.infolist()
    if len(infos) > ZIP_ENTRIES_LIMIT:
        raise BadInput(f"{name} holds {len(infos):,} files; at most {ZIP_ENTRIES_LIMIT:,}")
    found: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        if info.is_dir():
            continue
        try:
            path = _relative(info.filename)
        except BadInput:
            raise BadInput(f"{name} holds a path that climbs out: {info.filename!r}") from None
        if stat.S_ISLNK(info.external_attr >> 16):
            raise BadInput(f"{name} holds a link: {info.filename!r}")
        if info.flag_bits & 1:
            raise BadInput(f"{name} is encrypted; unpack it and pack it again without a password")
        if info.file_size > ZIP_RATIO_LIMIT * max(info.compress_size, 1024):
            raise BadInput(f"{name}: {info.filename!r} unpacks to {info.file_size:,} bytes: a bomb")
        if path in found:
            raise BadInput(f"{name} holds {path!r} twice")
        found[path] = info
    return found


def _read_table(path: Path) -> bytes:
    try:
        content = _read_file(path, TABLE_LIMIT_BYTES)
    except OSError as error:
        raise BadInput(f"the table {path} cannot be read: {error.strerror}") from None
    if len(content) > TABLE_LIMIT_BYTES:
        raise BadInput(f"the table {path} is larger than {TABLE_LIMIT_BYTES / 1e6:.0f} MB")
    return content


def _read_file(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes, and no more is asked for than there are: Python makes room for as
    much as it is asked for, page by page."""
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        return file.read(min(size, limit) + 1)


def _bounded(data: bytes, row: Row) -> bytes:
    if len(data) > PHOTO_LIMIT_BYTES:
        limit_mb = PHOTO_LIMIT_BYTES / 1e6
        raise BadInput(f"row {row.number}: {row.file} is larger than {limit_mb:.0f} MB")
    return data
