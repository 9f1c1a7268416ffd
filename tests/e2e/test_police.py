"""A deployment under each police profile, on a real stream, from draft to the erased list."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lfrd.api.server import ApiServer
from lfrd.audit.signing import PrivateKey
from lfrd.audit.verify import ED25519
from lfrd.client import Client
from lfrd.clock import SystemClock
from lfrd.config import AuthoritySection, PolicySection
from lfrd.daemon import open_site
from lfrd.demo.clip import listed_photo
from lfrd.demo.stream import rtsp_stream
from lfrd.errors import Conflict, Denied, NotFound
from lfrd.vocabulary import Category, DeploymentState, ErasureKind, Role, UseCase
from lfrd.wire.alerts import Alert, AlertState, Outcome, ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.deployments import Deployment, DeploymentDraft, Erasure
from lfrd.wire.evaluations import EvaluationReport
from lfrd.wire.lists import EntryCreate, WatchlistCreate
from lfrd.wire.people import TokenCreate, TrainingRecord
from support.evaluation import measured
from support.site import HOUR_S, config_on, plan_of

WAIT_S = 60.0
SEEN = Shown(face_px=64, reference_px=64, seen_s=2.0)
MATCH = ReviewSubmit(shown=SEEN, decision=ReviewDecision.MATCH, reason="the same ears")
ROLES = {
    "chief": Role.SUPERVISOR,
    "ada": Role.OPERATOR,
    "ben": Role.OPERATOR,
    "clara": Role.OPERATOR,
}


class LeapClock(SystemClock):
    """Goes as the machine's clock does, and leaps where a test has no day to wait."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def leap(self, seconds: float) -> None:
        self._ahead_s += seconds

    def monotonic_s(self) -> float:
        return time.monotonic() + self._ahead_s

    def wall_s(self) -> float:
        return time.time() + self._ahead_s


@dataclass(frozen=True, slots=True)
class Desk:
    """A site under a police profile, and everybody's client, each with a token of their own."""

    profile: str
    clock: LeapClock
    socket: Path
    people: dict[str, Client]


@asynccontextmanager
async def desk(folder: Path, profile: str, address: str) -> AsyncIterator[Desk]:
    clock = LeapClock()
    config = config_on(folder).model_copy(
        update={
            "policy": PolicySection.model_validate({"profile": profile, "allow_lab": False}),
            "authority": AuthoritySection(keys=(COURT.public.text,)),
        }
    )
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(open_site(config, clock=clock))
        await stack.enter_async_context(ApiServer(site))
        socket = site.config.socket_path
        admin = await stack.enter_async_context(Client.over_socket(socket))
        people = {}
        for name, role in ROLES.items():
            secret = (await admin.create_token(TokenCreate(principal=name, role=role))).secret
            client = Client.over_socket(socket, secret)
            people[name] = await stack.enter_async_context(client)
        await people["ada"].add_camera(CameraCreate(id="street", address=address))
        yield Desk(profile, clock, socket, people)


COURT = PrivateKey("court.example/authority", ED25519, bytes(range(32)))
AUTHORISED_BY = {
    "uk-police": "user:chief", "eu-law-enforcement": "authority:court.example/authority",
}  # fmt: skip


async def make_list(at: Desk) -> str:
    ada = at.people["ada"]
    made = await ada.create_watchlist(
        WatchlistCreate(name="wanted", category=Category.WANTED, purpose="find", owner="desk")
    )
    entry = await ada.add_entry(
        made.id,
        EntryCreate(reference="w-1", basis="warrant 12", source="court", reviewer="ben"),
    )
    await ada.add_photo(entry.id, listed_photo(), "w-1.jpg")
    return made.id


async def draft(at: Desk, watchlist_id: str) -> Deployment:
    plan = plan_of(watchlist_id, at.profile)
    return await at.people["ada"].governance.draft(
        DeploymentDraft(
            profile=plan.profile, purpose=plan.purpose, use_case=UseCase(plan.use_case),
            place=plan.place, expectation=plan.expectation, documents=plan.documents,
            watchlist_ids=plan.watchlist_ids, duration_s=4 * HOUR_S,
        )
    )  # fmt: skip


async def missing(client: Client, deployment_id: str) -> set[str]:
    return {found.key for found in (await client.governance.gate(deployment_id)).missing}


async def authority(at: Desk, client: Client, deployment_id: str) -> str | None:
    """Where the law wants one from outside, what the court signs."""
    if not at.profile.startswith("eu"):
        return None
    with pytest.raises(Conflict, match="authority from outside"):
        await client.governance.authorise(deployment_id)
    text = (await client.governance.authority_request(deployment_id)).text
    return f"{text}\n{COURT.sign(text).line}"


async def start(at: Desk, watchlist_id: str, report: EvaluationReport) -> Deployment:
    """Past everything that the gate asks for, one thing after the other."""
    ada, chief = at.people["ada"], at.people["chief"]
    for name in ("ben", "clara"):
        until_s = at.clock.wall_s() + 1e7
        await chief.governance.record_training(
            TrainingRecord(principal=name, what="a course", valid_until_s=until_s)
        )
    planned = await draft(at, watchlist_id)
    listed = f"watchlist.{watchlist_id}"
    assert await missing(ada, planned.id) == {"authority", "evaluation", listed}
    with pytest.raises(Denied, match="supervisor"):
        await ada.governance.authorise(planned.id)
    await chief.governance.authorise(planned.id, await authority(at, chief, planned.id))
    with pytest.raises(Denied, match="supervisor"):
        await ada.governance.add_evaluation(report)
    await chief.governance.add_evaluation(report)
    assert await missing(ada, planned.id) == {listed}
    with pytest.raises(Conflict, match="was not confirmed within 24 h"):
        await ada.governance.start(planned.id)
    async with Client.over_socket(at.socket) as lists:
        await lists.confirm_watchlist(watchlist_id)
    assert await missing(at.people["ben"], planned.id) == set()
    if not at.profile.startswith("eu"):
        assert await missing(chief, planned.id) == {"authoriser"}
        with pytest.raises(Conflict, match="another person"):
            await chief.governance.start(planned.id)
    return await ada.governance.start(planned.id)


async def candidate(client: Client) -> Alert:
    async with asyncio.timeout(WAIT_S):
        while not (found := await client.alerts(state=AlertState.OPEN)):
            await asyncio.sleep(0.1)
    return found[-1]


async def review(at: Desk, reviewers: tuple[str, ...], alert: Alert) -> None:
    """Each looks at the pictures and decides; until they all have, it is open and blind."""
    for name in reviewers:
        client = at.people[name]
        before = await client.alert(alert.id)
        assert (before.state, before.revealed) == (AlertState.OPEN, None)
        for which in ("probe", "reference"):
            assert await client.alert_image(alert.id, which)
        await client.submit_review(alert.id, MATCH)
        await client.finish_review(alert.id)
    closed = await at.people[reviewers[0]].alert(alert.id)
    assert closed.state is AlertState.CLOSED
    assert closed.revealed is not None
    assert closed.revealed.outcome is Outcome.MATCH
    assert [item.principal for item in closed.revealed.reviews] == [
        f"user:{name}" for name in reviewers
    ]


async def pause_and_go_on(at: Desk, deployment_id: str) -> None:
    """No sign of an operator for a quarter of an hour, then one."""
    ben = at.people["ben"]
    at.clock.leap(15 * 60 + 1)
    for paused in (True, False):
        async with asyncio.timeout(WAIT_S):
            while (await ben.deployment(deployment_id)).paused is not paused:
                await asyncio.sleep(0.1)
        if paused:
            await ben.governance.present()


async def until_erased(at: Desk, watchlist_id: str, alert: Alert) -> None:
    """The list goes within its hours after use, the faces of the episode within theirs."""
    ada = at.people["ada"]
    async with asyncio.timeout(WAIT_S):
        while await ada.watchlists():
            await asyncio.sleep(0.2)
        while not await _faceless(ada, alert):
            await asyncio.sleep(0.2)
        while (gone := await _receipt(ada, watchlist_id)).done_at_s is None:
            await asyncio.sleep(0.2)  # the list is gone at once, its bytes a moment later
    with pytest.raises(NotFound):
        await ada.watchlist(watchlist_id)
    assert (gone.entries, gone.templates, gone.images) == (1, 1, 1)


async def _receipt(client: Client, watchlist_id: str) -> Erasure:
    (receipt,) = (
        item
        for item in await client.governance.erasures()
        if item.kind is ErasureKind.WATCHLIST and item.subject_id == watchlist_id
    )
    return receipt


async def _faceless(client: Client, alert: Alert) -> bool:
    try:
        await client.alert_image(alert.id, "probe")
    except NotFound:
        return True
    return False


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    return measured()


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("profile", "reviewers"),
    [("uk-police", ("ben",)), ("eu-law-enforcement", ("ben", "clara"))],
)
async def test_from_draft_to_the_erased_list(
    tmp_path: Path,
    demo_clip: Path,
    report: EvaluationReport,
    profile: str,
    reviewers: tuple[str, ...],
) -> None:
    async with rtsp_stream(demo_clip) as address, desk(tmp_path, profile, address) as at:
        watchlist_id = await make_list(at)
        at.clock.leap(25 * HOUR_S)
        started = await start(at, watchlist_id, report)
        assert (started.state, started.authorised_by, started.started_by) == (
            DeploymentState.RUNNING, AUTHORISED_BY[profile], "user:ada",
        )  # fmt: skip
        alert = await candidate(at.people[reviewers[0]])
        assert alert.reference == "w-1"
        await review(at, reviewers, alert)
        await pause_and_go_on(at, started.id)
        ended = await at.people["ada"].end_deployment(started.id, "shift over")
        assert ended.state is DeploymentState.ENDED
        assert ended.summary is not None
        assert ended.summary.templates_made == ended.summary.templates_destroyed > 0
        at.clock.leap(23 * HOUR_S)
        await asyncio.sleep(6)  # the sweeper looked meanwhile
        assert len(await at.people["ada"].watchlists()) == 1, "not before its time"
        at.clock.leap(1.1 * HOUR_S)
        await until_erased(at, watchlist_id, alert)
        kept = await at.people[reviewers[0]].alert(alert.id)
        assert kept.revealed is not None, "its record stays"
