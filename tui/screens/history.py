"""What was decided: who, how fast, with which score, and what came of it; and the search for it."""

from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.alerts import Alert, AlertState, Mine, Review
from tui.dates import day_text
from tui.labels import (
    candidate_mark,
    clock_text,
    decision_mark,
    duration_text,
    engagement_text,
    figures_text,
)
from tui.screens.help import Topic
from tui.screens.outcome import OutcomeScreen
from tui.screens.paged import PAGE, PagedScreen
from tui.screens.place import BACK, Owner, Situation, changing
from tui.screens.scene import SceneScreen, no_scene
from tui.search import Search, search_of
from tui.widgets.line import labelled
from tui.widgets.listed import Listed
from tui.widgets.picture import Picture, decode
from tui.widgets.rows import Row

LOOKED_THROUGH_MAX = 2_000
"""So many candidates are looked through for a reference at once; m goes on from there."""
FILTERS: tuple[tuple[str, Mine | None, AlertState | None], ...] = (
    ("all", None, None),
    ("decided by me", Mine.DECIDED, None),
    ("waiting for me", Mine.WAITING, None),
    ("closed", None, AlertState.CLOSED),
)
SEARCH_HINT = "a reference, a camera, a list, today, mon, 2026-11-26"


class HistoryScreen(PagedScreen):
    """Newest first; beside the list the chosen one's pictures and all that is known of it."""

    TOPIC: ClassVar[Topic] = "history"
    ALL_READ = "these are all"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Search", key_display="/"),
        Binding("f", "filter", "Filter"),
        Binding("m", "more", "More"),
        Binding("s", "scene", "Scene"),
        Binding("w", "outcome", "What was done"),
        Binding("g", "go", "To it", show=False),
        Binding("h", "dismiss", "Back", show=False),
        *BACK,
    ]

    def __init__(
        self, client: Client, owner: Owner, now: Callable[[], float], *, search: bool = False
    ) -> None:
        super().__init__(client, owner, now, "history", SEARCH_HINT)
        self._seen = Picture(owner.image_class, id="history-seen")
        self._reference = Picture(owner.image_class, id="history-reference")
        self._alerts: list[Alert] = []
        self._filter = 0
        self._next: str | None = None
        self._searching = search
        self._said = "all"
        self._shown_of: str | None = None

    def body(self) -> ComposeResult:
        with Vertical(classes="panel history-panel") as panel:
            panel.border_title = "History"
            yield self._box
            yield self._list
        with Vertical(classes="panel wide-panel", id="history-one") as panel:
            panel.border_title = "Candidate"
            with Vertical(id="history-pictures"):
                yield self._seen
                yield self._reference
            with VerticalScroll(id="history-text"):
                yield self._text

    def on_mount(self) -> None:
        self._box.display = self._searching
        (self._box if self._searching else self._list).focus()

    # What is read.

    @property
    def more(self) -> bool:
        return self._next is not None

    def _search(self) -> Search:
        known = self._owner.situation()
        _, mine, state = FILTERS[self._filter]
        today = datetime.fromtimestamp(self._now()).astimezone().date()
        return search_of(self._box.value, known.cameras, known.lists, today, mine=mine, state=state)

    async def read_page(self, *, go_on: bool) -> None:
        """A page, or so many as it takes to fill one where a reference is looked for."""
        search, looked = self._search(), 0
        found = list(self._alerts) if go_on else []
        wanted, after = len(found) + PAGE, self._next if go_on else None
        while len(found) < wanted and looked < LOOKED_THROUGH_MAX:
            page = await self._client.alerts_page(search.wanted, limit=PAGE, after=after)
            found += [alert for alert in page.items if search.holds(alert)]
            looked, after = looked + len(page.items), page.next
            if after is None:
                break
        self._alerts, self._next, self._said = found, after, search.said

    def _chosen(self) -> Alert | None:
        found = [alert for alert in self._alerts if alert.id == self._chosen_id]
        return next(iter(found or self._alerts), None)

    def _load(self) -> None:
        """The pictures, where they are still there: that they are looked at is recorded."""
        alert = self._chosen()
        if alert is None or alert.erased or alert.my_review is None:
            self._shown_of = None
            words = "" if alert is None else alert.erased or "shown once you have decided"
            for picture in (self._seen, self._reference):
                picture.say(words)
        elif alert.id != self._shown_of and self.query_one("#history-one").display:
            self._show(alert)

    @work(group="photos", exclusive=True)
    async def _show(self, alert: Alert) -> None:
        self._shown_of = alert.id
        try:
            seen = await self._client.alert_image(alert.id, "probe")
            self._seen.show(decode(seen, "face"))
            other = await self._client.alert_image(alert.id, "reference")
            self._reference.show(decode(other, "reference photo"))
        except LfrdError as error:
            self._seen.say(str(error))
            self._reference.say("")

    # What the operator does.

    def keys_now(self) -> list[str]:
        """By what is chosen, and whether there is more."""
        alert = self._chosen()
        scene = alert is not None and alert.has_scene
        over = alert is not None and alert.state is AlertState.CLOSED
        reported = alert is None or alert.decoy or alert.engagement is not None
        return [
            "search", "filter", *["more"] * self.more, *["scene"] * scene,
            *["outcome"] * (over and not reported), *["go"] * (alert is not None),
        ]  # fmt: skip

    def chosen_anew(self) -> None:
        self.refresh_all()
        self._load()

    def action_filter(self) -> None:
        self._filter = (self._filter + 1) % len(FILTERS)
        self._owner.say(Content(f"● listed: {FILTERS[self._filter][0]}"))
        self.read()

    def action_go(self) -> None:
        """To the candidate itself, to decide about it."""
        alert = self._chosen()
        if alert is not None:
            self._owner.choose_alert(alert)
            self.dismiss()

    def on_listed_taken(self, event: Listed.Taken) -> None:
        event.stop()
        self.action_go()

    def action_scene(self) -> None:
        alert = self._chosen()
        if alert is not None and not alert.has_scene:
            self._owner.complain(no_scene(alert))
        elif alert is not None:
            name = _camera(alert, self._owner.situation())
            self.app.push_screen(SceneScreen(self._client, alert, name, self._owner.image_class))

    @changing
    def action_outcome(self) -> None:
        alert = self._chosen()
        if alert is None or alert.state is AlertState.OPEN:
            self._owner.complain("what was done is reported once a candidate is closed")
        elif alert.decoy or alert.engagement is not None:
            self._owner.complain("nothing more is reported about this one")
        else:
            self.app.push_screen(OutcomeScreen(self._client, alert), self._reported)

    def _reported(self, alert: Alert | None) -> None:
        if alert is not None:
            self._alerts = [alert if x.id == alert.id else x for x in self._alerts]
            self._owner.say(Content(f"● what was done about {alert.reference} is written down"))

    # How it is shown.

    def draw(self, known: Situation) -> None:
        now_s, chosen = self._now(), self._chosen()
        rows = tuple(Row(x.id, row_content(x, _camera(x, known), now_s)) for x in self._alerts)
        empty = Row("none", Content.styled("Nothing was found.", "$quiet"))
        self._list.show_rows(rows or (empty,), None if chosen is None else chosen.id)
        panel = self.query_one(".history-panel")
        more = "+" if self.more else ""
        which = dict.fromkeys((FILTERS[self._filter][0], self._said))
        panel.border_title = f"History · {' · '.join(which)}"
        panel.border_subtitle = f"{len(self._alerts)}{more}"
        self.query_one("#history-one").display = self.size.width >= 72
        self.query_one("#history-pictures").display = self.size.width >= 110
        width = self._text.content_size.width or 40
        about = Content() if chosen is None else about_alert(chosen, _camera(chosen, known), width)
        self._text.update(about)


def _camera(alert: Alert, known: Situation) -> str:
    names = {camera.id: camera.name for camera in known.cameras}
    return names.get(alert.camera_id, alert.camera_id)


def row_content(alert: Alert, camera: str, now_s: float) -> Content:
    """Two lines: when, who; the decision, its score, the camera."""
    mark = candidate_mark(alert, unread=False, now_s=now_s)
    score = "" if alert.revealed is None else f" {alert.revealed.score:.3f}"
    return Content.assemble(
        (f"{day_text(alert.raised_at_s)[5:]} ", "$quiet"), (alert.reference, "bold"),
        (f"\n  {mark.text}", mark.style), score, (f" · {camera}", "$quiet"),
    )  # fmt: skip


def _review_text(review: Review, alert: Alert) -> str:
    took = duration_text(review.submitted_at_s - alert.raised_at_s)
    who = review.principal.removeprefix("user:")
    as_what = " as supervisor" if review.supervising else ""
    why = f": {review.reason}" if review.reason else ""
    return f"{decision_mark(review.decision).text}, {who}{as_what}, after {took}{why}"


def about_alert(alert: Alert, camera: str, width: int) -> Content:
    """Everything that this viewer may know of it."""
    rows = [
        ("list", alert.watchlist_name or "a list that is gone"), ("camera", camera),
        ("raised", f"{day_text(alert.raised_at_s)[:10]} {clock_text(alert.raised_at_s)}"),
    ]  # fmt: skip
    shown = alert.revealed
    if shown is not None:
        rows += [("decided", _review_text(review, alert)) for review in shown.reviews]
        together = "still open" if shown.outcome is None else shown.outcome.value.replace("_", " ")
        rows += [("together", together), ("measured", figures_text(shown))]
    elif alert.my_review is not None:
        rows.append(("decided", _review_text(alert.my_review, alert)))
    else:
        rows.append(("decided", "not by you: score and decisions of others come afterwards"))
    if alert.decoy:
        rows.append(("decoy", "nobody was seen: it measured how well people review"))
    if alert.engagement is not None:
        rows.append(("done", engagement_text(alert.engagement)))
    if alert.erased:
        rows.append(("faces", alert.erased))
    head = Content.styled(alert.reference, "bold")
    return Content("\n").join([head, labelled(tuple(rows), width, 10)])
