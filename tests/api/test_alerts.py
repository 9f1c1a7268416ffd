"""Alerts: what a reviewer may see and when, the images' log, and the way of a decision."""

import dataclasses
import json
import os
import pwd
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.api.projection import project
from lfrd.client import Client
from lfrd.clock import ManualClock
from lfrd.errors import BadInput, Conflict, NotFound, StoreFailed
from lfrd.governance.episodes import Dossier
from lfrd.governance.reviews import UNDO_WINDOW_S
from lfrd.store.episodes import Episode, EpisodeState
from lfrd.store.reviews import Review
from lfrd.store.reviews import ReviewDecision as StoredDecision
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import Role
from lfrd.wire.alerts import AlertState, Outcome, ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraCreate
from support.site import Served, deploy, make_list, see_somebody, serve
from support.store import PROBE, REFERENCE, RIVAL, add_rival, raise_one, raise_some

ME = f"user:{pwd.getpwuid(os.getuid()).pw_name}"
OTHERS = {"anna's": "user:anna", "ben's": "user:ben"}
SEEN = Shown(face_px=64, reference_px=64, seen_s=2.0)
MATCH = ReviewSubmit(shown=SEEN, decision=ReviewDecision.MATCH, reason="the scar")
NO_MATCH = ReviewSubmit(shown=SEEN, decision=ReviewDecision.NOT_A_MATCH)
HIDDEN = ("score", "margin", "threshold", "looks", "outcome", "reviews")


def client_of(served: Served, secret: str) -> Client:
    return Client.over_tcp(f"http://127.0.0.1:{served.server.tcp_port}", secret)


async def consultations(served: Served) -> list[tuple[str, str]]:
    return await served.site.database.read(
        lambda reader: [
            (row.text("principal"), row.text("payload"))
            for row in reader.rows(
                "SELECT principal, payload FROM audit_leaf WHERE class = 'consultation'"
            )
        ]
    )


# --- the pure projection

EPISODE = Episode(
    id="e", deployment_id="d", camera_id="north", track_id=7, entry_id="entry", person_id="person",
    watchlist_id="list", reference="ref-1", score=0.6172, margin=0.2183, threshold=0.4591,
    model_digest="m", looks=3, sequence=251, media_at_s=10.04, captured_at_s=1010.04,
    raised_at_s=1e9, latency_ms=212.5, state=EpisodeState.OPEN,
)  # fmt: skip
some_review = st.builds(
    Review,
    id=st.uuids().map(str),
    episode_id=st.just("e"),
    principal=st.sampled_from(["user:anna", "user:ben", "user:clara"]),
    decision=st.sampled_from(StoredDecision),
    reason=st.text(max_size=5),
    submitted_at_s=st.just(1e9 + 1),
    final_at_s=st.none() | st.floats(1e9 + 2, 1e9 + 20),
)
reviews_of_others = st.lists(some_review, unique_by=lambda review: review.principal, max_size=3)


def my_review(decision: StoredDecision, at_s: float, final_at_s: float | None) -> Review:
    return Review(
        id="r", episode_id="e", principal=ME, decision=decision, reason="", submitted_at_s=at_s,
        final_at_s=final_at_s,
    )  # fmt: skip


@given(reviews_of_others, st.none() | st.sampled_from(StoredDecision), st.integers(1, 2))
def test_until_ones_own_decision_is_final_others_leave_no_trace(
    others: list[Review], own: StoredDecision | None, required: int
) -> None:
    mine = () if own is None else (my_review(own, 1e9, None),)
    alone = project(Dossier(EPISODE, (), mine, None, required), ME, Role.OPERATOR)
    among = project(Dossier(EPISODE, (), (*others, *mine), None, required), ME, Role.OPERATOR)
    assert alone.model_dump_json() == among.model_dump_json()
    assert among.revealed is None
    assert not set(HIDDEN) & json.loads(among.model_dump_json()).keys()
    assert "0.6172" not in among.model_dump_json()


@given(reviews_of_others, st.integers(1, 2))
def test_after_it_only_final_decisions_of_others_show(others: list[Review], required: int) -> None:
    mine = my_review(StoredDecision.NOT_MATCH, 1e9, 1e9 + 5)
    alert = project(Dossier(EPISODE, (), (*others, mine), None, required), ME, Role.OPERATOR)
    assert alert.revealed is not None
    assert (alert.revealed.score, alert.revealed.threshold) == (0.6172, 0.4591)
    final = [review for review in others if review.final_at_s is not None]
    assert len(alert.revealed.reviews) == len(final) + 1
    assert (alert.revealed.outcome is None) == (len(final) + 1 < required)


# --- through the socket


async def test_alerts_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        raised = await raise_some(served.site.database, 5)
        newest_first = sorted((episode.id for episode in raised), reverse=True)
        client = served.client
        assert [alert.id for alert in await client.alerts()] == newest_first
        first = await client.alerts(limit=2)
        second = await client.alerts(limit=2, before=first[-1].id)
        third = await client.alerts(limit=2, before=second[-1].id)
        assert [alert.id for alert in (*first, *second, *third)] == newest_first
        await client.submit_review(newest_first[0], MATCH)
        await client.finish_review(newest_first[0])
        opened = await client.alerts(state=AlertState.OPEN)
        closed = await client.alerts(state=AlertState.CLOSED)
        assert [alert.id for alert in opened] == newest_first[1:]
        assert [alert.id for alert in closed] == newest_first[:1]


def test_an_alert_says_with_which_one_people_were_told() -> None:
    assert project(Dossier(EPISODE, (), (), None), ME, Role.OPERATOR).bundled_with is None
    again = dataclasses.replace(EPISODE, bundled_with="earlier")
    assert project(Dossier(again, (), (), None), ME, Role.OPERATOR).bundled_with == "earlier"


async def test_an_alert_says_whether_there_is_a_scene_to_ask_for(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await served.client.add_camera(CameraCreate(id="gate", address="rtsp://127.0.0.1:9/x"))
        list_id = await make_list(served.site)
        running = (await deploy(served.site, list_id)).id
        for track, scene in ((1, b"a scene"), (2, None)):
            alert_id = (await see_somebody(served.site, running, list_id, track, scene=scene)).id
            alert = await served.client.alert(alert_id)
            assert alert.has_scene is (scene is not None)
            assert alert in await served.client.alerts()
            if scene is None:
                with pytest.raises(NotFound):
                    await served.client.scene(alert_id)
            else:
                assert await served.client.scene(alert_id) == scene


async def test_an_alert_names_its_list_even_after_it_is_gone(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        episode = await raise_one(served.site.database)
        alert = await served.client.alert(episode.id)
        assert (alert.reference, alert.watchlist_name, alert.camera_id) == (
            "ref-1",
            "visitors",
            "gate",
        )
        assert (alert.ambiguous, alert.rivals, alert.state) == (False, (), AlertState.OPEN)
        await served.client.delete_watchlist(episode.watchlist_id)
        alert = await served.client.alert(episode.id)
        assert (alert.reference, alert.watchlist_name) == ("ref-1", "")
        assert await served.client.alert_image(episode.id, "reference") == REFERENCE


async def test_every_look_at_a_face_is_logged(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        episode = await raise_one(served.site.database)
        rival = await add_rival(served.site.database, episode)
        alert = await served.client.alert(episode.id)
        assert alert.ambiguous
        assert [item.reference for item in alert.rivals] == ["ref-2"]
        assert await consultations(served) == []
        assert await served.client.alert_image(episode.id, "probe") == PROBE
        assert await served.client.alert_image(episode.id, "reference") == REFERENCE
        assert await served.client.rival_image(episode.id, rival.person_id) == RIVAL
        assert await consultations(served) == [
            (ME, '{"image":"probe"}'),
            (ME, '{"image":"reference"}'),
            (ME, '{"image":"rival"}'),
        ]


async def test_no_log_no_face(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unwritable(*_: object, **__: object) -> int:
        raise StoreFailed("the log cannot be written")

    async with serve(tmp_path) as served:
        episode = await raise_one(served.site.database)
        rival = await add_rival(served.site.database, episode)
        monkeypatch.setattr(Transaction, "audit", unwritable)
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            for path in ("images/probe", "images/reference", f"rivals/{rival.person_id}/image"):
                answer = await client.get(f"/v1/alerts/{episode.id}/{path}")
                assert answer.status_code == 503
                assert b"portrait" not in answer.content


async def test_images_that_are_not_there_are_not_found(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        episode = await raise_one(served.site.database)
        with pytest.raises(NotFound):
            await served.client.alert_image("none", "probe")
        with pytest.raises(NotFound):
            await served.client.rival_image(episode.id, "nobody")
        with pytest.raises(BadInput):
            await served.client.alert_image(episode.id, "crop")  # type: ignore[arg-type]
        assert await consultations(served) == []


async def test_a_decision_can_be_undone_for_ten_seconds(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served:
        client = served.client
        alert_id = (await raise_one(served.site.database)).id
        decided = await client.submit_review(alert_id, MATCH)
        assert decided.my_review is not None
        assert (decided.my_review.decision, decided.my_review.reason) == (
            ReviewDecision.MATCH,
            "the scar",
        )
        assert (decided.my_review.principal, decided.my_review.final_at_s) == (ME, None)
        assert (decided.revealed, decided.state) == (None, AlertState.OPEN)
        with pytest.raises(Conflict):
            await client.submit_review(alert_id, NO_MATCH)
        clock.advance(UNDO_WINDOW_S - 0.01)
        assert (await client.undo_review(alert_id)).my_review is None
        with pytest.raises(NotFound):
            await client.undo_review(alert_id)
        await client.submit_review(alert_id, NO_MATCH)
        clock.advance(UNDO_WINDOW_S)
        with pytest.raises(Conflict):
            await client.undo_review(alert_id)
        await served.site.reviews.sweep()
        final = await client.alert(alert_id)
        assert final.state is AlertState.CLOSED
        assert final.revealed is not None
        assert final.revealed.outcome is Outcome.NOT_A_MATCH
        assert (final.revealed.score, final.revealed.threshold) == (0.61, 0.45)


async def test_a_final_decision_reveals_and_stays(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        alert_id = (await raise_one(served.site.database)).id
        with pytest.raises(NotFound):
            await served.client.finish_review(alert_id)
        await served.client.submit_review(alert_id, MATCH)
        final = await served.client.finish_review(alert_id)
        assert final.revealed is not None
        assert final.revealed.outcome is Outcome.MATCH
        assert await served.client.finish_review(alert_id) == final
        with pytest.raises(Conflict):
            await served.client.undo_review(alert_id)
        with pytest.raises(Conflict):
            await served.client.submit_review(alert_id, NO_MATCH)


async def test_a_decision_about_nothing_is_refused(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        with pytest.raises(NotFound):
            await served.client.submit_review("none", MATCH)
        with pytest.raises(NotFound):
            await served.client.alert("none")


async def walk(client: Client, alert_id: str) -> list[str]:
    """Everything that one reviewer can read about an alert, but for the time of day."""
    return [
        (await client.alert(alert_id)).model_dump_json(),
        *[alert.model_dump_json() for alert in await client.alerts()],
        *[deployment.model_dump_json() for deployment in await client.deployments()],
        (await client.health()).model_dump_json(exclude={"at_s"}),
    ]


async def test_the_second_reviewer_cannot_tell_that_the_first_decided(tmp_path: Path) -> None:
    async with serve(tmp_path, tcp="127.0.0.1:0", secrets=OTHERS) as served:
        served.site.reviews.required = 2
        alert_id = (await raise_one(served.site.database)).id
        async with client_of(served, "anna's") as anna, client_of(served, "ben's") as ben:
            before = await walk(ben, alert_id)
            newest = await served.site.database.read(
                lambda reader: reader.count("SELECT max(id) FROM event")
            )
            await anna.submit_review(alert_id, MATCH)
            assert await walk(ben, alert_id) == before
            revealed = (await anna.finish_review(alert_id)).revealed
            assert revealed is not None
            assert revealed.outcome is None
            assert await walk(ben, alert_id) == before
            later = await served.site.database.read(
                lambda reader: reader.count("SELECT count(*) FROM event WHERE id > ?", (newest,))
            )
            assert later == 0, "not even a gap in the numbers of events tells"
            await ben.submit_review(alert_id, NO_MATCH)
            both = (await ben.finish_review(alert_id)).revealed
            assert both is not None
            assert both.outcome is Outcome.UNRESOLVED
            assert {review.principal for review in both.reviews} == {"user:anna", "user:ben"}
            waiting = await anna.alert(alert_id)
            assert (waiting.state, waiting.escalated) == (AlertState.OPEN, True)
