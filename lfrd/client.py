"""The typed client of API v1 that the terminal UI, the command line and the tests share.

    async with Client.over_socket(path) as client:
        for alert in await client.alerts(state=AlertState.OPEN):
            ...

Answers are schema models. A refusal is raised as the lfrd error that the daemon raised; where no
daemon answers, Unreachable.
"""

import asyncio
import random
import re
import secrets
import time
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, Literal, Protocol, Self, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

import lfrd.errors as errors
import lfrd.wire.sse as sse
from lfrd.text import one_line
from lfrd.vocabulary import SLUG
from lfrd.wire import deployments as wire
from lfrd.wire.alerts import (
    Alert,
    AlertState,
    EngagementReport,
    Mine,
    Replay,
    ReviewerFigures,
    ReviewSubmit,
)
from lfrd.wire.audit import AuditExportStart, AuditKeys, AuditPage, AuditProof
from lfrd.wire.base import Problem, Wire, printed
from lfrd.wire.cameras import (
    Camera,
    CameraAdded,
    CameraChange,
    CameraCreate,
    CameraPast,
    CameraRates,
    CameraTest,
    CameraTestReport,
)
from lfrd.wire.deployments import Deployment, DeploymentEnd, DeploymentStart
from lfrd.wire.evaluations import (
    Evaluation,
    EvaluationReport,
    IndependentTest,
    IndependentTestRecord,
)
from lfrd.wire.events import EventKind, EventMessage, KeptEvents
from lfrd.wire.health import Health, HealthChange, Me, Reloaded
from lfrd.wire.incidents import (
    Incident,
    IncidentAmendment,
    IncidentClosing,
    IncidentRecord,
    IncidentReport,
    Year,
    YearFormat,
)
from lfrd.wire.lists import (
    CameraMinute,
    CameraReasons,
    Entry,
    EntryChange,
    EntryCreate,
    ExportStart,
    Finding,
    ImportRow,
    ImportRowDone,
    ImportRun,
    ImportStart,
    ListCameras,
    ModelPreparation,
    ModelPrepare,
    ModelSwitch,
    ModelSwitched,
    Photo,
    PhotoVerdict,
    Quarantine,
    Threshold,
    Watchlist,
    WatchlistChange,
    WatchlistCreate,
)
from lfrd.wire.outbox import MessageState, OutboxEndpoint, OutboxMessage
from lfrd.wire.people import NewToken, Token, TokenCreate, Training, TrainingRecord
from lfrd.wire.record import Notice, Record, RecordFormat
from lfrd.wire.subjects import (
    AbsenceProofs,
    AbsenceQuestion,
    SubjectAnswer,
    SubjectExport,
    SubjectLookup,
)
from lfrd.wire.trials import Passage, PassageCount, Trial

T = TypeVar("T")
E = TypeVar("E", Camera, Watchlist, Entry, Deployment)
"""What people edit, perhaps two at the same time."""


class Get(Protocol):
    def __call__(self, kind: type[T], path: str, /) -> Awaitable[T]: ...


class GetAll(Protocol):
    def __call__(self, kind: type[T], path: str, /) -> Awaitable[tuple[T, ...]]: ...


class Post(Protocol):
    def __call__(self, kind: type[T], path: str, body: Wire | None, /) -> Awaitable[T]: ...


class Patch(Protocol):
    def __call__(
        self, kind: type[T], path: str, body: Wire, tag: str | None, /
    ) -> Awaitable[T]: ...


class Put(Protocol):
    def __call__(self, kind: type[T], path: str, body: Wire, /) -> Awaitable[T]: ...


class GovernanceCalls:
    """Speaks through the client that made it, and refuses as that does."""

    def __init__(self, get: Get, get_all: GetAll, post: Post, patch: Patch, put: Put) -> None:
        self._get = get
        self._get_all = get_all
        self._post = post
        self._patch = patch
        self._put = put

    async def policy(self) -> wire.SitePolicies:
        return await self._get(wire.SitePolicies, "/v1/policy")

    async def draft(self, draft: wire.DeploymentDraft) -> wire.Deployment:
        return await self._post(wire.Deployment, "/v1/deployments/drafts", draft)

    async def gate(self, deployment_id: str) -> wire.GateVerdict:
        return await self._get(wire.GateVerdict, f"/v1/deployments/{deployment_id}/gate")

    async def amend(
        self, deployment_id: str, change: wire.DeploymentChange, tag: str | None = None
    ) -> wire.Deployment:
        """Change what is given of a plan; with a `tag` only as it was when that was read."""
        return await self._patch(wire.Deployment, f"/v1/deployments/{deployment_id}", change, tag)

    async def authority_request(
        self, deployment_id: str, until_at_s: float | None = None
    ) -> wire.AuthorityRequest:
        """What an authority from outside is to sign."""
        until = "" if until_at_s is None else f"?until_at_s={until_at_s!r}"
        path = f"/v1/deployments/{deployment_id}/authority-request"
        return await self._get(wire.AuthorityRequest, path + until)

    async def authorise(self, deployment_id: str, authority: str | None = None) -> wire.Deployment:
        body = wire.OutsideAuthority(authority=authority)
        return await self._act(deployment_id, "authorise", body)

    async def start(
        self, deployment_id: str, urgent_reason: str | None = None, *, street_team: bool = False
    ) -> wire.Deployment:
        body = wire.DeploymentBegin(urgent_reason=urgent_reason, street_team=street_team)
        return await self._act(deployment_id, "start", body)

    async def ratify(self, deployment_id: str, authority: str | None = None) -> wire.Deployment:
        body = wire.OutsideAuthority(authority=authority)
        return await self._act(deployment_id, "ratify", body)

    async def extend(
        self, deployment_id: str, until_at_s: float, authority: str | None = None
    ) -> wire.Deployment:
        body = wire.DeploymentExtend(until_at_s=until_at_s, authority=authority)
        return await self._act(deployment_id, "extend", body)

    async def present(self, *, street_team: bool = False) -> wire.Deployment:
        """Say that an operator is there, and a team on the spot."""
        body = wire.Presence(street_team=street_team)
        return await self._post(wire.Deployment, "/v1/deployments/current/presence", body)

    async def lapse(self, deployment_id: str, reason: str) -> wire.Lapsed:
        """Close, undecided, what an ended deployment left open."""
        body = wire.DeploymentLapse(reason=reason)
        return await self._post(wire.Lapsed, f"/v1/deployments/{deployment_id}/lapse", body)

    async def pause(self, *, paused: bool) -> wire.Deployment:
        """Pause matching in the running deployment, or let it go on."""
        body = wire.DeploymentPause(paused=paused)
        return await self._put(wire.Deployment, "/v1/deployments/current/pause", body)

    async def schedules(self) -> tuple[wire.Schedule, ...]:
        return await self._get_all(wire.Schedule, "/v1/schedules")

    async def add_schedule(self, schedule: wire.ScheduleCreate) -> wire.Schedule:
        return await self._post(wire.Schedule, "/v1/schedules", schedule)

    async def authorise_schedule(self, schedule_id: str) -> wire.Schedule:
        return await self._post(wire.Schedule, f"/v1/schedules/{schedule_id}/authorise", None)

    async def revoke_schedule(self, schedule_id: str) -> wire.Schedule:
        return await self._post(wire.Schedule, f"/v1/schedules/{schedule_id}/revoke", None)

    async def holds(self) -> tuple[wire.Hold, ...]:
        return await self._get_all(wire.Hold, "/v1/holds")

    async def ask_hold(self, hold: wire.HoldCreate) -> wire.Hold:
        return await self._post(wire.Hold, "/v1/holds", hold)

    async def confirm_hold(self, hold_id: str) -> wire.Hold:
        return await self._post(wire.Hold, f"/v1/holds/{hold_id}/confirm", None)

    async def release_hold(self, hold_id: str, reason: str) -> wire.Hold:
        body = wire.Reason(reason=reason)
        return await self._post(wire.Hold, f"/v1/holds/{hold_id}/release", body)

    async def erasures(self) -> tuple[wire.Erasure, ...]:
        return await self._get_all(wire.Erasure, "/v1/erasures")

    async def erase(self, request: wire.ErasureRequest) -> wire.Erasure:
        return await self._post(wire.Erasure, "/v1/erasures", request)

    async def trainings(self) -> tuple[Training, ...]:
        return await self._get_all(Training, "/v1/trainings")

    async def record_training(self, training: TrainingRecord) -> Training:
        """Note that a person was trained to review."""
        return await self._post(Training, "/v1/trainings", training)

    async def evaluations(self) -> tuple[Evaluation, ...]:
        return await self._get_all(Evaluation, "/v1/evaluations")

    async def add_evaluation(self, report: EvaluationReport) -> Evaluation:
        """Register what was measured."""
        return await self._post(Evaluation, "/v1/evaluations", report)

    async def withdraw_evaluation(self, evaluation_id: str, reason: str) -> Evaluation:
        body = wire.Reason(reason=reason)
        return await self._post(Evaluation, f"/v1/evaluations/{evaluation_id}/withdraw", body)

    async def independent_tests(self) -> tuple[IndependentTest, ...]:
        """Who tested a model independently."""
        return await self._get_all(IndependentTest, "/v1/evaluations/independent")

    async def record_independent_test(self, test: IndependentTestRecord) -> IndependentTest:
        """Note who tested a model independently."""
        return await self._post(IndependentTest, "/v1/evaluations/independent", test)

    async def record_incident(self, incident: IncidentRecord) -> Incident:
        """Note that something went wrong."""
        return await self._post(Incident, "/v1/incidents", incident)

    async def incidents(self, year: int | None = None) -> tuple[Incident, ...]:
        """What went wrong in a year, or ever."""
        path = "/v1/incidents"
        asked = path if year is None else f"{path}?year={year}"
        return await self._get_all(Incident, asked)

    async def report_incident(self, incident_id: str, reported_to: str) -> Incident:
        """Note to whom it was reported."""
        body = IncidentReport(reported_to=reported_to)
        return await self._post(Incident, f"/v1/incidents/{incident_id}/report", body)

    async def amend_incident(self, incident_id: str, change: IncidentAmendment) -> Incident:
        """Put right what is recorded."""
        return await self._post(Incident, f"/v1/incidents/{incident_id}/amend", change)

    async def close_incident(self, incident_id: str, closing: str) -> Incident:
        """Say what came of it."""
        body = IncidentClosing(closing=closing)
        return await self._post(Incident, f"/v1/incidents/{incident_id}/close", body)

    async def year(self, year: int) -> Year:
        """The use in a year."""
        return await self._get(Year, f"/v1/years/{year}")

    async def _act(self, deployment_id: str, step: str, body: Wire | None) -> wire.Deployment:
        path = f"/v1/deployments/{deployment_id}/{step}"
        return await self._post(wire.Deployment, path, body)


REQUEST_S = 65.0
"""Longer than the daemon's own limit on a request, so that it is the daemon that answers."""

SILENCE_S = 25.0
"""An event stream without even a heartbeat (every 10 s) for so long is dead."""

BACKOFF_S = (0.2, 5.0)
"""First and longest wait before the event stream is opened again."""


class Unreachable(errors.UserError):
    """No daemon answers at the given place."""

    code = "unreachable"


@dataclass(frozen=True, slots=True)
class Back:
    """The stream is open (again). What was missed follows, or a Reset."""


@dataclass(frozen=True, slots=True)
class Away:
    """The daemon is away; the next item is a Back, however long it takes."""

    reason: str


@dataclass(frozen=True, slots=True)
class Reset:
    """Events were missed for good: read everything again."""


StreamItem = EventMessage | HealthChange | tuple[CameraRates, ...] | Reset | Back | Away
"""The tuple holds the figures of this second, one item a camera of the running deployment."""

_RATES = TypeAdapter(tuple[CameraRates, ...])


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; `next` is what the page after it is asked for with, None: this is the
    last one."""

    items: tuple[T, ...]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFilter:
    """Which alerts are asked for: raised from `since_s` to before `until_s` (Unix time), of one
    camera, list, entry or deployment; `mine` is by what the caller has to do with them."""

    state: AlertState | None = None
    mine: Mine | None = None
    deployment_id: str | None = None
    camera_id: str | None = None
    watchlist_id: str | None = None
    entry_id: str | None = None
    since_s: float | None = None
    until_s: float | None = None

    def given(self) -> dict[str, str | float]:
        """As query parameters."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


PAGE_MAX = 1_000
"""Items that the daemon gives at once, of most lists."""

JSON = {"Content-Type": "application/json"}
LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=100, keepalive_expiry=3.0)
"""An import sends more photos at once than httpx keeps connections by itself, and would open new
ones all the time. What lies idle is given up well before the daemon closes it."""
BROKEN = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)
"""What a request meets on a connection that the other side closes just then."""
WAITED_S = REQUEST_S
"""So long an answer is asked for again that the daemon is still working on."""
AGAIN_S = 5.0
"""The longest wait in between, whatever the daemon says."""


def _new_key() -> str:
    """A further Idempotency-Key; later ones sort behind, so that they lie together on the disk."""
    return f"{time.time_ns():016x}-{secrets.token_hex(8)}"


class _Again(httpx.AsyncBaseTransport):
    """Sends a request once more where its connection broke before an answer came: a daemon closes
    those that lie idle, at times as a request sets out. Writes carry an Idempotency-Key, so that
    the daemon does them once; while it still works on the first one, they are sent again until its
    answer is there, for WAITED_S at most."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method not in ("GET", "HEAD"):
            request.headers.setdefault("Idempotency-Key", _new_key())
        deadline_s = time.monotonic() + WAITED_S
        while True:
            reply = await self._sent(request)
            wait_s = await _wait_s(reply)
            if wait_s is None or time.monotonic() + wait_s > deadline_s:
                return reply
            await reply.aclose()
            await asyncio.sleep(wait_s)

    async def _sent(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._inner.handle_async_request(request)
        except BROKEN:
            if not isinstance(request.stream, httpx.ByteStream):  # it is read up
                raise
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def _wait_s(reply: httpx.Response) -> float | None:
    """How long to wait before a write is sent again that is under way; None: it is not."""
    given = reply.headers.get("retry-after", "")
    if reply.status_code != httpx.codes.CONFLICT or not given.isdigit():
        return None
    await reply.aread()
    return min(float(given), AGAIN_S) if isinstance(refusal(reply), errors.UnderWay) else None


class Client:
    """One daemon. Enter it before use; calls may run at the same time.

    `printable`: texts in answers hold nothing that a terminal obeys; for what is shown as it comes.
    With `reads_only` set nothing is asked for that changes anything: it is Denied here.
    `on_denied` is called after each refusal for want of a role.
    """

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        base_url: str,
        place: str,
        token: str | None,
        *,
        printable: bool = False,
    ) -> None:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._place = place
        self._printable = printable
        self.reads_only = False
        self.on_denied: Callable[[], None] | None = None
        self._http = httpx.AsyncClient(
            transport=_Again(transport), base_url=base_url, headers=headers, timeout=REQUEST_S
        )
        self.governance = GovernanceCalls(
            self._get, self._get_all, self._post, self._patch, self._put
        )

    @property
    def place(self) -> str:
        """Where this daemon is: the path of its socket, or its address."""
        return self._place

    @classmethod
    def over_socket(cls, path: Path, token: str | None = None, *, printable: bool = False) -> Self:
        """The daemon's Unix socket: the kernel tells it who we are, or a personal token does."""
        # Nothing is encrypted on it, so the system's certificates need not be read.
        transport = httpx.AsyncHTTPTransport(uds=str(path), verify=False, limits=LIMITS)
        return cls(transport, "http://localhost", str(path), token, printable=printable)

    @classmethod
    def over_tcp(cls, url: str, token: str, *, printable: bool = False) -> Self:
        """The daemon's loopback port, such as http://127.0.0.1:8787."""
        transport = httpx.AsyncHTTPTransport(limits=LIMITS)
        return cls(transport, url, url, token, printable=printable)

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def health(self) -> Health:
        return await self._get(Health, "/v1/health")

    async def me(self) -> Me:
        return await self._get(Me, "/v1/me")

    async def reload(self) -> Reloaded:
        """Have the daemon read its configuration file anew."""
        return await self._post(Reloaded, "/v1/reload", None)

    async def cameras(self) -> tuple[Camera, ...]:
        return await self._get_all(Camera, "/v1/cameras")

    async def camera(self, camera_id: str) -> Camera:
        return await self._get(Camera, camera_path(camera_id))

    async def add_camera(self, camera: CameraCreate) -> CameraAdded:
        return await self._post(CameraAdded, "/v1/cameras", camera)

    async def change_camera(
        self, camera_id: str, change: CameraChange, tag: str | None = None
    ) -> Camera:
        """Only what the change was made with is sent: a null takes something away."""
        return await self._patch(Camera, camera_path(camera_id), change, tag)

    async def read_again(self, item: E) -> tuple[E, str]:
        """The same as it is now, and its tag: a change that is sent with that tag raises Changed
        where somebody else has changed it since."""
        kinds = {Camera: "cameras", Watchlist: "watchlists", Entry: "entries"}
        reply = await self._send("GET", f"/v1/{kinds.get(type(item), 'deployments')}/{item.id}")
        return self._read(type(item), reply), reply.headers.get("ETag", "*")

    async def check_camera(self, camera_id: str, seconds: float) -> CameraTestReport:
        path = camera_path(camera_id, "/test")
        return await self._post(CameraTestReport, path, CameraTest(seconds=seconds))

    async def camera_preview(self, camera_id: str) -> bytes:
        return (await self._send("GET", camera_path(camera_id, "/preview"))).content

    async def camera_snapshot(self, camera_id: str, *, clear: bool = False) -> bytes:
        """What it shows now, as a JPEG of flat cells; `clear` is for supervisors. It is logged."""
        params = {"clear": "true"} if clear else {}
        return (await self._send("GET", camera_path(camera_id, "/snapshot"), params=params)).content

    def camera_stream(
        self, camera_id: str, *, clear: bool = False, seconds: float = 60.0
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The same again and again, as motion JPEG, for 60 s at most."""
        given = [("clear", str(clear).lower()), ("seconds", str(seconds))]
        return self.raw_stream("GET", camera_path(camera_id, "/mjpeg"), params=given)

    async def remove_camera(self, camera_id: str) -> None:
        await self._send("DELETE", camera_path(camera_id))

    async def watchlists(self) -> tuple[Watchlist, ...]:
        return await self._get_all(Watchlist, "/v1/watchlists")

    async def watchlist(self, watchlist_id: str) -> Watchlist:
        return await self._get(Watchlist, f"/v1/watchlists/{watchlist_id}")

    async def create_watchlist(self, watchlist: WatchlistCreate) -> Watchlist:
        return await self._post(Watchlist, "/v1/watchlists", watchlist)

    async def delete_watchlist(self, watchlist_id: str) -> None:
        await self._send("DELETE", f"/v1/watchlists/{watchlist_id}")

    async def entries(self, watchlist_id: str, reference: str | None = None) -> tuple[Entry, ...]:
        """All of a list, page after page, or the one with this reference."""
        path = f"/v1/watchlists/{watchlist_id}/entries"
        if reference is not None:
            reply = await self._send("GET", path, params={"reference": reference})
            return self._read(tuple[Entry, ...], reply)
        return await self._get_all(Entry, path)

    async def entries_page(
        self, watchlist_id: str, *, limit: int = 100, after: str | None = None
    ) -> "Page[Entry]":
        """Some of a list, by reference; `after` is the `next` of the page before."""
        return await self._page(Entry, f"/v1/watchlists/{watchlist_id}/entries", limit, after)

    async def add_entry(self, watchlist_id: str, entry: EntryCreate) -> Entry:
        return await self._post(Entry, f"/v1/watchlists/{watchlist_id}/entries", entry)

    async def entry(self, entry_id: str) -> Entry:
        return await self._get(Entry, f"/v1/entries/{entry_id}")

    async def delete_entry(self, entry_id: str) -> None:
        await self._send("DELETE", f"/v1/entries/{entry_id}")

    async def add_photo(self, entry_id: str, image: bytes, name: str = "photo") -> Photo:
        """Enrol one reference photo (a JPEG, PNG, WebP, ... file); `name` is used in messages."""
        reply = await self._send(
            "POST",
            f"/v1/entries/{entry_id}/photos",
            content=image,
            params={"name": name},
            headers={"Content-Type": "application/octet-stream"},
        )
        return self._read(Photo, reply)

    async def delete_photo(self, photo_id: str) -> None:
        await self._send("DELETE", f"/v1/photos/{photo_id}")

    async def photo_image(self, photo_id: str, reason: str | None = None) -> bytes:
        """The reference photo as it was given. The daemon records who read it, and why."""
        params = {} if reason is None else {"reason": reason}
        return (await self._send("GET", f"/v1/photos/{photo_id}/image", params=params)).content

    async def deployments(self) -> tuple[Deployment, ...]:
        """All, newest first, page after page."""
        return await self._get_all(Deployment, "/v1/deployments")

    async def deployments_page(
        self, *, limit: int = 100, after: str | None = None
    ) -> "Page[Deployment]":
        """Newest first; `after` is the `next` of the page before."""
        return await self._page(Deployment, "/v1/deployments", limit, after)

    async def deployment(self, deployment_id: str) -> Deployment:
        return await self._get(Deployment, f"/v1/deployments/{deployment_id}")

    async def current_deployment(self) -> Deployment | None:
        """The running deployment, or None."""
        try:
            return await self.deployment("current")
        except errors.NotFound:
            return None

    async def start_deployment(self, start: DeploymentStart) -> Deployment:
        return await self._post(Deployment, "/v1/deployments", start)

    async def end_deployment(self, deployment_id: str, reason: str) -> Deployment:
        body = DeploymentEnd(reason=reason)
        return await self._post(Deployment, f"/v1/deployments/{deployment_id}/end", body)

    async def alerts(
        self, state: AlertState | None = None, limit: int = 50, before: str | None = None
    ) -> tuple[Alert, ...]:
        """The newest alerts first; `before` = the last id of the page before."""
        params: dict[str, str | int] = {"limit": limit}
        if state is not None:
            params["state"] = state.value
        if before is not None:
            params["before"] = before
        return self._read(tuple[Alert, ...], await self._send("GET", "/v1/alerts", params=params))

    async def alerts_page(
        self,
        wanted: "AlertFilter | None" = None,
        *,
        limit: int = 50,
        after: str | None = None,
    ) -> "Page[Alert]":
        """The newest alerts first, 200 at most; `after` is the `next` of the page before."""
        given = {} if wanted is None else wanted.given()
        return await self._page(Alert, "/v1/alerts", limit, after, given)

    async def alert(self, alert_id: str) -> Alert:
        return await self._get(Alert, f"/v1/alerts/{alert_id}")

    async def alert_image(self, alert_id: str, which: Literal["probe", "reference"]) -> bytes:
        """The face seen, or the one on the list. The daemon records that it was read."""
        return (await self._send("GET", f"/v1/alerts/{alert_id}/images/{which}")).content

    async def rival_image(self, alert_id: str, person_id: str) -> bytes:
        """The other person's reference of an ambiguous alert; recorded in the same way."""
        return (await self._send("GET", f"/v1/alerts/{alert_id}/rivals/{person_id}/image")).content

    async def submit_review(self, alert_id: str, review: ReviewSubmit) -> Alert:
        """Decide; it can be undone for 10 s and becomes final by itself."""
        return await self._post(Alert, f"/v1/alerts/{alert_id}/review", review)

    async def undo_review(self, alert_id: str) -> Alert:
        return self._read(Alert, await self._send("DELETE", f"/v1/alerts/{alert_id}/review"))

    async def finish_review(self, alert_id: str) -> Alert:
        """Make one's own decision final now; only then is the score shown."""
        return await self._post(Alert, f"/v1/alerts/{alert_id}/review/final", None)

    async def events(self, after_id: int | None = None) -> AsyncGenerator[StreamItem, None]:
        """What changes, without an end: opens the stream again with growing waits when it ends.

        Starts after `after_id`, or now. Close it (`contextlib.aclosing`) when done. Raises the
        daemon's refusal (such as Denied); all else that can happen to a connection is an Away.
        """
        decoder = sse.Decoder("" if after_id is None else str(after_id))
        failures = 0
        while True:
            try:
                async with aclosing(self._one_stream(decoder)) as items:
                    async for item in items:
                        failures = 0
                        yield item
                reason = "the daemon ended the event stream"
            except (Unreachable, errors.Failure) as error:
                reason = str(error)
            yield Away(reason)
            await asyncio.sleep(backoff_s(failures))
            failures += 1

    async def kept_events(
        self,
        after_id: int = 0,
        kinds: Sequence[EventKind] = (),
        *,
        limit: int = 100,
        after: str | None = None,
    ) -> tuple[KeptEvents, str | None]:
        """A page of what changed after an event, oldest first, and the `next` of the page after it;
        `kinds`: of these only. The page after another one is asked for with its next, `after`."""
        given = [("after", str(after_id)), ("limit", str(limit))]
        given += [("kind", kind.value) for kind in kinds]
        given += [] if after is None else [("next", after)]
        query = httpx.QueryParams(tuple(given))
        reply = await self._send("GET", f"/v1/events/kept?{query}")
        return self._read(KeptEvents, reply), next_of(reply)

    async def _one_stream(self, decoder: sse.Decoder) -> AsyncGenerator[StreamItem, None]:
        headers = {"Accept": "text/event-stream"}
        if decoder.last_id:
            headers["Last-Event-ID"] = decoder.last_id
        timeout = httpx.Timeout(REQUEST_S, read=SILENCE_S)
        try:
            async with self._http.stream(
                "GET", "/v1/events", headers=headers, timeout=timeout
            ) as reply:
                if reply.is_error:
                    await reply.aread()
                    raise refusal(reply)
                yield Back()
                async for line in reply.aiter_lines():
                    for message in decoder.feed(line):
                        yield _stream_item(message)
        except httpx.HTTPError as error:
            raise Unreachable(self._say(error)) from None
        except ValueError:  # from the decoder or from pydantic
            raise Unreachable(f"{self._place} sends events of another version of lfrd") from None

    async def _get(self, kind: type[T], path: str) -> T:
        return self._read(kind, await self._send("GET", path))

    async def raw(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """Any request, and its answer as it is. Raises the daemon's refusal."""
        query = httpx.QueryParams(tuple(params)) if params else None
        return await self._send(method, path, content=content, params=query, headers=headers)

    @asynccontextmanager
    async def raw_stream(
        self, method: str, path: str, *, params: Sequence[tuple[str, str]] = ()
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of an answer as they come; one without an end is silent for 25 s at most."""
        timeout = httpx.Timeout(REQUEST_S, read=SILENCE_S)
        query = httpx.QueryParams(tuple(params)) if params else None
        try:
            async with self._http.stream(method, path, params=query, timeout=timeout) as reply:
                if reply.is_error:
                    await reply.aread()
                    raise self._refusal(reply)
                yield reply.aiter_bytes()
        except httpx.HTTPError as error:
            raise Unreachable(self._say(error)) from None

    async def _page(
        self,
        kind: type[T],
        path: str,
        limit: int,
        after: str | None,
        given: Mapping[str, str | int | float] | None = None,
    ) -> "Page[T]":
        params: dict[str, str | int | float] = {**(given or {}), "limit": limit}
        if after is not None:
            params["next"] = after
        reply = await self._send("GET", path, params=params)
        return Page(self._read(tuple[kind, ...], reply), next_of(reply))  # type: ignore[valid-type]  # mypy takes no variable for a type

    async def _get_all(self, kind: type[T], path: str) -> tuple[T, ...]:
        """A whole list, page after page; `path` may hold a query."""
        asked = httpx.URL(path)
        found: list[T] = []
        after: str | None = None
        while True:
            page = await self._page(kind, asked.path, PAGE_MAX, after, dict(asked.params))
            found += page.items
            after = page.next
            if after is None:
                return tuple(found)

    async def _post(self, kind: type[T], path: str, body: Wire | None) -> T:
        return await self._with_body("POST", kind, path, body)

    async def _put(self, kind: type[T], path: str, body: Wire) -> T:
        return await self._with_body("PUT", kind, path, body)

    async def _patch(self, kind: type[T], path: str, body: Wire, tag: str | None = None) -> T:
        """Send what is set in `body`, and nothing else. Raises Changed where the tag is an old
        one."""
        return await self._change(kind, "PATCH", path, body, tag)

    async def _with_body(self, method: str, kind: type[T], path: str, body: Wire | None) -> T:
        content = b"" if body is None else body.model_dump_json().encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        return self._read(kind, await self._send(method, path, content=content, headers=headers))

    async def _send(
        self,
        method: str,
        path: str,
        *,
        content: bytes | None = None,
        params: Mapping[str, str | int | float] | httpx.QueryParams | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        self._may(method)
        try:
            reply = await self._http.request(
                method, path, content=content, params=params, headers=headers
            )
        except httpx.HTTPError as error:
            raise Unreachable(self._say(error)) from None
        except httpx.InvalidURL:
            raise errors.BadInput("a value is too long to be sent, or no line of text") from None
        if reply.is_error:
            raise self._refusal(reply)
        return reply

    def _may(self, method: str) -> None:
        if self.reads_only and method not in ("GET", "HEAD"):
            raise errors.Denied("this screen only shows: nothing is decided or changed from it")

    def _refusal(self, reply: httpx.Response) -> errors.LfrdError:
        if reply.status_code == httpx.codes.FORBIDDEN and self.on_denied is not None:
            self.on_denied()
        return refusal(reply)

    def _say(self, error: httpx.HTTPError) -> str:
        said = str(error) or type(error).__name__
        if "Permission denied" in said:
            return (
                f"you may not open {self._place}: ask the administrator to put you into the group "
                "of its operators"
            )
        return f"no daemon answers on {self._place} ({said}): is lfrd running?"

    def _read(self, kind: type[T], reply: httpx.Response) -> T:
        try:
            answer = TypeAdapter(kind).validate_json(reply.content)
        except ValidationError as error:
            raise Unreachable(
                f"{self._place} answers, but not as this version of lfrd: {error.title}"
            ) from None
        return printed(answer) if self._printable else answer

    async def change_watchlist(
        self, watchlist_id: str, change: WatchlistChange, tag: str | None = None
    ) -> Watchlist:
        return await self._patch(Watchlist, f"/v1/watchlists/{watchlist_id}", change, tag)

    async def scope_watchlist(self, watchlist_id: str, cameras: Sequence[str]) -> Watchlist:
        body = ListCameras(camera_ids=tuple(cameras))
        path = f"/v1/watchlists/{watchlist_id}/cameras"
        return await self._change(Watchlist, "PUT", path, body)

    async def confirm_watchlist(self, watchlist_id: str) -> Watchlist:
        reply = await self._send("POST", f"/v1/watchlists/{watchlist_id}/confirm")
        return self._read(Watchlist, reply)

    async def change_entry(
        self, entry_id: str, change: EntryChange, tag: str | None = None
    ) -> Entry:
        return await self._patch(Entry, f"/v1/entries/{entry_id}", change, tag)

    async def approve_entry(self, entry_id: str) -> Entry:
        return self._read(Entry, await self._send("POST", f"/v1/entries/{entry_id}/approve"))

    async def enrol_photo(self, entry_id: str, image: bytes, params: Mapping[str, str]) -> Photo:
        """`params`: name, gate (strict or warn), box (left,top,right,bottom)."""
        path = f"/v1/entries/{entry_id}/photos"
        reply = await self._send("POST", path, content=image, params=params, headers=OCTETS)
        return self._read(Photo, reply)

    async def check_photo(self, image: bytes, params: Mapping[str, str]) -> tuple[Finding, ...]:
        """What the gate would say; `params` may hold name, box, entry_id, gate, refuse."""
        path = "/v1/photos/check"
        reply = await self._send("POST", path, content=image, params=params, headers=OCTETS)
        return self._read(tuple[Finding, ...], reply)

    async def inspect_photo(self, image: bytes, params: Mapping[str, str]) -> PhotoVerdict:
        """The same with where the faces are; a photo that would be refused is an answer."""
        path = "/v1/photos/inspect"
        reply = await self._send("POST", path, content=image, params=params, headers=OCTETS)
        return self._read(PhotoVerdict, reply)

    async def quarantine_photo(self, photo_id: str, reason: str) -> Photo:
        body = Quarantine(reason=reason)
        return await self._change(Photo, "POST", f"/v1/photos/{photo_id}/quarantine", body)

    async def release_photo(self, photo_id: str) -> None:
        await self._send("DELETE", f"/v1/photos/{photo_id}/quarantine")

    async def begin_import(self, watchlist_id: str, start: ImportStart) -> ImportRun:
        return await self._change(
            ImportRun, "POST", f"/v1/watchlists/{watchlist_id}/imports", start
        )

    async def import_run(self, import_id: str) -> ImportRun:
        """How far an import is."""
        return await self._get(ImportRun, f"/v1/imports/{import_id}")

    async def import_rows(self, import_id: str, after: int) -> tuple[ImportRowDone, ...]:
        """Up to a thousand done rows from the one after `after`."""
        reply = await self._send("GET", f"/v1/imports/{import_id}/rows", params={"after": after})
        return self._read(tuple[ImportRowDone, ...], reply)

    async def import_row(self, import_id: str, row: ImportRow, photo: bytes) -> ImportRowDone:
        params = {"row": row.model_dump_json(exclude_defaults=True)}
        path = f"/v1/imports/{import_id}/rows"
        reply = await self._send("POST", path, content=photo, params=params, headers=OCTETS)
        return self._read(ImportRowDone, reply)

    async def miss_import_row(self, import_id: str, row: ImportRow, problem: str) -> ImportRowDone:
        """There is no photo of a row, and why."""
        params = {"row": row.model_dump_json(exclude_defaults=True), "problem": problem[:500]}
        return self._read(
            ImportRowDone, await self._send("POST", f"/v1/imports/{import_id}/rows", params=params)
        )

    async def check_import_row(
        self,
        watchlist_id: str,
        row: ImportRow,
        photo: bytes,
        gate: str | None,
        dry_run: str | None = None,
    ) -> ImportRowDone:
        given = {"gate": gate, "dry_run": dry_run}
        params = {name: value for name, value in given.items() if value}
        params["row"] = row.model_dump_json(exclude_defaults=True)
        path = f"/v1/watchlists/{watchlist_id}/import-check"
        reply = await self._send("POST", path, content=photo, params=params, headers=OCTETS)
        return self._read(ImportRowDone, reply)

    async def end_import(self, import_id: str) -> ImportRun:
        return self._read(ImportRun, await self._send("POST", f"/v1/imports/{import_id}/end"))

    def export(
        self, watchlist_id: str, start: ExportStart
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The archive's bytes as they come."""
        return self._bytes_of(f"/v1/watchlists/{watchlist_id}/export", start)

    async def audit_leaves(self, params: Mapping[str, str | int | float]) -> AuditPage:
        """Newest first; `params`: before, limit, class, actor, since_s, until_s. The page after it
        is `before` its last index."""
        return self._read(AuditPage, await self._send("GET", "/v1/audit/leaves", params=params))

    async def audit_proof(self, index: int) -> AuditProof:
        return await self._get(AuditProof, f"/v1/audit/leaves/{index}/proof")

    async def audit_keys(self) -> AuditKeys:
        return await self._get(AuditKeys, "/v1/audit/keys")

    def audit_export(
        self, start: AuditExportStart
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """The log's bytes as they come (lfrd.audit.export)."""
        return self._bytes_of("/v1/audit/export", start)

    @asynccontextmanager
    async def _bytes_of(self, path: str, start: Wire) -> AsyncIterator[AsyncIterator[bytes]]:
        self._may("POST")
        content = start.model_dump_json().encode()
        try:
            async with self._http.stream("POST", path, content=content, headers=JSON) as reply:
                if reply.is_error:
                    await reply.aread()
                    raise self._refusal(reply)
                yield reply.aiter_bytes()
        except httpx.HTTPError as error:
            raise Unreachable(self._say(error)) from None

    async def _change(
        self, kind: type[T], method: str, path: str, body: Wire, tag: str | None = None
    ) -> T:
        """Send what is set in `body`, and nothing else."""
        content = body.model_dump_json(exclude_unset=True).encode()
        headers = JSON if tag is None else {**JSON, "If-Match": tag}
        return self._read(kind, await self._send(method, path, content=content, headers=headers))

    async def count_passage(self, new: PassageCount) -> Passage:
        return await self._post(Passage, "/v1/trial-passages", new)

    async def passages(self, deployment_id: str) -> tuple[Passage, ...]:
        path = f"/v1/deployments/{deployment_id}/trial-passages"
        return await self._get_all(Passage, path)

    async def take_passage_back(self, passage_id: str) -> None:
        await self._send("DELETE", f"/v1/trial-passages/{passage_id}")

    async def trial(self, deployment_id: str, window_s: float) -> Trial:
        path = f"/v1/deployments/{deployment_id}/trial"
        reply = await self._send("GET", path, params={"window_s": str(window_s)})
        return self._read(Trial, reply)

    async def threshold(self, watchlist_ids: Sequence[str], one_in: float) -> Threshold:
        query = str(httpx.QueryParams({"watchlist_id": list(watchlist_ids), "one_in": one_in}))
        return await self._get(Threshold, f"/v1/thresholds?{query}")

    async def thresholds(self, deployment_id: str) -> tuple[Threshold, ...]:
        path = f"/v1/deployments/{deployment_id}/thresholds"
        return await self._get(tuple[Threshold, ...], path)

    async def prepare_model(self, pack: str) -> ModelPreparation:
        body = ModelPrepare(pack=pack)
        return await self._change(ModelPreparation, "POST", "/v1/models/preparation", body)

    async def model_preparation(self) -> ModelPreparation:
        return await self._get(ModelPreparation, "/v1/models/preparation")

    async def switch_model(self, pack: str, *, accept_missing: bool) -> ModelSwitched:
        body = ModelSwitch(pack=pack, accept_missing=accept_missing)
        return await self._change(ModelSwitched, "POST", "/v1/models/switch", body)

    async def why(
        self,
        camera_id: str,
        since_s: float | None = None,
        until_s: float | None = None,
        deployment_id: str | None = None,
    ) -> CameraReasons:
        """Why a camera raised no candidate in the running deployment, or in an earlier one."""
        given = {"since_s": since_s, "until_s": until_s, "deployment_id": deployment_id}
        params = {name: str(value) for name, value in given.items() if value is not None}
        reply = await self._send("GET", camera_path(camera_id, "/why"), params=params)
        return self._read(CameraReasons, reply)

    async def outbox_endpoints(self) -> tuple[OutboxEndpoint, ...]:
        """Who is told what happens, and how that goes."""
        return await self._get(tuple[OutboxEndpoint, ...], "/v1/outbox/endpoints")

    async def outbox_messages(
        self,
        endpoint: str | None = None,
        state: MessageState | None = None,
        *,
        limit: int = 100,
        after: str | None = None,
    ) -> "Page[OutboxMessage]":
        """Newest first; `after` is the `next` of the page before."""
        given = {"endpoint": endpoint, "state": None if state is None else state.value}
        chosen = {name: value for name, value in given.items() if value is not None}
        return await self._page(OutboxMessage, "/v1/outbox/messages", limit, after, chosen)

    async def outbox_message(self, message_id: int) -> OutboxMessage:
        return await self._get(OutboxMessage, f"/v1/outbox/messages/{message_id}")

    async def redeliver(self, message_id: int) -> OutboxMessage:
        """Send once more what was delivered or given up."""
        path = f"/v1/outbox/messages/{message_id}/redeliver"
        return await self._post(OutboxMessage, path, None)

    async def test_endpoint(self, endpoint: str) -> OutboxMessage:
        """Send a message that says nothing."""
        if re.fullmatch(SLUG, endpoint) is None:
            raise errors.NotFound("there is no such endpoint")
        path = f"/v1/outbox/endpoints/{endpoint}/test"
        return await self._post(OutboxMessage, path, None)

    async def flow(
        self, camera_id: str, since_s: float, until_s: float, deployment_id: str | None = None
    ) -> tuple[CameraMinute, ...]:
        """What a camera counted over time, in all deployments or in one."""
        params = {"since_s": str(since_s), "until_s": str(until_s)}
        params |= {} if deployment_id is None else {"deployment_id": deployment_id}
        reply = await self._send("GET", camera_path(camera_id, "/flow"), params=params)
        return self._read(tuple[CameraMinute, ...], reply)

    async def camera_history(
        self,
        camera_id: str,
        deployment_id: str | None = None,
        *,
        limit: int = 100,
        after: str | None = None,
    ) -> "Page[CameraPast]":
        """How a camera was, newest first; `after` is the `next` of the page before."""
        given = {} if deployment_id is None else {"deployment_id": deployment_id}
        path = camera_path(camera_id, "/history")
        return await self._page(CameraPast, path, limit, after, given)

    async def tokens(self) -> tuple[Token, ...]:
        return await self._get_all(Token, "/v1/tokens")

    async def create_token(self, new: TokenCreate) -> NewToken:
        """The only answer with the secret in it."""
        return await self._post(NewToken, "/v1/tokens", new)

    async def revoke_token(self, token_id: str) -> Token:
        return await self._post(Token, f"/v1/tokens/{token_id}/revoke", None)

    async def report_engagement(self, alert_id: str, report: EngagementReport) -> Alert:
        """Say once what was done about a closed alert."""
        return await self._post(Alert, f"/v1/alerts/{alert_id}/engagement", report)

    async def replay(self, alert_id: str) -> Replay:
        """Score and decision, computed again from what the alert holds."""
        return await self._post(Replay, f"/v1/alerts/{alert_id}/replay", None)

    async def scene(self, alert_id: str) -> bytes:
        """The frame round a candidate, all others unrecognisable; that it was read is kept."""
        return (await self._send("GET", f"/v1/alerts/{alert_id}/images/scene")).content

    async def record(self, deployment_id: str) -> Record:
        """The public record, as the caller may see it."""
        return await self._get(Record, f"/v1/deployments/{deployment_id}/record")

    async def export_record(self, deployment_id: str, form: str) -> bytes:
        """The record as a file: `json`, `csv` or `html`. That it left is kept."""
        body = RecordFormat.model_validate({"format": form})
        return await self._file(f"/v1/deployments/{deployment_id}/record", body)

    async def notice(self, deployment_id: str) -> Notice:
        """What the sign on the spot says."""
        return await self._get(Notice, f"/v1/deployments/{deployment_id}/notice")

    async def look_up_subject(self, asked: SubjectLookup) -> SubjectAnswer:
        return await self._post(SubjectAnswer, "/v1/subjects/lookup", asked)

    async def look_up_photo(self, image: bytes, name: str, reason: str) -> SubjectAnswer:
        """Who on the lists resembles a photo; it is compared once and forgotten."""
        params = {"name": name, "reason": reason}
        path = "/v1/subjects/lookup-photo"
        reply = await self._send("POST", path, content=image, params=params, headers=OCTETS)
        return self._read(SubjectAnswer, reply)

    async def prove_absence(self, asked: AbsenceQuestion) -> AbsenceProofs:
        """Proofs that a reference was not on the lists that are asked about."""
        return await self._post(AbsenceProofs, "/v1/subjects/prove-absence", asked)

    async def export_year(self, year: int, what: str, wanted: YearFormat) -> bytes:
        """A year's use (`year`), or its `incidents`, as a file."""
        return await self._file(f"/v1/years/{year}/{what}", wanted)

    async def export_subject(self, asked: SubjectExport) -> bytes:
        """What is kept of a person: a ZIP file, or JSON without photos."""
        return await self._file("/v1/subjects/export", asked)

    async def _file(self, path: str, body: Wire) -> bytes:
        content = body.model_dump_json().encode()
        return (await self._send("POST", path, content=content, headers=JSON)).content

    async def reviewers(self, deployment_id: str | None = None) -> tuple[ReviewerFigures, ...]:
        """How each reviewer decided, over closed alerts."""
        params = {} if deployment_id is None else {"deployment_id": deployment_id}
        reply = await self._send("GET", "/v1/reviewers", params=params)
        return self._read(tuple[ReviewerFigures, ...], reply)


class SyncClient:
    """The same for scripts without asyncio: each call of Client, which returns when it is done.

        with SyncClient.over_socket(path) as client:
            for alert in client.alerts():
                ...

    What streams (`events`) is an iterator here, what gives bytes as they come (`export`,
    `audit_export`) an iterator of pieces. For one thread.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._runner = asyncio.Runner()

    @classmethod
    def over_socket(cls, path: Path, token: str | None = None) -> Self:
        """See Client."""
        return cls(Client.over_socket(path, token))

    @classmethod
    def over_tcp(cls, url: str, token: str) -> Self:
        """See Client."""
        return cls(Client.over_tcp(url, token))

    def __enter__(self) -> Self:
        self._runner.run(self._client.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self._runner.run(self._client.__aexit__(None, None, None))
        finally:
            self._runner.close()

    def __getattr__(self, name: str) -> Any:
        """A call of Client, or of its `governance`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return self._in_turn(getattr(self._client, name))

    def _in_turn(self, part: Any) -> Any:
        if isinstance(part, GovernanceCalls):
            return _SyncPart(self, part)
        if not callable(part):
            return part

        def call(*given: Any, **named: Any) -> Any:
            found = part(*given, **named)
            if isinstance(found, AsyncGenerator):
                return self._items(found)
            if isinstance(found, AbstractAsyncContextManager):
                return self._pieces(found)
            return self._runner.run(_awaited(found))

        return call

    def _items(self, stream: AsyncGenerator[T, None]) -> Iterator[T]:
        try:
            while True:
                try:
                    yield self._runner.run(_awaited(anext(stream)))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(_awaited(stream.aclose()))

    def _pieces(self, opened: AbstractAsyncContextManager[AsyncIterator[bytes]]) -> Iterator[bytes]:
        pieces = self._runner.run(_awaited(opened.__aenter__()))
        try:
            while True:
                try:
                    yield self._runner.run(_awaited(anext(pieces)))
                except StopAsyncIteration:
                    return
        finally:
            self._runner.run(_awaited(opened.__aexit__(None, None, None)))


class _SyncPart:
    def __init__(self, owner: SyncClient, part: GovernanceCalls) -> None:
        self._owner = owner
        self._part = part

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._owner._in_turn(getattr(self._part, name))


async def _awaited(found: Awaitable[T]) -> T:
    return await found


def backoff_s(failures: int) -> float:
    """How long to wait after so many failures in a row: doubling, bounded, half of it random."""
    first_s, longest_s = BACKOFF_S
    return min(first_s * 2.0 ** min(failures, 16), longest_s) * random.uniform(0.5, 1.0)


def next_of(reply: httpx.Response) -> str | None:
    """What the header `Link` says the next page is asked for with; None: there is none."""
    link = reply.links.get("next", {}).get("url")
    return None if link is None else httpx.URL(link).params.get("next")


def refusal(reply: httpx.Response) -> errors.LfrdError:
    """The error that the daemon raised, made again from its problem document."""
    try:
        problem = Problem.model_validate_json(reply.content)
    except ValidationError:
        return errors.Failure(f"HTTP {reply.status_code} without a problem document")
    other = errors.Failure if problem.status >= 500 else errors.UserError
    kind = _kinds().get(problem.code) or _KIND_OF_STATUS.get(problem.status, other)
    return kind(one_line(problem.detail))


def camera_path(camera_id: str, rest: str = "") -> str:
    """Raises NotFound, without repeating it, for what is no id: it may be an address."""
    if not _CAMERA_ID.fullmatch(camera_id):
        raise errors.NotFound(
            "there is no such camera: it is named by its id (lower-case letters, digits, hyphens)"
        )
    return f"/v1/cameras/{camera_id}{rest}"


_CAMERA_ID = re.compile(SLUG)
_KIND_OF_STATUS: dict[int, type[errors.LfrdError]] = {
    401: errors.Denied,
    403: errors.Denied,
    404: errors.NotFound,
    409: errors.Conflict,
    422: errors.BadInput,
}
"""What a code that is finer than these classes amounts to."""


def _kinds() -> dict[str, type[errors.LfrdError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return {kind.code: kind for kind in found if issubclass(kind, errors.LfrdError)}


def _stream_item(message: sse.Message) -> StreamItem:
    if message.event == sse.CHANGE:
        return EventMessage.model_validate_json(message.data)
    if message.event == sse.HEALTH:
        return HealthChange.model_validate_json(message.data)
    if message.event == sse.RATES:
        return _RATES.validate_json(message.data)
    return Reset()


OCTETS = {"Content-Type": "application/octet-stream"}
