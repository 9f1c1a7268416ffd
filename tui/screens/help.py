"""The help screen: every key and every word on the main screen."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

KEYS = (
    ("m", "match: the two photos show the same person"),
    ("n", "not a match"),
    ("u", "unsure"),
    ("z", "undo your last decision, within 10 seconds"),
    ("r", "give a reason with your next decision, if you like"),
    ("j k ↓ ↑", "move through the candidates"),
    ("Space", "go to the newest undecided candidate"),
    ("o", "ambiguous: the photo of the other person, and back"),
    ("f", "list all candidates, or only the open ones"),
    ("c", "go to the cameras and back"),
    ("b", "bell on or off"),
    ("?", "this help; Esc closes it"),
    ("q", "leave; the daemon goes on without you"),
)
WORDS = (
    ("● new", "nobody has looked at it here"),
    ("○ waiting", "looked at, not decided by you"),
    ("≈ ambiguous", "two people on the list are close: look twice"),
    ("◷ final in …", "your decision, which you can still undo"),
    ("✓ ✗ ?", "you decided match, not a match, unsure, and it is final"),
    ("– closed", "closed without a decision of yours"),
)
WHY = """The computer only proposes. You see the photos first and the figures only after your
decision is final, so that you judge the face and not a number. A key pressed before both
photos were on the screen for a moment is not taken as a decision."""


def help_content() -> Content:
    """All of it as one text."""

    def table(rows: tuple[tuple[str, str], ...], width: int) -> Content:
        lines = [Content.assemble((f"{a:<{width}}", "bold $primary"), b) for a, b in rows]
        return Content("\n").join(lines)

    parts = [
        Content.styled("Keys", "bold"),
        table(KEYS, 14),
        Content.styled("\nStates", "bold"),
        table(WORDS, 14),
        Content.styled("\nWhy no score at first", "bold"),
        Content(WHY.replace("\n", " ")),
    ]
    return Content("\n").join(parts)


class HelpScreen(ModalScreen[None]):
    """Closes on Esc, ? or q."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", show=False)
    ]

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue") as box:
            box.border_title = "Help"
            box.border_subtitle = "Esc closes"
            yield Static(help_content(), markup=False)
