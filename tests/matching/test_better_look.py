"""Later better looks update the same episode, until somebody decided about what they saw."""

from pathlib import Path

import pytest

from lfrd.errors import Conflict
from lfrd.matching.evidence import EntryThresholds, EvidenceRule
from lfrd.matching.live_search import LiveTracks
from lfrd.store import episodes
from lfrd.store.database import Database
from lfrd.store.episodes import Episode, Evidence, Seen
from lfrd.store.transaction import Transaction
from support.store import (
    add_list,
    add_person,
    opened,
    raise_episode,
    start_deployment,
    unit_vectors,
)

BETTER = Evidence(b"a better crop", b"a better portrait")


async def raised(database: Database) -> Episode:
    def build(tx: Transaction) -> Episode:
        entry, _, _ = add_person(tx, add_list(tx).id, "a", unit_vectors(1)[0])
        return raise_episode(tx, start_deployment(tx).id, entry)

    return await database.write(build, principal="user:ada")


async def probe(database: Database, episode_id: str) -> bytes:
    return await database.write(
        lambda tx: episodes.read_image(tx, episode_id, "probe"), principal="user:ada"
    )


async def test_a_better_look_takes_the_place_of_the_pictures_and_is_committed_to(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as database:
        episode = await raised(database)
        before = await probe(database, episode.id)
        await database.write(
            lambda tx: episodes.show_better_look(tx, episode.id, Seen(77, 3.1, 1003.1), BETTER),
            principal="system",
        )
        after = await database.read(lambda reader: episodes.get(reader, episode.id))
        assert (after.sequence, after.media_at_s) == (77, 3.1)
        assert await probe(database, episode.id) == BETTER.probe_portrait != before
        assert after.faces_commitment != episode.faces_commitment
        assert await database.read(lambda reader: episodes.is_as_logged(reader, episode.id))


async def test_a_closed_episode_stays_as_it_was_seen(tmp_path: Path) -> None:
    async with opened(tmp_path) as database:
        episode = await raised(database)
        before = await probe(database, episode.id)
        await database.write(lambda tx: episodes.close(tx, episode.id), principal="user:ada")
        with pytest.raises(Conflict):
            await database.write(
                lambda tx: episodes.show_better_look(tx, episode.id, Seen(1, 1.0, 1.0), BETTER),
                principal="system",
            )
        assert await probe(database, episode.id) == before


def test_silence_is_for_the_live_track_only() -> None:
    from support.values import look

    tracks = LiveTracks(EvidenceRule(), EntryThresholds(0.45))
    first, second = tracks.begin("door", 1), tracks.begin("door", 2)
    assert tracks.silence("door", 1, "a")
    assert not tracks.silence("door", 3, "a")
    assert first.consider(look(0, ("a", "A", 0.9))) is None
    assert second.consider(look(0, ("a", "A", 0.9))) is not None
    tracks.end("door", 1)
    tracks.end("door", 2)
    assert (tracks.below["door"], tracks.raised["door"]) == (1, 1)
    third = tracks.begin("door", 3)
    tracks.end("door", 3)
    assert third.looks == 0
    assert tracks.never_compared["door"] == 1
