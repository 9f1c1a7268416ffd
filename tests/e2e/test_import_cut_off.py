"""The power goes in the middle of an import: what is done stays done, and nothing is half done."""

import asyncio
import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance

from lfrd.cli.imports import ImportOrder, bring_in
from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.vocabulary import Category
from lfrd.wire.lists import WatchlistCreate
from support.photos import portraits
from support.program import daemon

pytestmark = pytest.mark.e2e

ROWS, CUT_AFTER = 36, (8, 20)


def photos(folder: Path) -> Path:
    """Six people, six photos each that differ in their light."""
    folder.mkdir()
    people = portraits()
    rows = []
    for number in range(ROWS):
        person, light = number % 6, 0.8 + 0.08 * (number // 6)
        image = Image.open(io.BytesIO(people[person]))
        ImageEnhance.Brightness(image).enhance(light).save(folder / f"{number}.png")
        rows.append((f"p{person}", f"{number}.png"))
    with (folder / "list.csv").open("w", newline="") as out:
        csv.writer(out).writerows([("reference", "file"), *rows])
    return folder


async def test_an_import_survives_a_daemon_that_is_killed_twice(tmp_path: Path) -> None:
    source = await asyncio.to_thread(photos, tmp_path / "photos")
    results = tmp_path / "results.csv"
    order = ImportOrder(source, None, False, "warn", results, None)
    list_id = ""
    for cut in CUT_AFTER:
        async with daemon(tmp_path / "state", Client) as (process, client):
            list_id = list_id or await _made(client)
            importing = asyncio.ensure_future(bring_in(client, list_id, order))
            async with asyncio.timeout(60):
                while len(_lines(results)) < cut:
                    await asyncio.sleep(0.02)
            process.kill()
            with pytest.raises((LfrdError, ExceptionGroup)):
                await importing
    async with daemon(tmp_path / "state", Client) as (process, client):
        run = (await bring_in(client, list_id, order)).run
        assert run is not None
        assert (run.total, run.done, run.refused) == (ROWS, ROWS, 0)
        entries = await client.entries(list_id)
        assert Counter({entry.reference: len(entry.photos) for entry in entries}) == {
            f"p{n}": ROWS // 6 for n in range(6)
        }
        (watchlist,) = await client.watchlists()
        assert (watchlist.entries, watchlist.templates) == (6, ROWS)
    rows = [int(line["row"]) for line in _lines(results)]
    assert sorted(rows) == list(range(1, ROWS + 1))


async def _made(client: Client) -> str:
    new = WatchlistCreate(name="list", category=Category.TEST, purpose="test", owner="test")
    return (await client.create_watchlist(new)).id


def _lines(results: Path) -> list[dict[str, str]]:
    if not results.exists():
        return []
    with results.open(newline="") as lines:
        return list(csv.DictReader(lines))
