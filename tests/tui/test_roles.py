"""What may not be done from here says who may, on every screen."""

from pathlib import Path

import pytest
from textual.screen import ModalScreen

from lfrd.vocabulary import Role
from lfrd.wire.people import TokenCreate
from support.desk import desk, made
from support.site import serve
from support.terminal import Desk, alert, screen_of, text_of, until
from tui.screens.audit_log import AuditScreen

WAIT_S = 20.0


@pytest.mark.parametrize("key", ["a", "e", "p", "t", "r", "A", "x"])
async def test_a_screen_that_only_shows_opens_no_form(key: str) -> None:
    here = Desk(alert(1))
    async with screen_of(here) as (pilot, screen):
        screen.read_only = True
        await pilot.press("c")
        await until(pilot, lambda: "● live since" in text_of(pilot))
        assert " a Add" not in text_of(pilot)
        assert " v View" in text_of(pilot)
        await pilot.press(key)
        await until(pilot, lambda: "this screen only shows" in text_of(pilot))
        assert not isinstance(pilot.app.screen, ModalScreen)
        assert here.changed == []


async def test_who_loses_the_role_leaves_what_only_that_may_see(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        clara = TokenCreate(principal="clara", role=Role.SUPERVISOR)
        secret = (await served.client.create_token(clara)).secret
        async with desk(served, (120, 40), secret) as at:
            await at.press("A", "v")
            await at.sees("Check the whole log?")
            await at.press("escape")
            await served.client.create_token(TokenCreate(principal="clara", role=Role.OPERATOR))
            await at.press("c")
            await until(at.pilot, lambda: not isinstance(at.screen, AuditScreen), WAIT_S)
            await at.sees("you are clara, operator, from now on")
            await at.press("A")
            await at.sees("the audit log is read by supervisors")


async def test_a_role_that_is_taken_away_is_noticed_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a dialogue of supervisors: it closes, and nothing had to be refused first."""
    monkeypatch.setattr("tui.app.ROLE_EVERY_S", 0.1)
    async with serve(tmp_path) as served:
        watchlist = await made(served.client)
        clara = TokenCreate(principal="clara", role=Role.SUPERVISOR)
        secret = (await served.client.create_token(clara)).secret
        async with desk(served, (120, 40), secret) as at:
            await at.press("l")
            await at.sees("House bans")
            await at.press("x")
            await at.sees("Erase the list House bans: why?")
            await at.type("the ban was")
            await served.client.create_token(TokenCreate(principal="clara", role=Role.OPERATOR))
            await at.sees("you are clara, operator, from now on")
            assert not isinstance(at.screen, ModalScreen)
            await at.press("x")
            await at.sees("you are an operator: a supervisor may do this")
        assert await served.client.watchlists() == (watchlist,)
