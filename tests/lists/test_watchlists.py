"""Lists, entries and photos as people change them, and what a running search knows of it."""

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from lfrd.clock import ManualClock
from lfrd.errors import BadInput, Conflict, Denied, NotFound
from lfrd.lists.photo_gate import GateMode, PhotoRefused, from_json
from lfrd.matching.live_search import LiveSearch, open_search
from lfrd.store import episodes, reviews
from lfrd.store.episodes import EpisodeState
from lfrd.store.reviews import ReviewDecision
from lfrd.store.watchlists import NewEntry
from lfrd.types import F32, Look, Match
from lfrd.vision import packs
from lfrd.vocabulary import ErasureKind, Role
from support.lists import ADA, BEN, Lists, lists
from support.photos import noise, portraits
from support.store import actions, raise_episode, start_deployment
from support.values import look

START_S = 1_800_000_000.0


@pytest.fixture(scope="module")
def people() -> list[bytes]:
    return portraits()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START_S)


@pytest_asyncio.fixture
async def site(tmp_path: Path, pack: packs.Pack, clock: ManualClock) -> AsyncIterator[Lists]:
    async with lists(tmp_path / "state", pack, clock) as opened:
        yield opened


async def probe(site: Lists, photo: bytes) -> F32:
    return (await site.photos.look(photo, "probe")).template.vector[None]


async def enrolled(site: Lists, watchlist_id: str, reference: str, photo: bytes) -> str:
    entry = await site.make_entry(watchlist_id, reference)
    await site.photos.add(entry.row.id, photo, "photo", principal=ADA)
    return entry.row.id


async def test_what_changes_is_known_to_the_running_search(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    search = await site.search(watchlist_id)
    seen = await probe(site, people[0])
    assert search.nearest("door", seen, 5) == [()]
    entry_id = await enrolled(site, watchlist_id, "a", people[0])
    assert search.nearest("door", seen, 5)[0][0].score == pytest.approx(1, abs=1e-4)
    photo = (await site.watchlists.get_entry(entry_id)).photos[0]
    await site.photos.quarantine(photo.id, "somebody else", principal=ADA, role=Role.SUPERVISOR)
    assert search.nearest("door", seen, 5) == [()]
    await site.photos.release(photo.id, principal=ADA)
    assert search.nearest("door", seen, 5)[0][0].entry_id == entry_id
    await site.eraser.erase(
        ErasureKind.PHOTO, photo.id, "deleted", principal=ADA, role=Role.SUPERVISOR
    )
    assert search.nearest("door", seen, 5) == [()]
    assert {"image.quarantine", "image.release", "image.delete"} <= set(
        await actions(site.database)
    )


async def test_quarantine_and_release_in_the_wrong_state(site: Lists, people: list[bytes]) -> None:
    entry_id = await enrolled(site, await site.make_list(), "a", people[0])
    photo = (await site.watchlists.get_entry(entry_id)).photos[0]
    with pytest.raises(Conflict):
        await site.photos.release(photo.id, principal=ADA)
    await site.photos.quarantine(photo.id, "blurred", principal=ADA, role=Role.SUPERVISOR)
    with pytest.raises(Conflict):
        await site.photos.quarantine(photo.id, "blurred", principal=ADA, role=Role.SUPERVISOR)
    kept = (await site.watchlists.get_entry(entry_id)).photos[0]
    assert (kept.quarantined_by, kept.quarantine_reason) == (ADA, "blurred")
    with pytest.raises(NotFound):
        await site.photos.quarantine("none", "x", principal=ADA, role=Role.SUPERVISOR)


async def test_a_list_is_compared_with_on_its_cameras_only(
    site: Lists, people: list[bytes]
) -> None:
    everywhere, door_only = await site.make_list("all"), await site.make_list("door")
    a = await enrolled(site, everywhere, "a", people[0])
    b = await enrolled(site, door_only, "b", people[1])
    await _camera(site, "door")
    await site.watchlists.set_cameras(door_only, ["door"], principal=ADA, role=Role.SUPERVISOR)
    search = await site.search(everywhere, door_only)
    seen = await probe(site, people[1])

    def found(camera_id: str) -> set[str]:
        return {match.entry_id for match in search.nearest(camera_id, seen, 5)[0]}

    assert (found("door"), found("gate")) == ({a, b}, {a})
    listed = await site.watchlists.set_cameras(door_only, [], principal=ADA, role=Role.SUPERVISOR)
    assert listed.camera_ids == ()
    assert found("gate") == {a, b}
    with pytest.raises(NotFound):
        await site.watchlists.set_cameras(
            door_only, ["nowhere"], principal=ADA, role=Role.SUPERVISOR
        )


async def _camera(site: Lists, camera_id: str) -> None:
    await site.database.write(
        lambda tx: tx.execute(
            "INSERT INTO camera (id, name, address, settings, enabled, created_at_s, principal)"
            " VALUES (?, 'x', 'rtsp://h/x', '{}', 1, 0, 'user:ada')",
            (camera_id,),
        ),
        principal=ADA,
    )


async def test_expiry_is_enforced_to_the_second_and_erased_later(
    site: Lists, clock: ManualClock, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    entry = await site.make_entry(watchlist_id, "a", START_S + 60)
    await site.photos.add(entry.row.id, people[0], "x", principal=ADA)
    search = await site.search(watchlist_id)
    seen = await probe(site, people[0])
    clock.advance(59.5)
    assert await site.expiry.sweep() == START_S + 60
    assert len(search.nearest("door", seen, 5)[0]) == 1
    clock.advance(0.5)
    await site.expiry.sweep()
    assert search.nearest("door", seen, 5) == [()]
    assert "entry.expire" in await actions(site.database)
    assert await site.watchlists.get_entry(entry.row.id)  # kept for an hour, then erased
    clock.advance(3601)
    await site.expiry.sweep()
    with pytest.raises(NotFound):
        await site.watchlists.get_entry(entry.row.id)


async def test_an_expired_list_leaves_and_one_prolonged_in_time_comes_back(
    site: Lists, clock: ManualClock, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    await enrolled(site, watchlist_id, "a", people[0])
    await site.watchlists.change_list(
        watchlist_id, {"expires_at_s": START_S + 10}, principal=ADA, role=Role.SUPERVISOR
    )
    search = await site.search(watchlist_id)
    clock.advance(10)
    await site.expiry.sweep()
    assert len(search) == 0
    assert await site.thresholds.references([watchlist_id]) == 0
    await site.watchlists.change_list(
        watchlist_id, {"expires_at_s": START_S + 100}, principal=ADA, role=Role.SUPERVISOR
    )
    assert len(search) == 1


async def test_somebody_under_18_needs_a_reason_and_a_second_person(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    with pytest.raises(BadInput, match="under 18"):
        await site.watchlists.add_entry(
            NewEntry(watchlist_id, "c", "missing", "police", under_18=True), principal=ADA
        )
    entry = await site.watchlists.add_entry(
        NewEntry(
            watchlist_id, "c", "missing", "police",
            under_18=True, under_18_reason="missing since Monday",
        ),
        principal=ADA,
    )  # fmt: skip
    await site.photos.add(entry.row.id, people[2], "x", principal=ADA)
    search = await site.search(watchlist_id)
    assert len(search) == 0
    with pytest.raises(Denied):
        await site.watchlists.approve_entry(entry.row.id, principal=ADA)
    approved = await site.watchlists.approve_entry(entry.row.id, principal=BEN)
    assert approved.row.approved_by == BEN
    assert len(search) == 1
    with pytest.raises(Conflict):
        await site.watchlists.approve_entry(entry.row.id, principal=BEN)


async def test_margins_of_list_and_entry_add_up_and_reach_live_tracks(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    entry_id = await enrolled(site, watchlist_id, "a", people[0])
    search = await site.search(watchlist_id)
    assert search.tracks.thresholds.required(entry_id) == pytest.approx(0.45)
    await site.watchlists.change_entry(
        entry_id, {"margin": 0.05}, principal=ADA, role=Role.SUPERVISOR
    )
    assert search.tracks.thresholds.required(entry_id) == pytest.approx(0.50)
    await site.watchlists.change_list(
        watchlist_id, {"margin": 0.1}, principal=ADA, role=Role.SUPERVISOR
    )
    assert search.tracks.thresholds.required(entry_id) == pytest.approx(0.60)
    with pytest.raises(BadInput):
        await site.watchlists.change_entry(
            entry_id, {"person_id": "x"}, principal=ADA, role=Role.SUPERVISOR
        )


async def test_a_list_is_confirmed_by_whoever_looked_it_over(
    site: Lists, clock: ManualClock
) -> None:
    watchlist_id = await site.make_list()
    clock.advance(500)
    confirmed = await site.watchlists.confirm_list(watchlist_id, principal=BEN, role=Role.OPERATOR)
    assert (confirmed.row.confirmed_by, confirmed.row.confirmed_at_s) == (BEN, START_S + 500)


async def test_one_person_on_two_lists_is_no_look_alike_of_themselves(
    site: Lists, people: list[bytes]
) -> None:
    first, second = await site.make_list("one"), await site.make_list("two")
    entry_id = await enrolled(site, first, "a", people[0])
    person_id = (await site.watchlists.get_entry(entry_id)).row.person_id
    other = await site.watchlists.add_entry(
        NewEntry(second, "b", "ban", "incident", person_id=person_id), principal=ADA
    )
    image = await site.photos.add(other.row.id, people[0], "x", principal=ADA)
    codes = {finding.code for finding in from_json(image.findings)}
    assert "look-alike" not in codes
    assert "same-file" in codes
    stranger = await site.make_entry(second, "c")
    image = await site.photos.add(stranger.row.id, people[0], "x", principal=ADA)
    alike = [item for item in from_json(image.findings) if item.code == "look-alike"]
    assert alike[0].value == pytest.approx(1, abs=1e-3)
    assert alike[0].other_id in {entry_id, other.row.id}


async def test_the_gate_refuses_in_strict_and_records_in_warn(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    entry_id = await enrolled(site, watchlist_id, "a", people[0])
    with pytest.raises(PhotoRefused, match="unlike the entry's other photos") as refused:
        await site.photos.add(entry_id, people[3], "wrong", mode=GateMode.STRICT, principal=ADA)
    assert "unlike" in {finding.code for finding in refused.value.findings}
    assert len((await site.watchlists.get_entry(entry_id)).photos) == 1
    image = await site.photos.add(entry_id, people[3], "wrong", principal=ADA)
    assert "unlike" in {finding.code for finding in from_json(image.findings)}


async def test_the_photo_is_kept_as_it_was_given(site: Lists, people: list[bytes]) -> None:
    entry_id = await enrolled(site, await site.make_list(), "a", people[0])
    photo = (await site.watchlists.get_entry(entry_id)).photos[0]
    assert await site.photos.image(photo.id, principal=BEN) == people[0]


async def test_a_photo_without_a_face_stores_nothing(site: Lists) -> None:
    entry = await site.make_entry(await site.make_list(), "a")
    with pytest.raises(PhotoRefused, match="no face"):
        await site.photos.add(entry.row.id, noise(1), "wall", principal=ADA)
    assert (await site.watchlists.get_entry(entry.row.id)).photos == ()


async def test_deleting_somebody_forgets_what_live_tracks_said_of_them(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    entry_id = await enrolled(site, watchlist_id, "a", people[0])
    search = await site.search(watchlist_id)
    evidence = search.tracks.begin("door", 1)
    found = search.nearest("door", await probe(site, people[0]), 5)[0]
    evidence.consider(_look(found))
    assert evidence.fused(entry_id) > 0.8
    await site.eraser.erase(
        ErasureKind.ENTRY, entry_id, "deleted", principal=ADA, role=Role.SUPERVISOR
    )
    assert evidence.fused(entry_id) == float("-inf")
    search.tracks.end("door", 1)
    assert search.tracks.raised["door"] == 1


def _look(matches: tuple[Match, ...]) -> Look:
    return dataclasses.replace(look(0.0), matches=matches)


async def test_a_growing_list_raises_the_threshold_and_a_shrinking_one_does_not_lower_it(
    site: Lists, people: list[bytes]
) -> None:
    watchlist_id = await site.make_list()
    await enrolled(site, watchlist_id, "a", people[0])
    proposed = await site.thresholds.propose(1000, [watchlist_id])
    assert proposed.derived is not None
    search = LiveSearch(
        await _deployment(site), site.vision.model_digest, site.vision.dim, proposed.threshold,
        proposed.promise,
    )  # fmt: skip
    await open_search(site.database, site.clock, site.live, search, [watchlist_id])
    assert search.threshold == pytest.approx(proposed.threshold)
    entry_id = await enrolled(site, watchlist_id, "b", people[1])
    raised = search.threshold
    assert raised > proposed.threshold
    history = await site.thresholds.history(search.deployment_id)
    assert [row.threshold for row in history] == [raised]
    assert history[0].reference_count == 2
    await site.eraser.erase(
        ErasureKind.ENTRY, entry_id, "deleted", principal=ADA, role=Role.SUPERVISOR
    )
    assert search.threshold == raised


async def _deployment(site: Lists) -> str:
    row = await site.database.write(start_deployment, principal=ADA)
    return row.id


async def test_a_list_that_expires_under_review_is_decided_all_the_same(
    site: Lists, clock: ManualClock, people: list[bytes]
) -> None:
    """The episode has its own copies: the list goes on its day, the review goes on."""
    watchlist_id = await site.make_list()
    entry = await site.make_entry(watchlist_id, "a")
    await site.photos.add(entry.row.id, people[0], "a", principal=ADA)
    await site.watchlists.change_list(
        watchlist_id, {"expires_at_s": START_S + 60}, principal=ADA, role=Role.SUPERVISOR
    )
    row = (await site.watchlists.get_entry(entry.row.id)).row
    deployment = await site.database.write(start_deployment, principal=ADA)
    episode = await site.database.write(
        lambda tx: raise_episode(tx, deployment.id, row), principal="system"
    )
    review = await site.database.write(
        lambda tx: reviews.submit(tx, episode.id, ReviewDecision.MATCH, "the scar"), principal=ADA
    )
    clock.advance(61 + 3600)
    await site.expiry.sweep()
    with pytest.raises(NotFound):
        await site.watchlists.entries(watchlist_id)
    for which in ("probe", "reference"):
        shown = await site.database.write(
            lambda tx, which=which: episodes.read_image(tx, episode.id, which),
            principal=BEN,
        )
        assert shown
    await site.database.write(lambda tx: reviews.finalise(tx, review.id), principal=ADA)
    closed = await site.database.write(lambda tx: episodes.close(tx, episode.id), principal=ADA)
    assert closed.state is EpisodeState.CLOSED
