"""Where the rows of a bulk import come from: a folder or a ZIP of photos, and its table (CSV).

Photos are read one at a time and never unpacked to disk, so that ten thousand rows need no more
memory than ten. Names are found as people have them: in another case, with accents in one character
or two (NFC, NFD), in the encodings that ZIP programs write, beside the table or at the top.
"""

import hashlib
import os
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from lfrd.errors import BadInput
from lfrd.lists.photo_folder import is_noise, is_photo, is_unread
from lfrd.lists.table import (
    RESULT_COLUMNS,
    ROWS_LIMIT,
    Defaults,
    Parsed,
    Row,
    check_reference,
    fill,
    mistakes_text,
    open_table,
    parse,
)
from lfrd.tables import LIMIT_BYTES as TABLE_LIMIT_BYTES
from lfrd.tables import clean, read_file

PHOTO_LIMIT_BYTES = 20_000_000
FILES_LIMIT = 1_000_000
ZIP_ENTRIES_LIMIT = 200_000
ZIP_RATIO_LIMIT = 200
"""Photos hardly shrink: a file that unpacks to so many times its size is a bomb."""
TABLES_LIMIT = 50
HEAD_BYTES = 65_536
"""Of a file that may be the table: enough for its header."""
NAMES_SHOWN = 5

_TABLES, _TEXTS = frozenset({".csv", ".tsv"}), frozenset({".txt"})
_WORKBOOKS = frozenset({".xlsx", ".xls", ".xlsm", ".ods", ".numbers"})
_ZIP_ENCODINGS = ("utf-8", "cp437", "cp850", "cp1252")
"""In which a ZIP may have a name that it does not say to be UTF-8: macOS, DOS, Windows."""


class PhotoMissing(BadInput):
    """There is no such file."""

    code = "no-photo"


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a source is to be read. `table`: a file, or its name inside the source; `results`: the
    file that the import writes, which is no table; `encoding` of the table."""

    table: Path | None = None
    results: Path | None = None
    encoding: str | None = None
    defaults: Defaults = field(default_factory=Defaults)


class Source(Protocol):
    """Rows and the photos they name. `sha256` tells one source from another, for going on; `notes`
    are sentences for the user who gave it."""

    @property
    def name(self) -> str: ...

    @property
    def sha256(self) -> str: ...

    @property
    def rows(self) -> Sequence[Row]: ...

    @property
    def notes(self) -> Sequence[str]: ...

    def photo(self, row: Row) -> bytes:
        """The photo's file. Raises BadInput where it is missing or cannot be read."""
        ...


class Files(Protocol):
    """What lies in a folder or a ZIP, by paths with `/`."""

    path: Path
    kind: str

    @property
    def spellings(self) -> dict[str, Sequence[str]]:
        """Every file by its path, hidden ones and those of the system left out, and how else its
        path may be spelt."""
        ...

    def has(self, name: str) -> bool: ...

    def read(self, name: str, limit: int) -> bytes:
        """At most `limit` + 1 bytes. Raises BadInput."""
        ...


def open_source(path: Path, wanted: Wanted, files: ExitStack) -> Source:
    """The folder or ZIP at a path; what is opened is closed with `files`. Raises BadInput."""
    if path.is_dir():
        return PhotoSource(FolderFiles(path), wanted)
    if not path.is_file():
        raise BadInput(f"there is no folder or file {path}")
    return PhotoSource(files.enter_context(ZipFiles(path)), wanted)


class FolderFiles:
    """A folder, and all folders in it."""

    kind = "folder"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._root = path.resolve()

    @cached_property
    def spellings(self) -> dict[str, Sequence[str]]:
        return {name: _other_spellings(os.fsencode(name)) for name in self._names()}

    def has(self, name: str) -> bool:
        try:
            return (self._root / name).is_file()
        except (OSError, ValueError):  # no file has such a name
            return False

    def read(self, name: str, limit: int) -> bytes:
        path = (self._root / name).resolve()
        if not path.is_relative_to(self._root):
            raise BadInput(f"{name} is outside the folder")
        return read_file(path, limit)

    def _names(self) -> Iterator[str]:
        number = 0
        for folder, folders, names in os.walk(self._root):
            folders[:] = sorted(name for name in folders if not is_noise(Path(name)))
            for name in sorted(names):
                if is_noise(Path(name)):
                    continue
                number += 1
                if number > FILES_LIMIT:
                    raise BadInput(f"{self.path} holds more than {FILES_LIMIT:,} files")
                yield (Path(folder) / name).relative_to(self._root).as_posix()


class ZipFiles:
    """A ZIP, read and never unpacked."""

    kind = "ZIP"

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, struct.error,
                OverflowError, EOFError) as error:  # fmt: skip
            raise BadInput(f"{path} is not a readable ZIP: {error}") from None
        try:
            self._members = self._checked()
        except BaseException:
            self._zip.close()
            raise

    def __enter__(self) -> "ZipFiles":
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    @cached_property
    def spellings(self) -> dict[str, Sequence[str]]:
        return {
            name: _zip_spellings(members[0])
            for name, members in self._members.items()
            if not any(is_noise(Path(part)) for part in PurePosixPath(name).parts)
        }

    def has(self, name: str) -> bool:
        return name in self._members

    def read(self, name: str, limit: int) -> bytes:
        member, *others = self._members[name]
        if others:
            raise BadInput(f"the ZIP holds {name} twice")
        if stat.S_ISLNK(member.external_attr >> 16):
            raise BadInput(f"{name} is a link in the ZIP")
        if member.flag_bits & 1:
            raise BadInput("the ZIP is encrypted; unpack it and pack it again without a password")
        if member.file_size > ZIP_RATIO_LIMIT * max(member.compress_size, 1024):
            raise BadInput(f"{name} unpacks to {member.file_size:,} bytes: a bomb")
        try:
            with self._zip.open(member) as file:
                return file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError,
                RuntimeError, ValueError, struct.error) as error:  # fmt: skip
            raise BadInput(f"{name} in the ZIP cannot be read: {error}") from None

    def _checked(self) -> dict[str, list[zipfile.ZipInfo]]:
        """The files by path. One outside makes the whole ZIP suspect; whatever else may be
        wrong with a file matters when it is read."""
        infos = self._zip.infolist()
        if len(infos) > ZIP_ENTRIES_LIMIT:
            raise BadInput(
                f"{self.path.name} holds {len(infos):,} files; at most {ZIP_ENTRIES_LIMIT:,}"
            )
        found: dict[str, list[zipfile.ZipInfo]] = {}
        for info in infos:
            path = PurePosixPath((_utf8_name(info) or info.filename).replace("\\", "/"))
            if path.is_absolute() or ".." in path.parts:
                raise BadInput(f"{self.path.name} holds a path outside it: {info.filename!a}")
            if not info.is_dir():
                found.setdefault(str(path), []).append(info)
        return found


class PhotoSource:
    """The rows of a table, or of photos whose names say who they show, and the photos."""

    def __init__(self, files: Files, wanted: Wanted) -> None:
        self._files = files
        self._index: dict[str, list[str]] = {}
        for name, others in files.spellings.items():
            for spelling in dict.fromkeys((name, *others)):
                self._index.setdefault(_key(spelling), []).append(name)
        table = _find_table(files, wanted)
        if table is None:
            content, parsed = _rows_by_name(files, wanted)
            self.name = files.path.name or str(files.path.resolve())
            self._bases: tuple[str, ...] = ("",)
        else:
            content = table.content
            parsed = parse(content, table.name, wanted.encoding, wanted.defaults)
            self.name = table.name if files.kind == "folder" else files.path.name
            beside = "" if table.folder == "." else table.folder
            self._bases = tuple(dict.fromkeys((beside, "", _only_folder(files))))
        self.rows = parsed.rows
        self.notes = [*parsed.notes]
        if table is not None:
            self.notes += self._unnamed()
        self.sha256 = _identity(files.path, content, wanted.defaults)

    def photo(self, row: Row) -> bytes:
        data = self._files.read(self._place(row.file), PHOTO_LIMIT_BYTES)
        if len(data) > PHOTO_LIMIT_BYTES:
            limit_mb = PHOTO_LIMIT_BYTES / 1e6
            raise BadInput(f"{row.file} is larger than {limit_mb:.0f} MB")
        return data

    @cached_property
    def _by_last_name(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for name in self._files.spellings:
            found.setdefault(PurePosixPath(_key(name)).name, []).append(name)
        return found

    def _place(self, name: str) -> str:
        """Where the file is that a row names. Raises BadInput where there is none, or several."""
        for base in self._bases:
            path = f"{base}/{name}" if base else name
            if path in self._files.spellings or self._files.has(path):
                return path
            found = self._index.get(_key(path), [])
            if len(found) > 1:
                raise BadInput(f"{name} may be any of {_shown(found)}: write it as one of them is")
            if found:
                return found[0]
        alike = self._by_last_name.get(PurePosixPath(_key(name)).name)
        hint = f"; there is {_shown(alike)}: write it so if it is meant" if alike else ""
        raise PhotoMissing(f"{name} is not in the {self._files.kind}{hint}")

    def _unnamed(self) -> list[str]:
        """A sentence about the photos that no row names, if there are any."""
        named = set()
        for row in self.rows:
            try:
                named.add(self._place(row.file))
            except BadInput:
                continue
        left = [name for name in self._files.spellings
                if name not in named and is_photo(Path(name))]  # fmt: skip
        return [f"no row names {_shown(left)}: left out"] if left else []


@dataclass(frozen=True, slots=True)
class _FoundTable:
    """A table, and the folder of the source that it lies in."""

    name: str
    content: bytes
    folder: str = ""


def _find_table(files: Files, wanted: Wanted) -> _FoundTable | None:
    """The table that was named, or the only one there is; None where there is none."""
    if wanted.table is not None:
        return _named_table(files, wanted.table)
    found = [name for name in files.spellings if _may_be_table(files, name, wanted)]
    top = min((name.count("/") for name in found), default=0)
    found = [name for name in found if name.count("/") == top]
    if len(found) > 1:
        raise BadInput(
            f"{files.path} holds {len(found)} tables ({_shown(found)}): say which with --table"
        )
    return _inside(files, found[0]) if found else None


def _named_table(files: Files, table: Path) -> _FoundTable:
    if table.is_file():
        inside, root = table.resolve(), files.path.resolve()
        folder = inside.parent.relative_to(root) if inside.is_relative_to(root) else Path()
        return _FoundTable(table.name, _bounded(read_file(table, TABLE_LIMIT_BYTES), table.name),
                           folder.as_posix())  # fmt: skip
    if files.has(table.as_posix()):
        return _inside(files, table.as_posix())
    raise BadInput(f"there is no table {table}")


def _inside(files: Files, name: str) -> _FoundTable:
    path = PurePosixPath(name)
    content = _bounded(files.read(name, TABLE_LIMIT_BYTES), name)
    return _FoundTable(path.name, content, str(path.parent))


def _bounded(content: bytes, name: str) -> bytes:
    if len(content) > TABLE_LIMIT_BYTES:
        raise BadInput(f"the table {name} is larger than {TABLE_LIMIT_BYTES / 1e6:.0f} MB")
    return content


def _may_be_table(files: Files, name: str, wanted: Wanted) -> bool:
    """Whether a file is a table by its name and header; what an import wrote is none."""
    suffix = PurePosixPath(name).suffix.lower()
    if suffix not in _TABLES | _TEXTS:
        return False
    if _is_results(files, name, wanted):
        return False
    try:
        head = files.read(name, HEAD_BYTES)
        columns = open_table(head[: len(head) // 2 * 2], name, wanted.encoding).columns
    except BadInput:
        return suffix in _TABLES
    if columns == RESULT_COLUMNS:
        return False
    return suffix in _TABLES or {"reference", "file"} <= set(columns)


def _is_results(files: Files, name: str, wanted: Wanted) -> bool:
    results = wanted.results
    return results is not None and (files.path / name).resolve() == results.resolve()


def _rows_by_name(files: Files, wanted: Wanted) -> tuple[bytes, Parsed]:
    """Who is meant where no table says it: a photo's name, or that of the folder it lies in."""
    books = [name for name in files.spellings if Path(name).suffix.lower() in _WORKBOOKS]
    if books or files.kind != "folder":
        what = f"but {_shown(books)}: save the table as CSV UTF-8" if books else (
            "(CSV): pack it with the photos, name it with --table, or unpack and import the folder"
        )  # fmt: skip
        raise BadInput(f"{files.path} holds no table {what}")
    rows, mistakes, left = list[Row](), list[str](), list[str]()
    for name in files.spellings:
        path = PurePosixPath(name)
        if len(path.parts) > 2 or not (is_photo(Path(name)) or is_unread(Path(name))):
            if not _is_results(files, name, wanted):
                left.append(name)
            continue
        try:
            rows.append(fill(_row_of(len(rows) + 1, path), wanted.defaults))
        except BadInput as error:
            mistakes.append(f"{name!a}: {error}")
    if mistakes:
        raise BadInput(mistakes_text(str(files.path), mistakes))
    if not rows or len(rows) > ROWS_LIMIT:
        raise BadInput(f"{files.path} holds no table and " + (
            f"more than {ROWS_LIMIT:,} photos" if rows else "no photo"))  # fmt: skip
    content = "".join(f"{row.reference}\0{row.file}\n" for row in rows).encode()
    notes = [f"no photos by their names: {_shown(left)}: left out"] if left else []
    if empty := _without_photo(files.path, {row.file.partition("/")[0] for row in rows}):
        notes.append(f"no photo of {_shown(empty)}")
    return content, Parsed(tuple(rows), tuple(notes))


def _without_photo(folder: Path, found: Collection[str]) -> list[str]:
    """Folders of people of whom there is no photo."""
    inside = (path for path in sorted(folder.iterdir()) if path.is_dir() and not is_noise(path))
    return [path.name for path in inside if path.name not in found]


def _row_of(number: int, path: PurePosixPath) -> Row:
    """The row of a photo. Raises BadInput where its name cannot be a reference."""
    reference = clean(path.parts[0] if len(path.parts) > 1 else path.stem)
    if not reference:
        raise BadInput("there is no reference in its name")
    if len(str(path)) > 200 or not str(path).isprintable():
        raise BadInput("rename it: names are text of at most 200 characters")
    return Row(number, check_reference(reference), str(path))


def _only_folder(files: Files) -> str:
    """The folder that everything lies in, where there is one."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in files.spellings}
    return tops.pop() if len(tops) == 1 else ""


def _identity(path: Path, content: bytes, defaults: Defaults) -> str:
    """Which source this is: the same table elsewhere has other photos."""
    place = os.fsencode(path.resolve())
    return hashlib.sha256(b"\0".join((place, repr(defaults).encode(), content))).hexdigest()


def _key(name: str) -> str:
    """What spellings of one name have in common."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _other_spellings(raw: bytes) -> Sequence[str]:
    """How a name may have been meant whose bytes are no UTF-8."""
    if _decoded(raw, "utf-8") is not None:
        return ()
    found = (_decoded(raw, encoding) for encoding in _ZIP_ENCODINGS)
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _zip_spellings(info: zipfile.ZipInfo) -> Sequence[str]:
    raw = _raw_name(info)
    return () if raw is None else _other_spellings(raw.replace(b"\\", b"/"))


def _raw_name(info: zipfile.ZipInfo) -> bytes | None:
    """The bytes of a name that is not said to be UTF-8."""
    if info.flag_bits & 0x800:
        return None
    try:
        return info.filename.encode("cp437")
    except UnicodeEncodeError:  # its name was taken from elsewhere
        return None


def _utf8_name(info: zipfile.ZipInfo) -> str | None:
    """Of a name that is UTF-8 although the ZIP does not say so, as macOS writes it."""
    raw = _raw_name(info)
    return None if raw is None else _decoded(raw, "utf-8")


def _decoded(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _shown(names: Sequence[str]) -> str:
    """Some names in a sentence."""
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(_plain(name) for name in names[:NAMES_SHOWN]) + more


def _plain(name: str) -> str:
    return name if name.isprintable() else ascii(name)
