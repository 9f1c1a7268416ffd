"""What is pure behind the places: the guide, the gate's checklist, the search, figures, dates."""

from datetime import date, datetime

import pytest

from lfrd.errors import BadInput
from lfrd.vocabulary import Category, DeploymentState
from lfrd.wire.alerts import AlertState, Mine, ReviewDecision
from lfrd.wire.deployments import GateFinding, GateVerdict
from lfrd.wire.events import EventKind
from lfrd.wire.health import Me
from lfrd.wire.lists import CameraMinute, Watchlist
from support.terminal import (
    NOW_S,
    Desk,
    alert,
    camera,
    deployment,
    revealed,
    review,
    screen_of,
    text_of,
    until,
)
from tui.dates import moment
from tui.figures import Figures, span_of
from tui.gate import Mend, checklist
from tui.guide import next_step, steps
from tui.screens.camera_form import id_of, name_of
from tui.search import search_of


def watchlist(
    name: str = "House bans", templates: int = 0, ends_at_s: float | None = None
) -> Watchlist:
    return Watchlist(
        id=name.lower().replace(" ", "-"), name=name, category=Category.EXCLUDED, purpose="p",
        owner="o", colour="#d0021b", margin=0.0, entries=templates, templates=templates,
        camera_ids=(), created_at_s=NOW_S, expires_at_s=ends_at_s, confirmed_at_s=NOW_S,
        confirmed_by="user:anna",
    )  # fmt: skip


def plan(state: DeploymentState = DeploymentState.DRAFT):
    changes = {"state": state, "planned_end_at_s": NOW_S + 3600, "started_at_s": None}
    return deployment("standard").model_copy(update=changes)


def test_the_guide_names_what_is_missing_next() -> None:
    found = steps((), (), (), NOW_S)
    assert next_step(found).name == "camera"
    cameras = (camera(),)
    assert next_step(steps(cameras, (), (), NOW_S)).name == "list"
    assert next_step(steps(cameras, (watchlist(),), (), NOW_S)).name == "person"
    ended = watchlist(templates=3, ends_at_s=NOW_S - 1)
    assert next_step(steps(cameras, (ended,), (), NOW_S)).name == "list"
    lists = (watchlist(templates=3),)
    assert next_step(steps(cameras, lists, (), NOW_S)).name == "plan"
    late = plan().model_copy(update={"planned_end_at_s": NOW_S - 1})
    assert next_step(steps(cameras, lists, (late,), NOW_S)).name == "plan"
    ready = steps(cameras, lists, (plan(DeploymentState.AUTHORISED),), NOW_S)
    assert (next_step(ready).name, next_step(ready).title) == ("start", "Start it")


def test_the_checklist_begins_with_what_bars_the_start_and_says_what_mends_it() -> None:
    verdict = GateVerdict(
        open=False,
        missing=(
            GateFinding(key="document.notice", text='it is missing (document "notice: X")'),
            GateFinding(key="watchlist.abc", text="watchlist 'Bans' was not confirmed"),
            GateFinding(key="authority", text="it is draft: it must be authorised first"),
            GateFinding(key="unheard-of", text="something new"),
        ),
        warnings=(GateFinding(key="evaluation", text="there is no report (`lfrd evaluate`)"),),
        erases=(GateFinding(key="watchlist.abc", text="'Bans' is erased after it"),),
    )  # fmt: skip
    lines = checklist(verdict)
    assert "".join(line.sign for line in lines) == "✗✗✗✗▲▮✓✓✓✓"
    by_key = {line.key: line for line in lines}
    assert len(by_key) == len(lines)
    document = by_key["document.notice"]
    assert (document.text, document.mend, document.subject) == (
        "it is missing", Mend.AMEND, "notice",
    )  # fmt: skip
    assert (by_key["watchlist.abc"].mend, by_key["watchlist.abc"].subject) == (Mend.LISTS, "abc")
    assert by_key["authority"].mend is Mend.AUTHORISE
    assert by_key["unheard-of"].mend is Mend.NOTHING
    assert "`lfrd evaluate`" in by_key["evaluation"].text  # no key mends it: the command is named


def test_a_camera_is_named_and_numbered_by_nobody() -> None:
    assert id_of("Nördlicher Eingang!", ()) == "nordlicher-eingang"
    assert id_of("Gate", ("gate", "gate-2")) == "gate-3"
    assert id_of("門", ()) == "camera"
    assert name_of("rtsp://op:geheim@secret.local/x", 2) == "Camera 2"
    assert name_of("whip://phone", 2) == "phone"
    assert name_of("/clips/street.mp4", 2) == "street"


def test_a_search_is_words_a_camera_a_list_and_a_day() -> None:
    cameras, lists = (camera(name="North"), camera(name="Car park")), (watchlist(),)
    thursday = date(2026, 11, 26)
    found = search_of("P-0 north mon", cameras, lists, thursday, mine=Mine.DECIDED)
    assert (found.words, found.wanted.camera_id, found.wanted.mine) == (
        ("p-0",), "north", Mine.DECIDED,
    )  # fmt: skip
    monday = datetime(2026, 11, 23).astimezone().timestamp()
    assert (found.wanted.since_s, found.wanted.until_s) == (monday, monday + 86_400)
    assert found.holds(alert(1, reference="P-007"))
    assert not found.holds(alert(1, reference="Q-007"))
    assert search_of("house", (), lists, thursday).wanted.watchlist_id == "house-bans"
    assert search_of("2026-11-20", (), (), thursday).wanted.since_s is not None
    two = (camera(name="Gate one"), camera(name="Gate two"))
    assert search_of("gate", two, (), thursday).wanted.camera_id is None  # which one is not said


def test_figures_count_what_this_viewer_may_know() -> None:
    mine = review(submitted_at_s=NOW_S + 12, final_at_s=NOW_S + 22)
    decided = alert(1, state=AlertState.CLOSED, my_review=mine, shown=revealed(mine))
    decoy = decided.model_copy(
        update={"id": "d", "decoy": True, "decoy_right": ReviewDecision.MATCH}
    )
    span = span_of("hour", NOW_S - 3600, NOW_S + 60)
    minute = CameraMinute(at_s=NOW_S, frames_detected=9, frames_dropped=2, faces_detected=4,
                          tracks=3, tracks_never_compared=1, candidates=1)  # fmt: skip
    early = minute.model_copy(update={"at_s": NOW_S - 90_000})
    figures = Figures(span, (decided, alert(2), decoy), {"north": (early, minute)})
    assert span.step_s == 300
    assert len(span.labels()) == span.steps
    assert sum(figures.faces()) == 3
    assert sum(figures.dropped()) == 2
    before = minute.model_copy(update={"at_s": span.since_s - 100, "span_s": 300.0, "tracks": 5})
    gone = before.model_copy(update={"at_s": span.since_s - 300})
    assert Figures(span, (), {"north": (gone, before)}).faces()[0] == 5
    assert sum(figures.candidates()) == 2
    assert figures.decisions()["match"] == figures.decisions()["to be decided"] == 1
    assert figures.times_s() == [12.0]
    assert figures.time_bars()[1][2] == 1
    assert figures.score_bars() == (["0.46"], [1])


def test_dates_are_spans_days_and_moments() -> None:
    assert moment("2 d", 1000.0) == 1000.0 + 172_800
    assert moment("never", 1000.0) is None
    assert moment("", 1000.0) is None
    end = datetime(2026, 12, 31, 23, 59, 59).astimezone().timestamp()
    assert moment("2026-12-31", 0.0) == end
    with pytest.raises(BadInput, match="write the date as"):
        moment("soon", 0.0)


async def test_ten_minutes_before_the_end_it_asks_and_loses_no_decision() -> None:
    desk = Desk(alert(1))
    desk.me_held = Me(principal="user:anna", role="supervisor")
    async with screen_of(desk, (80, 24)) as (pilot, screen):
        await pilot.press("r")  # half way through a reason: the question waits
        desk.advance(3000)
        desk.tell_deployment(EventKind.DEPLOYMENT_ENDING)
        await pilot.pause(0.7)
        assert "Reason for your decision" in text_of(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "The deployment ends in 10 min" in text_of(pilot))
        await pilot.press("m")
        assert desk.submitted == []
        await pilot.press("plus")
        await until(pilot, lambda: "by how many hours?" in text_of(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen)
