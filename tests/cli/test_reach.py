"""Which daemon a command speaks to, and as whom."""

import argparse
import asyncio
from pathlib import Path

import pytest

from lfrd import config
from lfrd.__main__ import parser
from lfrd.cli import desk
from lfrd.cli.reach import socket_of, token_of
from lfrd.client import Client, Unreachable
from lfrd.config import ApiSection, Config, SiteSection, TerminalSection, client_socket
from lfrd.demo.clip import listed_photo
from lfrd.errors import UserError
from support.program import Call, enrol, refused
from support.site import serve


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


def asked(socket: Path | None = None) -> argparse.Namespace:
    return argparse.Namespace(socket=socket)


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
    """As for a user who is not in the group of the socket's folder. (Root may look anywhere.)"""
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


async def test_a_list_is_deleted_after_a_question_and_with_a_receipt(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("LFRD_SITE__STATE_DIR", str(state))
    async with serve(state) as served:
        client = served.client
        await enrol(client, {f"person-{number}": listed_photo() for number in range(4)})
        unsure = await asyncio.to_thread(call, "watchlist", "delete", "test")
        refused(unsure, "'test' with 4 entries", "--yes", str(state))
        for words in (
            ("erasure", "erase", "watchlist", "test", "--reason", "r"),
            ("deployment", "start", "--profile", "lab", "--watchlist", "test", "--purpose", "p",
             "--place", "q"),
        ):  # fmt: skip
            refused(await asyncio.to_thread(call, *words), "--yes")
        assert len(await client.watchlists()) == 1
        done = await asyncio.to_thread(
            call, "watchlist", "delete", "test", "--yes", "--reason", "over"
        )
        me = (await client.me()).principal
        assert done.code == 0, done.err
        assert "4 entries, 4 photos, 4 templates" in done.out
        assert f"asked by {me}: over" in done.out
        assert await client.watchlists() == ()


def token_for(*words: str) -> str | None:
    return token_of(parser().parse_args(words))


@pytest.mark.parametrize(
    "command",
    [
        ("tui",),
        ("tui", "--url", "http://127.0.0.1:8787"),
        ("deployment", "authorise", "d"),
        ("alert", "list"),
        ("token", "list"),
        ("hold", "list"),
        ("watchlist", "list"),
        ("evaluation", "list"),
        ("evaluate", "folder", "--register"),
    ],
)
def test_every_command_of_the_daemon_takes_a_token(
    command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LFRD_TOKEN", raising=False)
    assert token_for(*command) is None
    monkeypatch.setenv("LFRD_TOKEN", "from the environment")
    assert token_for(*command) == "from the environment"
    file = tmp_path / "token"
    file.write_text("lfrd_secret\n")
    assert token_for(*command, "--token-file", str(file)) == "lfrd_secret"


@pytest.mark.parametrize("content", ["", " \n", "é"])
def test_a_file_without_a_token_is_refused_and_not_repeated(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=r"cannot be read|is empty") as refused:
        token_for("tui", "--token-file", str(file))
    assert "é" not in str(refused.value)
    with pytest.raises(UserError, match="No such file"):
        token_for("tui", "--token-file", str(tmp_path / "none"))


@pytest.mark.parametrize("token", ["geheim\nX: y", "geheim\x00", "geheimé"])
def test_what_no_header_can_hold_is_refused_and_not_repeated(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {"LFRD_TOKEN": token})
    with pytest.raises(UserError, match="LFRD_TOKEN holds no token") as refused:
        token_for("alert", "list")
    assert "geheim" not in str(refused.value)


def test_a_socket_and_a_url_exclude_each_other() -> None:
    options = parser().parse_args(["tui", "--url", "http://127.0.0.1:1", "--socket", "x"])
    with pytest.raises(UserError, match="--url and --socket are two daemons"):
        desk.run(options, TerminalSection(), Path("x"))
