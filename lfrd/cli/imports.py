"""`lfrd import` and `lfrd export`: many photos in, a whole list out, by way of the daemon."""

import argparse
import asyncio
import csv
import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO
from uuid import uuid4

from lfrd.cli.outputs import check_output, refuse_folder
from lfrd.cli.progress import step
from lfrd.cli.terminal import redraw, warn
from lfrd.client import Client
from lfrd.errors import BadInput, Conflict, UserError
from lfrd.lists.commit_batcher import PHOTOS_AT_ONCE
from lfrd.lists.import_source import HEAD_BYTES, Source, Wanted, open_source
from lfrd.lists.table import RESULT_COLUMNS, Defaults, Row
from lfrd.tables import parse_date, read_file
from lfrd.wire.base import LINE_MAX
from lfrd.wire.lists import ExportStart, ImportRow, ImportRowDone, ImportRun, ImportStart

TELL_EVERY_S = 2.0
BUSY_TRIES = 50
BUSY_WAIT_S = 0.2
REASONS_SHOWN = 20
ON_THE_LIST = ("enrolled", "warned", "duplicate")
WORDS = {"warned": "enrolled with warnings", "duplicate": "there already"}


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What was asked for."""

    source: Path
    table: Path | None
    dry_run: bool
    gate: str | None
    results: Path | None
    passphrase: str | None
    encoding: str | None = None
    defaults: Defaults = field(default_factory=Defaults)


def order_of(options: argparse.Namespace) -> ImportOrder:
    """What the options of `lfrd import` ask for. Raises BadInput, UserError."""
    defaults = Defaults(
        options.basis or "", options.entry_source or "", parse_date(options.expires or "")
    )
    return ImportOrder(
        options.folder, options.table, options.dry_run, options.gate, options.results,
        read_passphrase(options.passphrase_file), options.encoding, defaults,
    )  # fmt: skip


def order_of_values(
    source: Path,
    *,
    dry_run: bool,
    gate: str | None,
    passphrase: str | None,
    basis: str,
    source_of_rows: str,
) -> ImportOrder:
    """The same from the fields of a form."""
    defaults = Defaults(basis, source_of_rows, None)
    return ImportOrder(source, None, dry_run, gate, None, passphrase, None, defaults)


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import: how many rows there are, how many of them have which outcome now, and
    the daemon's record; None for a dry run, whose outcomes would be."""

    total: int
    counts: dict[str, int]
    run: ImportRun | None

    @property
    def on_the_list(self) -> int:
        return sum(self.counts.get(outcome, 0) for outcome in ON_THE_LIST)

    @property
    def whole(self) -> bool:
        """Every row is on the list, or would be."""
        return self.on_the_list == self.total


@dataclass(frozen=True, slots=True)
class Told:
    """How an import goes on: so many rows are `done`; the one that was done just now and what came
    of it, or a note about the whole."""

    done: int
    total: int
    row: Row | None = None
    result: ImportRowDone | None = None
    note: str = ""


async def bring_in(
    client: Client,
    watchlist_id: str,
    order: ImportOrder,
    tell: Callable[[Told], None] | None = None,
) -> Imported:
    """Import every row that is not on the list, tell how it goes, write the result file. Without
    `tell` it is told on the terminal."""
    with ExitStack() as files:
        source = await asyncio.to_thread(_open, order, files)
        for note in source.notes:
            if tell is None:
                warn(note)
            else:
                tell(Told(0, len(source.rows), note=note))
        run = None
        done: dict[int, ImportRowDone] = {}
        if not order.dry_run:
            start = ImportStart(
                source_sha256=source.sha256, source_name=source.name[:200], total=len(source.rows),
                gate="strict" if order.gate == "strict" else "warn" if order.gate else None,
            )  # fmt: skip
            run = await client.begin_import(watchlist_id, start)
            done = await _rows_done(client, run.id)
        results = _Results(files, order, source.rows, tell)
        await _go_through(_RowSender(client, watchlist_id, run, order.gate), source, done, results)
        results.say_end()
        if run is None:
            return Imported(len(source.rows), dict(results.counts), None)
        run = await client.end_import(run.id)
        counts = run.model_dump(include={"enrolled", "warned", "refused", "duplicate"})
        return Imported(len(source.rows), counts, run)


def summary(imported: Imported, name: str, entries: int, photos: int, *, as_json: bool) -> str:
    """One line: what came of the rows, and what is on the list now."""
    if as_json:
        if imported.run is not None:
            return imported.run.model_dump_json()
        return json.dumps({"dry_run": True, "total": imported.total, "would_be": imported.counts})
    would = "" if imported.run else "would be "
    counts = imported.counts
    kinds = [f"{counts[kind]:,} {would}{WORDS.get(kind, kind)}"
             for kind in (*ON_THE_LIST, "refused") if counts.get(kind)]  # fmt: skip
    if gone := imported.total - sum(counts.values()):
        kinds.append(f"{gone:,} not on the list any more")
    has = f"{_counted(entries, 'entry', 'entries')} with {_counted(photos, 'photo', 'photos')}"
    now = f"{name!r} has {has} now" if imported.run else f"dry run: {name!r} has {has} as before"
    return f"{now}; of {_counted(imported.total, 'row', 'rows')} {', '.join(kinds)}"


def _counted(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"


async def take_out(
    client: Client, watchlist_id: str, file: Path, passphrase: str, reason: str
) -> int:
    """Write a list's archive; returns its size in bytes. Nothing is left where it failed."""
    refuse_folder(file)
    size = 0
    draft = file.with_name(file.name + ".part")
    start = ExportStart(passphrase=passphrase, reason=reason)
    try:
        with draft.open("xb") as out, step() as shown:
            shown("making the archive")
            async with client.export(watchlist_id, start) as pieces:
                async for piece in pieces:
                    size += await asyncio.to_thread(out.write, piece)
                    shown(f"writing {file.name}", so_far=f"{size / 1e6:,.1f} MB")
        draft.rename(file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UserError(f"the archive {file} cannot be written: {error.strerror}") from None
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return size


def read_passphrase(path: Path | None) -> str | None:
    """The first line of a file."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").split("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"the passphrase file {path} cannot be read: {error}") from None


def _open(order: ImportOrder, files: ExitStack) -> Source:
    path = order.source
    if order.results is not None:
        _check_results(order.results)
    if path.is_dir() or path.suffix.lower() == ".zip":
        wanted = Wanted(order.table, order.results, order.encoding, order.defaults)
        return open_source(path, wanted, files)
    if order.passphrase is None:
        raise BadInput(f"{path} is no folder and no ZIP; for an archive give --passphrase-file")
    from lfrd.lists.archive import ArchiveSource  # with its cryptography, for archives only

    return files.enter_context(ArchiveSource(path, order.passphrase))


def _check_results(path: Path) -> None:
    """Raise BadInput before something else is overwritten: a table, a photo."""
    check_output(path, ())
    if path.exists():
        start = read_file(path, HEAD_BYTES)
        if start and not start.startswith(",".join(RESULT_COLUMNS).encode()):
            raise BadInput(f"{path} is there and no result file of an import: name another")


async def _rows_done(client: Client, import_id: str) -> dict[int, ImportRowDone]:
    """What is on the list already of this very import."""
    done: dict[int, ImportRowDone] = {}
    after = 0
    while page := await client.import_rows(import_id, after):
        after = page[-1].number
        done |= {row.number: row for row in page if row.photo_sha256 is not None}
    return done


class _Results:
    """Counts what happens, tells people, and writes a line for each row as it is done."""

    def __init__(
        self,
        files: ExitStack,
        order: ImportOrder,
        rows: Sequence[Row],
        tell: Callable[[Told], None] | None,
    ) -> None:
        self._elsewhere = tell
        self.counts: Counter[str] = Counter()
        self._would = "would be " if order.dry_run else ""
        self._total = len(rows)
        self._began_s = self._told_s = time.monotonic()
        self._refused = 0
        self._more_in = order.results
        self._out: IO[str] | None = None
        if order.results is not None:
            try:
                self._out = files.enter_context(
                    order.results.open("w", encoding="utf-8", newline="")
                )
            except OSError as error:
                raise UserError(f"{order.results} cannot be written: {error.strerror}") from None
            self._table = csv.writer(self._out)
            self._table.writerow(RESULT_COLUMNS)

    def add(self, row: Row, result: ImportRowDone) -> None:
        """A row was done, just now or before."""
        self.counts[result.outcome] += 1
        if self._out is not None:
            codes = " ".join(result.codes)
            outcome = self._would + result.outcome
            self._table.writerow(
                (row.number, row.reference, row.file, outcome, codes, result.message)
            )
            self._out.flush()
        if self._elsewhere is not None:
            self._elsewhere(Told(sum(self.counts.values()), self._total, row, result))
            return
        if result.outcome == "refused":
            self._tell_refused(row, result.message)
        if time.monotonic() - self._told_s > TELL_EVERY_S:
            self._told_s = time.monotonic()
            self._tell()

    def say_end(self) -> None:
        if self._elsewhere is not None:
            return
        if self._refused > REASONS_SHOWN:
            where = self._more_in or "the file that --results names"
            more = self._refused - REASONS_SHOWN
            redraw(f"{more:,} more were refused; the reasons are in {where}", last=True)
        self._tell(last=True)

    def _tell_refused(self, row: Row, reason: str) -> None:
        self._refused += 1
        if self._refused <= REASONS_SHOWN:
            told = f"row {row.number} ({row.reference}): {self._would}refused: {reason}"
            redraw(told, last=True)

    def _tell(self, *, last: bool = False) -> None:
        done = sum(self.counts.values())
        rate = done / max(1e-3, time.monotonic() - self._began_s)
        left = f", {(self._total - done) / rate:.0f} s left" if rate else ""
        kinds = ", ".join(
            f"{count} {self._would}{kind}" for kind, count in sorted(self.counts.items())
        )
        redraw(f"{done} of {self._total}: {kinds}; {rate:.1f} a second{left}", last=last)


@dataclass(frozen=True, slots=True)
class _RowSender:
    """Where rows are sent: to an import, or without one to be looked at alone."""

    client: Client
    watchlist_id: str
    run: ImportRun | None
    gate: str | None
    dry_run: str = field(default_factory=lambda: uuid4().hex)
    """By which the daemon holds the rows of a dry run against each other."""

    async def send(self, row: Row, photo: bytes) -> ImportRowDone:
        """Others enrol too: where the daemon is busy, the row waits for its turn."""
        wire = _as_sent(row)
        for _ in range(BUSY_TRIES):
            try:
                if self.run is not None:
                    return await self.client.import_row(self.run.id, wire, photo)
                return await self.client.check_import_row(
                    self.watchlist_id, wire, photo, self.gate, self.dry_run
                )
            except Conflict:
                await asyncio.sleep(BUSY_WAIT_S)
            except BadInput as error:  # of this row alone
                return _refused(row, error)
        raise Conflict(f"row {row.number}: the daemon is too busy; run the same command later")

    async def miss(self, row: Row, problem: BadInput) -> ImportRowDone:
        """There is no photo of a row."""
        if self.run is None:
            return _refused(row, problem)
        return await self.client.miss_import_row(self.run.id, _as_sent(row), str(problem))


def _as_sent(row: Row) -> ImportRow:
    """A daemon takes so much of a path; its end says which photo it is."""
    path = row.file
    shown = path if len(path) <= LINE_MAX else f"…{path[1 - LINE_MAX :]}"
    return ImportRow(**asdict(row) | {"file": shown})


async def _go_through(
    sender: _RowSender, source: Source, done: dict[int, ImportRowDone], results: _Results
) -> None:
    """Every row in turn, PHOTOS_AT_ONCE of them together: each worker takes the next when free.

    Who ends, be it by an error, closes what waits: then the others end with the row they are at, so
    that what the daemon did about it is written down.
    """
    waiting = (row for row in source.rows)

    async def worker() -> None:
        with closing(waiting):
            for row in waiting:
                results.add(row, await _result_of(sender, source, row, done.get(row.number)))

    workers = (worker() for _ in range(PHOTOS_AT_ONCE))
    for end in await asyncio.gather(*workers, return_exceptions=True):
        if end is not None:
            raise end


async def _result_of(
    sender: _RowSender, source: Source, row: Row, before: ImportRowDone | None
) -> ImportRowDone:
    """What comes of a row; as before where the list has this very photo."""

    def read() -> tuple[bytes, bool]:
        photo = source.photo(row)
        known = before is not None and before.photo_sha256 == hashlib.sha256(photo).hexdigest()
        return photo, known

    try:
        photo, known = await asyncio.to_thread(read)
    except BadInput as problem:
        return await sender.miss(row, problem)
    if known and before is not None:
        return before
    return await sender.send(row, photo)


def _refused(row: Row, problem: BadInput) -> ImportRowDone:
    return ImportRowDone(
        number=row.number, outcome="refused", codes=(problem.code,), message=str(problem),
        entry_id=None, photo_id=None,
    )  # fmt: skip
