"""Tables as programs and people save them: text in any usual encoding, any usual separator.

The encoding is not guessed where bytes show it: a byte order mark, UTF-16 by its zero bytes, UTF-8
by its form. What is left is taken for Windows-1252 and said so, with a word to look at.
(charset-normalizer was tried: in a short table it takes `ñ` for `ń`, and does not say so.)
"""

import codecs
import csv
import datetime
import io
import itertools
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lfrd.errors import BadInput

SEPARATORS = ",;\t|"
LIMIT_BYTES = 200_000_000
COLUMNS_LIMIT = 100
SAMPLE_CHARS = 40
FIRST_LINE_LIMIT = 1_000_000
"""Characters that the header may have before it is no table."""

_INVISIBLE = "".join(
    (" \t\r\n\v\f\u00a0\u00ad\u2007\u202f\u2060\ufeff", "".join(map(chr, range(0x200B, 0x2010))),
     "".join(map(chr, range(0x202A, 0x202F))), "".join(map(chr, range(0x2066, 0x206A))))
)  # fmt: skip
"""Spaces, and the marks without width that copying out of other programs leaves around a text."""

_OTHER_FILES = {
    b"PK\x03\x04": "an Excel or other workbook",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table that is not empty. `number` counts such rows from 1, the header apart, and
    `place` is how a message names it; `cells` are by column, without what is invisible around them.
    `surplus`: it has more filled cells than the header has names."""

    number: int
    place: str
    cells: Mapping[str, str]
    surplus: bool = False


class Table:
    """A table whose header is read and whose rows come one by one.

    `columns` are its names in lower case with `_` for spaces; `notes` are sentences for the user
    who gave the file. Raises BadInput where there is no text, no header, or a broken line.
    """

    def __init__(
        self, content: bytes, name: str, known: Sequence[str], encoding: str | None = None
    ) -> None:
        self.name = name
        text, self.notes = _text(content, name, encoding)
        lines = iter(io.StringIO(text, newline=""))
        skipped, first, separator = _begin(lines, name, known)
        self._skipped = skipped
        self._reader = csv.reader(
            itertools.chain((first,), lines), delimiter=separator, strict=True,
            skipinitialspace=separator != "\t",
        )  # fmt: skip
        header = [column_name(cell) for cell in self._next() or ()]
        while header and not header[-1]:
            header.pop()
        if len(header) > COLUMNS_LIMIT:
            raise BadInput(f"{name} has {len(header)} columns; at most {COLUMNS_LIMIT} are taken")
        self._header = header
        self.columns = tuple(column for column in header if column)

    def __iter__(self) -> Iterator[Line]:
        number = 0
        while (record := self._next()) is not None:
            cells = [clean(cell) for cell in record]
            if not any(cells):
                continue
            number += 1
            at = self._skipped + self._reader.line_num
            place = f"row {number}" if at == number + 1 else f"row {number} (line {at})"
            named = {
                column: cell
                for column, cell in itertools.zip_longest(self._header, cells, fillvalue="")
                if column
            }
            surplus = sum(map(bool, cells)) > sum(map(bool, named.values()))
            yield Line(number, place, named, surplus)

    def _next(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except csv.Error as error:
            at = self._skipped + self._reader.line_num
            raise BadInput(f"{self.name} is not a readable CSV at line {at}: {error}") from None


def read_file(path: Path, limit: int) -> bytes:
    """At most `limit` + 1 bytes of a regular file. Raises BadInput.

    No more is asked for than there are: Python makes room for as much as it is asked for.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BadInput(f"{path.name} is no file")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            return file.read(min(size, limit) + 1)
    except OSError as error:
        raise BadInput(f"{path.name} cannot be read: {error.strerror}") from None


def open_table(path: Path, columns: Sequence[str], *, others: bool = False) -> Table:
    """A table of these columns, in any order; `others` may be there too. Raises BadInput."""
    content = read_file(path, LIMIT_BYTES)
    if len(content) > LIMIT_BYTES:
        raise BadInput(f"{path} is larger than {LIMIT_BYTES / 1e6:.0f} MB")
    table = Table(content, str(path), columns)
    found = [column for column in table.columns if column in columns or not others]
    if sorted(found) != sorted(columns):
        alone = "" if others else " and no others"
        raise BadInput(f"{path} needs the columns {', '.join(columns)}{alone}")
    return table


def clean(text: str) -> str:
    """A cell without what is invisible around it, its letters composed (NFC)."""
    return unicodedata.normalize("NFC", text.strip(_INVISIBLE))


def column_name(text: str) -> str:
    """A column's name however it was typed: `Under 18` is `under_18`."""
    return re.sub(r"[\s_-]+", "_", clean(text).lower())


def _text(content: bytes, name: str, encoding: str | None) -> tuple[str, tuple[str, ...]]:
    """The text of a file, and what there is to say of how it was read."""
    for start, kind in _OTHER_FILES.items():
        if content.startswith(start):
            raise BadInput(f"{name} is {kind} and no text: save the table as CSV UTF-8")
    assumed = encoding or _encoding(content)
    try:
        decoded = content.decode(assumed or "cp1252")
    except UnicodeError:
        kind = f"no {assumed} text" if assumed else "neither UTF-8 nor Windows-1252 text"
        raise BadInput(f"{name} is {kind}: save the table as CSV UTF-8") from None
    except (LookupError, ValueError):
        raise BadInput(f"{encoding!a} is no encoding of text that is known here") from None
    text = decoded.removeprefix("\ufeff")
    if "\0" in text:
        raise BadInput(f"{name} is no text: save the table as CSV UTF-8")
    if assumed in {None, "utf-16", "utf-16-le", "utf-16-be"}:
        return text, (_said(name, text, assumed),)
    return text, ()


def _encoding(content: bytes) -> str | None:
    """What the bytes show; None where they are no Unicode."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if content[1:2] == b"\0" != content[:1]:
        return "utf-16-le"
    if content[:1] == b"\0" != content[1:2]:
        return "utf-16-be"
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"


def _said(name: str, text: str, encoding: str | None) -> str:
    if encoding is not None:
        return f"{name} was read as UTF-16"
    word = re.search(r"[^\s,;|]*[^\x00-\x7f][^\s,;|]*", text)
    sample = shown(word[0][:SAMPLE_CHARS]) if word else ""
    return (
        f"{name} is not UTF-8 and was read as Windows-1252, with words such as {sample}: if that "
        "is wrong, say --encoding or save it as CSV UTF-8"
    )


def shown(text: str) -> str:
    """A text in quotes, with what would steer a terminal escaped."""
    return '"' + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text) + '"'


def _begin(lines: Iterator[str], name: str, known: Sequence[str]) -> tuple[int, str, str]:
    """How many lines come before the header, its first line, and what separates its cells."""
    told = None
    for number, line in enumerate(lines):
        if len(line) > FIRST_LINE_LIMIT:
            raise BadInput(f"{name} has no header: its first line is too long")
        if told is None and (found := re.fullmatch(r'\W*sep=(.)"?\s*', line, re.IGNORECASE)):
            told = found[1]
            if told not in SEPARATORS:
                raise BadInput(f"{name} says sep={told!a}: separate the cells by , ; | or tabs")
        elif line.strip(_INVISIBLE + SEPARATORS + '"'):
            return number, line, told or _separator(line, known)
    return 0, "", ","


def _separator(line: str, known: Sequence[str]) -> str:
    """The one by which most of the known names are found in the header; a comma if none is."""

    def found(separator: str) -> int:
        return sum(column_name(cell.strip('"')) in known for cell in line.split(separator))

    return max(SEPARATORS, key=found)


_TIME = r"(?:[ T]+(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{2})(?::(?P<second>[0-9]{2}))?)?"
_DATES = (
    re.compile(r"(?P<year>[0-9]{4})(?P<mark>[./])(?P<one>[0-9]{1,2})[./](?P<two>[0-9]{1,2})\.?"
               + _TIME, re.ASCII),
    re.compile(r"(?P<one>[0-9]{1,2})(?P<mark>[./-]) ?(?P<two>[0-9]{1,2})(?P=mark) ?"
               r"(?P<year>[0-9]{4})" + _TIME, re.ASCII),
)  # fmt: skip


def parse_date(text: str) -> float | None:
    """Seconds of a date or date-time; without an offset it is UTC.

    ISO 8601 (2026-11-30), year first (2026/11/30), and day first where that is what it must mean:
    with dots (30.11.2026), or with a day above 12 (30/11/2026).
    """
    if not text:
        return None
    try:
        moment = _moment(text)
    except ValueError:
        raise BadInput(f"{text!r} is not a date such as 2026-11-30 or 2026-11-30T18:00") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return moment.timestamp()


def _moment(text: str) -> datetime.datetime:
    for form in _DATES:
        if found := form.fullmatch(text):
            break
    else:
        return datetime.datetime.fromisoformat(text)
    year, one, two = (int(found[name]) for name in ("year", "one", "two"))
    hour, minute, second = (int(found[name] or 0) for name in ("hour", "minute", "second"))
    if form is _DATES[0]:
        return datetime.datetime(year, one, two, hour, minute, second)
    if found["mark"] != "." and one <= 12 and one != two:
        raise BadInput(
            f"the date {text!r} may be month or day first: write {_readings(year, one, two)}"
        )
    return datetime.datetime(year, two, one, hour, minute, second)


def _readings(year: int, one: int, two: int) -> str:
    """The dates that two numbers may be, in the form in which there is no doubt."""
    return " or ".join(
        f"{year}-{month:02}-{day:02}"
        for month, day in ((two, one), (one, two))
        if 1 <= month <= 12 and 1 <= day <= 31
    )
