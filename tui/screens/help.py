"""The help screen: every key and every word."""

from textwrap import wrap
from typing import ClassVar, Literal

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
    ("z Enter", "compare: both faces as large as the window allows"),
    ("j k ↓ ↑", "move through the candidates"),
    ("Space", "go to the next undecided candidate"),
    ("o", "ambiguous: the photo of the other person, and back"),
    ("s", "the scene: the whole picture, in which no other person can be recognised"),
    ("w", "what was done about a closed candidate, once"),
    ("f", "list all candidates, or only the open ones"),
    ("F", "filter: yours to do, for a supervisor, of one camera, of one list"),
    ("t", "the newest first, or the oldest"),
    ("g", "one row for all of a person at a camera (×3), or a row for each"),
    ("E", "end the deployment; asks why"),
    ("d l c h", "the deployments, the watchlists, the cameras, the history"),
    ("/", "search the history: a reference, a camera, a day"),
    ("S A", "statistics; the audit log (supervisors)"),
    ("a, 1 to 5", "while no deployment runs: the next step to one, or any of the five"),
    ("Ctrl+P", "all that can be done here, by name; and how faces are drawn, if they look broken"),
    ("b i", "bell on or off; versions and other technical details"),
    ("?", "this help; Esc closes it"),
    ("q", "leave; the daemon goes on without you"),
)
CAMERA_KEYS = (
    ("a", "add a camera; a running deployment takes it in at once"),
    ("e", "edit: name, address, transport, regions"),
    ("p", "pause: it takes no part until p resumes it"),
    ("t", "test: look through it for a while; says what to mend"),
    ("v", "view: where it points, in cells that show no person"),
    ("r", "draw where to look and what to hide, beside a face's size"),
    ("H", "how it was: its states in this deployment and those before"),
    ("g A", "all cameras at once; aim one in the clear (supervisors)"),
    ("x", "remove, after a question"),
    ("j k Esc", "move through the cameras (↓ ↑ too); back to the candidates"),
)
CAMERA_WORDS = (
    ("○ idle", "no deployment is running: nothing is decoded"),
    ("◌ connecting", "being opened"),
    ("● live", "pictures come"),
    ("◐ degraded", "they come, but something is wrong with them"),
    ("■ frozen", "connected, but no new picture comes"),
    ("✗ lost", "the connection is gone; it is tried again by itself"),
    ("⊘ refused", "wrong user, password or token; tried again slowly"),
    ("▮ paused", "an operator paused it"),
    ("– ended", "a file that has been played"),
    ("◌ closing", "removed; its last connection is being closed"),
)
REGIONS = """Regions are polygons in fractions of the picture, a line each: x,y of three corners or
more. A camera with zones to look in is looked at only there; what is hidden is painted black
before anything else sees the picture, so that no face in it can be found."""
WORDS = (
    ("● new", "not looked at here yet"),
    ("○ waiting", "looked at, not decided by you"),
    ("≈ ambiguous", "two people on the list are close: look twice"),
    ("◷ final in …", "your decision, which you can still undo"),
    ("✓ ✗ ?", "you decided match, not a match, unsure, and it is final"),
    ("▲ for a supervisor", "the reviewers disagree: a supervisor who is none of them decides"),
    ("– closed", "closed without a decision of yours"),
)
WHY = """The computer only proposes. You see the photos first and the figures only after your
decision is final, so that you judge the face and not a number. A key pressed before both
photos were on the screen for a moment is not taken as a decision."""


TEXT_CELLS_MIN = 24


def _table(rows: tuple[tuple[str, str], ...], width: int) -> Content:
    """Two columns; what is long goes on under itself."""
    cells = max(len(key) for key, _ in rows) + 2
    lines = []
    for key, text in rows:
        first, *rest = wrap(text, max(TEXT_CELLS_MIN, width - cells))
        lines.append(Content.assemble((f"{key:<{cells}}", "bold $primary"), first))
        lines += [Content(" " * cells + line) for line in rest]
    return Content("\n").join(lines)


def _plain(text: str) -> Content:
    return Content(text.replace("\n", " "))


def _of_candidates(width: int) -> list[Content]:
    return [
        Content.styled("Keys", "bold"),
        _table(KEYS, width),
        Content.styled("\nStates", "bold"),
        _table(WORDS, width),
        Content.styled("\nWhy no score at first", "bold"),
        _plain(WHY),
    ]


def _of_cameras(width: int) -> list[Content]:
    return [
        Content.styled("Keys on the cameras screen", "bold"),
        _table(CAMERA_KEYS, width),
        Content.styled("\nStates of a camera", "bold"),
        _table(CAMERA_WORDS, width),
        Content.styled("\nRegions", "bold"),
        _plain(REGIONS),
    ]


Topic = Literal["candidates", "compare", "filter", "palette", "cameras", "deployments", "lists",
                "history", "record", "audit", "statistics"]  # fmt: skip

COMPARE_KEYS = (
    ("m n u", "match, not a match, unsure: as on the screen before"),
    ("f", "flicker: both in the same place, in turn; f again puts them side by side"),
    ("Space", "the other one, in the same place"),
    ("← →", "other looks at the same person; only the candidate's own is decided about"),
    ("+ -", "brighter, darker; 0 as it came"),
    ("Esc z Enter", "back"),
)
COMPARE_WORDS = """Look for what stays the same for years: the shape of the ears, the distance
of eyes, nose and mouth, scars and moles. Hair, beard, glasses and light do not tell. A decision
needs both faces on the screen for a moment, each at least 20 cells wide: enlarge the window where
it says that they are too small."""
FILTER_KEYS = (
    ("j k ↓ ↑", "move through the lines"),
    ("Enter", "take the line; a camera or list narrows, the same line again widens"),
    ("Esc", "leave it as it is"),
)
FILTER_WORDS = """What is filtered away still waits: the count above the list has all of it, and
Space goes to the next one that is listed."""
PALETTE_KEYS = (
    ("Ctrl+P", "open it, on any screen"),
    ("type", "a part of what you want to do, such as `theme` or `undo`"),
    ("↓ ↑ Enter", "choose a line, and do it"),
    ("Esc", "close it"),
)
PALETTE_WORDS = """It has everything that a key does on the screen below, with the key; the themes,
one of them for people who confuse red and green; and how faces are drawn, should they look broken
in this terminal."""

DEPLOYMENT_KEYS = (
    ("a", "plan a deployment; nothing starts by it"),
    ("e", "change the plan; authority that it had is gone"),
    ("u", "authorise it (supervisors)"),
    ("s", "start it, once the gate is open"),
    ("Tab Enter", "to the start gate, and what mends the line"),
    ("m", "mend the first line that bars the start"),
    ("+", "extend the running one (supervisors)"),
    ("p", "pause matching in the running one, or let it go on"),
    ("x", "end it, or discard a plan; asks why"),
    ("r", "its public record"),
    ("U R", "start without authority, and ratify that, where the rules know it"),
    ("i", "version and digest of the rules"),
)


LIST_KEYS = (
    ("a n", "put a person on the list; make a list"),
    ("→ Enter", "to the people of the list; ← back to the lists"),
    ("/", "search for a part of a reference, a ground or a source"),
    ("e", "change the list or the person the keys are on"),
    ("p o", "more photos of the person; the next photo"),
    ("w", "a photo into quarantine, or out of it"),
    ("i X", "import a folder, a ZIP or an archive; export the list (supervisors)"),
    ("y", "confirm the list: you looked it over, it is right as of now"),
    ("u", "approve somebody under 18, as a second person (supervisors)"),
    ("x", "erase the list or the person, with all that goes along (supervisors)"),
)
RECORD_KEYS = (
    ("w", "write it to a file: for people, for a spreadsheet, for programs (supervisors)"),
    ("R", "read it again"),
)


HISTORY_KEYS = (
    ("/", "search: a reference, a camera, a list, a day (today, mon, 2026-11-26)"),
    ("f", "all, decided by me, waiting for me, closed"),
    ("Enter", "to the candidate itself, to decide about it"),
    ("m", "older ones"),
    ("s w", "its scene; what was done about it"),
)
AUDIT_KEYS = (
    ("/", "filter: a person, a class such as decided or erased, a day"),
    ("c", "the next class of events"),
    ("m", "older ones"),
    ("v", "check the whole log against its signed checkpoints"),
    ("w", "write the log to a folder, for `lfrd audit verify`"),
    ("i", "ids, digests and the words that are stored"),
)
STATISTICS_KEYS = (
    ("h t d", "the last hour, the day, the deployment"),
    ("← →", "an earlier deployment, a later one"),
    ("↓ ↑", "the next chart"),
    ("R", "read it again"),
)


def _with(title: str, keys: tuple[tuple[str, str], ...], words: str, width: int) -> list[Content]:
    return [Content.styled(title, "bold"), _table(keys, width), Content(), _plain(words)]


def _of_compare(width: int) -> list[Content]:
    return _with("Keys while comparing", COMPARE_KEYS, COMPARE_WORDS, width)


def _of_filter(width: int) -> list[Content]:
    return _with("Keys of the filter (F)", FILTER_KEYS, FILTER_WORDS, width)


def _of_palette(width: int) -> list[Content]:
    return _with("The palette", PALETTE_KEYS, PALETTE_WORDS, width)


def _of_history(width: int) -> list[Content]:
    return [Content.styled("Keys in the history", "bold"), _table(HISTORY_KEYS, width)]


def _of_audit(width: int) -> list[Content]:
    return [Content.styled("Keys in the audit log", "bold"), _table(AUDIT_KEYS, width)]


def _of_statistics(width: int) -> list[Content]:
    return [Content.styled("Keys of the statistics", "bold"), _table(STATISTICS_KEYS, width)]


def _of_lists(width: int) -> list[Content]:
    return [Content.styled("Keys on the watchlists screen", "bold"), _table(LIST_KEYS, width)]


def _of_record(width: int) -> list[Content]:
    return [Content.styled("Keys on the record", "bold"), _table(RECORD_KEYS, width)]


def _of_deployments(width: int) -> list[Content]:
    return [
        Content.styled("Keys on the deployments screen", "bold"),
        _table(DEPLOYMENT_KEYS, width),
    ]


TOPICS = {"compare": _of_compare, "filter": _of_filter, "palette": _of_palette,
          "cameras": _of_cameras, "deployments": _of_deployments, "lists": _of_lists,
          "record": _of_record, "history": _of_history, "audit": _of_audit,
    "statistics": _of_statistics}  # fmt: skip


def help_content(first: Topic, width: int) -> Content:
    """All of it as one text, beginning with what the operator looks at."""
    others = [make for name, make in TOPICS.items() if name != first]
    parts = [_of_candidates(width), *(make(width) for make in others)]
    if first in TOPICS:
        parts.insert(0, TOPICS[first](width))
    return Content("\n\n").join([Content("\n").join(part) for part in parts])


class HelpScreen(ModalScreen[None]):
    """Closes on Esc, ? or q."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q", "dismiss", "Close", show=False)
    ]

    def __init__(self, first: Topic = "candidates") -> None:
        super().__init__()
        self._first = first
        self._text = Static(markup=False)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue help") as box:
            box.border_title = "Help"
            box.border_subtitle = "Esc closes"
            yield self._text

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)

    def _draw(self) -> None:
        width = self._text.size.width
        self._text.update(help_content(self._first, width))
