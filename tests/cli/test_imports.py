"""One row that cannot be sent ends an import, and what was under way is written down."""

import asyncio
import csv
import json
from pathlib import Path

import pytest

from lfrd.cli.imports import Imported, ImportOrder, _as_sent, bring_in, summary
from lfrd.errors import BadInput, SourceError
from lfrd.lists.commit_batcher import PHOTOS_AT_ONCE
from lfrd.lists.table import Row
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


@pytest.mark.parametrize("name", ["list.csv", "x", "other.txt"])
async def test_a_result_file_replaces_nothing_but_a_result_file(tmp_path: Path, name: str) -> None:
    for other in ("list.csv", "x", "other.txt"):
        (tmp_path / other).write_text("reference,file\na,x\n")
    order = ImportOrder(tmp_path, None, False, None, tmp_path / name, None)
    with pytest.raises(BadInput, match="no result file of an import"):
        await bring_in(Daemon(), "list", order)  # type: ignore[arg-type]  # nothing is asked
    assert (tmp_path / name).read_text() == "reference,file\na,x\n"


def run(**counts: int) -> ImportRun:
    given = {"enrolled": 0, "warned": 0, "refused": 0, "duplicate": 0} | counts
    return ImportRun(
        id="i", watchlist_id="w", source_name="s", gate="warn", total=9, started_at_s=0.0,
        done=sum(counts.values()), ended_at_s=None, rows_per_s=1.0, left_s=None, **given,
    )  # fmt: skip


def test_the_last_line_says_what_is_on_the_list_now() -> None:
    counts = {"enrolled": 1, "warned": 2, "duplicate": 3, "refused": 2}
    imported = Imported(9, counts, run(**counts))
    assert summary(imported, "bans", 1, 6, as_json=False) == (
        "'bans' has 1 entry with 6 photos now; of 9 rows 1 enrolled, 2 enrolled with warnings, "
        "3 there already, 2 refused, 1 not on the list any more"
    )
    assert not imported.whole
    assert ImportRun.model_validate_json(summary(imported, "bans", 1, 6, as_json=True)) == (
        imported.run
    )
    assert Imported(3, {"enrolled": 1, "duplicate": 2}, run()).whole


def test_a_dry_run_says_would() -> None:
    imported = Imported(3, {"enrolled": 2, "refused": 1}, None)
    assert summary(imported, "bans", 0, 0, as_json=False) == (
        "dry run: 'bans' has 0 entries with 0 photos as before; of 3 rows 2 would be enrolled, "
        "1 would be refused"
    )
    assert json.loads(summary(imported, "bans", 0, 0, as_json=True)) == {
        "dry_run": True, "total": 3, "would_be": {"enrolled": 2, "refused": 1},
    }  # fmt: skip


def test_a_long_path_is_sent_by_its_end() -> None:
    path = f"{'deep/' * 60}anna.jpg"
    sent = _as_sent(Row(1, "anna", path))
    assert sent.file == f"…{path[-199:]}"
    assert _as_sent(Row(1, "anna", "anna.jpg")).file == "anna.jpg"
