"""The candidate's face beside the reference photo, and what was decided about it.

Before this viewer's decision is final the panel holds no score at all: the daemon does not send
one. Afterwards the figures are plain numbers, away from the faces.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from PIL import Image as PILImage
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, ContentSwitcher, Static

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.text import one_line
from lfrd.wire.alerts import Alert, AlertState, Shown
from tui.labels import (
    AMBIGUOUS,
    clock_text,
    decision_mark,
    engagement_text,
    figures_text,
    is_final,
    is_undecided,
    together_text,
    undo_left_s,
    waits_for_supervisor,
)
from tui.widgets.line import Line
from tui.widgets.picture import CellImage, Picture, decode

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

SETTLE_S = 0.1
SHOWN_PX_AT_LEAST = 16
"""What the daemon wants of a face that is decided about: dots on the shorter side."""
SHOWN_CELLS_AT_LEAST = 20
"""Across: nobody can be known in fewer, however fine their dots."""
BUTTONS = (
    ("match", "m Match"),
    ("not_a_match", "n Not a match"),
    ("unsure", "u Unsure"),
)
EMPTY = (
    "Nothing to decide.\n\n"
    "When a camera sees a face that resembles a person on a watchlist, the candidate appears "
    "here: the face that was seen beside the reference photo.\n\n"
    "You decide with one key: m match, n not a match, u unsure.\n"
    "Enter compares the faces in full size.\n\n"
    "Everybody else is forgotten as soon as they have passed.\n\n"
    "? shows all keys"
)


def who_content(alert: Alert) -> Content:
    """Which list, in its colour and by name, and which reference."""
    parts: list[Content | str | tuple[str, str]] = [
        ("■ ", alert.watchlist_colour or "$quiet"),
        (alert.watchlist_name or "a list that is gone", "bold"),
        (" · reference ", "$quiet"),
        (alert.reference, "bold"),
    ]
    if alert.ambiguous:
        parts.append((f"  {AMBIGUOUS.text}", AMBIGUOUS.style))
    if alert.look_alikes:
        parts.append((f"  look-alikes: {alert.look_alikes}", AMBIGUOUS.style))
    return Content.assemble(*parts)


def who_in_short(alert: Alert) -> Content:
    """The same with what matters most first, for half a line."""
    return Content.assemble(
        ("■ ", alert.watchlist_colour or "$quiet"),
        (alert.reference, "bold $foreground"),
        (f" {AMBIGUOUS.symbol}" if alert.ambiguous else "", AMBIGUOUS.style),
        f" · {alert.watchlist_name or 'a list that is gone'}",
        (f" · look-alikes: {alert.look_alikes}" if alert.look_alikes else "", AMBIGUOUS.style),
    )


def reference_content(alert: Alert, other: int) -> Content:
    """Whose photo it is: the candidate's own (`other` = 0) or that of the n-th rival."""
    if other == 0:
        return Content("REFERENCE")
    rival = alert.rivals[other - 1]
    return Content.assemble((f"{AMBIGUOUS.symbol} OTHER PERSON · {rival.reference}", "$warning"))


TOO_SMALL = "▲ Too small to decide: make the window larger."


def verdict_content(alert: Alert, reason: str, now_s: float, *, too_small: bool = False) -> Content:
    """What this viewer decided and, once that is final, what was measured and what was done."""
    review = alert.my_review
    if review is None:
        if too_small and is_undecided(alert):
            return Content.styled(TOO_SMALL, "bold $warning")
        return _undecided_content(alert, reason)
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
    return _with_figures(first, alert)


def _undecided_content(alert: Alert, reason: str) -> Content:
    if not is_undecided(alert):
        why = f": {alert.erased}" if alert.erased else ""
        closed = Content.styled(f"Closed without a decision of yours{why}.", "$quiet")
        return _with_figures(closed, alert)
    if reason:
        return Content.assemble(("Reason for your decision: ", "$quiet"), one_line(reason))
    if waits_for_supervisor(alert):
        return Content.styled("The reviewers disagree: your decision settles it.", "$warning")
    if alert.rivals:
        return Content("Is this the same person? o shows who else is close.")
    return Content("Is this the same person?")


def _with_figures(first: Content, alert: Alert) -> Content:
    """Three lines: the decision, what was measured, and what came of it."""
    if alert.revealed is None:
        return first
    came_of_it = [together_text(alert.revealed)]
    if waits_for_supervisor(alert):
        came_of_it.append("▲ the reviewers disagree, a supervisor decides")
    if alert.decoy and alert.decoy_right is not None:
        right = alert.decoy_right.value.replace("_", " ")
        came_of_it.append(f"a decoy, nobody was seen: {right} was right")
    elif alert.engagement is not None:
        came_of_it.append(f"done: {engagement_text(alert.engagement)}")
    elif alert.state is AlertState.CLOSED:
        came_of_it.append("w: say what was done")
    last = Content(" · ".join(part for part in came_of_it if part))
    return Content("\n").join([first, Content(figures_text(alert.revealed)), last])


def _faces_of(alert: Alert) -> tuple[object, ...]:
    """Whose photos are shown: the candidate's; another rival who was erased makes it others."""
    return alert.id, tuple(rival.person_id for rival in alert.rivals if not rival.reference)


def is_large_enough(picture: Picture) -> bool:
    """Whether a face that is drawn so large can be decided about."""
    across, _ = picture.drawn_cells
    return across >= SHOWN_CELLS_AT_LEAST and picture.drawn_px >= SHOWN_PX_AT_LEAST


STACKED_UNDER_CELLS = 70
OTHER_ROWS = 4
"""Of the panel, beside the pictures: captions, verdict, buttons."""


class FacePanel(Vertical):
    """Face, reference, verdict and the three decisions, all of the same weight."""

    BORDER_TITLE = "Review"

    class BetterLook(Message):
        """The face on the screen was replaced by a better look at it."""

        def __init__(self, alert: Alert) -> None:
            super().__init__()
            self.alert = alert

    def __init__(
        self,
        client: Client,
        image_class: "ImageClass",
        now: Callable[[], float],
        here: Callable[[], float],
    ) -> None:
        """`now` is the daemon's time; by `here` it is measured how long somebody looks."""
        super().__init__(id="faces", classes="panel")
        self._client = client
        self._now, self._here = now, here
        self._seen = Picture(image_class, id="probe", trimming=True)
        self._reference = Picture(image_class, id="reference", trimming=True)
        self._who = Line(id="who")
        self._seen_caption = Line(id="probe-caption", classes="caption")
        self._reference_caption = Line(id="reference-caption", classes="caption")
        self._verdict = Line(id="verdict")
        self._switcher = ContentSwitcher(initial="empty")
        self._buttons = [self._button(action, label) for action, label in BUTTONS]
        self._faces_of: tuple[object, ...] | None = None
        self._other = 0  # which rival's photo stands in for the reference; 0 is none
        self._seen_since_s: float | None = None
        self._seen_image = b""
        self._loaded = False
        self._failed = False

    def compose(self) -> ComposeResult:
        with self._switcher:
            yield Static(EMPTY, id="empty", classes="empty", markup=False)
            with Vertical(id="review"):
                yield self._who
                with Container(id="pictures"):
                    with Vertical(classes="side"):
                        yield self._seen_caption
                        yield self._seen
                    with Vertical(classes="side"):
                        yield self._reference_caption
                        yield self._reference
                yield self._verdict
                with Horizontal(id="decide"):
                    yield from self._buttons

    def _button(self, action: str, label: str) -> Button:
        button = Button(label, id=f"do-{action}", action=f"screen.decide('{action}')")
        button.can_focus = False  # the keys m, n, u do the same; focus stays on the list
        return button

    @property
    def is_too_small(self) -> bool:
        """Whether the photos are here and drawn too small to be known."""
        return self._loaded and not self._other and self._drawn() and not self._large_enough()

    def seen_s(self) -> float | None:
        """For how long face and reference could be seen; None where they cannot."""
        self._watch()
        return None if self._seen_since_s is None else self._here() - self._seen_since_s

    def shown(self) -> Shown:
        """What the operator has before them, for the daemon to judge."""
        return Shown(
            face_px=self._seen.drawn_px,
            reference_px=0 if self._other else self._reference.drawn_px,
            seen_s=max(0.0, self.seen_s() or 0.0),
        )

    @property
    def pictures(self) -> tuple[PILImage.Image, PILImage.Image] | None:
        """What is on the screen: the face and the reference; None where either is missing."""
        seen, reference = self._seen.image, self._reference.image
        return None if seen is None or reference is None else (seen, reference)

    @property
    def shows_other(self) -> bool:
        """Whether the photo of a rival stands in for the reference."""
        return bool(self._other)

    @property
    def faces(self) -> tuple[Picture, Picture]:
        return self._seen, self._reference

    def _drawn(self) -> bool:
        return all(picture.drawn_px for picture in self.faces)

    def _large_enough(self) -> bool:
        return all(is_large_enough(picture) for picture in self.faces)

    def _watch(self) -> None:
        """The time counts from when both can be seen, and begins anew where they cannot."""
        hidden = not self._loaded or not self.display or self._other
        if hidden or not self._large_enough():
            self._seen_since_s = None
        elif self._seen_since_s is None:
            self._seen_since_s = self._here()

    def on_resize(self) -> None:
        """Beside each other; in a narrow window one above the other, where they get larger so."""
        width, height = self.size
        rows = height - OTHER_ROWS
        beside, above = min((width - 1) // 2, 2 * rows), min(width, rows)
        self.set_class(self.app.size.width < STACKED_UNDER_CELLS and above > beside, "-stacked")
        self.call_after_refresh(self._watch)

    @on(CellImage.Drawn)
    def drawn(self) -> None:
        """A picture can be seen from now on."""
        self.call_after_refresh(self._watch)

    def show_other(self, alert: Alert) -> bool:
        """Show the next rival's photo in place of the reference; False where there is none."""
        if not alert.rivals or alert.erased:
            return False
        self._faces_of = _faces_of(alert)
        self._other = (self._other + 1) % (len(alert.rivals) + 1)
        self._blank("loading")
        self._load(alert)
        return True

    def retry(self) -> None:
        """Load the photos again where that failed."""
        if self._failed:
            self._faces_of = None

    def show(
        self, alert: Alert | None, camera_name: str, reason: str, *, may_decide: bool = True
    ) -> None:
        """Bring everything in line with this candidate."""
        self._switcher.current = "empty" if alert is None else "review"
        self._follow(alert)
        if alert is None:
            return
        self._watch()
        now_s = self._now()
        seen = f"SEEN · {camera_name} · {clock_text(alert.raised_at_s)}"
        who, reference = who_content(alert), reference_content(alert, self._other)
        if self.screen.has_class("-short") and not self._other:
            reference = who_in_short(alert)  # there is no other line for it
        self._who.show(who)
        self._seen_caption.show(Content(seen))
        self._reference_caption.show(reference)
        self._verdict.show(verdict_content(alert, reason, now_s, too_small=self.is_too_small))
        asked = may_decide and is_undecided(alert)
        self.set_class(not asked, "-decided")
        for button in self._buttons:
            button.disabled = not asked

    def _follow(self, alert: Alert | None) -> None:
        """Load the photos of another candidate.

        The old ones go at once: a face never stands beside another candidate's name, and none
        stays that was erased.
        """
        if alert is None or alert.erased:
            self.workers.cancel_group(self, "photos")
            self._blank("" if alert is None or not alert.erased else alert.erased)
            self._faces_of = None
        elif _faces_of(alert) != self._faces_of:
            self._blank("loading")
            self._faces_of, self._other = _faces_of(alert), 0
            self._load(alert)

    def _blank(self, words: str) -> None:
        self._seen_since_s = None
        self._loaded = self._failed = False
        self._seen_image = b""
        for picture in (self._seen, self._reference):
            picture.say(words)

    def look_again(self, alert: Alert) -> None:
        """The daemon may hold a better look at this candidate than the one on the screen."""
        if not alert.erased and _faces_of(alert) == self._faces_of:
            if self._loaded:
                self._replace(alert)
            else:
                self._load(alert)

    @work(group="photos", exclusive=True)
    async def _replace(self, alert: Alert) -> None:
        """Show the better look, if it is one. The time for which it was seen begins anew: nobody
        decides about a face that came just now."""
        await asyncio.sleep(SETTLE_S)
        try:
            image = await self._client.alert_image(alert.id, "probe")
            picture = decode(image, "face")
        except LfrdError:
            return  # what is on the screen is still this candidate; what is erased goes by itself
        if image != self._seen_image:
            self._seen_image, self._seen_since_s = image, None
            self._seen.show(picture)
            self.call_after_refresh(self._watch)
            self.post_message(self.BetterLook(alert))

    @work(group="photos", exclusive=True)
    async def _load(self, alert: Alert) -> None:
        """Read both photos, once the operator rests on this candidate: each reading is recorded."""
        await asyncio.sleep(SETTLE_S)
        seen = self._client.alert_image(alert.id, "probe")
        self._seen_image = await self._load_one(self._seen, "face", seen)
        if self._other:
            rival = alert.rivals[self._other - 1]
            reading = self._client.rival_image(alert.id, rival.person_id)
        else:
            reading = self._client.alert_image(alert.id, "reference")
        await self._load_one(self._reference, "reference photo", reading)
        if all(picture.has_image for picture in (self._seen, self._reference)):
            self._loaded = True
            self.call_after_refresh(self._watch)

    async def _load_one(self, picture: Picture, what: str, reading: Awaitable[bytes]) -> bytes:
        """Show what is read; returns it, or nothing where it cannot be shown."""
        try:
            image = await reading
            picture.show(decode(image, what))
        except LfrdError as error:
            self._failed = True
            picture.say(str(error))
            return b""
        return image
