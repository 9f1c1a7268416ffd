"""The index finds what numpy finds, follows the truth, and forgets what it must."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import numpy as np
import pytest

from lfrd.errors import BadInput, Conflict
from lfrd.store import templates, watchlists
from lfrd.store.database import Database
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder
from lfrd.store.templates import StoredTemplate, TemplateMatrix
from lfrd.store.vectors import Drift, Hit, VectorIndex
from lfrd.types import F32, Template
from support.store import MODEL, add_list, add_person, opened, unit_vectors


@asynccontextmanager
async def indexed(
    db: Database, path: Path, *, encrypted: bool = True
) -> AsyncIterator[VectorIndex]:
    async with VectorIndex(StateFolder(path), db.keys, encrypted=encrypted) as index:
        yield index


def matrix_of(vectors: F32, model: str = MODEL) -> TemplateMatrix:
    names = tuple(f"t{row:05d}" for row in range(len(vectors)))
    return TemplateMatrix(model, names, names, names, names, vectors)


def brute_force(vectors: F32, probe: F32, top: int) -> list[tuple[int, float]]:
    scores = vectors.astype(np.float64) @ probe.astype(np.float64)
    best = np.argsort(-scores, kind="stable")[:top]
    return [(int(row), float(scores[row])) for row in best]


async def test_search_equals_brute_force(tmp_path: Path) -> None:
    vectors = unit_vectors(1_500, seed=3)
    probes = unit_vectors(200, seed=4)
    async with opened(tmp_path) as db, indexed(db, tmp_path) as index:
        await index.add(matrix_of(vectors))
        for probe in probes:
            hits = await index.search(Template(probe, MODEL), 10)
            expected = brute_force(vectors, probe, 10)
            assert [hit.template_id for hit in hits] == [f"t{row:05d}" for row, _ in expected]
            np.testing.assert_allclose(
                [hit.score for hit in hits], [score for _, score in expected], atol=1e-5
            )


async def test_models_never_meet(tmp_path: Path) -> None:
    async with opened(tmp_path) as db, indexed(db, tmp_path) as index:
        await index.add(matrix_of(unit_vectors(3), MODEL))
        probe = Template(unit_vectors(1)[0], "sha256:model-b")
        assert await index.search(probe, 3) == []
        with pytest.raises(BadInput, match="128 numbers"):
            await index.add(matrix_of(unit_vectors(1, dim=64)))
        with pytest.raises(BadInput, match="1 to 4096"):
            await index.search(probe, 0)


async def test_adding_twice_is_a_conflict_and_changes_nothing(tmp_path: Path) -> None:
    vectors = unit_vectors(3)
    async with opened(tmp_path) as db, indexed(db, tmp_path) as index:
        await index.add(matrix_of(vectors))
        with pytest.raises(Conflict):
            await index.add(matrix_of(vectors))
        assert len(await index.search(Template(vectors[0], MODEL), 10)) == 3


async def _people(db: Database, vectors: F32) -> list[watchlists.Entry]:
    watchlist = await db.write(add_list, principal="ada")
    found = []
    for row, vector in enumerate(vectors):
        entry, _, _ = await db.write(
            lambda tx, r=row, v=vector: add_person(tx, watchlist.id, f"p{r}", v), principal="ada"
        )
        found.append(entry)
    return found


async def test_what_is_added_soon_is_there_for_the_next_question(tmp_path: Path) -> None:
    vectors = unit_vectors(3, seed=5)
    async with opened(tmp_path) as db, indexed(db, tmp_path) as index:
        for row, vector in enumerate(vectors):
            index.add_soon(StoredTemplate(f"t{row}", f"e{row}", "p", "w", Template(vector, MODEL)))
        assert [hit.entry_id for hit in await index.search(Template(vectors[1], MODEL), 1)] == [
            "e1"
        ]
        again = StoredTemplate("t0", "e0", "p", "w", Template(vectors[0], MODEL))
        index.add_soon(again)
        assert len(await index.search(Template(vectors[0], MODEL), 9)) == 3, "it is there already"
        index.add_soon(StoredTemplate("t3", "e3", "p", "w", Template(vectors[0], MODEL)))
        assert await index.remove_entries(["e3"]) == 1
    async with opened(tmp_path) as db, indexed(db, tmp_path) as index:
        assert len(await index.search(Template(vectors[0], MODEL), 9)) == 3


async def test_the_index_is_brought_into_step_with_the_truth(tmp_path: Path) -> None:
    vectors = unit_vectors(5)
    async with opened(tmp_path) as db:
        people = await _people(db, vectors)
        async with indexed(db, tmp_path) as index:
            assert await index.check(db) == Drift(missing=5, surplus=0)
            assert await index.sync(db) == Drift(missing=5, surplus=0)
            assert await index.check(db) == Drift(0, 0)
            hits = await index.search(Template(vectors[2], MODEL), 1)
            assert hits[0].entry_id == people[2].id
            await db.write(lambda tx: watchlists.delete_entry(tx, people[2].id), principal="ada")
            assert await index.check(db) == Drift(missing=0, surplus=1)
            assert await index.sync(db) == Drift(missing=0, surplus=1)
            hits = await index.search(Template(vectors[2], MODEL), 10)
            assert people[2].id not in {hit.entry_id for hit in hits}
            assert len(hits) == 4


async def test_it_persists_and_is_made_anew_when_missing_damaged_or_outdated(
    tmp_path: Path,
) -> None:
    vectors = unit_vectors(3)
    path = tmp_path / "index.db"
    async with opened(tmp_path) as db:
        await _people(db, vectors)
        async with indexed(db, tmp_path) as index:
            await index.sync(db)
        async with indexed(db, tmp_path) as index:
            assert await index.check(db) == Drift(0, 0)

        path.unlink()
        async with indexed(db, tmp_path) as index:
            assert await index.sync(db) == Drift(missing=3, surplus=0)

        path.write_bytes(b"no database at all" * 1000)
        async with indexed(db, tmp_path) as index:
            assert await index.sync(db) == Drift(missing=3, surplus=0)
        with closing(connect(path, db.keys.page_key(path.name))) as old:
            assert old.execute("UPDATE meta SET value = '1/v0.0.1'") == 1
        async with indexed(db, tmp_path) as index:
            assert await index.sync(db) == Drift(missing=3, surplus=0)


async def test_an_entry_is_removed_with_all_its_templates(tmp_path: Path) -> None:
    vectors = unit_vectors(4)
    ids = ("a", "b", "c", "d")
    entries = ("one", "one", "two", "two")
    matrix = TemplateMatrix(MODEL, ids, entries, entries, entries, vectors)
    async with opened(tmp_path) as db, indexed(db, tmp_path) as index:
        await index.add(matrix)
        assert await index.remove_entries(["one", "none"]) == 2
        assert await index.remove(["c", "none"]) == 1
        hits = await index.search(Template(vectors[3], MODEL), 10)
        assert hits == [Hit("d", "two", pytest.approx(1.0, abs=1e-6))]


async def test_a_model_no_longer_stored_goes_with_its_table(tmp_path: Path) -> None:
    async with opened(tmp_path) as db, indexed(db, tmp_path) as index:
        await index.add(matrix_of(unit_vectors(3), "sha256:model-b"))
        assert await index.sync(db) == Drift(missing=0, surplus=3)
        with closing(connect(index.path, db.keys.page_key(index.path.name))) as file:
            assert list(file.rows("SELECT * FROM model")) == []


def _found(folder: Path, name: str, blobs: list[bytes]) -> int:
    """How many of the blobs left any piece of 32 bytes in a file, however pages cut them."""
    content = b"".join(path.read_bytes() for path in folder.glob(f"{name}*"))
    pieces = [[blob[at : at + 32] for at in range(0, len(blob) - 31, 32)] for blob in blobs]
    return sum(any(piece in content for piece in of_blob) for of_blob in pieces)


async def test_removed_vectors_are_gone_from_the_file(tmp_path: Path) -> None:
    vectors = unit_vectors(300, seed=9)
    blobs = [vector.tobytes() for vector in vectors]
    async with (
        opened(tmp_path, encrypted=False) as db,
        indexed(db, tmp_path, encrypted=False) as index,
    ):
        await index.add(matrix_of(vectors))
        assert await index.checkpoint()
        assert await asyncio.to_thread(_found, tmp_path, "index.db", blobs) == 300  # the control
        await index.remove([f"t{row:05d}" for row in range(200)])
        assert await index.checkpoint()
        assert await asyncio.to_thread(_found, tmp_path, "index.db", blobs[:200]) == 0
        assert await asyncio.to_thread(_found, tmp_path, "index.db", blobs[200:]) == 100
        assert await index.sync(db) == Drift(missing=0, surplus=100)
        assert await index.checkpoint()
        assert await asyncio.to_thread(_found, tmp_path, "index.db", blobs) == 0


async def test_encrypted_files_show_nothing_at_all(tmp_path: Path) -> None:
    vectors = unit_vectors(50, seed=9)
    async with opened(tmp_path) as db, indexed(db, tmp_path) as index:
        await index.add(matrix_of(vectors))
        assert await index.checkpoint()
        assert (
            await asyncio.to_thread(
                _found, tmp_path, "index.db", [vector.tobytes() for vector in vectors]
            )
            == 0
        )
        assert (
            await asyncio.to_thread(
                _found, tmp_path, "index.db", [b"CREATE VIRTUAL TABLE vector_1 USING"]
            )
            == 0
        )


async def test_deleted_faces_are_gone_from_the_database_file(tmp_path: Path) -> None:
    """Sealed bytes too: taken from the rows, they are looked for in the files."""
    async with opened(tmp_path, encrypted=False) as db:
        people = await _people(db, unit_vectors(20))
        rows = await db.read(lambda r: list(r.rows("SELECT sealed_vector FROM template")))
        sealed = [row.blob("sealed_vector") for row in rows]
        assert await db.checkpoint()
        assert await asyncio.to_thread(_found, tmp_path, "lfrd.db", sealed) == 20  # the control
        for entry in people:
            await db.write(lambda tx, e=entry: watchlists.delete_entry(tx, e.id), principal="ada")
        assert await db.checkpoint()
        assert await asyncio.to_thread(_found, tmp_path, "lfrd.db", sealed) == 0
        assert await db.read(lambda r: templates.ids_of_model(r, MODEL)) == []
