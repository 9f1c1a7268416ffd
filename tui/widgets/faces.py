"""The candidate's face beside the reference photo, and what was decided about it.

Before this viewer's decision is final the panel holds no score at all: the daemon does not send
one. Afterwards the figures are plain numbers, away from the faces.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, ContentSwitcher, Static

from lfrd.api.schema import Alert
from lfrd.client import Client
from lfrd.errors import LfrdError
from tui.widgets.line import Line
from tui.widgets.picture import Picture, decode
from tui.words import (
    AMBIGUOUS,
    clock_text,
    decision_mark,
    figures_text,
    is_final,
    is_undecided,
    undo_left_s,
)

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

SETTLE_S = 0.1
PHOTOS: tuple[Literal["probe", "reference"], ...] = ("probe", "reference")
BUTTONS = (
    ("match", "m Match"),
    ("not_a_match", "n Not a match"),
    ("unsure", "u Unsure"),
)
EMPTY = (
    "Nothing to decide.\n\n"
    "When a camera sees somebody who resembles a person on a watchlist, the candidate appears "
    "here: the face that was seen beside the reference photo.\n\n"
    "You decide with one key: m match, n not a match, u unsure.\n\n"
    "Everybody else is forgotten as soon as they have passed.\n\n"
    "? shows all keys"
)


def who_content(alert: Alert) -> Content:
    """Which list, in its colour and by name, and which reference."""
    parts: list[Content | str | tuple[str, str]] = [
        ("■ ", alert.watchlist_colour),
        (alert.watchlist_name, "bold"),
        (" · reference ", "$quiet"),
        (alert.reference, "bold"),
    ]
    if alert.ambiguous:
        words = f"  {AMBIGUOUS.text}: somebody else on the list is close too"
        parts.append((words, AMBIGUOUS.style))
    return Content.assemble(*parts)


def verdict_content(alert: Alert, reason: str, now_s: float) -> Content:
    """What this viewer decided and, once that is final, what was measured."""
    review = alert.my_review
    if review is None:
        if not is_undecided(alert):
            return Content.styled("Closed without a decision of yours.", "$quiet")
        if reason:
            return Content.assemble(("Reason for your decision: ", "$quiet"), reason)
        return Content("Is this the same person?")
    mark = decision_mark(review.decision)
    why = f" · {review.reason}" if review.reason else ""
    if not is_final(alert):
        left_s = undo_left_s(alert, now_s)
        rest = f"final in {left_s:.0f} s, z undoes it" if left_s > 0 else "becoming final"
        return Content.assemble((f"You decided: {mark.text}", "bold $decided"), f" · {rest}{why}")
    first = Content.assemble(
        (f"You decided: {mark.text}", "bold $decided"),
        (f" · final since {clock_text(review.final_at_s or now_s)}{why}", "$quiet"),
    )
    if alert.revealed is None:
        return first
    return Content("\n").join([first, Content(figures_text(alert.revealed))])


class FacePanel(Vertical):
    """Face, reference, verdict and the three decisions, all of the same weight."""

    BORDER_TITLE = "Review"

    def __init__(self, client: Client, image_class: "ImageClass", now: Callable[[], float]) -> None:
        super().__init__(id="faces", classes="panel")
        self._client = client
        self._image_class = image_class
        self._now = now
        self._faces_of: str | None = None
        self._faces_version_s = 0.0
        self._seen_since_s: float | None = None
        self._failed = False

    def compose(self) -> ComposeResult:
        with ContentSwitcher(initial="empty"):
            yield Static(EMPTY, id="empty", classes="empty", markup=False)
            with Vertical(id="review"):
                yield Line(id="who")
                with Horizontal(id="pictures"):
                    for name in PHOTOS:
                        with Vertical(classes="side"):
                            yield Line(id=f"{name}-caption", classes="caption")
                            yield Picture(self._image_class, id=name)
                yield Line(id="verdict")
                with Horizontal(id="decide"):
                    for action, label in BUTTONS:
                        yield self._button(action, label)

    def _button(self, action: str, label: str) -> Button:
        button = Button(label, id=f"do-{action}", action=f"screen.decide('{action}')")
        button.can_focus = False  # the keys m, n, u do the same; focus stays on the list
        return button

    def seen_s(self) -> float | None:
        """For how long both photos have been on the screen; None where they are not."""
        return None if self._seen_since_s is None else self._now() - self._seen_since_s

    def retry(self) -> None:
        """Load the photos again where that failed."""
        if self._failed:
            self._faces_of = None

    def show(self, alert: Alert | None, camera_name: str, reason: str) -> None:
        """Bring everything in line with this candidate."""
        self.query_one(ContentSwitcher).current = "empty" if alert is None else "review"
        self._follow(alert)
        if alert is None:
            return
        now_s = self._now()
        seen = f"SEEN · {camera_name} · {clock_text(alert.updated_at_s)}"
        self.query_one("#who", Line).show(who_content(alert))
        self.query_one("#probe-caption", Line).show(Content(seen))
        self.query_one("#reference-caption", Line).show(Content("REFERENCE"))
        self.query_one("#verdict", Line).show(verdict_content(alert, reason, now_s))
        for button in self.query(Button):
            button.disabled = not is_undecided(alert)

    def _follow(self, alert: Alert | None) -> None:
        """Load the photos of another candidate, or a better look at the same.

        The old ones go at once: a face never stands beside another candidate's name.
        """
        if alert is None:
            self._blank("")
        elif alert.id != self._faces_of:
            self._blank("loading")
        elif not is_undecided(alert) or alert.updated_at_s == self._faces_version_s:
            return
        self._faces_of = None if alert is None else alert.id
        if alert is not None:
            self._faces_version_s = alert.updated_at_s
            self._load(alert.id)

    def _blank(self, words: str) -> None:
        self._seen_since_s = None
        self._failed = False
        for picture in self.query(Picture):
            picture.say(words)

    @work(group="photos", exclusive=True)
    async def _load(self, alert_id: str) -> None:
        """Read both photos, once the operator rests on this candidate: each reading is recorded."""
        await asyncio.sleep(SETTLE_S)
        for which in PHOTOS:
            picture = self.query_one(f"#{which}", Picture)
            try:
                data = await self._client.alert_image(alert_id, which)
                picture.show(decode(data, f"{which} photo"))
            except LfrdError as error:
                self._failed = True
                picture.say(str(error))
        if all(picture.has_image for picture in self.query(Picture)):
            self._seen_since_s = self._now()
