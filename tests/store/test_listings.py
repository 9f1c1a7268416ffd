"""Was it on a list on that date: answered for who gives the reference, after the erasure too."""

from pathlib import Path

from lfrd.clock import ManualClock
from lfrd.store import listings, watchlists
from lfrd.store.database import Database
from lfrd.store.listings import Found, Name
from lfrd.store.watchlists import NewEntry
from support.store import add_list, opened

DAY_S = 86_400.0


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("lfrd.db*"))


async def ask(db: Database, *names: Name, on_at_s: float | None = None) -> Found:
    return await db.read(lambda reader: listings.find(reader, names, on_at_s))


async def put_on(db: Database, reference: str, list_name: str = "visitors") -> str:
    def write(tx: watchlists.Transaction) -> str:
        listed = watchlists.by_name(tx, list_name) or add_list(tx, list_name)
        return watchlists.add_entry(tx, NewEntry(listed.id, reference)).id

    return await db.write(write, principal="ada")


async def test_the_answer_survives_the_erasure_of_the_entry_and_of_the_list(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        began_s = clock.wall_s()
        entry_id = await put_on(db, "case-7")
        await put_on(db, "case-7", "others")
        clock.advance(10 * DAY_S)
        await db.write(lambda tx: watchlists.delete_entry(tx, entry_id), principal="ada")
        clock.advance(10 * DAY_S)
        others = await db.read(lambda r: watchlists.by_name(r, "others"))
        assert others is not None
        await db.write(lambda tx: watchlists.delete(tx, others.id), principal="ada")
        whole = await ask(db, Name("case-7"))
        assert [(s.added_at_s, s.removed_at_s) for s in whole.spans] == [
            (began_s, began_s + 10 * DAY_S), (began_s, began_s + 20 * DAY_S),
        ]  # fmt: skip
        assert [span.entry_id for span in whole.spans] == [None, None]
        on_visitors = await ask(db, Name("case-7", "visitors"), on_at_s=began_s + 5 * DAY_S)
        assert len(on_visitors.spans) == 1
        assert not (await ask(db, Name("case-7", "visitors"), on_at_s=began_s + 15 * DAY_S)).spans
        assert (await ask(db, Name("case-7"), on_at_s=began_s + 15 * DAY_S)).spans
        assert not (await ask(db, Name("case-7"), on_at_s=began_s + 20 * DAY_S)).spans
        assert not (await ask(db, Name("case-7"), on_at_s=began_s - 1)).spans
        day = await db.read(lambda r: listings.find(r, [Name("case-7")], began_s - 1, began_s + 1))
        assert len(day.spans) == 2, "put on within that time"
        assert not (await ask(db, Name("case-8"))).spans
        assert not (await ask(db, Name("visitors", "case-7"))).spans


async def test_rows_tell_nobody_who_was_listed_nor_that_two_are_the_same(tmp_path: Path) -> None:
    async with opened(tmp_path, encrypted=False) as db:
        for _ in range(2):
            entry_id = await put_on(db, "a-very-unusual-reference")
            await db.write(lambda tx, e=entry_id: watchlists.delete_entry(tx, e), principal="ada")
        rows = (await ask(db, Name("a-very-unusual-reference"))).spans
        assert len(rows) == 2
        first, second = rows
        assert first.of_reference != second.of_reference
        assert first.of_list not in (first.of_reference, second.of_list)
        await db.checkpoint()
        kept = bytes_below(tmp_path)
        rows_of = (first.of_reference, first.of_list)
        assert all(commitment in kept for commitment in rows_of)
        assert kept.count(b"a-very-unusual-reference") == 0


async def test_a_lost_key_is_said_and_not_taken_for_a_no(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await put_on(db, "case-7")
        db.keys.destroy(listings.SCOPE)
        assert await ask(db, Name("case-7")) == Found((), 1)
        await put_on(db, "case-8")
        found = await ask(db, Name("case-8"))
        assert (len(found.spans), found.unanswerable) == (1, 1)


async def test_entries_of_an_earlier_lfrd_are_adopted_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await put_on(db, "case-7")
        await db.write(lambda tx: tx.execute("DELETE FROM listing"), principal="system")
        assert not (await ask(db, Name("case-7"))).spans
        assert await db.write(listings.adopt, principal="system") == 1
        assert await db.write(listings.adopt, principal="system") == 0
        assert len((await ask(db, Name("case-7"))).spans) == 1


async def test_an_entry_that_is_deleted_any_way_leaves_no_id(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        entry_id = await put_on(db, "case-7")
        await db.write(
            lambda tx: tx.execute("DELETE FROM entry WHERE id = ?", (entry_id,)), principal="x"
        )
        span = (await ask(db, Name("case-7"))).spans[0]
        assert span.entry_id is None
        assert span.removed_at_s is not None


async def test_what_ended_long_ago_goes(tmp_path: Path) -> None:
    clock = ManualClock()
    async with opened(tmp_path, clock=clock) as db:
        entry_id = await put_on(db, "case-7")
        await put_on(db, "case-8")
        await db.write(lambda tx: watchlists.delete_entry(tx, entry_id), principal="ada")
        before_s = clock.wall_s() + 1
        assert await db.read(lambda r: listings.has_before(r, before_s))
        assert await db.write(lambda tx: listings.drop_before(tx, before_s), principal="x") == 1
        assert not await db.read(lambda r: listings.has_before(r, before_s))
        assert not (await ask(db, Name("case-7"))).spans
        assert (await ask(db, Name("case-8"))).spans
