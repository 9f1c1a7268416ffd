"""Rules, deployments outside the lab, schedules, holds and erasures through a real socket."""

import time
from pathlib import Path

import pytest

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.vocabulary import DeploymentState, ErasureKind, HoldKind, UseCase
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.deployments import (
    DeploymentChange,
    DeploymentDraft,
    ErasureRequest,
    HoldCreate,
    ScheduleCreate,
    Window,
)
from support.site import Served, make_list, serve

DOCUMENTS = ("impact-assessment: DPIA 7", "notice: sign at the door")


def draft(watchlist_id: str, **changes: object) -> DeploymentDraft:
    plain = {
        "profile": "standard", "purpose": "to find them", "place": "the station",
        "use_case": UseCase.LOCATE_WANTED, "expectation": "seen there", "documents": DOCUMENTS,
        "watchlist_ids": (watchlist_id,), "duration_s": 3600.0,
    }  # fmt: skip
    return DeploymentDraft.model_validate({**plain, **changes})


async def ready(served: Served) -> str:
    await served.client.add_camera(CameraCreate(id="gate", address="rtsp://127.0.0.1:9/1"))
    return await make_list(served.site)


async def test_rules_are_shown_with_version_and_digest(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        shown = await served.client.governance.policy()
        health = await served.client.health()
        assert health.policy is not None
        assert (shown.own.name, shown.own.digest) == ("standard", health.policy.digest)
        assert shown.own.values["alert_face_data_h"] == 24
        assert shown.lab is not None
        assert shown.lab.is_lab


async def test_a_deployment_from_draft_to_its_erasure(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        calls = served.client.governance
        listed = await ready(served)
        made = await calls.draft(draft(listed))
        assert made.state is DeploymentState.DRAFT
        assert made.watchlist_ids == (listed,)
        verdict = await calls.gate(made.id)
        assert [finding.key for finding in verdict.missing] == ["authority"]
        with pytest.raises(Conflict, match="must be authorised first"):
            await calls.start(made.id)
        await calls.authorise(made.id)
        assert (await calls.gate(made.id)).open
        started = await calls.start(made.id)
        assert (started.state, started.camera_ids) == (DeploymentState.RUNNING, ("gate",))
        assert started.policy is not None
        assert not started.paused
        assert (await calls.present()).id == made.id
        assert started.planned_end_at_s is not None
        extended = await calls.extend(made.id, started.planned_end_at_s + 600)
        assert extended.planned_end_at_s == started.planned_end_at_s + 600
        with pytest.raises(Conflict, match="not started urgently"):
            await calls.ratify(made.id)
        await served.client.end_deployment(made.id, "over")
        with pytest.raises(Conflict):
            await calls.present()
        receipt = await calls.erase(
            ErasureRequest(kind="deployment", subject_id=made.id, reason="over")
        )
        assert receipt.done_at_s is not None
        assert (await served.client.deployment(made.id)).state is DeploymentState.ERASED
        kinds = {item.kind for item in await calls.erasures()}
        assert kinds == {ErasureKind.DEPLOYMENT, ErasureKind.SNAPSHOT}


async def test_the_refusal_lists_everything(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        calls = served.client.governance
        made = await calls.draft(draft("nowhere", purpose="", expectation="", documents=()))
        with pytest.raises(Conflict) as refused:
            await calls.start(made.id)
        for part in ("purpose", "expected", "impact assessment", "notice", "nowhere", "camera"):
            assert part in str(refused.value)
        with pytest.raises(BadInput):
            await calls.draft(draft("x", profile="uk-police"))
        with pytest.raises(NotFound):
            await calls.gate("none")


async def test_a_schedule_is_planned_authorised_and_revoked(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        calls = served.client.governance
        listed = await make_list(served.site)
        plan = ScheduleCreate(
            profile="standard", purpose="p", use_case=UseCase.TEST, place="q", expectation="e",
            watchlist_ids=(listed,), windows=(Window(day="monday", start="09:00", hours=8),),
            expires_at_s=time.time() + 86_400,
        )  # fmt: skip
        made = await calls.add_schedule(plan)
        assert made.authorised_by is None
        assert (await calls.authorise_schedule(made.id)).authorised_by is not None
        with pytest.raises(Conflict):
            await calls.authorise_schedule(made.id)
        assert (await calls.revoke_schedule(made.id)).revoked_by is not None
        assert len(await calls.schedules()) == 1
        with pytest.raises(Conflict, match="no weekly schedule"):
            await calls.add_schedule(plan.model_copy(update={"profile": "lab"}))
        with pytest.raises(BadInput, match="within a year"):
            await calls.add_schedule(plan.model_copy(update={"expires_at_s": 5.0}))


async def test_one_person_alone_holds_nothing(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        calls = served.client.governance
        listed = await make_list(served.site)
        asked = await calls.ask_hold(
            HoldCreate(kind=HoldKind.WATCHLIST, subject_id=listed, reason="court order")
        )
        with pytest.raises(Conflict, match="two different people"):
            await calls.confirm_hold(asked.id)
        released = await calls.release_hold(asked.id, "a mistake")
        assert released.release_reason == "a mistake"
        receipt = await calls.erase(
            ErasureRequest(kind="watchlist", subject_id=listed, reason="asked for")
        )
        assert (receipt.entries, receipt.images, receipt.templates) == (1, 1, 1)
        assert await served.client.watchlists() == ()


async def test_a_plan_is_amended_or_discarded(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        calls = served.client.governance
        listed = await ready(served)
        made = await calls.draft(draft(listed, place=""))
        with pytest.raises(Conflict, match="the place is missing"):
            await calls.authorise(made.id)
        change = DeploymentChange(place="the hall", start_at_s=None, duration_s=600)
        amended = await calls.amend(made.id, change)
        assert (amended.place, amended.purpose) == ("the hall", made.purpose)
        assert amended.planned_start_at_s != made.planned_start_at_s
        await calls.authorise(made.id)
        ended = await served.client.end_deployment(made.id, "not needed")
        assert ended.state is DeploymentState.ENDED
        with pytest.raises(Conflict):
            await calls.amend(made.id, change)
