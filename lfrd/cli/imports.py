"""`lfrd import` and `lfrd export`: many photos in, a whole list out, by way of the daemon."""

import asyncio
import csv
import json
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from lfrd.cli.outputs import refuse_folder
from lfrd.cli.terminal import redraw, warn
from lfrd.client import Client
from lfrd.errors import BadInput, Conflict, UserError
from lfrd.lists.commit_batcher import PHOTOS_AT_ONCE
from lfrd.lists.import_source import FolderSource, Row, Source, ZipSource
from lfrd.wire.lists import ExportStart, ImportRow, ImportRowDone, ImportRun, ImportStart

TELL_EVERY_S = 2.0
BUSY_TRIES = 50
BUSY_WAIT_S = 0.2


@dataclass(frozen=True, slots=True)
class ImportOrder:
    """What was asked for."""

    source: Path
    table: Path | None
    dry_run: bool
    gate: str | None
    results: Path | None
    passphrase: str | None


async def bring_in(client: Client, watchlist_id: str, order: ImportOrder) -> ImportRun | None:
    """Import every row that is not done yet, tell how it goes, write the result file.

    Returns the daemon's record of the import; None for a dry run.
    """
    with ExitStack() as files:
        source = _open(order, files)
        run = None
        done: dict[int, ImportRowDone] = {}
        if not order.dry_run:
            start = ImportStart(
                source_sha256=source.sha256, source_name=source.name, total=len(source.rows),
                gate="strict" if order.gate == "strict" else "warn" if order.gate else None,
            )  # fmt: skip
            run = await client.begin_import(watchlist_id, start)
            done = await _rows_done(client, run.id)
        results = _Results(files, order.results, source.rows, done)
        await _go_through(client, watchlist_id, run, source, order, results)
        results.say_end()
        return await client.end_import(run.id) if run else None


async def take_out(
    client: Client, watchlist_id: str, file: Path, passphrase: str, reason: str
) -> int:
    """Write a list's archive; returns its size in bytes. Nothing is left where it failed."""
    refuse_folder(file)
    size = 0
    draft = file.with_name(file.name + ".part")
    start = ExportStart(passphrase=passphrase, reason=reason)
    try:
        with draft.open("xb") as out:
            async with client.export(watchlist_id, start) as pieces:
                async for piece in pieces:
                    size += await asyncio.to_thread(out.write, piece)
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
    if path.is_dir():
        tables = [order.table] if order.table else sorted(path.glob("*.csv"))
        if len(tables) != 1:
            raise BadInput(f"{path} holds {len(tables)} CSV files: name the table with --table")
        return FolderSource(tables[0], path)
    if path.suffix.lower() == ".zip":
        return files.enter_context(ZipSource(path, order.table))
    if order.passphrase is None:
        raise BadInput(f"{path} is no folder and no ZIP; for an archive give --passphrase-file")
    from lfrd.lists.archive import ArchiveSource  # with its cryptography, for archives only

    return files.enter_context(ArchiveSource(path, order.passphrase))


async def _rows_done(client: Client, import_id: str) -> dict[int, ImportRowDone]:
    done: dict[int, ImportRowDone] = {}
    while page := await client.import_rows(import_id, max(done, default=0)):
        done |= {row.number: row for row in page}
    return done


class _Results:
    """Counts what happens, tells people, and writes a line for each row as it is done."""

    def __init__(
        self,
        files: ExitStack,
        path: Path | None,
        rows: Sequence[Row],
        before: dict[int, ImportRowDone],
    ) -> None:
        self.done = frozenset(before)
        self.counts: Counter[str] = Counter(row.outcome for row in before.values())
        self._total = len(rows)
        self._began_s = self._told_s = time.monotonic()
        self._out: IO[str] | None = None
        if path is not None:
            try:
                self._out = files.enter_context(path.open("w", encoding="utf-8", newline=""))
            except OSError as error:
                raise UserError(f"{path} cannot be written: {error.strerror}") from None
            self._table = csv.writer(self._out)
            self._table.writerow(("row", "reference", "file", "outcome", "codes", "message"))
            for row in rows:
                if row.number in before:
                    self._line(row, before[row.number])

    def add(self, row: Row, result: ImportRowDone) -> None:
        """A row was done just now."""
        self.counts[result.outcome] += 1
        if self._out is not None:
            self._line(row, result)
            self._out.flush()
        if time.monotonic() - self._told_s > TELL_EVERY_S:
            self._told_s = time.monotonic()
            self._say()

    def say_end(self) -> None:
        self._say(last=True)

    def _line(self, row: Row, result: ImportRowDone) -> None:
        codes = " ".join(result.codes)
        self._table.writerow(
            (row.number, row.reference, row.file, result.outcome, codes, result.message)
        )

    def _say(self, *, last: bool = False) -> None:
        done = sum(self.counts.values())
        rate = (done - len(self.done)) / max(1e-3, time.monotonic() - self._began_s)
        left = f", {(self._total - done) / rate:.0f} s left" if rate else ""
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.counts.items()))
        redraw(f"{done} of {self._total}: {kinds}; {rate:.1f} a second{left}", last=last)


async def _go_through(
    client: Client,
    watchlist_id: str,
    run: ImportRun | None,
    source: Source,
    order: ImportOrder,
    results: _Results,
) -> None:
    """Every row in turn, PHOTOS_AT_ONCE of them together: each worker takes the next when free.

    Who ends, be it by an error, closes what waits: then the others end with the row they are at, so
    that what the daemon did about it is written down.
    """
    waiting = (row for row in source.rows if row.number not in results.done)

    async def worker() -> None:
        with closing(waiting):
            for row in waiting:
                wire = ImportRow(**asdict(row))
                try:
                    photo = await asyncio.to_thread(source.photo, row)
                except BadInput as error:
                    photo, problem = b"unreadable", str(error)
                    warn(f"\n{problem}")
                result = await _patiently(client, watchlist_id, run, wire, photo, order.gate)
                results.add(row, result)

    workers = (worker() for _ in range(PHOTOS_AT_ONCE))
    for end in await asyncio.gather(*workers, return_exceptions=True):
        if end is not None:
            raise end


async def _patiently(
    client: Client,
    watchlist_id: str,
    run: ImportRun | None,
    row: ImportRow,
    photo: bytes,
    gate: str | None,
) -> ImportRowDone:
    """Others enrol too: where the daemon is busy, the row waits for its turn."""
    for _ in range(BUSY_TRIES):
        try:
            if run is None:
                return await client.check_import_row(watchlist_id, row, photo, gate)
            return await client.import_row(run.id, row, photo)
        except Conflict:
            await asyncio.sleep(BUSY_WAIT_S)
    raise Conflict(f"row {row.number}: the daemon is too busy; run the same command again later")


def run_text(run: ImportRun, *, as_json: bool) -> str:
    """The end of an import, in a line."""
    if as_json:
        return run.model_dump_json()
    return json.dumps(run.model_dump(include={"enrolled", "warned", "refused", "duplicate"}))
