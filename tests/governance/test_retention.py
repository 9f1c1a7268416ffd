"""What is due when, and that it goes: timers, after use, holds, people, receipts."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import BadInput, Conflict, Denied, NotFound, StoreFailed
from lfrd.events import EventKind, Reset
from lfrd.governance import profile, retention, two_person
from lfrd.governance.retention import Use, lists_due, lists_due_at_exit
from lfrd.site import Site
from lfrd.store import episodes, erasures, flows, holds, outcomes, reviews, thresholds, watchlists
from lfrd.store.audit import AuditClass
from lfrd.store.episodes import Episode, EpisodeFilter, EpisodeState
from lfrd.store.erasures import ErasureState
from lfrd.store.flows import CameraFlow
from lfrd.store.reviews import ReviewDecision
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import NewEntry
from lfrd.vocabulary import Engagement, ErasureKind, HoldKind, Role
from support.site import (
    DAY_S,
    HOUR_S,
    SettableClock,
    deploy,
    governed,
    make_list,
    see_somebody,
)

LAB = profile.load("lab").rules
STANDARD = profile.load("standard").rules
POLICE = profile.load("uk-police").rules


@given(st.floats(0, 2e9), st.sampled_from([LAB, STANDARD, POLICE]))
def test_metadata_never_goes_before_the_face(raised_s: float, rules: profile.Rules) -> None:
    face_s, log_s = (
        retention.faces_due_at_s(raised_s, rules),
        retention.log_due_at_s(raised_s, rules),
    )
    assert raised_s < face_s <= log_s
    assert retention.key_due_at_s(raised_s, rules) == face_s


def test_the_timers_of_the_profiles() -> None:
    assert retention.faces_due_at_s(0, LAB) == retention.log_due_at_s(0, LAB) == HOUR_S
    assert retention.faces_due_at_s(0, STANDARD) == DAY_S
    assert retention.log_due_at_s(0, STANDARD) == 12 * 31 * DAY_S
    assert retention.list_due_at_s(0, STANDARD) is None
    assert retention.list_due_at_s(0, POLICE) == DAY_S
    assert retention.list_due_at_s(0, LAB) is None


def test_a_list_goes_after_its_last_use_and_never_in_use() -> None:
    uses = [Use("a", 0.0, POLICE), Use("a", 10.0, POLICE), Use("b", 0.0, STANDARD),
            Use("c", 0.0, POLICE), Use("c", None, POLICE), Use("d", 0.0, LAB)]  # fmt: skip
    assert lists_due(uses, DAY_S + 9) == []
    assert lists_due(uses, DAY_S + 10) == ["a"]
    assert lists_due_at_exit(uses) == ["d"]
    assert lists_due_at_exit([*uses, Use("d", None, STANDARD)]) == []


async def shown(site: Site, episode: Episode) -> bool:
    """Whether an episode still shows its faces."""
    try:
        await site.database.write(
            lambda tx: episodes.read_image(tx, episode.id, "probe"), principal="user:ada"
        )
    except NotFound:
        return False
    return True


async def test_both_timers_of_an_episode(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, log_months=6) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        episode = await see_somebody(site, row.id, listed)
        await site.deployments.end(row.id, "over", principal="user:ada")
        clock.advance(DAY_S - 60)
        await site.retention.sweep()
        assert await shown(site, episode)
        clock.advance(61)
        await site.retention.sweep()
        assert not await shown(site, episode)
        assert await site.database.read(lambda r: episodes.is_as_logged(r, episode.id))
        clock.advance(6 * 31 * DAY_S - DAY_S - 60)
        await site.retention.sweep()
        assert await site.database.read(lambda r: episodes.get(r, episode.id))
        clock.advance(120)
        await site.retention.sweep()
        with pytest.raises(NotFound):
            await site.database.read(lambda r: episodes.get(r, episode.id))
        links = await site.database.read(
            lambda r: r.count("SELECT count(*) FROM audit_leaf WHERE subjects LIKE ?",
                              (f"%{episode.id}%",))
        )  # fmt: skip
        assert links == 0
        assert (await site.deployments.get(row.id)).state == "erased", "its record stays"


async def test_what_cameras_counted_by_time_goes_with_the_long_timer(
    tmp_path: Path,
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, log_months=6) as site:
        database = site.database
        row = await deploy(site, await make_list(site))

        def note(tx: Transaction) -> None:
            flows.keep(tx, [CameraFlow(deployment_id=row.id, camera_id="gate", at_s=tx.at_s)])

        await database.write(note, principal="system")
        await site.deployments.end(row.id, "over", principal="user:ada")
        for later_s, kept in ((6 * 31 * DAY_S - 60, True), (120.0, False)):
            clock.advance(later_s)
            await site.retention.sweep()
            found = await database.read(lambda r: r.count("SELECT count(*) FROM camera_flow"))
            assert (found > 0) is kept


async def test_a_record_outlives_what_it_was_made_of(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, log_months=6) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        await see_somebody(site, row.id, listed)
        await site.deployments.end(row.id, "over", principal="user:ada")
        await site.eraser.erase(
            ErasureKind.WATCHLIST, listed, "over", principal="user:ada", role=Role.SUPERVISOR
        )
        clock.advance(2 * DAY_S)
        await site.retention.sweep()
        before = await site.publication.record(row.id, "user:ben")
        assert (before.alerts.total, before.alerts.unresolved) == (1, 1), "it lapsed, undecided"
        assert before.watchlists[0].erased_at_s is not None
        assert before.authority.log_entry is not None
        clock.advance(6 * 31 * DAY_S)
        await site.retention.sweep()
        gone = await site.database.read(lambda r: episodes.ids_in(r, row.id))
        assert gone == []
        after = await site.publication.record(row.id, "user:ben")
        assert after.model_copy(update={"made_at_s": before.made_at_s}) == before


async def test_why_something_was_held_or_erased_is_forgotten_in_the_end(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, log_months=6) as site:
        listed, kept = await make_list(site), await make_list(site, "kept")
        hold = await held(site, HoldKind.WATCHLIST, kept)
        await site.database.write(
            lambda tx: holds.release(tx, hold.id, "Max Zweistein dropped it"), principal="user:bo"
        )
        await held(site, HoldKind.WATCHLIST, kept)
        await site.eraser.erase(
            ErasureKind.WATCHLIST, listed, "Max Zweistein asked for it", principal="user:ada",
            role=Role.SUPERVISOR,
        )  # fmt: skip

        def words(reader: Reader) -> set[str | None]:
            found = {erasure.reason for erasure in erasures.receipts(reader)}
            return found | {hold.release_reason for hold in reader.find(holds.Hold)} | {
                hold.reason for hold in reader.find(holds.Hold)
            }  # fmt: skip

        await site.retention.sweep()
        assert "Max Zweistein asked for it" in await site.database.read(words)
        clock.advance(7 * 31 * DAY_S)
        await site.retention.sweep()
        assert await site.database.read(words) == {"", "forgotten", "court order 5", None}


async def test_the_police_list_goes_a_day_after_use_also_after_a_crash(tmp_path: Path) -> None:
    clock = SettableClock()
    rules = {"after_use": "erase_list", "after_use_within_h": 0}
    async with governed(tmp_path, clock, **rules) as site:
        listed, kept = await make_list(site), await make_list(site, "kept")
        row = await deploy(site, listed)
        await site.retention.sweep()
        assert len(await site.watchlists.lists()) == 2
        await site.deployments.end(row.id, "over", principal="user:ada")
    async with governed(tmp_path, clock, **rules) as site:
        await site.retention.sweep()
        assert [item.row.id for item in await site.watchlists.lists()] == [kept]
        done = await site.database.read(erasures.receipts)
        receipt = next(item for item in done if item.kind is ErasureKind.WATCHLIST)
        assert (receipt.entries, receipt.templates, receipt.images) == (1, 1, 1)
        assert receipt.leaf_id is not None


async def held(site: Site, kind: HoldKind, subject_id: str) -> holds.Hold:
    asked = await site.database.write(
        lambda tx: holds.ask(tx, kind, subject_id, "court order 5"), principal="user:ada"
    )
    return await site.database.write(
        lambda tx: two_person.confirm_hold(tx, asked.id), principal="user:bo"
    )


async def test_a_hold_needs_two_people_and_a_reason(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        database = site.database
        with pytest.raises(BadInput, match="reason"):
            await database.write(
                lambda tx: holds.ask(tx, HoldKind.WATCHLIST, listed, " "), principal="user:ada"
            )
        with pytest.raises(NotFound):
            await database.write(
                lambda tx: holds.ask(tx, HoldKind.PERSON, "nobody", "r"), principal="user:ada"
            )
        asked = await database.write(
            lambda tx: holds.ask(tx, HoldKind.WATCHLIST, listed, "r"), principal="user:ada"
        )
        with pytest.raises(Conflict, match="two different people"):
            await database.write(
                lambda tx: two_person.confirm_hold(tx, asked.id), principal="user:ada"
            )
        await site.eraser.erase(
            ErasureKind.WATCHLIST, listed, "deleted", principal="user:ada", role=Role.SUPERVISOR
        )  # asked for is not held
        with pytest.raises(NotFound):
            await database.write(
                lambda tx: two_person.confirm_hold(tx, asked.id), principal="user:bo"
            )


@pytest.mark.parametrize("kind", [HoldKind.WATCHLIST, HoldKind.PERSON])
async def test_what_is_on_hold_is_not_erased_by_any_way(tmp_path: Path, kind: HoldKind) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        entry = (await site.watchlists.entries(listed))[0]
        subject = listed if kind is HoldKind.WATCHLIST else entry.row.person_id
        hold = await held(site, kind, subject)
        for work in (
            site.eraser.erase(
                ErasureKind.WATCHLIST, listed, "deleted", principal="user:x", role=Role.SUPERVISOR
            ),
            site.eraser.erase(
                ErasureKind.ENTRY, entry.row.id, "deleted", principal="user:x", role=Role.SUPERVISOR
            ),
            site.eraser.erase(
                ErasureKind.PHOTO,
                entry.photos[0].id,
                "deleted",
                principal="user:x",
                role=Role.SUPERVISOR,
            ),
            site.eraser.erase(
                ErasureKind.WATCHLIST, listed, "r", principal="user:x", role=Role.SUPERVISOR
            ),
            site.eraser.erase(
                ErasureKind.PERSON,
                entry.row.person_id,
                "r",
                principal="user:x",
                role=Role.SUPERVISOR,
            ),
        ):
            with pytest.raises(Conflict, match="on legal hold"):
                await work
        assert site.database.keys.has(watchlists.scope_of(listed))
        image = await site.photos.image(entry.photos[0].id, principal="user:x")
        assert image, "it can still be opened"
        await site.database.write(
            lambda tx: holds.release(tx, hold.id, "the case is closed"), principal="user:ada"
        )
        await site.eraser.erase(
            ErasureKind.WATCHLIST, listed, "r", principal="user:x", role=Role.SUPERVISOR
        )
        assert await site.watchlists.lists() == []


async def test_a_held_episode_outlives_its_timer_alone(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        kept = await see_somebody(site, row.id, listed, track=1)
        other = await see_somebody(site, row.id, listed, track=2)
        hold = await held(site, HoldKind.EPISODE, kept.id)
        await site.deployments.end(row.id, "over", principal="user:ada")
        clock.advance(30 * DAY_S)
        await site.retention.sweep()
        assert await shown(site, kept)
        assert not await shown(site, other)
        with pytest.raises(Conflict, match="on legal hold"):
            await site.eraser.erase(
                ErasureKind.DEPLOYMENT, row.id, "r", principal="user:x", role=Role.SUPERVISOR
            )
        await site.database.write(
            lambda tx: holds.release(tx, hold.id, "done"), principal="user:ada"
        )
        await site.retention.sweep()
        assert not await shown(site, kept)
        assert (await site.deployments.get(row.id)).state == "erased"


async def test_erasing_a_person_erases_their_episodes_copies(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed, second = await make_list(site), await make_list(site, "second")
        row = await deploy(site, listed)
        episode = await see_somebody(site, row.id, listed)
        await site.watchlists.add_entry(
            NewEntry(second, "the same", "b", "s", person_id=episode.person_id),
            principal="user:ada",
        )
        receipt = await site.eraser.erase(
            ErasureKind.PERSON,
            episode.person_id,
            "asked for",
            principal="user:ada",
            role=Role.SUPERVISOR,
        )
        assert (receipt.entries, receipt.templates, receipt.images, receipt.episodes) == (
            2,
            1,
            1,
            1,
        )
        assert not await shown(site, episode)
        assert len(site.gallery) == 0
        left = await site.database.read(lambda r: episodes.get(r, episode.id))
        assert left.reference == ""
        with pytest.raises(NotFound):
            await site.eraser.erase(
                ErasureKind.PERSON, "nobody", "r", principal="user:ada", role=Role.SUPERVISOR
            )


async def test_erasing_a_person_erases_what_people_wrote_about_them(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed, second = await make_list(site), await make_list(site, "second")
        row = await deploy(site, listed)
        theirs = await see_somebody(site, row.id, listed)
        other = await see_somebody(site, row.id, second)
        assert theirs.person_id != other.person_id

        def write(tx: Transaction) -> None:
            for episode in (theirs, other):
                reviews.submit(tx, episode.id, ReviewDecision.MATCH, "it is Max Zweistein")
                episodes.close(tx, episode.id)
                outcomes.add(tx, episode.id, Engagement.STOPPED, note="Max Zweistein told us so")

        await site.database.write(write, principal="user:ada")
        await site.eraser.erase(
            ErasureKind.PERSON, theirs.person_id, "asked for", principal="user:ada",
            role=Role.SUPERVISOR,
        )  # fmt: skip

        def words(reader: Reader, episode_id: str) -> list[str]:
            return reader.column(
                "SELECT reason FROM review WHERE episode_id = ?1"
                " UNION ALL SELECT note FROM outcome WHERE episode_id = ?1",
                (episode_id,),
            )

        assert await site.database.read(lambda reader: words(reader, theirs.id)) == ["", ""]
        kept = await site.database.read(lambda reader: words(reader, other.id))
        assert kept == ["it is Max Zweistein", "Max Zweistein told us so"]
        logged = await site.database.read(
            lambda reader: reader.column("SELECT payload FROM audit_leaf")
        )
        assert not any("Zweistein" in payload for payload in logged)


async def until_erased(site: Site, clock: SettableClock, way: str, episode: Episode) -> None:
    if way == "person":
        await site.eraser.erase(
            ErasureKind.PERSON,
            episode.person_id,
            "asked for",
            principal="user:ada",
            role=Role.SUPERVISOR,
        )
        return
    await site.deployments.end(episode.deployment_id, "over", principal="user:ada")
    if way == "timer":
        clock.advance(DAY_S + 1)
        await site.retention.sweep()
    else:
        await site.eraser.erase(
            ErasureKind.DEPLOYMENT,
            episode.deployment_id,
            "r",
            principal="user:ada",
            role=Role.SUPERVISOR,
        )


@pytest.mark.parametrize(
    ("way", "why"),
    [
        ("person", "the person was erased"),
        ("timer", "its faces were erased"),
        ("deployment", "its faces were erased"),
    ],
)
async def test_what_is_erased_is_closed_and_nobody_decides_it(
    tmp_path: Path, way: str, why: str
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        episode = await see_somebody(site, row.id, listed)
        async with site.database.events.subscribe() as changes:
            await until_erased(site, clock, way, episode)
            told = set()
            async for event in changes:
                assert not isinstance(event, Reset)
                told.add((event.kind, event.subject_id))
                if (EventKind.EPISODE_CLOSED, episode.id) in told:
                    break
        left = await site.database.read(lambda r: episodes.get(r, episode.id))
        assert left.state is EpisodeState.CLOSED
        assert left.closed_at_s is not None
        assert episodes.why_erased(left) == why
        with pytest.raises(Conflict, match=why):
            await site.reviews.submit(
                episode.id, ReviewDecision.MATCH, "", principal="user:reviewer"
            )
        open_ones = await site.database.read(
            lambda r: episodes.page(r, EpisodeFilter(state=EpisodeState.OPEN))
        )
        assert open_ones == []


async def test_who_looks_at_an_erased_rival_is_told(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed, other = await make_list(site), await make_list(site, "other")
        row = await deploy(site, listed)
        episode = await see_somebody(site, row.id, listed)
        rival = (await site.watchlists.entries(other))[0].row
        await site.database.write(
            lambda tx: episodes.add_rival(
                tx,
                episodes.Rival(
                    episode_id=episode.id,
                    entry_id=rival.id,
                    person_id=rival.person_id,
                    watchlist_id=other,
                    reference=rival.reference,
                    score=0.5,
                ),
            ),
            principal="system",
        )
        async with site.database.events.subscribe() as changes:
            await site.eraser.erase(
                ErasureKind.PERSON,
                rival.person_id,
                "asked for",
                principal="user:ada",
                role=Role.SUPERVISOR,
            )
            async for event in changes:
                assert not isinstance(event, Reset)
                if (event.kind, event.subject_id) == (EventKind.EPISODE_UPDATED, episode.id):
                    break
        left = await site.database.read(lambda r: episodes.get(r, episode.id))
        assert left.state is EpisodeState.OPEN, "the candidate is somebody else"


async def test_what_was_erased_and_left_open_is_closed_at_the_start(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        episode = await see_somebody(site, row.id, listed)
        await until_erased(site, clock, "person", episode)
        await site.database.write(
            lambda tx: tx.execute("UPDATE episode SET state = 'open', closed_at_s = NULL"),
            principal="test",
        )
    async with governed(tmp_path, clock) as site:
        left = await site.database.read(lambda r: episodes.get(r, episode.id))
        assert left.state is EpisodeState.CLOSED


@pytest.mark.parametrize("kind", ["watchlist", "entry", "person", "deployment"])
async def test_the_eraser_itself_refuses_who_may_not(tmp_path: Path, kind: str) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        (entry,) = await site.watchlists.entries(listed)
        subjects = {
            "watchlist": listed,
            "entry": entry.row.id,
            "person": entry.row.person_id,
            "deployment": "x",
        }
        with pytest.raises(Denied):
            await site.eraser.erase(
                ErasureKind(kind), subjects[kind], "r", principal="user:ada", role=Role.OPERATOR
            )
        assert await site.eraser.receipts() == []
        assert len(await site.watchlists.entries(listed)) == 1


async def test_a_running_deployment_is_not_erased(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        row = await deploy(site, await make_list(site))
        with pytest.raises(Conflict, match="only an ended one"):
            await site.eraser.erase(
                ErasureKind.DEPLOYMENT, row.id, "r", principal="user:ada", role=Role.SUPERVISOR
            )


@pytest.mark.parametrize("cut", ["after the key", "after the rows"])
async def test_an_erasure_that_was_cut_off_is_finished(tmp_path: Path, cut: str) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        asked = await site.database.write(
            lambda tx: erasures.ask(tx, ErasureKind.WATCHLIST, listed, "r"), principal="user:ada"
        )
        await site.database.write(lambda tx: erasures.destroy_key(tx, asked), principal="user:ada")
        if cut == "after the rows":
            await site.database.write(
                lambda tx: erasures.delete_list(tx, asked), principal="user:ada"
            )
    async with governed(tmp_path, clock) as site:
        done = await site.database.read(lambda r: erasures.get(r, asked.id))
        assert done.state is ErasureState.DONE
        assert await site.watchlists.lists() == []
        assert await site.database.read(erasures.unfinished) == []


async def test_lists_entries_and_photos_are_erased_with_a_receipt_at_once(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed, other = await make_list(site), await make_list(site, "other")
        entry = (await site.watchlists.entries(other))[0]
        await site.eraser.erase(
            ErasureKind.PHOTO,
            entry.photos[0].id,
            "deleted",
            principal="user:ada",
            role=Role.SUPERVISOR,
        )
        await site.eraser.erase(
            ErasureKind.ENTRY, entry.row.id, "deleted", principal="user:ada", role=Role.SUPERVISOR
        )
        await site.eraser.erase(
            ErasureKind.WATCHLIST, listed, "deleted", principal="user:ada", role=Role.SUPERVISOR
        )
        done = await site.database.read(erasures.receipts)
        assert {
            (item.kind, item.entries, item.templates, item.images, item.principal) for item in done
        } == {
            (ErasureKind.PHOTO, 0, 1, 1, "user:ada"),
            (ErasureKind.ENTRY, 1, 0, 0, "user:ada"),
            (ErasureKind.WATCHLIST, 1, 1, 1, "user:ada"),
        }
        assert all(item.state is ErasureState.DONE for item in done)
        for kind in (ErasureKind.PHOTO, ErasureKind.ENTRY, ErasureKind.WATCHLIST):
            with pytest.raises(NotFound):
                await site.eraser.erase(
                    kind, "nothing", "deleted", principal="user:ada", role=Role.SUPERVISOR
                )


async def test_nobody_waits_in_the_search_for_another_erasure_s_cleaning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed, other = await make_list(site), await make_list(site, "other")
        await deploy(site, listed)
        assert len(site.gallery) == 1
        barred = asyncio.Event()

        async def checkpoint() -> bool:
            return barred.is_set()

        monkeypatch.setattr(site.database, "checkpoint", checkpoint)
        entry = (await site.watchlists.entries(listed))[0]
        async with asyncio.TaskGroup() as tasks:
            for kind, row_id in ((ErasureKind.WATCHLIST, other), (ErasureKind.ENTRY, entry.row.id)):
                tasks.create_task(
                    site.eraser.erase(
                        kind, row_id, "deleted", principal="user:ada", role=Role.SUPERVISOR
                    )
                )
            async with asyncio.timeout(5):
                while len(site.gallery):
                    await asyncio.sleep(0.01)
            assert len(await site.database.read(erasures.unfinished)) == 2
            barred.set()
        done = await site.database.read(erasures.receipts)
        assert [item.state for item in done] == [ErasureState.DONE] * 2
        receipts = await site.database.read(
            lambda r: r.count("SELECT count(*) FROM audit_leaf WHERE action = 'erasure.receipt'")
        )
        assert receipts == 2


async def test_an_expired_list_gets_its_receipt(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        await site.watchlists.change_list(
            listed,
            {"expires_at_s": clock.wall_s() + DAY_S},
            principal="user:ada",
            role=Role.SUPERVISOR,
        )
        clock.advance(30 * DAY_S)
        await site.expiry.sweep()
        (receipt,) = await site.database.read(erasures.receipts)
        assert (receipt.subject_id, receipt.reason) == (listed, "it has expired")
        assert receipt.state is ErasureState.DONE


async def test_no_receipt_while_the_escrow_still_opens_a_deleted_photo(tmp_path: Path) -> None:
    escrow = tmp_path / "elsewhere" / "escrow.db"
    escrow.parent.mkdir()
    async with governed(tmp_path / "state", SettableClock(), escrow) as site:
        listed = await make_list(site)
        await site.retention.sweep()
        entry = (await site.watchlists.entries(listed))[0]
        escrow.parent.rename(tmp_path / "away")
        with pytest.raises(StoreFailed):
            await site.eraser.erase(
                ErasureKind.ENTRY,
                entry.row.id,
                "deleted",
                principal="user:ada",
                role=Role.SUPERVISOR,
            )
        assert await site.watchlists.entries(listed) == [], "off the list nevertheless"
        await site.retention.sweep()
        (open_one,) = await site.database.read(erasures.unfinished)
        assert open_one.kind is ErasureKind.ENTRY
        (tmp_path / "away").rename(escrow.parent)
        await site.retention.sweep()
        assert not await site.database.read(erasures.unfinished)


async def test_links_of_the_log_are_found_without_reading_all_of_it(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:

        def fill(tx: Transaction) -> None:
            for number in range(20):
                tx.audit(AuditClass.CONSULTATION, "test", (f"s{number}", "every"))

        await site.database.write(fill, principal="user:ada")
        forgotten = await site.database.write(
            lambda tx: erasures.forget_links(tx, ["s3", "s3", "nobody"]), principal="user:ada"
        )
        assert forgotten == 1

        def left(reader: Reader) -> tuple[int, int, str]:
            plan = reader.rows(
                "EXPLAIN QUERY PLAN UPDATE audit_leaf SET salt = NULL WHERE subjects IS NOT NULL"
                " AND id IN (SELECT leaf_id FROM audit_link WHERE subject_id = 's4')"
            )
            return (
                reader.count("SELECT count(*) FROM audit_link WHERE subject_id = 'every'"),
                reader.count("SELECT count(*) FROM audit_link WHERE subject_id = 's3'"),
                " ".join(row.text("detail") for row in plan),
            )

        others, gone, plan = await site.database.read(left)
        assert (others, gone) == (19, 0)
        assert "SCAN audit_leaf" not in plan
        assert "SEARCH audit_link USING PRIMARY KEY" in plan


async def test_two_thresholds_at_one_moment_keep_their_order(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        row = await deploy(site, await make_list(site))

        def note(tx: Transaction) -> None:
            for threshold in (0.6, 0.7, 0.8):
                thresholds.note(
                    tx,
                    thresholds.ThresholdRow(
                        deployment_id=row.id,
                        at_s=5e9,
                        threshold=threshold,
                        reference_count=1,
                        looks=4,
                        looks_effective=2.0,
                        demographic_factor=10.0,
                        fpir=1e-3,
                        fpir_low=1e-4,
                        fpir_high=1e-2,
                        extrapolated=False,
                        principal="system",
                    ),
                )

        await site.database.write(note, principal="system")
        kept = await site.database.read(lambda r: thresholds.history(r, row.id))
        assert [item.threshold for item in kept[-3:]] == [0.6, 0.7, 0.8]
