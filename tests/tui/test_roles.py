"""What may not be done from here says who may, on every screen."""

from pathlib import Path

import pytest
from textual.screen import ModalScreen

from lfrd.client import Client
from lfrd.vocabulary import Role
from lfrd.wire.people import TokenCreate
from support.site import serve
from support.terminal import Desk, alert, screen_of, text_of, until
from tui.abilities import Abilities, Glyphs
from tui.app import OperatorApp
from tui.screens.audit_log import AuditScreen
from tui.widgets.picture import image_widget

WAIT_S = 20.0


@pytest.mark.parametrize("key", ["a", "e", "p", "t", "r", "A", "x"])
async def test_a_screen_that_only_shows_opens_no_form(key: str) -> None:
    desk = Desk(alert(1))
    async with screen_of(desk) as (pilot, screen):
        screen.read_only = True
        await pilot.press("c")
        await until(pilot, lambda: "● live since" in text_of(pilot))
        assert " a Add" not in text_of(pilot)
        assert " v View" in text_of(pilot)
        await pilot.press(key)
        await until(pilot, lambda: "this screen only shows" in text_of(pilot))
        assert not isinstance(pilot.app.screen, ModalScreen)
        assert desk.changed == []


async def test_who_loses_the_role_leaves_what_only_that_may_see(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        clara = TokenCreate(principal="clara", role=Role.SUPERVISOR)
        made = await served.client.create_token(clara)
        async with Client.over_socket(served.socket, made.secret, printable=True) as client:
            app = OperatorApp(client, image_widget(Abilities(Glyphs.HALVES)))
            async with app.run_test(size=(120, 40)) as pilot:
                await until(pilot, lambda: "health" in text_of(pilot), WAIT_S)
                await pilot.press("A", "v")
                await until(pilot, lambda: "Check the whole log?" in text_of(pilot), WAIT_S)
                await pilot.press("escape")
                await served.client.create_token(TokenCreate(principal="clara", role=Role.OPERATOR))
                await pilot.press("c")
                await until(pilot, lambda: not isinstance(pilot.app.screen, AuditScreen), WAIT_S)
                await until(
                    pilot, lambda: "you are clara, operator, from now on" in text_of(pilot), WAIT_S
                )
                await pilot.press("A")
                await until(
                    pilot, lambda: "the audit log is read by supervisors" in text_of(pilot), WAIT_S
                )
