"""What the terminal's tests show: candidates, cameras, a deployment, and a desk to decide at."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

from PIL import Image
from textual._context import visible_screen_stack
from textual.pilot import Pilot

from lfrd.client import Away, Back, Client, Page, StreamItem
from lfrd.errors import LfrdError, NotFound
from lfrd.vocabulary import DeploymentState
from lfrd.wire.alerts import (
    Alert,
    AlertState,
    EngagementReport,
    Outcome,
    Revealed,
    Review,
    ReviewDecision,
    ReviewSubmit,
    Rival,
)
from lfrd.wire.cameras import (
    Camera,
    CameraAdded,
    CameraChange,
    CameraCreate,
    CameraPast,
    CameraRates,
    CameraState,
    CameraTestReport,
    Regions,
)
from lfrd.wire.deployments import Deployment, Policy, SitePolicies
from lfrd.wire.events import EventKind, EventMessage
from lfrd.wire.health import Health, HealthStatus, Me, ModelInfo
from lfrd.wire.lists import Watchlist
from tui.abilities import Abilities, Glyphs
from tui.app import Look, OperatorApp
from tui.clock import steady_s
from tui.screens.main import MainScreen
from tui.screens.review_screen import LOOK_S
from tui.widgets.faces import FacePanel
from tui.widgets.picture import image_widget

NOW_S = 1_700_000_000.0
REVEALED = {"score": 0.4712, "margin": 0.1034, "threshold": 0.4512, "looks": 3}


def review(
    decision: ReviewDecision = ReviewDecision.MATCH,
    submitted_at_s: float = NOW_S,
    final_at_s: float | None = None,
    reason: str = "",
) -> Review:
    return Review(
        decision=decision,
        reason=reason,
        principal="anna",
        submitted_at_s=submitted_at_s,
        final_at_s=final_at_s,
    )


def revealed(*reviews: Review, outcome: Outcome | None = Outcome.MATCH) -> Revealed:
    return Revealed(**REVEALED, recogniser_digest="d", outcome=outcome, reviews=reviews)


def alert(
    number: int,
    *,
    raised_at_s: float = NOW_S,
    state: AlertState = AlertState.OPEN,
    my_review: Review | None = None,
    shown: Revealed | None = None,
    rivals: tuple[Rival, ...] = (),
    reference: str | None = None,
    bundled_with: str | None = None,
) -> Alert:
    return Alert(
        id=f"alert-{number}",
        deployment_id="deployment-1",
        camera_id="north",
        state=state,
        raised_at_s=raised_at_s,
        closed_at_s=None if state is AlertState.OPEN else raised_at_s + 60,
        entry_id=f"entry-{number}",
        reference=reference or f"REF-{number}",
        watchlist_id="list-1",
        watchlist_name="Wanted persons",
        watchlist_colour="#d0021b",
        ambiguous=bool(rivals),
        rivals=rivals,
        my_review=my_review,
        revealed=shown,
        bundled_with=bundled_with,
        has_scene=True,
    )


def rival(number: int = 9) -> Rival:
    return Rival(
        person_id=f"person-{number}",
        entry_id=f"entry-{number}",
        watchlist_id="list-1",
        reference=f"REF-{number}",
    )


def camera(state: CameraState = CameraState.LIVE, reason: str = "", name: str = "North") -> Camera:
    return Camera(
        id=name.lower(),
        name=name,
        address="rtsp://camera.test/stream",
        declared=False,
        transport="tcp",
        hwaccel=None,
        keep_connected=False,
        regions=Regions(),
        decoder="h264",
        enabled=True,
        state=state,
        since_at_s=NOW_S,
        reason=reason,
        codec="h264",
        width_px=1920,
        height_px=1080,
        fps=25.0,
        rates=None,
    )


PUBLISH_TOKEN = "k3vYq9VnE0x_8yqz2m0FQkq4Qm0o2cXqk7Y1m5tJw0E"
ADVICE = "Faces are blurred: focus, or use a shorter exposure."


def check_report() -> CameraTestReport:
    return CameraTestReport(
        codec="h264", width_px=1920, height_px=1080, fps=25.0, decoder="software",
        first_frame_s=0.31, keyframe_interval_s=None, bit_rate_kbps=3480.0, frames=250,
        frames_damaged=2, frames_searched=61, faces=44, inter_eye_median_px=28.0,
        inter_eye_largest_px=61.0, share_over_gate=0.6, gate_px=24.0, sharpness_median=18.0,
        mean_luma=0.41, elevation_median_deg=31.4, yaw_median_deg=12.2, share_turned=0.05,
        advice=(ADVICE,),
    )  # fmt: skip


def rates(camera_id: str = "north", tracks: int = 88) -> CameraRates:
    return CameraRates(
        camera_id=camera_id,
        frames_decoded=9000,
        frames_dropped=17,
        frames_detected=1800,
        faces_detected=1204,
        tracks=tracks,
        decode_fps=24.9,
        detect_fps=5.1,
    )


def health(
    status: HealthStatus = HealthStatus.OK, reasons: tuple[str, ...] = (), templates: int = 42
) -> Health:
    model = ModelInfo(
        pack="yunet-sface", detector_digest="d", recogniser_digest="r", provider="cpu"
    )
    return Health(
        status=status,
        reasons=reasons,
        version="0.1.0",
        node="site-1",
        started_at_s=NOW_S,
        model=model,
        deployment_id="deployment-1",
        gallery_templates=templates,
    )


def deployment(profile: str = "lab") -> Deployment:
    return Deployment(
        id="deployment-1",
        profile=profile,
        state=DeploymentState.RUNNING,
        purpose="Acceptance test",
        place="Hall B",
        threshold=0.4512,
        recogniser_digest="r",
        watchlist_ids=("list-1",),
        started_by="anna",
        started_at_s=NOW_S,
        planned_end_at_s=NOW_S + 3600,
        ended_at_s=None,
        end_reason=None,
        summary=None,
    )


def jpeg(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (112, 112), colour).save(out, "JPEG")
    return out.getvalue()


class Desk:
    """Stands in for the client where a test is about the screen and not about the daemon.

    Holds candidates in memory and answers like the daemon; `refuses` makes the next call fail.
    """

    def __init__(self, *alerts: Alert) -> None:
        self.held = {a.id: a for a in alerts}
        self.cameras_held: tuple[Camera, ...] = (camera(),)
        self.health_held = health()
        self.me_held = Me(principal="user:anna", role="operator")
        self.deployment_held: Deployment | None = deployment()
        self.deployments_over: tuple[Deployment, ...] = ()
        self.lists_held: tuple[Watchlist, ...] = ()
        self.camera_past: tuple[CameraPast, ...] = ()
        self.submitted: list[tuple[str, ReviewSubmit]] = []
        self.photos_read: list[tuple[str, str]] = []
        self.stream: asyncio.Queue[StreamItem] = asyncio.Queue()
        self.stream.put_nowait(Back())
        self.refuses: LfrdError | None = None
        self.clock_s = NOW_S
        self.added: list[CameraCreate] = []
        self.changed: list[tuple[str, CameraChange]] = []
        self.check_ends = asyncio.Event()
        self.governance = self
        self.present_calls = 0
        self.photos = {"probe": jpeg("red"), "reference": jpeg("blue")}

    def now(self) -> float:
        return self.clock_s

    def advance(self, seconds: float) -> None:
        self.clock_s += seconds

    def go_away(self) -> None:
        self.stream.put_nowait(Away("the daemon ended the event stream"))

    def _refuse(self) -> None:
        if self.refuses is not None:
            error, self.refuses = self.refuses, None
            raise error

    async def policy(self) -> SitePolicies:
        """Rules that bar nobody."""
        own = Policy(
            name="lab", version=1, title="Lab", digest="d", is_lab=True, values={}, changed=()
        )
        return SitePolicies(own=own, lab=None)

    async def present(self) -> Deployment | None:
        self.present_calls += 1
        return self.deployment_held

    async def me(self) -> Me:
        return self.me_held

    async def health(self) -> Health:
        return self.health_held

    async def cameras(self) -> tuple[Camera, ...]:
        return self.cameras_held

    async def add_camera(self, new: CameraCreate) -> CameraAdded:
        self._refuse()
        self.added.append(new)
        made = camera(CameraState.IDLE, "no deployment is running", new.name or new.id)
        made = made.model_copy(update={"id": new.id})
        self.cameras_held += (made,)
        token = PUBLISH_TOKEN if new.address.startswith("whip://") else None
        return CameraAdded(**made.model_dump(), publish_token=token)

    async def read_again(self, item: Camera) -> tuple[Camera, str]:
        return next(c for c in self.cameras_held if c.id == item.id), '"tag"'

    async def change_camera(
        self, camera_id: str, change: CameraChange, _tag: str | None = None
    ) -> Camera:
        self._refuse()
        self.changed.append((camera_id, change))
        given = {name: getattr(change, name) for name in change.model_fields_set}
        state = {True: CameraState.CONNECTING, False: CameraState.PAUSED}.get(change.enabled)
        known = Camera.model_fields.keys() - {"address"}
        new = {key: value for key, value in given.items() if key in known and value is not None}
        new |= {} if state is None else {"state": state}
        self.cameras_held = tuple(
            c.model_copy(update=new) if c.id == camera_id else c for c in self.cameras_held
        )
        return next(c for c in self.cameras_held if c.id == camera_id)

    async def remove_camera(self, camera_id: str) -> None:
        self._refuse()
        self.cameras_held = tuple(c for c in self.cameras_held if c.id != camera_id)

    async def check_camera(self, _camera_id: str, _seconds: float) -> CameraTestReport:
        await self.check_ends.wait()
        self._refuse()
        return check_report()

    async def camera_preview(self, _camera_id: str) -> bytes:
        self._refuse()
        return jpeg("grey")

    def tell_cameras(self) -> None:
        """Send the event that a camera changed."""
        told = EventMessage(id=1, kind=EventKind.CAMERA_CHANGED, subject_id="north", at_s=NOW_S)
        self.stream.put_nowait(told)

    async def camera_history(self, _camera_id: str, **_page: object) -> Page[CameraPast]:
        self._refuse()
        return Page(self.camera_past, None)

    async def watchlists(self) -> tuple[Watchlist, ...]:
        return self.lists_held

    async def current_deployment(self) -> Deployment | None:
        return self.deployment_held

    async def deployments(self) -> tuple[Deployment, ...]:
        return self.deployments_over

    async def end_deployment(self, deployment_id: str, reason: str) -> Deployment:
        self._refuse()
        assert self.deployment_held is not None
        assert self.deployment_held.id == deployment_id
        self.end("user:anna", reason)
        return self.deployments_over[0]

    def end(self, ended_by: str, reason: str) -> None:
        """The deployment ends, and the daemon says that it changed."""
        assert self.deployment_held is not None
        over = {"ended_at_s": self.clock_s, "ended_by": ended_by, "end_reason": reason}
        self.deployments_over = (self.deployment_held.model_copy(update=over),)
        self.deployment_held = None
        self.tell_deployment(EventKind.DEPLOYMENT_CHANGED)

    def tell_deployment(self, kind: EventKind) -> None:
        told = EventMessage(id=2, kind=kind, subject_id="deployment-1", at_s=self.clock_s)
        self.stream.put_nowait(told)

    async def alerts(self, state: AlertState | None = None, **_page: object) -> tuple[Alert, ...]:
        return tuple(a for a in self.held.values() if state in (None, a.state))

    async def alert(self, alert_id: str) -> Alert:
        if alert_id not in self.held:
            raise NotFound(f"there is no alert {alert_id}")
        return self.held[alert_id]

    async def alert_image(self, alert_id: str, which: str) -> bytes:
        self.photos_read.append((alert_id, which))
        return self.photos[which]

    async def scene(self, alert_id: str) -> bytes:
        self._refuse()
        self.photos_read.append((alert_id, "scene"))
        return jpeg("white")

    async def report_engagement(self, alert_id: str, report: EngagementReport) -> Alert:
        self._refuse()
        return self._keep(alert_id, engagement=report)

    async def rival_image(self, alert_id: str, person_id: str) -> bytes:
        self.photos_read.append((alert_id, person_id))
        return jpeg("green")

    async def submit_review(self, alert_id: str, asked: ReviewSubmit) -> Alert:
        self._refuse()
        self.submitted.append((alert_id, asked))
        mine = review(asked.decision, self.clock_s, reason=asked.reason)
        return self._keep(alert_id, my_review=mine)

    async def undo_review(self, alert_id: str) -> Alert:
        self._refuse()
        return self._keep(alert_id, my_review=None)

    def make_final(self, alert_id: str) -> None:
        mine = self.held[alert_id].my_review
        assert mine is not None
        final = mine.model_copy(update={"final_at_s": self.clock_s})
        self._keep(alert_id, my_review=final, revealed=revealed(final), state=AlertState.CLOSED)

    def _keep(self, alert_id: str, **changes: object) -> Alert:
        self.held[alert_id] = self.held[alert_id].model_copy(update=changes)
        return self.held[alert_id]

    async def events(self) -> AsyncIterator[StreamItem]:
        while True:
            yield await self.stream.get()


def app_on(
    client: Client, now: Callable[[], float] = steady_s, look: Look | None = None
) -> OperatorApp:
    """The real app, with the half-block pictures that every terminal can show."""
    return OperatorApp(client, image_widget(Abilities(Glyphs.HALVES)), now, look)


@asynccontextmanager
async def screen_of(
    desk: Desk, size: tuple[int, int] = (120, 36)
) -> AsyncIterator[tuple[Pilot[None], MainScreen]]:
    """The real app on this desk."""
    app = app_on(cast(Client, desk), desk.now)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.main.candidates.listed() or not desk.held)
        yield pilot, app.main
        assert text_of(pilot), "whatever is on the screen at the end can be drawn"


async def until(pilot: Pilot[None], happened: Callable[[], object], limit_s: float = 10.0) -> None:
    """Let the app run until this is true. Fails after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while not happened():
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not happen within {limit_s} s:\n{text_of(pilot)}")
        await pilot.pause(0.02)


async def look(pilot: Pilot[None], screen: MainScreen, advance: Callable[[float], None]) -> None:
    """Wait until both photos are on the screen, and let a second pass."""
    panel = screen.query_one(FacePanel)
    await until(pilot, lambda: panel.seen_s() is not None)
    advance(1.0)
    assert (panel.seen_s() or 0.0) > LOOK_S


def text_of(pilot: Pilot[None]) -> str:
    """What the terminal shows, as plain text."""
    screen = pilot.app.screen
    visible_screen_stack.set(pilot.app._background_screens)  # what is seen behind a question
    return "\n".join(strip.text.rstrip() for strip in screen._compositor.render_strips())
