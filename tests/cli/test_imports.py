"""One row that cannot be sent ends an import, and what was under way is written down."""

import asyncio
import csv
from pathlib import Path

import pytest

from lfrd.cli.imports import ImportOrder, bring_in
from lfrd.errors import SourceError
from lfrd.lists.commit_batcher import PHOTOS_AT_ONCE
from lfrd.wire.lists import ImportRow, ImportRowDone, ImportRun

ROWS, BROKEN = 60, 5


class Daemon:
    """What an import asks of a daemon, and one that goes away at row BROKEN."""

    def __init__(self) -> None:
        self.begun: list[int] = []

    async def begin_import(self, *_: object) -> ImportRun:
        return ImportRun.model_construct(id="import")

    async def import_rows(self, *_: object) -> tuple[ImportRowDone, ...]:
        return ()

    async def import_row(self, _: str, row: ImportRow, __: bytes) -> ImportRowDone:
        self.begun.append(row.number)
        await asyncio.sleep(0.01)
        if row.number == BROKEN:
            raise SourceError("the daemon went away")
        await asyncio.sleep(0.05)
        return ImportRowDone(
            number=row.number, outcome="enrolled", codes=(), message="", entry_id="e", photo_id="p"
        )


async def test_the_others_go_on_to_the_end_of_their_row(tmp_path: Path) -> None:
    with (tmp_path / "list.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("reference", "file"), *((f"p{n}", "x") for n in range(ROWS))])
    (tmp_path / "x").write_bytes(b"photo")
    results, daemon = tmp_path / "done.csv", Daemon()
    order = ImportOrder(tmp_path, None, False, None, results, None)
    with pytest.raises(SourceError, match="went away"):
        await bring_in(daemon, "list", order)  # type: ignore[arg-type]  # all that it uses
    with results.open(newline="") as lines:
        written = {int(line["row"]) for line in csv.DictReader(lines)}
    assert len(daemon.begun) == PHOTOS_AT_ONCE, "no new row once one has failed"
    assert written == set(daemon.begun) - {BROKEN}
