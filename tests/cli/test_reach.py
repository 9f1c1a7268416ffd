"""Which daemon a command speaks to, and that it asks before what cannot be taken back."""

import argparse
import asyncio
import io
import sys
from pathlib import Path

import pytest

from lfrd import config
from lfrd.cli.reach import make_sure, socket_of
from lfrd.client import Client, Unreachable
from lfrd.config import ApiSection, Config, SiteSection, client_socket
from lfrd.demo.clip import listed_photo
from lfrd.errors import UserError
from support.program import Typed, daemon, enrol, lfrd, refused


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A service is running on this machine."""
    path = tmp_path / "run" / "api.sock"
    path.parent.mkdir()
    path.touch()
    monkeypatch.setattr(config, "SERVICE_SOCKET", path)
    return path


def on(folder: Path, socket: Path | None = None) -> Config:
    return Config(site=SiteSection(state_dir=folder), api=ApiSection(socket=socket))


def asked(socket: Path | None = None, *, yes: bool = False) -> argparse.Namespace:
    return argparse.Namespace(socket=socket, yes=yes)


def test_an_own_state_folder_is_never_the_services(service: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    assert client_socket(on(mine)) == mine / "api.sock"
    assert client_socket(on(mine, tmp_path / "s.sock")) == tmp_path / "s.sock"
    assert client_socket(Config(api=ApiSection(socket=tmp_path / "s.sock"))) == tmp_path / "s.sock"
    assert client_socket(Config()) == service
    assert client_socket(on(config.SERVICE_STATE_DIR)) == service, "it is the service's own"


def test_without_a_service_the_configured_one_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config, "SERVICE_SOCKET", tmp_path / "none")
    assert client_socket(Config()) == config.SERVICE_STATE_DIR / "api.sock"


@pytest.mark.parametrize("named", [False, True])
def test_where_two_are_possible_it_is_said_which_is_asked(
    service: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], named: bool
) -> None:
    other = tmp_path / "other.sock"
    found = socket_of(asked(other if named else None), on(tmp_path / "mine"))
    said = capsys.readouterr().err
    assert f"asking the daemon on {found}" in said
    assert str(service) in said


def test_where_one_is_possible_nothing_is_said(
    service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert socket_of(asked(), Config()) == service
    assert capsys.readouterr().err == ""


def test_a_folder_that_may_not_be_looked_into_is_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for whoever is not in the group of the socket's folder. (Root may look anywhere.)"""
    hidden = tmp_path / "run" / "api.sock"
    real = Path.stat

    def stat(path: Path, **given: bool) -> object:
        if path == hidden:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **given)

    monkeypatch.setattr(Path, "stat", stat)
    monkeypatch.setattr(config, "SERVICE_SOCKET", hidden)
    assert client_socket(Config()) == hidden


async def test_who_may_not_open_the_socket_is_told_what_to_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(asyncio.get_running_loop(), "create_unix_connection", refuse)
    monkeypatch.setattr("anyio.connect_unix", refuse)
    async with Client.over_socket(tmp_path / "api.sock") as client:
        with pytest.raises(Unreachable, match="put you into the group"):
            await client.health()


@pytest.mark.parametrize("answer", ["", "n\n", "yep\n"])
def test_no_answer_but_yes_does_it(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(answer))
    with pytest.raises(UserError, match="nothing was done"):
        make_sure(asked(), "It is erased.")


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_yes_does_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Typed(answer))
    make_sure(asked(), "It is erased.")
    assert "It is erased. This cannot be taken back" in capsys.readouterr().err


def test_a_script_says_so_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UserError, match="add --yes"):
        make_sure(asked(), "It is erased.")
    make_sure(asked(yes=True), "It is erased.")


async def test_a_list_is_deleted_after_a_question_and_with_a_receipt(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with daemon(state) as (_, client):
        await enrol(client, {f"person-{number}": listed_photo() for number in range(4)})
        mine = {"LFRD_SITE__STATE_DIR": str(state)}
        unsure = await asyncio.to_thread(lambda: lfrd("watchlist", "delete", "test", **mine))
        refused(unsure, "'test' with 4 entries", "--yes", str(state))
        for words in (
            ("erasure", "erase", "watchlist", "test", "--reason", "r"),
            ("deployment", "start", "--profile", "lab", "--watchlist", "test", "--purpose", "p",
             "--place", "q"),
        ):  # fmt: skip
            await asyncio.to_thread(lambda w=words: refused(lfrd(*w, **mine), "--yes"))
        assert len(await client.watchlists()) == 1
        done = await asyncio.to_thread(
            lambda: lfrd("watchlist", "delete", "test", "--yes", "--reason", "over", **mine)
        )
        me = (await client.me()).principal
        assert done.code == 0, done.err
        assert "4 entries, 4 photos, 4 templates" in done.out
        assert f"asked by {me}: over" in done.out
        assert await client.watchlists() == ()
