"""Episodes keep copies of their own, tell of themselves by event, and log who looked."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lfrd.errors import Conflict, NotFound
from lfrd.events import Event, EventKind
from lfrd.store import deployments, episodes, watchlists
from lfrd.store.episodes import EpisodeFilter, EpisodeState, Rival
from lfrd.store.records import T
from lfrd.store.sqlite import Row, Values
from lfrd.store.transaction import Reader, Transaction
from support.store import (
    add_list,
    add_person,
    opened,
    raise_episode,
    start_deployment,
    unit_vectors,
)


def prepare(tx: Transaction) -> tuple[watchlists.Entry, episodes.Episode]:
    watchlist = add_list(tx)
    entry, _, _ = add_person(tx, watchlist.id, "one", unit_vectors(1)[0])
    return entry, raise_episode(tx, start_deployment(tx).id, entry)


async def test_an_episode_comes_back_as_it_was_and_outlives_its_list(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        entry, episode = await db.write(prepare, principal="system")
        assert episode.state is EpisodeState.OPEN
        assert episode.margin is None
        await db.write(lambda tx: watchlists.delete(tx, entry.watchlist_id), principal="ada")
        assert await db.read(lambda r: episodes.get(r, episode.id)) == episode
        images = [
            await db.write(
                lambda tx, w=which: episodes.read_image(tx, episode.id, w), principal="ben"
            )
            for which in ("probe", "reference", "scene")
        ]
        assert images == [b"probe portrait bytes", b"portrait of one", b"scene bytes"]
        looks = await db.read(
            lambda r: r.count(
                "SELECT count(*) FROM audit_leaf WHERE class = 'consultation'"
                " AND principal = 'ben' AND action = 'episode.read-image'"
            )
        )
        assert looks == 3


async def test_an_image_whose_reading_cannot_be_logged_is_not_shown(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        _, episode = await db.write(prepare, principal="system")

        def read(tx: Transaction) -> bytes:
            image = episodes.read_image(tx, episode.id, "probe")
            tx.execute("PRAGMA defer_foreign_keys = ON")  # make the commit itself fail
            tx.execute("INSERT INTO review VALUES ('r', 'none', 'p', 'match', '', 1, NULL, 0)")
            return image

        with pytest.raises(Exception, match="nothing was written"):
            await db.write(read, principal="ben")


async def test_updating_and_closing(tmp_path: Path) -> None:
    async with opened(tmp_path) as db, db.events.subscribe() as subscription:
        _, episode = await db.write(prepare, principal="system")
        better = await db.write(
            lambda tx: episodes.update(tx, episode.id, score=0.7, margin=0.2, looks=5),
            principal="system",
        )
        assert (better.score, better.margin, better.looks) == (0.7, 0.2, 5)
        closed = await db.write(lambda tx: episodes.close(tx, episode.id), principal="ada")
        assert closed.state is EpisodeState.CLOSED
        for action in (
            lambda tx: episodes.close(tx, episode.id),
            lambda tx: episodes.update(tx, episode.id, score=0.8, margin=None, looks=6),
        ):
            with pytest.raises(Conflict, match="is closed"):
                await db.write(action, principal="ada")
        with pytest.raises(NotFound):
            await db.write(lambda tx: episodes.close(tx, "none"), principal="ada")
        kinds = []
        async for event in subscription:
            assert isinstance(event, Event)
            if event.subject_id == episode.id:
                kinds.append(event.kind)
            if event.kind is EventKind.EPISODE_CLOSED:
                break
        assert kinds == ["episode.raised", "episode.updated", "episode.closed"]


async def test_nothing_is_raised_outside_a_running_deployment(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        entry, episode = await db.write(prepare, principal="system")
        await db.write(
            lambda tx: deployments.end(tx, episode.deployment_id, reason="x", summary="{}"),
            principal="ada",
        )
        with pytest.raises(Conflict, match="not running"):
            await db.write(
                lambda tx: raise_episode(tx, episode.deployment_id, entry), principal="system"
            )


async def test_nothing_is_raised_against_an_erased_entry(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        entry, episode = await db.write(prepare, principal="system")
        await db.write(lambda tx: watchlists.delete_entry(tx, entry.id), principal="ada")
        with pytest.raises(NotFound):
            await db.write(
                lambda tx: raise_episode(tx, episode.deployment_id, entry), principal="system"
            )


async def test_a_rival_is_shown_beside(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        entry, episode = await db.write(prepare, principal="system")
        twin, _, _ = await db.write(
            lambda tx: add_person(tx, entry.watchlist_id, "two", unit_vectors(2)[1]),
            principal="ada",
        )
        rival = Rival(
            episode_id=episode.id, entry_id=twin.id, person_id=twin.person_id,
            watchlist_id=twin.watchlist_id, reference="two", score=0.5,
        )  # fmt: skip
        await db.write(lambda tx: episodes.add_rival(tx, rival), principal="system")
        with pytest.raises(Conflict):
            await db.write(lambda tx: episodes.add_rival(tx, rival), principal="system")
        assert await db.read(lambda r: episodes.rivals(r, episode.id)) == [rival]
        image = await db.write(
            lambda tx: episodes.read_rival_image(tx, episode.id, twin.person_id), principal="ben"
        )
        assert image == b"portrait of two"


async def test_pages_of_episodes(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        entry, first = await db.write(prepare, principal="system")
        deployment_id = first.deployment_id
        ids = [first.id]
        for track in range(2, 7):
            episode = await db.write(
                lambda tx, t=track: raise_episode(tx, deployment_id, entry, t), principal="system"
            )
            ids.append(episode.id)
        ids.sort()  # within one millisecond ids come in any order
        await db.write(lambda tx: episodes.close(tx, ids[2]), principal="ada")
        newest = await db.read(lambda r: episodes.page(r, limit=2))
        assert [episode.id for episode in newest] == [ids[5], ids[4]]
        last = (newest[1].raised_at_s, newest[1].id)
        older = await db.read(lambda r: episodes.page(r, after=last, limit=10))
        assert [episode.id for episode in older] == ids[3::-1]
        closed = await db.read(lambda r: episodes.page(r, EpisodeFilter(state=EpisodeState.CLOSED)))
        assert [episode.id for episode in closed] == [ids[2]]
        both = await db.read(
            lambda r: episodes.page(
                r, EpisodeFilter(state=EpisodeState.OPEN, deployment_id=deployment_id)
            )
        )
        assert len(both) == 5
        nothing = EpisodeFilter(deployment_id="none")
        assert await db.read(lambda r: episodes.page(r, nothing)) == []


WANTED = [
    EpisodeFilter(),
    EpisodeFilter(state=EpisodeState.CLOSED),
    EpisodeFilter(deployment_id="d"),
    EpisodeFilter(camera_id="gate"),
    EpisodeFilter(watchlist_id="w"),
    EpisodeFilter(entry_id="e"),
    EpisodeFilter(since_s=1.0, until_s=2.0),
    EpisodeFilter(waiting_for="ada"),
    EpisodeFilter(decided_by="ada", camera_id="gate", until_s=2.0),
]


@pytest.mark.parametrize("wanted", WANTED, ids=repr)
async def test_no_page_of_episodes_is_sorted_or_read_from_the_table(
    tmp_path: Path, wanted: EpisodeFilter
) -> None:
    """Whatever is asked for comes from an index in its order: a page of a million is quick."""
    sent: list[tuple[str, Values]] = []

    class Watched(Reader):
        def rows(self, sql: str, values: Values = ()) -> Iterator[Row]:
            sent.append((sql, values))
            return super().rows(sql, values)

        def query(self, kind: type[T], sql: str, values: Values = ()) -> list[T]:
            sent.append((sql, values))
            return super().query(kind, sql, values)

    def plan(reader: Reader) -> str:
        watched = Watched(reader._connection, reader.keys)
        episodes.page(watched, wanted, after=(3.0, "x"), limit=2)
        ((sql, values),) = sent
        return " ".join(
            row.text("detail") for row in reader.rows(f"EXPLAIN QUERY PLAN {sql}", values)
        )

    async with opened(tmp_path) as db:
        shown = await db.read(plan)
    assert "SCAN episode" not in shown
    assert "TEMP B-TREE" not in shown
