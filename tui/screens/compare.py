"""Both faces as large as the window allows: beside each other, or in turn in the same place."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from PIL import Image as PILImage
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.screen import ModalScreen
from textual.timer import Timer

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.alerts import Alert, ReviewDecision, Shown
from tui.labels import clock_text, complaint, is_undecided
from tui.screens.help import HelpScreen
from tui.widgets.banner import LAB
from tui.widgets.faces import TOO_SMALL, is_large_enough, who_content
from tui.widgets.keys import KeyBar, KeyHint
from tui.widgets.line import Line
from tui.widgets.picture import CellImage, ImageClass, Picture, decode

LOOK_S = 0.4
"""Both photos must have been on the screen for so long before a key counts as a decision about
them; it also keeps a key pressed twice from deciding the next candidate unseen."""
FLICKER_S = 0.7
BRIGHTER = 1.25
BRIGHTEST = 4.0
LAST = KeyHint("Esc", "Back", "screen.dismiss(None)"), KeyHint("?", "Help", "screen.help")


@dataclass(frozen=True, slots=True)
class Compared:
    """What was decided, and what was on the screen."""

    decision: ReviewDecision
    shown: Shown


class CompareScreen(ModalScreen[Compared | None]):
    """Holds what the review panel had on the screen; only further looks are read, one by one, when
    they are asked for."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,z,enter,q", "dismiss(None)", "Back"),
        Binding("f", "flicker", "Flicker: both in the same place, in turn"),
        Binding("space", "swap", "The other one, in the same place"),
        Binding("left,h", "look(-1)", "The look before"),
        Binding("right,l", "look(1)", "The next look at this person"),
        Binding("plus,equals_sign,up", "brighter(1)", "Brighter"),
        Binding("minus,down", "brighter(-1)", "Darker"),
        Binding("0", "brighter(0)", "As it came"),
        Binding("m", "decide('match')", "Match"),
        Binding("n", "decide('not_a_match')", "Not a match"),
        Binding("u", "decide('unsure')", "Unsure"),
        Binding("question_mark", "help", "Help", key_display="?"),
    ]

    def __init__(
        self,
        client: Client,
        alert: Alert,
        camera_name: str,
        pictures: tuple[PILImage.Image, PILImage.Image],
        series: tuple[Alert, ...],
        image_class: ImageClass,
        here: Callable[[], float],
        *,
        may_decide: bool,
        in_lab: bool = False,
    ) -> None:
        """`pictures`: the face and the reference; `series`: the candidate itself, and others of
        the same person at the same camera."""
        super().__init__()
        self._client, self.alert, self._camera_name = client, alert, camera_name
        self._own, self._series, self._here = pictures[0], series, here
        self._may_decide = may_decide and is_undecided(alert)
        self._looked_at = next(n for n, one in enumerate(series) if one.id == alert.id)
        self._seen = Picture(image_class, id="compare-probe")
        self._reference = Picture(image_class, id="compare-reference")
        self._first = pictures
        self._in_lab = in_lab
        self._caption = Line(id="compare-caption")
        self._keys = KeyBar(id="compare-keys")
        self._brightness = 1.0
        self._in_turn = False
        self._timer: Timer | None = None
        self._sizes_px: dict[str, int] = {}
        self._seen_since_s: float | None = None
        self._said = Content()

    @property
    def alert_id(self) -> str:
        return self.alert.id

    def compose(self) -> ComposeResult:
        yield self._caption
        with Container(id="compare"):
            yield self._seen
            yield self._reference
        yield self._keys

    def on_mount(self) -> None:
        self._seen.show(self._first[0])
        self._reference.show(self._first[1])
        self._timer = self.set_interval(FLICKER_S, self.action_swap, pause=True)
        self._tell()

    def drop(self, why: str) -> None:
        """The faces were erased while they were looked at."""
        self._seen.say(why)
        self._reference.say(why)
        self.dismiss(None)

    def better_look(self, image: PILImage.Image) -> None:
        """The face was replaced by a better look at it; the time it was seen begins anew."""
        self._own, self._seen_since_s, self._sizes_px = image, None, {}
        if self._is_own:
            self._seen.show(image)
            self._said = Content("● a better look")
            self._tell()

    # What can be seen.

    @property
    def _is_own(self) -> bool:
        return self._series[self._looked_at].id == self.alert.id

    @on(CellImage.Drawn)
    def drawn(self) -> None:
        """A picture can be seen from now on."""
        self.call_after_refresh(self._watch)

    def on_resize(self) -> None:
        self._sizes_px, self._seen_since_s = {}, None
        self.call_after_refresh(self._watch)

    def _watch(self) -> None:
        """Both count once each was seen large enough: beside each other or in turn."""
        for picture in (self._seen, self._reference):
            if picture.visible and is_large_enough(picture) and picture.id:
                self._sizes_px[picture.id] = picture.drawn_px
        if len(self._sizes_px) == 2 and self._is_own:
            self._seen_since_s = self._here() if self._seen_since_s is None else self._seen_since_s
        self._tell()

    def _tell(self) -> None:
        look = self._series[self._looked_at]
        seen = f"SEEN · {self._camera_name} · {clock_text(look.raised_at_s)}"
        if len(self._series) > 1:
            seen += f" · look {self._looked_at + 1} of {len(self._series)}"
        if self._in_turn:
            seen = seen if self._seen.visible else "REFERENCE"
        light = "" if self._brightness == 1 else f" · brightness ×{self._brightness:.2g}"
        said = self._said if self._said.plain else self._size_said()
        who = Content.assemble((light, "$quiet"), "   ", who_content(self.alert))
        if said.plain:
            seen, who = "", said
        lab = [LAB] if self._in_lab else []
        self._caption.show(Content.assemble(*lab, (f" {seen}", "bold"), who))
        self._keys.show_keys(self._hints(), LAST)

    def _size_said(self) -> Content:
        drawn = [p for p in (self._seen, self._reference) if p.visible and p.drawn_px]
        small = drawn and not all(map(is_large_enough, drawn))
        return Content.styled(TOO_SMALL if small else "", "bold $warning")

    def _hints(self) -> tuple[KeyHint, ...]:
        hints = []
        if self._may_decide and self._is_own:
            hints += [
                KeyHint("m", "Match", "screen.decide('match')"),
                KeyHint("n", "Not a match", "screen.decide('not_a_match')"),
                KeyHint("u", "Unsure", "screen.decide('unsure')"),
            ]
        hints += [
            KeyHint("f", "Side by side" if self._in_turn else "Flicker", "screen.flicker"),
            KeyHint("+ -", "Brightness", "screen.brighter(1)"),
        ]
        if len(self._series) > 1:
            hints.insert(-1, KeyHint("← →", "Looks", "screen.look(1)"))
        return tuple(hints)

    # What the operator does.

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen("compare"))

    def action_flicker(self) -> None:
        self._in_turn = not self._in_turn
        self.set_class(self._in_turn, "-in-turn")
        self._seen.visible, self._reference.visible = True, not self._in_turn
        if self._timer is not None:
            (self._timer.resume if self._in_turn else self._timer.pause)()
        self.call_after_refresh(self._watch)

    def action_swap(self) -> None:
        """In the same place, the other one."""
        if not self._in_turn:
            self.action_flicker()
            return
        self._seen.visible, self._reference.visible = self._reference.visible, self._seen.visible
        self.call_after_refresh(self._watch)

    def action_brighter(self, step: int) -> None:
        wanted = 1.0 if step == 0 else self._brightness * BRIGHTER**step
        self._brightness = min(BRIGHTEST, max(1 / BRIGHTEST, wanted))
        for picture in (self._seen, self._reference):
            picture.brighten(self._brightness)
        self._tell()

    def action_look(self, step: int) -> None:
        """Another look at the same person at this camera; nothing can be decided on it."""
        if len(self._series) == 1:
            self._said = Content.styled("this is the only look there is", "$quiet")
        else:
            self._said = Content()
            self._looked_at = (self._looked_at + step) % len(self._series)
            self._seen_since_s = None
            self._sizes_px.pop(self._seen.id or "", None)
            self._show_look()
        self._tell()

    def _show_look(self) -> None:
        self.workers.cancel_group(self, "look")
        if self._is_own:
            self._seen.show(self._own)
        elif why := self._series[self._looked_at].erased:
            self._seen.say(why)
        else:
            self._seen.say("loading")
            self._load(self._series[self._looked_at])

    @work(group="look", exclusive=True)
    async def _load(self, look: Alert) -> None:
        try:
            image = decode(await self._client.alert_image(look.id, "probe"), "face")
        except LfrdError as error:
            self._seen.say(str(error))
        else:
            self._seen.show(image)

    def action_decide(self, what: str) -> None:
        """Decide about what is on the screen, as the review panel does."""
        seen_s = 0.0 if self._seen_since_s is None else self._here() - self._seen_since_s
        if not self._may_decide:
            self._said = complaint("nothing can be decided about this candidate here")
        elif not self._is_own:
            self._said = complaint("this is another look: → goes on to the candidate itself")
        elif seen_s < LOOK_S:
            self._said = complaint("look first: both faces, large enough, for a moment")
        else:
            face, reference = (self._sizes_px[name] for name in sorted(self._sizes_px))
            shown = Shown(face_px=face, reference_px=reference, seen_s=seen_s)
            self.dismiss(Compared(ReviewDecision(what), shown))
            return
        self._tell()
