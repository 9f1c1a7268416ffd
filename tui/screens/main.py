"""The one main screen: cameras, candidates, and the face beside the reference photo.

The screen holds the state (it is the only writer) and the widgets show it. `refresh_all` brings
every widget in line and draws only what changed; it runs after each change and twice a second for
ages and countdowns.
"""

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.alerts import Alert, AlertState
from lfrd.wire.cameras import Camera, CameraRates
from lfrd.wire.deployments import Deployment
from lfrd.wire.health import Health, Me
from tui.candidates_model import CandidatesModel, Filter, Which
from tui.clock import steady_s
from tui.labels import (
    decision_mark,
    ended_text,
    ends_text,
    health_mark,
    is_final,
    is_undecided,
    me_text,
)
from tui.live import read_alert
from tui.screens.compare import CompareScreen
from tui.screens.filters import FilterScreen
from tui.screens.help import HelpScreen
from tui.screens.owner import PLACES, OwnerScreen
from tui.screens.place import Situation
from tui.screens.scene import SceneScreen
from tui.sizes import BREAKPOINTS_ACROSS, BREAKPOINTS_DOWN
from tui.this_app import app_of
from tui.widgets.banner import Banner, is_lab
from tui.widgets.cameras import CameraList, cameras_in_short
from tui.widgets.candidates import CandidateList
from tui.widgets.faces import FacePanel
from tui.widgets.keys import KeyBar, KeyHint
from tui.widgets.line import Line
from tui.widgets.picture import ImageClass
from tui.widgets.status import away_content, pending_content

REFRESH_S = 0.5
SOON_S = 0.05
"""What the daemon says is gathered for so long before it is drawn: a flood of it stops no key."""


class MainScreen(OwnerScreen):
    """Implements `tui.live.View`; talks to the daemon only to show images and to decide."""

    HORIZONTAL_BREAKPOINTS = BREAKPOINTS_ACROSS
    VERTICAL_BREAKPOINTS = BREAKPOINTS_DOWN
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "The next candidate down"),
        Binding("k,up", "move(-1)", "The next candidate up"),
        Binding("ctrl+d,pagedown", "move(10)", "Ten further down"),
        Binding("ctrl+u,pageup", "move(-10)", "Ten further up"),
        Binding("home", "move(-1000000)", "The first candidate"),
        Binding("end,G", "move(1000000)", "The last candidate"),
        Binding("space", "next", "The next that waits for you"),
        Binding("f", "filter", "Open candidates, or all"),
        Binding("F", "choose_filter", "Choose which are listed"),
        Binding("t", "order", "Newest or oldest first"),
        Binding("g", "group", "One row for a person at a camera, or a row each"),
        *PLACES,
        Binding("b", "bell", "Bell on or off"),
        Binding("i", "app.technical", "Technical words in the banner"),
        Binding("question_mark", "help", "Help", key_display="?"),
        Binding("q", "app.quit", "Leave"),
    ]

    def __init__(
        self, client: Client, image_class: ImageClass, here: Callable[[], float] = steady_s
    ) -> None:
        super().__init__(client, image_class, here)
        self._banner = Banner(id="banner")
        self._away = Line(id="away")
        self._camera_list = CameraList(id="cameras", classes="panel")
        self._candidate_list = CandidateList(id="candidates", classes="panel")
        self._pending = Line(id="pending")
        self._notice = Line(id="notice")
        self._key_bar = KeyBar(id="keys")
        self._me: Me | None = None
        self._health: Health | None = None
        self._deployment: Deployment | None = None
        self._last: Deployment | None = None
        self._cameras: tuple[Camera, ...] = ()
        self._rates: dict[str, CameraRates] = {}
        self._away_since_s: float | None = None
        self.bell = True
        self._soon = False
        self._reading_finals = False

    def compose(self) -> ComposeResult:
        yield self._banner
        yield self._away
        with Horizontal(id="body"):
            yield self._camera_list
            yield self._candidate_list
            yield self._face_panel
            yield self.guide
        yield self._pending
        yield self._notice
        yield self._key_bar

    def on_mount(self) -> None:
        self._candidate_list.focus()
        self.set_interval(REFRESH_S, self._tick)
        self.refresh_all()

    def on_resize(self) -> None:
        self.call_after_refresh(self.refresh_all)

    @property
    def is_deployed(self) -> bool:
        """Whether a deployment runs."""
        return self._deployment is not None

    @property
    def in_lab(self) -> bool:
        """Whether the rules of a lab are in force."""
        return is_lab(self._deployment, None if self._health is None else self._health.policy)

    # What the daemon says (tui.live.View).

    def show_me(self, me: Me) -> None:
        before, self._me = self._me, me
        if before is not None and before.role != me.role:
            self.say(Content.styled(f"▲ {me_text(me)}, from now on", "bold $warning"))
            self.close_for_supervisors()
        self._refresh_soon()

    def show_health(self, health: Health) -> None:
        self._health = health
        self.clock.told(health.at_s)
        self._refresh_soon()

    def show_cameras(self, cameras: tuple[Camera, ...]) -> None:
        self._cameras = cameras
        self._rates = {c.id: c.rates for c in cameras if c.rates is not None}
        self._camera_list.show(self._cameras, self._rates)
        self._refresh_soon()

    def show_rates(self, rates: tuple[CameraRates, ...]) -> None:
        self._rates = {rate.camera_id: rate for rate in rates}
        if self._camera_list.display:
            self._camera_list.show(self._cameras, self._rates)
        self._refresh_soon()

    def show_deployment(self, running: Deployment | None, last: Deployment | None) -> None:
        before, self._deployment, self._last = self._deployment, running, last
        if before is not None and last is not None and last.id == before.id:
            self._ring()
            self.say(Content(f"■ the deployment {ended_text(last)}"))
        self.refresh_all()

    def show_end_near(self) -> None:
        if self._deployment is not None:
            self._ring()
            ends = ends_text(self._deployment.planned_end_at_s, self._now())
            self.say(Content.styled(f"▲ the deployment {ends}", "bold $warning"))
            self.ask_about_end()

    def show_alerts(self, alerts: tuple[Alert, ...]) -> None:
        self._arrived(self.candidates.replace(alerts))

    def show_alert(self, alert: Alert) -> None:
        before = self.candidates.get(alert.id)
        arrived = self.candidates.put(alert)
        if before is not None and is_final(alert) and not is_final(before):
            assert alert.my_review is not None
            word = decision_mark(alert.my_review.decision).text
            self.say(Content.assemble((f"{word} ", "bold"), f"on {alert.reference} is final"))
        self._arrived(int(arrived), ring=alert.bundled_with is None)

    def show_better_look(self, alert_id: str) -> None:
        """Its pictures may be others now: those on the screen are read again, all others are when
        they are looked at."""
        alert = self.candidates.selected
        if alert is not None and alert.id == alert_id and not self.is_covered:
            self._face_panel.look_again(alert)

    def on_face_panel_better_look(self, event: FacePanel.BetterLook) -> None:
        pictures = self._face_panel.pictures
        for screen in self.app.screen_stack:
            if isinstance(screen, CompareScreen) and pictures is not None:
                screen.better_look(pictures[0])
        self.say(Content(f"● a better look at {event.alert.reference} is on the screen"))

    def forget_alert(self, alert_id: str) -> None:
        self.candidates.remove(alert_id)
        self._refresh_soon()

    def show_away(self) -> None:
        if self._away_since_s is None:
            self._away_since_s = self._now()
        self._rates = {}
        self._camera_list.show(self._cameras, self._rates)
        self.refresh_all()

    def show_back(self) -> None:
        if self._away_since_s is not None:
            self.say(Content("● the daemon is back, everything was read again"))
        self._away_since_s = None
        self._face_panel.retry()
        self.read_place_again()
        self.refresh_all()

    def show_error(self, error: LfrdError) -> None:
        self.complain(str(error))

    # What the operator does.

    def action_move(self, step: int) -> None:
        self.candidates.move(step)
        self._chosen()

    def on_candidate_list_chosen(self, event: CandidateList.Chosen) -> None:
        self.candidates.select(event.alert_id)
        self._chosen()

    def action_next(self) -> None:
        if not self.candidates.undecided_count:
            self.complain("nothing waits for your decision")
        self.candidates.select_next_undecided()
        self._chosen()

    def action_filter(self) -> None:
        self.candidates.toggle_filter()
        which = self.candidates.filter.which
        shown = "open candidates" if which is Which.OPEN else "all candidates"
        self.say(Content(f"● {shown} are listed"))

    def action_choose_filter(self) -> None:
        """List only some: those that wait for this person, of one camera, of one list."""

        def chosen(wanted: Filter | None) -> None:
            if wanted is not None:
                self.candidates.show_only(wanted)
            self.refresh_all()

        names, lists = self._camera_names(), self.candidates.watchlists
        self.app.push_screen(FilterScreen(self.candidates.filter, names, lists), chosen)

    def action_order(self) -> None:
        self.candidates.toggle_order()
        first = "oldest" if self.candidates.oldest_first else "newest"
        self.say(Content(f"the {first} candidates first"))

    def action_group(self) -> None:
        self.candidates.toggle_groups()
        grouped = "a person at a camera is one row" if self.candidates.grouped else "a row for each"
        self.say(Content(grouped))

    def action_bell(self) -> None:
        self.bell = not self.bell
        self.say(Content(f"the bell is {'on' if self.bell else 'off'}"))

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen())

    # How it is done.

    def _arrived(self, count: int, *, ring: bool = True) -> None:
        """New candidates: ring, unless a person passes again of whom the operator was told a moment
        ago, and show one unless the operator is busy with another."""
        if count:
            if ring:
                self._ring()
                self._notify("a candidate waits for review")
            new = "● a new candidate" if count == 1 else f"● {count} new candidates"
            self._say_later(Content(new))
        selected = self.candidates.selected
        if count and selected is not None and not is_undecided(selected) and not self._browsing:
            self.candidates.select_next_undecided()
        self._refresh_soon()

    def _ring(self) -> None:
        if self.bell:
            self.app.bell()

    def _notify(self, words: str) -> None:
        app_of(self).tell_desktop(words)

    def _tick(self) -> None:
        self.refresh_all()
        due = [alert.id for alert in self.candidates.becoming_final(self._now())]
        if due and self._away_since_s is None and not self._reading_finals:
            self._reading_finals = True
            self._read_finals(due)

    @work(group="finals")
    async def _read_finals(self, due: list[str]) -> None:
        """Ask whether one's own decisions have become final: no event tells, for it would tell
        the next reviewer as well."""
        try:
            for alert_id in due:
                await read_alert(alert_id, self._client, self)
        except LfrdError as error:
            self.complain(str(error))
        finally:
            self._reading_finals = False

    def _refresh_soon(self) -> None:
        """Draw what changed, with whatever else changes until then."""
        if not self._soon and self.is_attached:
            self._soon = True
            self.set_timer(SOON_S, self._refresh_now)

    def _refresh_now(self) -> None:
        self._soon = False
        self.refresh_all()

    def _camera_names(self) -> dict[str, str]:
        return {camera.id: camera.name for camera in self._cameras}

    def refresh_all(self) -> None:
        """Bring every widget in line; each draws only what changed."""
        if not self.app.is_running:  # leaving: the widgets go before the workers have ended
            return
        now_s = self._now()
        alert = None if self.is_covered else self.candidates.selected
        short = self._in_short()
        self._banner.show(self._deployment, self._last, self._health, short, now_s)
        self._candidate_list.show(self.candidates, self._camera_names(), now_s)
        camera_name = "" if alert is None else self.camera_name(alert)
        reason = "" if alert is None else self._reasons.get(alert.id, "")
        self._face_panel.show(alert, camera_name, reason, may_decide=not self.read_only)
        self.show_guide(self.candidates.selected is not None)
        who = "" if self._me is None else me_text(self._me)
        if self._face_panel.border_subtitle != who:  # it draws the panel anew
            self._face_panel.border_subtitle = who
        self._drop_erased()
        self._refresh_lines(now_s)

    def _drop_erased(self) -> None:
        for screen in self.app.screen_stack:
            if isinstance(screen, SceneScreen | CompareScreen):
                alert = self.candidates.get(screen.alert_id)
                why = "its time is over" if alert is None else alert.erased
                if why:
                    screen.drop(why)

    def _refresh_lines(self, now_s: float) -> None:
        self._away.set_class(self._away_since_s is not None, "-shown")
        if self._away_since_s is not None:
            anything_read = self._health is not None
            self._away.show(away_content(self._away_since_s, anything_read=anything_read))
        undoable = self.candidates.undoable(now_s)
        self._pending.show(pending_content(undoable, now_s))
        self._pending.set_class(bool(undoable), "-shown")
        if self._here() >= self._notice_until_s:
            self._said = Content()
        self._notice.show(self._said if self._said.plain else self._standing())
        self._key_bar.show_keys(self._keys_now(now_s), LAST)
        self.refresh_places()

    def _keys_now(self, now_s: float) -> tuple[KeyHint, ...]:
        if self.guide.display and not self.read_only:
            return (KeyHint("a", "Next step", "screen.guide"), *ALWAYS)
        return keys_now(self.candidates, now_s, read_only=self.read_only)

    def _in_short(self) -> str:
        """The cameras, and a clock that is off."""
        return " · ".join(filter(None, (self.clock.said, cameras_in_short(self._cameras))))

    def _standing(self) -> Content:
        """What the last line says while nothing happens: in a low window what has no line there."""
        if not self.has_class("-short"):
            return Content()
        parts: list[Content] = []
        if self._health is not None:
            mark, why = health_mark(self._health.status), "; ".join(self._health.reasons)
            words = f"{mark.symbol} health {mark.word}{': ' if why else ''}{why}"
            parts.append(Content.styled(words, mark.style))
        parts.append(Content.styled(self._in_short(), "$quiet"))
        if self._me is not None:
            parts.append(Content.styled(me_text(self._me), "$quiet"))
        return Content(" · ").join(parts)

    def camera_name(self, alert: Alert) -> str:
        return self._camera_names().get(alert.camera_id, alert.camera_id)

    def situation(self) -> Situation:
        """What the places show of all this."""
        return Situation(
            self._deployment,
            self._last,
            self.plans,
            self._health,
            self._me,
            self._cameras,
            self._rates,
            self.lists,
            self._away_since_s,
            self.candidates.undecided_count,
            self._said,
            self._in_short(),
        )


def keys_now(
    candidates: CandidatesModel, now_s: float, *, read_only: bool = False
) -> tuple[KeyHint, ...]:
    """The keys that matter now, the most important first."""
    alert = candidates.selected
    hints: list[KeyHint] = []
    if alert is not None and not alert.erased:
        if is_undecided(alert) and not read_only:
            hints += DECISIONS
        hints.append(KeyHint("Enter", "Compare", "screen.compare"))
        if alert.rivals:
            hints.append(KeyHint("o", "Other person", "screen.other"))
    if not read_only:
        if candidates.undoable(now_s):
            hints.insert(0, KeyHint("z", "Undo", "screen.decide('undo')"))
        if alert is not None and alert.state is AlertState.CLOSED and alert.engagement is None:
            hints.append(KeyHint("w", "What was done", "screen.outcome"))
    if candidates.undecided_count > (alert is not None and is_undecided(alert)):
        hints.append(KeyHint("Space", "Next", "screen.next"))
    if alert is not None and is_undecided(alert) and not read_only:
        hints.append(KeyHint("r", "Reason", "screen.reason"))
    if alert is not None and alert.has_scene:
        hints.append(KeyHint("s", "Scene", "screen.scene"))
    return (*hints, *ALWAYS)


DECISIONS = (
    KeyHint("m", "Match", "screen.decide('match')"),
    KeyHint("n", "Not a match", "screen.decide('not_a_match')"),
    KeyHint("u", "Unsure", "screen.decide('unsure')"),
)
ALWAYS = (
    KeyHint("^p", "All", "app.command_palette"),
    KeyHint("d", "Deployments", "screen.deployments"),
    KeyHint("l", "Lists", "screen.lists"),
    KeyHint("c", "Cameras", "screen.cameras"),
    KeyHint("F", "Filter", "screen.choose_filter"),
)
LAST = (
    KeyHint("?", "Help", "screen.help"),
    KeyHint("q", "Quit", "app.quit"),
)
