"""The guide: what is done and what is next, while no deployment runs."""

from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static

from tui.guide import Step, next_step

HEAD = "Nobody is compared now. Five steps to the first candidate:"
FOOT = Content.assemble(
    ("a", "bold $primary"), (" does the next step, ", "$quiet"),
    ("1", "bold $primary"), (" to ", "$quiet"), ("5", "bold $primary"), (" any", "$quiet"),
)  # fmt: skip
INDENT = 6


class StepLine(Static):
    """One step; a click does it."""

    def __init__(self, number: int) -> None:
        super().__init__("", markup=False, classes="step")
        self.number = number
        self._shown = Content()

    def show(self, step: Step, width: int, *, is_next: bool) -> None:
        """Bring it up to date."""
        content = step_content(self.number, step, width, is_next=is_next)
        if not content.is_same(self._shown):
            self._shown = content
            self.update(content)


def step_content(number: int, step: Step, width: int, *, is_next: bool) -> Content:
    """Sign, key, title; then what there is, or, of the next step, why it is wanted."""
    sign, style = ("✓", "$success") if step.done else ("▶", "$primary") if is_next else ("○", "")
    title = Content.assemble(
        (f"{sign} ", f"bold {style}".strip()),
        (f" {number}  ", "bold $primary"),
        (step.title, "bold" if is_next else "$quiet" if step.done else ""),
        (f" · {step.said}" if step.done else "", "$quiet"),
    )
    if not is_next:
        return title
    rule = wrap(step.rule, max(20, width - INDENT))
    return Content("\n").join([title, *(Content.styled(" " * INDENT + x, "$quiet") for x in rule)])


class Guide(VerticalScroll):
    """Five steps from an empty machine to the first candidate."""

    BORDER_TITLE = "What is next"

    class Wanted(Message):
        """This step is to be done."""

        def __init__(self, step: str) -> None:
            super().__init__()
            self.step = step

    def __init__(self) -> None:
        super().__init__(id="guide", classes="panel")
        self.can_focus = False
        self._lines = [StepLine(number) for number in range(1, 6)]
        self._steps: tuple[Step, ...] = ()

    def compose(self) -> ComposeResult:
        yield Static(HEAD, classes="step", markup=False)
        yield from self._lines
        yield Static(FOOT, classes="step", markup=False)

    def show(self, steps: tuple[Step, ...]) -> None:
        """Bring the steps up to date."""
        self._steps = steps
        width = self.scrollable_content_region.width
        for line, step in zip(self._lines, steps, strict=True):
            line.show(step, width, is_next=step is next_step(steps))

    def on_resize(self) -> None:
        if self._steps:
            self.show(self._steps)

    def on_click(self, event: Click) -> None:
        if isinstance(event.widget, StepLine) and self._steps:
            self.post_message(self.Wanted(self._steps[event.widget.number - 1].name))
