"""The tree over the stored log: kept with each commit, for whatever was there, and provable."""

import asyncio
from pathlib import Path

import pytest

from lfrd.audit import tree
from lfrd.audit.verify import Tree, leaf_hash, root_of_inclusion
from lfrd.errors import BadInput
from lfrd.store import audit_log
from lfrd.store.audit import AuditClass
from lfrd.store.audit_log import LeafFilter
from lfrd.store.database import Database
from lfrd.store.episodes import lapse
from lfrd.store.transaction import Reader, Transaction
from support.store import opened, raise_one


def log(tx: Transaction, count: int = 1, action: str = "a.test") -> None:
    for number in range(count):
        tx.audit(AuditClass.ALTERATION, action, (f"id-{number}",), {"n": number})


async def write_many(db: Database, count: int) -> None:
    await asyncio.gather(*(db.write(log, principal="user:ada") for _ in range(count)))


def hashes(reader: Reader) -> list[bytes]:
    rows = reader.rows("SELECT leaf_hash FROM audit_leaf ORDER BY id")
    return [row.blob("leaf_hash") for row in rows]


async def test_the_kept_tree_is_the_tree_of_the_leaves(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(lambda tx: log(tx, 65_536 + 255), principal="user:ada")
        await write_many(db, 300)
        kept = await db.read(hashes)
        grown = Tree()
        for hashed in kept:
            grown.append(hashed)
        assert await db.read(lambda r: audit_log.root_at(r, len(kept))) == grown.root
        nodes = await db.read(lambda r: list(r.rows(
            "SELECT level, count(*) AS number FROM audit_node GROUP BY level")))  # fmt: skip
        assert [(row["level"], row["number"]) for row in nodes] == [(8, 258), (16, 1)]
        for index in (0, 255, 256, 65_535, 65_536, len(kept) - 1):
            path = await db.read(
                lambda r, at=index: tree.inclusion(audit_log.fetch_from(r), at, len(kept))
            )
            assert root_of_inclusion(index, len(kept), kept[index], path) == grown.root


async def test_what_is_rolled_back_leaves_no_gap(tmp_path: Path) -> None:
    def fails(tx: Transaction) -> None:
        log(tx, 300)
        raise BadInput("on purpose")

    async with opened(tmp_path) as db:
        done = await asyncio.gather(
            db.write(lambda tx: log(tx, 200), principal="user:ada"),
            db.write(fails, principal="user:ada"),
            db.write(lambda tx: log(tx, 100), principal="user:ada"),
            return_exceptions=True,
        )
        assert isinstance(done[1], BadInput)
        assert await db.read(audit_log.size) == 300
        run = await db.read(lambda r: audit_log.run(r, 0, 300))
        assert len(run) == 300
        assert all(leaf_hash(leaf) == hashed for leaf, hashed in run)


async def test_a_log_from_before_the_tree_gets_one(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(lambda tx: log(tx, 600), principal="user:ada")
        root = await db.read(lambda r: audit_log.root_at(r, 600))
        await db.write(lambda tx: tx.execute("DELETE FROM audit_node"), principal="user:ada")
    async with opened(tmp_path) as db:
        assert await db.read(lambda r: audit_log.root_at(r, 600)) == root


async def test_erasing_the_links_changes_nothing_that_is_proved(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(lambda tx: log(tx, 20), principal="user:ada")
        before = await db.read(lambda r: (audit_log.run(r, 0, 20), audit_log.root_at(r, 20)))
        await db.write(
            lambda tx: tx.execute("UPDATE audit_leaf SET subjects = NULL, salt = NULL"),
            principal="user:ada",
        )
        after = await db.read(lambda r: (audit_log.run(r, 0, 20), audit_log.root_at(r, 20)))
        assert after == before
        assert [shown.subjects for shown in await db.read(
            lambda r: audit_log.page(r, LeafFilter(), 2))] == [None, None]  # fmt: skip


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM audit_leaf WHERE id = 3",
        "UPDATE audit_leaf SET payload = '{}' WHERE id = 3",
        "UPDATE audit_leaf SET leaf_hash = zeroblob(32)",
        "UPDATE audit_leaf SET principal = 'user:eve'",
    ],
)
async def test_no_statement_of_ours_changes_a_leaf(tmp_path: Path, sql: str) -> None:
    async with opened(tmp_path) as db:
        await db.write(lambda tx: log(tx, 5), principal="user:ada")
        with pytest.raises(BadInput):
            await db.write(lambda tx: tx.execute(sql), principal="user:ada")


async def test_pages_by_time_class_and_actor(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(lambda tx: log(tx, 3, "one"), principal="user:ada")
        await db.write(
            lambda tx: tx.audit(AuditClass.DISCLOSURE, "two", ("x",), {"reason": "asked"}),
            principal="user:bo",
        )
        await db.write(lambda tx: log(tx, 3, "three"), principal="user:bo")

        async def found(limit: int = 10, **bounds: object) -> list[tuple[int, str]]:
            wanted = LeafFilter(**bounds)  # type: ignore[arg-type]
            rows = await db.read(lambda r: audit_log.page(r, wanted, limit))
            return [(row.index, row.leaf.action) for row in rows]

        assert await found(2) == [(6, "three"), (5, "three")]
        assert await found(2, before=5) == [(4, "three"), (3, "two")]
        assert await found(principal="user:ada") == [(2, "one"), (1, "one"), (0, "one")]
        assert await found(event_class=AuditClass.DISCLOSURE) == [(3, "two")]
        assert await found(event_class=AuditClass.DISCLOSURE, principal="user:ada") == []
        at_s = (await db.read(lambda r: audit_log.page(r, LeafFilter(), 1)))[0].leaf.at_s
        assert await found(since_s=at_s + 1) == []
        assert len(await found(since_s=0, until_s=at_s + 1)) == 7
        assert LeafFilter(before=5).below(3).before == 3
        assert LeafFilter(before=5).below(None).before == 5
        shown = await db.read(lambda r: audit_log.leaf(r, 3))
        assert shown is not None
        assert (shown.subjects, shown.leaf.payload) == (("x",), '{"reason":"asked"}')
        assert await db.read(lambda r: audit_log.leaf(r, 7)) is None


async def test_what_a_reviewer_may_not_see_begins_with_the_candidate(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(lambda tx: log(tx, 3), principal="user:ada")
        assert await db.read(lambda r: audit_log.first_undecided(r, "user:bo")) is None
        episode = await raise_one(db)
        begun = await db.read(lambda r: audit_log.first_undecided(r, "user:bo"))
        assert begun is not None
        raised = await db.read(lambda r: audit_log.leaf(r, begun))
        assert raised is not None
        assert raised.leaf.action == "episode.raise"
        await db.write(lambda tx: lapse(tx, episode.id), principal="system")
        assert await db.read(lambda r: audit_log.first_undecided(r, "user:bo")) is None
