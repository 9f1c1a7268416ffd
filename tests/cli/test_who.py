"""As whom a command speaks: a token from a file or the environment, else the system user."""

from pathlib import Path

import pytest

from lfrd.__main__ import parser
from lfrd.cli.who import token_of
from lfrd.errors import UserError


def asked(*words: str) -> str | None:
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
    assert asked(*command) is None
    monkeypatch.setenv("LFRD_TOKEN", "from the environment")
    assert asked(*command) == "from the environment"
    file = tmp_path / "token"
    file.write_text("lfrd_secret\n")
    assert asked(*command, "--token-file", str(file)) == "lfrd_secret"


@pytest.mark.parametrize("content", ["", " \n", "é"])
def test_a_file_without_a_token_is_refused_and_not_repeated(tmp_path: Path, content: str) -> None:
    file = tmp_path / "token"
    file.write_text(content, encoding="latin-1")
    with pytest.raises(UserError, match=r"cannot be read|is empty") as refused:
        asked("tui", "--token-file", str(file))
    assert "é" not in str(refused.value)
    with pytest.raises(UserError, match="No such file"):
        asked("tui", "--token-file", str(tmp_path / "none"))


@pytest.mark.parametrize("token", ["geheim\nX: y", "geheim\x00", "geheimé"])
def test_what_no_header_can_hold_is_refused_and_not_repeated(
    token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.environ", {"LFRD_TOKEN": token})
    with pytest.raises(UserError, match="LFRD_TOKEN holds no token") as refused:
        asked("alert", "list")
    assert "geheim" not in str(refused.value)


def test_a_socket_and_a_url_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["tui", "--url", "http://127.0.0.1:1", "--socket", "x"])
    assert "not allowed with" in capsys.readouterr().err
