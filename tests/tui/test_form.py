"""Dialogues of fields."""

from textual.app import App, ComposeResult
from textual.events import Key
from textual.widgets import Input

from tui.screens.form import FormScreen, line_input


class Names(FormScreen[None]):
    def fields(self) -> ComposeResult:
        yield line_input("first")
        yield line_input("second")

    async def send(self) -> None:
        raise AssertionError("nothing is sent")


async def test_what_is_typed_ahead_lands_in_the_field_that_tab_led_to() -> None:
    app = App[None]()
    async with app.run_test() as pilot:
        form = Names()
        await app.push_screen(form)
        await pilot.pause()
        for key in ("a", "tab", "b", "shift+tab", "c"):
            app.post_message(Key(key, key if len(key) == 1 else None))
        await pilot.pause()
        # "c" stands in place of "a": a field that is come to is selected as a whole.
        assert {box.id: box.value for box in form.query(Input)} == {"first": "c", "second": "b"}
