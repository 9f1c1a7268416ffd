"""A piece of text that is drawn again only when it or its colours changed."""

from textual.content import Content
from textual.widgets import Static


class Line(Static):
    """A Static of fixed size. Its text never passes through markup, so a name cannot inject any."""

    def __init__(self, *, id: str, classes: str = "") -> None:  # noqa: A002 - Textual's own name
        super().__init__("", id=id, classes=classes, markup=False)
        self._shown = Content()

    def show(self, content: Content) -> None:
        """Show this text."""
        if not content.is_same(self._shown):
            self._shown = content
            self.update(content, layout=False)
