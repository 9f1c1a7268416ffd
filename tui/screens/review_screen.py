"""What an operator does about candidates: decide, undo, give a reason, look closer, report.

The main screen is one of these; it shows what came of it.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.screen import Screen

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.alerts import Alert, AlertState, ReviewDecision, ReviewSubmit, Shown
from tui.candidates_model import CandidatesModel
from tui.clock import DaemonClock
from tui.labels import complaint, is_undecided
from tui.screens.ask import ReasonScreen
from tui.screens.compare import LOOK_S, Compared, CompareScreen
from tui.screens.outcome import OutcomeScreen
from tui.screens.scene import SceneScreen, no_scene
from tui.widgets.faces import FacePanel

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

NOTICE_S = 8.0


class ReviewScreen(Screen[None]):
    """Holds the candidates and what the operator is about to decide of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "decide('match')", "Match"),
        Binding("n", "decide('not_a_match')", "Not a match"),
        Binding("u", "decide('unsure')", "Unsure"),
        Binding("enter", "compare", "Compare the faces in full size"),
        Binding("z", "undo_or_compare", "Undo the last decision, else compare", show=False),
        Binding("backspace,ctrl+z", "decide('undo')", "Undo the last decision"),
        Binding("o", "other", "The photo of the other person, and back"),
        Binding("s", "scene", "The scene"),
        Binding("r", "reason", "Give a reason with the next decision"),
        Binding("w", "outcome", "Report what was done"),
    ]

    def __init__(
        self, client: Client, image_class: "ImageClass", here: Callable[[], float]
    ) -> None:
        super().__init__()
        self._client = client
        self._image_class = image_class
        self.clock = DaemonClock(here)
        self._here, self._now = here, self.clock.now_s
        self._face_panel = FacePanel(client, image_class, self._now, here)
        self.in_order = asyncio.Lock()
        self.candidates = CandidatesModel()
        self._reasons: dict[str, str] = {}
        self._drafts: dict[str, str] = {}  # half typed, and left: they are not lost
        self.read_only = False
        self._browsing = False  # the operator went back to a decided candidate on purpose
        self._busy = False
        self._notice_until_s = 0.0
        self._said = Content()

    def refresh_all(self) -> None:
        """Bring every widget in line."""
        raise NotImplementedError

    def camera_name(self, alert: Alert) -> str:
        """What people call the camera."""
        raise NotImplementedError

    @property
    def in_lab(self) -> bool:
        """Whether the rules of a lab are in force."""
        raise NotImplementedError

    def say(self, content: Content) -> None:
        """One line at the bottom, for a while."""
        self._say_later(content)
        self.refresh_all()

    def _say_later(self, content: Content) -> None:
        """The same, once it is drawn."""
        self._notice_until_s = self._here() + NOTICE_S
        self._said = content

    def complain(self, sentence: str) -> None:
        """Say what went wrong."""
        self.say(complaint(sentence))

    def action_decide(self, what: str) -> None:
        """Decide about the selected candidate, or undo the last decision that can be undone."""
        if self._busy or self.refuses():
            return
        if what == "undo":
            self._start_undo()
        elif (alert := self._decidable()) is not None:
            self._busy = True
            self._submit(alert.id, ReviewDecision(what), self._face_panel.shown())

    def refuses(self) -> bool:
        """Whether nothing may be done from here, which is said then."""
        if self.read_only:
            self.complain("this screen only shows: whoever decides opens one without --read-only")
        return self.read_only

    def action_undo_or_compare(self) -> None:
        """While a decision can be undone that is what the key does; the last line says so."""
        if self.candidates.undoable(self._now()):
            self.action_decide("undo")
        else:
            self.action_compare()

    def action_compare(self) -> None:
        """Both faces as large as the window allows."""
        alert, pictures = self.candidates.selected, self._face_panel.pictures
        if alert is None or pictures is None:
            self.complain("there are no two faces to compare: both have to be on the screen")
            return

        def decided(answer: Compared | None) -> None:
            if answer is not None and self._decidable(elsewhere=True) is not None:
                self._busy = True
                self._submit(alert.id, answer.decision, answer.shown)

        screen = CompareScreen(
            self._client, alert, self.camera_name(alert), pictures, self.candidates.series(alert),
            self._image_class, self._here,
            may_decide=not self.read_only and not self._face_panel.shows_other,
            in_lab=self.in_lab,
        )  # fmt: skip
        self.app.push_screen(screen, decided)

    @on(Click, "#pending")
    def click_pending(self) -> None:
        self.action_decide("undo")

    def action_reason(self) -> None:
        alert = self.candidates.selected
        if self.refuses():
            return
        if alert is None or not is_undecided(alert):
            self.complain("a reason goes with a decision: choose an undecided candidate first")
            return

        def keep(reason: str | None) -> None:
            if reason is not None:
                self._reasons[alert.id] = reason
                self._drafts.pop(alert.id, None)
            self.refresh_all()

        def left(draft: str) -> None:
            self._drafts[alert.id] = draft

        typed = self._drafts.get(alert.id) or self._reasons.get(alert.id, "")
        self.app.push_screen(ReasonScreen(typed, left), keep)

    def action_other(self) -> None:
        alert = self.candidates.selected
        if alert is None or not self._face_panel.show_other(alert):
            self.complain("nobody else on the list is close to this face")
        self.refresh_all()

    def action_scene(self) -> None:
        """The whole frame, in which only the candidate can be known."""
        alert = self.candidates.selected
        if alert is None:
            self.complain("there is no candidate whose scene could be shown")
            return
        if not alert.has_scene:
            self.complain(no_scene(alert))
            return
        name = self.camera_name(alert)
        self.app.push_screen(SceneScreen(self._client, alert, name, self._image_class))

    def action_outcome(self) -> None:
        """Report what was done about a closed candidate."""
        alert = self.candidates.selected
        if self.refuses():
            return
        if alert is None or alert.state is AlertState.OPEN:
            self.complain("what was done is reported once a candidate is closed")
        elif alert.decoy:
            self.complain("this was a decoy: nobody was seen, and nothing follows")
        elif alert.engagement is not None:
            self.complain("what was done about this one is reported already")
        else:
            self.app.push_screen(OutcomeScreen(self._client, alert), self._reported)

    def _reported(self, alert: Alert | None) -> None:
        if alert is not None:
            self.candidates.put(alert)
            self.say(Content(f"● what was done about {alert.reference} is written down"))

    def _chosen(self) -> None:
        selected = self.candidates.selected
        self._browsing = selected is not None and not is_undecided(selected)
        self.refresh_all()

    def _decidable(self, *, elsewhere: bool = False) -> Alert | None:
        """The selected candidate if it may be decided now; otherwise says why not. Where it was
        looked at `elsewhere`, how large it is here does not count."""
        alert = self.candidates.selected
        if alert is None:
            self.complain("there is nothing to decide")
        elif not is_undecided(alert):
            self.complain("already decided; z undoes it while that is possible")
        elif elsewhere:
            return alert
        elif self._face_panel.is_too_small:
            self.complain("the faces are too small to be known: make the window larger")
        elif (seen_s := self._face_panel.seen_s()) is None:
            self.complain("look first: face and reference must both be on the screen")
        elif seen_s < LOOK_S:
            self.complain("look first: that was too quick to be about these photos; press again")
        else:
            return alert
        return None

    @work(group="review")
    async def _submit(self, alert_id: str, decision: ReviewDecision, shown: Shown) -> None:
        reason = self._reasons.get(alert_id, "")
        review = ReviewSubmit(decision=decision, reason=reason, shown=shown)
        try:
            async with self.in_order:
                self.candidates.put(await self._client.submit_review(alert_id, review))
        except LfrdError as error:
            self.complain(str(error))
        else:
            self._reasons.pop(alert_id, None)
            self._drafts.pop(alert_id, None)
            self._browsing = False
            self.candidates.select_next_undecided()
            self.refresh_all()
        finally:
            self._busy = False

    def _start_undo(self) -> None:
        undoable = self.candidates.undoable(self._now())
        if not undoable:
            self.complain("there is nothing to undo: a decision is final after 10 seconds")
            return
        ids = [alert.id for alert in undoable]
        chosen = self.candidates.selected_id if self.candidates.selected_id in ids else ids[0]
        self._busy = True
        self._undo(chosen)

    @work(group="review")
    async def _undo(self, alert_id: str) -> None:
        """Take the decision back; what was typed with it stays for the next one."""
        taken_back = self.candidates.get(alert_id)
        try:
            async with self.in_order:
                open_again = await self._client.undo_review(alert_id)
                self.candidates.put(open_again)
        except LfrdError as error:
            self.complain(str(error))
        else:
            if taken_back is not None and taken_back.my_review is not None:
                self._reasons.setdefault(alert_id, taken_back.my_review.reason)
            self.candidates.select(alert_id)
            self._chosen()
            self.say(Content(f"undone: {open_again.reference} is open again"))
        finally:
            self._busy = False
