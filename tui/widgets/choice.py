"""One of a few words, chosen by Space or the arrow keys; it fits in a line of a form."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Click
from textual.message import Message
from textual.widgets import Static


class Choice(Static, can_focus=True):
    """`‹ wanted ›` and what that means. Enter is left to the form."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space,right", "step(1)", show=False),
        Binding("left", "step(-1)", show=False),
    ]

    class Changed(Message):
        """Another word was chosen."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, name: str, words: dict[str, str], chosen: str | None = None) -> None:
        """`words` with what each means; the first one is chosen unless another is."""
        super().__init__("", id=name, classes="choice", markup=False)
        self._words = words
        self.value = chosen if chosen in words else next(iter(words))

    def on_mount(self) -> None:
        self._draw()

    def on_click(self, event: Click) -> None:
        event.stop()
        self.action_step(1)

    def action_step(self, step: int) -> None:
        words = list(self._words)
        self.choose(words[(words.index(self.value) + step) % len(words)])

    def choose(self, word: str) -> None:
        """Take this word."""
        self.value = word
        self._draw()
        self.post_message(self.Changed(self))

    def _draw(self) -> None:
        meaning = self._words[self.value]
        parts = Content.assemble(("‹ ", "$quiet"), (self.value, "bold"), (" ›", "$quiet"))
        self.update(Content.assemble(parts, (f"  {meaning}" if meaning else "", "$quiet")))
