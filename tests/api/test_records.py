"""Records, notices and answers to people through a real socket."""

import csv
import hashlib
import io
import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from lfrd.client import Client
from lfrd.config import NoticeSection
from lfrd.errors import BadInput, Conflict, Denied, NotFound
from lfrd.governance.episodes import Episodes
from lfrd.governance.publication import Publication
from lfrd.store import deployments, episodes, reviews, tallies
from lfrd.store.reviews import ReviewDecision
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import Engagement, ErasureKind, Identity, Role
from lfrd.wire.alerts import EngagementReport
from lfrd.wire.deployments import ErasureRequest
from lfrd.wire.lists import EntryChange
from lfrd.wire.people import TokenCreate
from lfrd.wire.record import Record
from lfrd.wire.subjects import SubjectExport, SubjectLookup
from support.photos import astronaut
from support.program import enrol, look_for
from support.site import (
    DAY_S,
    Served,
    SettableClock,
    deploy,
    governed,
    make_list,
    plan_of,
    serve,
)
from support.store import opened, raise_one, raise_some
from support.video import shortened

SIGN = NoticeSection(responsible="The Arena", contact="post@example.org", url="https://example.org")


async def leaves(served: Served, action: str) -> list[dict[str, object]]:
    found = await served.site.database.read(
        lambda r: r.column("SELECT payload FROM audit_leaf WHERE action = ?", (action,))
    )
    return [json.loads(text) for text in found]


async def as_operator(served: Served) -> Client:
    made = await served.client.create_token(TokenCreate(principal="olga", role=Role.OPERATOR))
    return Client.over_socket(served.socket, made.secret)


def close(tx: Transaction, episode_id: str, decision: ReviewDecision) -> None:
    reviews.finalise(tx, reviews.submit(tx, episode_id, decision).id)
    episodes.close(tx, episode_id)


@pytest.mark.e2e
async def test_a_real_run_is_counted_by_camera_and_its_record_leaves_in_three_forms(
    tmp_path: Path, demo_clip: Path
) -> None:
    from lfrd.wire.cameras import CameraCreate

    film = shortened(demo_clip, tmp_path / "film.mp4", 200)  # the listed person passes from 2 s on
    async with serve(tmp_path / "state") as served:
        client = served.client
        listed = await enrol(client)
        await client.add_camera(CameraCreate(id="door", address=str(film)))
        deployment_id = await look_for(client, listed)
        assert "the deployment has not ended" in (await client.record(deployment_id)).preliminary
        await served.site.deployments.until_over()
        shown = await client.record(deployment_id)
        (camera,) = shown.cameras
        assert (camera.camera_id, camera.faces_seen) == ("door", shown.faces_seen)
        assert shown.faces_seen > 0
        assert shown.alerts.total == camera.alerts.total > 0
        assert shown.lab
        assert shown.software[0].startswith("0.")
        assert shown.watchlists[0].photos == 1
        assert camera.active_min + camera.down_min > 0
        for form in ("json", "csv", "html"):
            content = await client.export_record(deployment_id, form)
            told = (await leaves(served, "record.export"))[-1]
            digest = hashlib.sha256(content).hexdigest()
            assert told == {"format": form, "sha256": digest, "deployment": deployment_id}
            if form == "json":
                assert Record.model_validate_json(content).alerts == shown.alerts
            elif form == "csv":
                rows = list(csv.DictReader(io.StringIO(content.decode())))
                assert rows[0]["Faces seen"] == str(shown.faces_seen)
            else:
                assert content.startswith(b"<!doctype html>")


async def test_only_supervisors_publish_and_look_people_up(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        episode = await raise_one(served.site.database)
        async with await as_operator(served) as operator:
            assert (await operator.record(episode.deployment_id)).alerts.pending == 1
            asked = SubjectLookup(reference="ref-1", reason="x")
            for call in (
                operator.export_record(episode.deployment_id, "json"),
                operator.look_up_subject(asked),
                operator.look_up_photo(b"x", "photo", "x"),
                operator.export_subject(SubjectExport(reference="ref-1", reason="x")),
            ):
                with pytest.raises(Denied, match="supervisor"):
                    await call
        assert not await leaves(served, "subject.lookup")


async def test_the_sign_wants_a_name_and_says_what_came_of_it_after_the_end(
    tmp_path: Path,
) -> None:
    async with serve(tmp_path) as served:
        database, site = served.site.database, served.site
        episode = await raise_one(database)
        with pytest.raises(Conflict, match=r"responsible and contact under \[notice\]"):
            await served.client.notice(episode.deployment_id)
        published = Publication(database, site.clock, site.deployments.runner, SIGN, 1)
        object.__setattr__(site, "publication", published)
        before = await served.client.notice(episode.deployment_id)
        assert before.closing is None
        assert before.code == "https://example.org"
        text = "\n".join(before.lines)
        for part in ("LAB", "the bench", "a test", "The Arena", "post@example.org"):
            assert part in text

        def end(tx: Transaction) -> None:
            close(tx, episode.id, ReviewDecision.NOT_MATCH)
            deployments.end(tx, episode.deployment_id, reason="over", summary="{}")

        await database.write(end, principal="user:ada")
        after = await served.client.notice(episode.deployment_id)
        assert after.closing is not None
        assert "1 alerts: 0 true, 1 false" in after.closing


async def test_who_it_was_and_a_false_alert_s_group_are_recorded_by_people(
    tmp_path: Path,
) -> None:
    async with serve(tmp_path) as served:
        site, client = served.site, served.client
        false, true = await raise_some(site.database, 2)
        known = Episodes(site.database, site.vision, site.reviews, ("one", "two"))
        object.__setattr__(site, "episodes", known)
        for episode, decision in (
            (false, ReviewDecision.NOT_MATCH), (true, ReviewDecision.MATCH),
        ):  # fmt: skip
            await site.database.write(
                partial(close, episode_id=episode.id, decision=decision), principal="user:ada"
            )
        report = EngagementReport(kind=Engagement.STOPPED, group="one")
        with pytest.raises(BadInput, match="there is: one, two"):
            await client.report_engagement(false.id, report.model_copy(update={"group": "three"}))
        with pytest.raises(BadInput, match="false alert only"):
            await client.report_engagement(true.id, report)
        told = await client.report_engagement(false.id, report)
        assert told.engagement == report
        # Stopped, and it turned out to be somebody else: false, whatever the pictures said.
        other = report.model_copy(update={"identity": Identity.OTHER, "group": "two"})
        await client.report_engagement(true.id, other)
        shown = await client.record(false.deployment_id)
        assert {item.group: item.false_alerts for item in shown.false_alerts_by_group} == {
            "one": 1, "two": 1,
        }  # fmt: skip
        assert (shown.alerts.false_confirmed, shown.alerts.false_unconfirmed) == (1, 1)
        facts = await leaves(served, "episode.engagement")
        assert [item.get("identity") for item in facts] == [None, "other"]
        assert all("one" not in str(item) for item in facts), "the group is not in the log"


async def test_reviewers_are_told_who_looks_like_them(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        episode = await raise_one(served.site.database)
        assert (await client.alert(episode.id)).look_alikes == ""
        entry = (await client.entries(episode.watchlist_id))[0]
        change = EntryChange(look_alikes="a brother, ten years older")
        assert (await client.change_entry(entry.id, change)).look_alikes == change.look_alikes
        assert (await client.alert(episode.id)).look_alikes == change.look_alikes
        (told,) = await leaves(served, "entry.change")
        assert told == {"look_alikes": "changed"}, "what it says is not in the log"


async def test_the_age_of_photos_bars_a_start_and_is_in_the_record(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock, photo_age_years=10) as site:
        listed = await make_list(site)
        entry = (await site.watchlists.entries(listed, "wanted-1"))[0]
        row = await site.deployments.draft(plan_of(listed), 3600.0, principal="user:ada")
        await site.deployments.authorise(row.id, principal="user:bo")
        with pytest.raises(Conflict, match="1 photos that are older than 10 years, or of no known"):
            await site.deployments.start_planned(row.id, principal="user:ada")
        await site.eraser.erase(
            ErasureKind.PHOTO, entry.photos[0].id, "old", principal="user:ada",
            role=Role.SUPERVISOR,
        )  # fmt: skip
        await site.photos.add(
            entry.row.id, astronaut(), "photo", taken_at_s=clock.wall_s() - 400 * DAY_S,
            principal="user:ada",
        )  # fmt: skip
        await site.deployments.start_planned(row.id, principal="user:ada")
        (composed,) = (await site.publication.record(row.id, "user:ada")).watchlists
        assert composed.photos_undated == 0
        assert composed.photo_age_d is not None
        assert composed.photo_age_d.p50 == pytest.approx(400, abs=0.1)


async def test_a_restart_loses_no_count_and_a_crash_is_said(tmp_path: Path) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        row = await deploy(site, await make_list(site))
        clock.advance(600)
    for cut_offs in (0, 1):
        async with opened(tmp_path, clock=clock) as db:
            kept = await db.read(lambda r: tallies.of(r, row.id))
            assert not kept.run.is_open
            if cut_offs:  # as after a crash, which nothing could note any more
                crashed = replace(kept, run=replace(kept.run, is_open=True))
                await db.write(lambda tx, c=crashed: tallies.keep(tx, c), principal="system")
        async with governed(tmp_path, clock) as site:
            record = await site.publication.record(row.id, "user:ada")
            assert record.downtime.cut_offs == cut_offs
            assert record.software, "which program it was"


async def test_a_person_is_answered_and_erased(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client = served.client
        await make_list(served.site)
        answer = await client.look_up_subject(SubjectLookup(reference="wanted-1", reason="7"))
        photo = await client.look_up_photo(astronaut(), "photo", "7")
        assert photo.entries[0].entry_id == answer.entries[0].entry_id
        content = await client.export_subject(SubjectExport(reference="wanted-1", reason="7"))
        assert content.startswith(b"PK")
        receipt = await client.governance.erase(
            ErasureRequest(kind="person", subject_id=answer.entries[0].person_id, reason="7")
        )
        assert receipt.done_at_s is not None
        at_s = answer.entries[0].added_at_s
        asked = SubjectLookup(reference="wanted-1", on_at_s=at_s, reason="7")
        gone = await client.look_up_subject(asked)
        assert (gone.was_listed, gone.entries) == (True, ())
        with pytest.raises(NotFound):
            await client.export_subject(SubjectExport(reference="wanted-1", reason="7"))
