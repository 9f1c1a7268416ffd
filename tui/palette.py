"""The command palette: everything that a key does on this screen, the themes, how faces are drawn.

Textual's own commands are left out: one of them saves the screen, with its faces, to a file.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.types import IgnoreReturnCallbackType

from tui.abilities import Colours, Glyphs
from tui.themes import NAMES
from tui.this_app import app_of

NAME_CELLS = 60
LEFT_OUT = {"app.focus_next", "app.focus_previous", "screen.copy_text"}
"""Of Textual's own: every screen has them."""


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the palette."""

    name: str
    key: str
    run: IgnoreReturnCallbackType

    def shown(self, name: Content) -> Content:
        """As one line: what it does, and its key at the right."""
        gap = max(1, NAME_CELLS - name.cell_length)
        return Content.assemble(name, " " * gap, (self.key, "$quiet not bold"))


class Commands(Provider):
    """What can be done on the screen below."""

    def _commands(self) -> Iterator[Command]:
        app = app_of(self.screen)
        bound = self.screen.active_bindings.values()
        seen = set()
        for binding in bound:
            name, key = binding.binding.description, app.get_key_display(binding.binding)
            own = binding.node is self.screen and binding.binding.action not in LEFT_OUT
            if name and name not in seen and binding.enabled and own:
                seen.add(name)
                act = partial(app.run_action, binding.binding.action, binding.node)
                yield Command(name, key, act)
        for theme in NAMES:
            yield Command(f"Theme: {theme}", "", partial(app.use, theme))
        for glyphs in Glyphs:
            change = partial(app.draw_with, glyphs)
            yield Command(f"Faces in {glyphs}, if they look broken here", "", change)
        for colours in Colours:
            change = partial(app.draw_with, colours=colours)
            yield Command(f"Faces in {colours} colours, if they look wrong here", "", change)

    async def discover(self) -> Hits:
        """All of them."""
        for command in self._commands():
            shown = command.shown(Content(command.name))
            yield DiscoveryHit(shown, command.run, text=command.name)

    async def search(self, query: str) -> Hits:
        """Those that fit."""
        matcher = self.matcher(query)
        for command in self._commands():
            if (score := matcher.match(command.name)) > 0:
                shown = command.shown(matcher.highlight(command.name))
                yield Hit(score, shown, command.run, text=command.name)
