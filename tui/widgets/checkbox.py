"""Yes or no in one row, told by a sign and not by colour alone. Enter is left to the form."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Checkbox


class SignCheckbox(Checkbox, inherit_bindings=False):
    """`[✓]` or `[ ]`, changed by Space or a click."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "toggle_button", show=False)]
    BUTTON_LEFT = BUTTON_RIGHT = ""
    BUTTON_INNER = "[ ]"

    def watch_value(self) -> None:
        self.BUTTON_INNER = "[✓]" if self.value else "[ ]"
        super().watch_value()
