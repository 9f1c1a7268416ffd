"""What the main screen owns besides the candidates: the places around them, and the guide to them.

A place is opened by one key and closed by Esc; while one is open no face is held, and looking
begins anew after it.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.alerts import Alert
from lfrd.wire.cameras import Camera, CameraAdded
from lfrd.wire.deployments import Deployment
from lfrd.wire.lists import Entry, Watchlist
from tui.dates import day_text
from tui.guide import next_step, steps
from tui.labels import ends_text
from tui.live import TO_COME
from tui.rules import bar_to_extend, rules_of
from tui.screens.ask import EndNearScreen, EndScreen, TokenScreen
from tui.screens.camera_form import AddCameraScreen
from tui.screens.list_form import AddListScreen
from tui.screens.person_form import AddPersonScreen
from tui.screens.place import PlaceScreen, Situation
from tui.screens.review_screen import ReviewScreen
from tui.widgets.candidates import CandidateList
from tui.widgets.guide import Guide

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

NEWS_S = 1.0
"""What others change one after the other is read once."""

PLACES: tuple[BindingType, ...] = (
    Binding("a", "guide", "Next step", show=False),
    *(Binding(str(number), f"guide({number})", show=False) for number in range(1, 6)),
    Binding("d", "deployments", "Deployments"),
    Binding("l", "lists", "Lists"),
    Binding("c", "cameras", "Cameras"),
    Binding("h", "history", "History"),
    Binding("slash", "search", "Search", key_display="/", show=False),
    Binding("S", "statistics", "Statistics", show=False),
    Binding("A", "audit", "Audit log", show=False),
    Binding("E", "end", "End the deployment", show=False),
)


class OwnerScreen(ReviewScreen):
    """Opens the places, and knows the lists and plans that they and the guide show."""

    def __init__(
        self, client: Client, image_class: "ImageClass", here: Callable[[], float]
    ) -> None:
        super().__init__(client, image_class, here)
        self.image_class = image_class
        self.guide = Guide()
        self.lists: tuple[Watchlist, ...] = ()
        self.plans: tuple[Deployment, ...] = ()
        self._places: list[PlaceScreen] = []
        self._end_asked = True
        self._news = False

    def situation(self) -> Situation:
        """What is known."""
        raise NotImplementedError

    @property
    def is_covered(self) -> bool:
        """Whether a place is open."""
        return bool(self._places)

    # What the daemon says.

    def show_lists(self, lists: tuple[Watchlist, ...]) -> None:
        self.lists = lists
        self.refresh_all()

    def show_news(self) -> None:
        """Somebody changed a list or a deployment: what is on the screen of it is read again."""
        if self._places and not self._news:
            self._news = True
            self.set_timer(NEWS_S, self._read_news)

    def read_place_again(self) -> None:
        """What the open place shows besides: the daemon was away."""
        if self._places and self._places[-1].is_mounted:
            self._places[-1].read()

    def _read_news(self) -> None:
        self._news = False
        if self._places:
            self._places[-1].read_news()

    def show_plans(self, plans: tuple[Deployment, ...]) -> None:
        self.plans = plans
        self.refresh_all()

    def show_cameras(self, cameras: tuple[Camera, ...]) -> None:
        """Take the cameras as they are now."""
        raise NotImplementedError

    def read_lists_and_plans(self) -> None:
        """Read again what was changed here; the events that tell of it may be late."""
        self._read_lists_and_plans()

    @work(group="lists", exclusive=True)
    async def _read_lists_and_plans(self) -> None:
        try:
            self.show_lists(await self._client.watchlists())
            found = await self._client.deployments()
            self.show_plans(tuple(d for d in found if d.state in TO_COME))
        except LfrdError as error:
            self.complain(str(error))

    # The places.

    def open_place(self, place: PlaceScreen) -> None:
        """Show a place over this screen, or over another place."""
        if any(type(known) is type(place) for known in self._places):
            return

        def closed(_: None) -> None:
            self._places.remove(place)
            self.refresh_all()

        self._places.append(place)
        self.refresh_all()
        self.app.push_screen(place, closed)

    def close_for_supervisors(self) -> None:
        """Close what this operator may look at no more, and what stands over it."""
        if not self.situation().is_supervisor:
            while any(getattr(one, "SUPERVISORS_ONLY", False) for one in self.app.screen_stack):
                self.app.screen.dismiss(None)

    def refresh_places(self) -> None:
        """Bring the open places in line; only the one on top can be seen."""
        self.ask_what_waits()
        if self._places:
            self._places[-1].refresh_all()

    def open_cameras(self) -> None:
        from tui.screens.cameras import CamerasScreen

        self.open_place(CamerasScreen(self._client, self, self._image_class, self._now))

    def open_lists(self, watchlist_id: str | None = None) -> None:
        from tui.screens.watchlists import WatchlistsScreen

        self.open_place(WatchlistsScreen(self._client, self, self._now, chosen_id=watchlist_id))

    def open_record(self, deployment_id: str) -> None:
        from tui.screens.record import RecordScreen

        self.open_place(RecordScreen(self._client, self, self._now, deployment_id))

    def choose_alert(self, alert: Alert) -> None:
        """Look at this candidate next."""
        self.candidates.put(alert)
        self.candidates.select(alert.id)
        self._chosen()

    def action_history(self, *, search: bool = False) -> None:
        from tui.screens.history import HistoryScreen

        self.open_place(HistoryScreen(self._client, self, self._now, search=search))

    def action_search(self) -> None:
        self.action_history(search=True)

    def action_audit(self) -> None:
        from tui.screens.audit_log import AuditScreen

        if self.situation().is_supervisor:
            self.open_place(AuditScreen(self._client, self, self._now))
        else:
            self.complain("the audit log is read by supervisors")

    def action_statistics(self) -> None:
        from tui.screens.statistics import StatisticsScreen

        self.open_place(StatisticsScreen(self._client, self, self._now))

    def action_cameras(self) -> None:
        self.open_cameras()

    def action_lists(self) -> None:
        self.open_lists()

    def action_deployments(self) -> None:
        self._open_deployments()

    def _open_deployments(self, *, plan_at_once: bool = False) -> None:
        from tui.screens.deployments import DeploymentsScreen

        self.open_place(DeploymentsScreen(self._client, self, self._now, plan_at_once=plan_at_once))

    def action_end(self) -> None:
        """End the running deployment, with a reason that all operators can read."""
        running = self.situation().deployment
        if self.refuses():
            return
        if running is None:
            self.complain("no deployment is running")
        else:
            self.end(running)

    def end(self, running: Deployment) -> None:
        """Ask why, and end it; that it ended is told by the daemon."""
        self.app.push_screen(
            EndScreen(lambda reason: self._client.end_deployment(running.id, reason))
        )

    # The end of a deployment.

    def ask_about_end(self) -> None:
        """Once the operator is at no dialogue: what is half typed there is not lost."""
        self._end_asked = False

    def ask_what_waits(self) -> None:
        """Ask what could not be asked when it came up."""
        running = self.situation().deployment
        if self._end_asked or running is None or isinstance(self.app.screen, ModalScreen):
            return
        if self.read_only:  # nobody stands at it who could answer
            return
        self._end_asked = True
        known, ends = self.situation(), ends_text(running.planned_end_at_s, self._now())

        def answered(what: str | None) -> None:
            if what == "end":
                self.action_end()
            elif what == "extend" and known.is_supervisor:
                self.extend(running)
            elif what == "extend":
                self.complain("a supervisor may extend it")

        self.app.push_screen(EndNearScreen(ends, may_extend=known.is_supervisor), answered)

    @work(group="extend", exclusive=True)
    async def extend(self, running: Deployment) -> None:
        """Ask by how much, and have it authorised, where the rules let this person do so."""
        from tui.screens.deployments import ExtendScreen, until_of

        try:
            rules = rules_of(await self._client.governance.policy(), running)
        except LfrdError as error:
            self.complain(str(error))
            return
        bar = bar_to_extend(running, rules, self.situation().me)
        if bar is not None:
            self.complain(bar)
            return

        async def send(hours: str) -> None:
            until_s = until_of(running, hours)
            await self._client.governance.extend(running.id, until_s)
            self.say(Content(f"● extended until {day_text(until_s)[-5:]}"))

        self.app.push_screen(ExtendScreen(send, "1"))

    # The guide.

    def show_guide(self, anybody: bool) -> None:
        """In place of the faces, while no face is compared and no entry is chosen."""
        known = self.situation()
        shown = known.health is not None and known.deployment is None and not anybody
        if shown:
            self.guide.show(steps(known.cameras, known.lists, known.plans, self._now()))
        self.guide.display = shown
        self._face_panel.display = not shown
        if shown is not self.has_class("-guided"):
            self.set_class(shown, "-guided")
            if not shown:
                self.query_one(CandidateList).focus()

    def on_guide_wanted(self, event: Guide.Wanted) -> None:
        self._guide_to(event.step)

    def action_guide(self, number: int = 0) -> None:
        """Do what is next, or the step of that number."""
        known = self.situation()
        if self.refuses():
            return
        if known.deployment is not None:
            self.complain("a deployment runs: d shows it, l the lists, c the cameras")
            return
        found = steps(known.cameras, known.lists, known.plans, self._now())
        self._guide_to((found[number - 1] if number else next_step(found)).name)

    def _guide_to(self, name: str) -> None:
        if name == "camera":
            self.add_camera()
        elif name == "list":
            self.add_list()
        elif name == "person":
            self._add_person()
        else:
            self._open_deployments(plan_at_once=name == "plan")

    def add_camera(self, added: Callable[[CameraAdded], None] = lambda _: None) -> None:
        """By a form; `added` is called with it."""

        def told(camera: CameraAdded | None) -> None:
            if camera is not None:
                self.say(Content(f"● camera {camera.name} is added: c and t test it"))
                added(camera)
                if camera.publish_token is not None:
                    self.app.push_screen(TokenScreen(camera))

        self.app.push_screen(AddCameraScreen(self._client, self.situation().cameras), told)

    def add_list(self, made: Callable[[Watchlist], None] = lambda _: None) -> None:
        """By a form; `made` is called with it."""

        def told(watchlist: Watchlist | None) -> None:
            if watchlist is not None:
                self.say(Content(f"● watchlist {watchlist.name} is made: a puts a person on it"))
                made(watchlist)
                self.read_lists_and_plans()

        known = self.situation()
        policy = None if known.health is None else known.health.policy
        lab = policy is not None and policy.is_lab
        self.app.push_screen(AddListScreen(self._client, known.me, self._now(), lab=lab), told)

    @work(group="form", exclusive=True)
    async def _add_person(self) -> None:
        lists = self.situation().lists
        if not lists:
            self.complain("make a watchlist first: 2 does it")
            return
        chosen = max(lists, key=lambda item: item.created_at_s)
        try:
            known = await self._client.entries(chosen.id)
        except LfrdError as error:
            self.complain(str(error))
            return

        def added(entry: Entry | None) -> None:
            if entry is not None:
                photos = len(entry.photos)
                said = f"{entry.reference} is listed with {photos} photo{'s' * (photos != 1)}"
                self.say(Content(f"● {said}"))
                self.read_lists_and_plans()

        form = AddPersonScreen(
            self._client, lists, chosen, known, self.situation().me, self._image_class, self._now
        )
        self.app.push_screen(form, added)
