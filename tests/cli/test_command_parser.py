import time
from pathlib import Path

import pytest

from lfrd.__main__ import parser
from lfrd.cli.command_parser import MESSAGE_LIMIT, without_secrets

SECRET = "rtsp://anna:geheim@192.0.2.1/door"


@pytest.mark.parametrize(
    "words",
    [
        ["--config", "my.toml", "camera", "list"],
        ["camera", "--config", "my.toml", "list"],
        ["camera", "list", "--config", "my.toml"],
        ["watchlist", "delete", "--config", "my.toml", "staff"],
        ["models", "switch", "x", "--config", "my.toml"],
        ["evaluate", "photos", "--config", "my.toml"],
        ["check-config", "--config", "my.toml"],
    ],
)
def test_a_configuration_is_named_at_any_place(words: list[str]) -> None:
    assert parser().parse(words).config == Path("my.toml")


def test_without_one_the_variable_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LFRD_CONFIG", raising=False)
    assert parser().parse(["camera", "list"]).config is None
    monkeypatch.setenv("LFRD_CONFIG", "site.toml")
    assert parser().parse(["camera", "list"]).config == Path("site.toml")
    assert parser().parse(["camera", "list", "--config", "my.toml"]).config == Path("my.toml")


def test_the_log_is_asked_for_at_any_place() -> None:
    assert not parser().parse(["camera", "list"]).verbose
    for words in (["--verbose", "camera", "list"], ["camera", "list", "--verbose"]):
        assert parser().parse(words).verbose


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["camera", "list", SECRET, "--speed=geheim", "x"], "unrecognized arguments: … --speed x"),
        (["camera", "test", "door", "--seconds", SECRET], "--seconds: invalid float value"),
        (["alert", "list", "--state", SECRET], "--state: invalid choice (choose from"),
        ([SECRET, "list"], "invalid choice (choose from"),
        (["camera", "list", f"--json={SECRET}"], "--json: ignored explicit argument"),
        (["camera", "add", "door", "x", f"--t={SECRET}"], "ambiguous option: --t could match"),
        (["alert", "list", "--token-file=--"], "--token-file: expected one argument"),
        (["camera", "remove", SECRET], "letters, digits, hyphens and dots only"),
    ],
)
def test_a_mistake_repeats_no_value(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        parser().parse(words)
    assert end.value.code == 2
    err = capsys.readouterr().err
    assert said in err.replace("\n", " ")
    assert "geheim" not in err


@pytest.mark.parametrize(
    "text", ["", ".", "..", "../cameras", "a/b", "a?b", "a#b", "a b", "ä", "a\n"]
)
def test_an_id_is_one_part_of_a_path(text: str) -> None:
    for words in (["camera", "remove", text], ["why", text], ["trial", "undo", text]):
        with pytest.raises(SystemExit):
            parser().parse(words)
    assert parser().parse(["camera", "remove", "main-entrance.2"]).id == "main-entrance.2"


@pytest.mark.parametrize(
    "typed",
    [
        SECRET, "rtsp:/anna:geheim@192.0.2.1", "rtsp://me@mail.com:geheim@192.0.2.1/x",
        "admin:geheim@192.0.2.1/stream", " rtsp://anna:gehe im/geheim@h", "'rtsp://a:geheim@h/'",
        "http://192.0.2.1/?user=a&loginpas=geheim", "whep+https://a:geheim@h/?token=geheim&x=1",
    ],
)  # fmt: skip
def test_an_address_at_the_wrong_place_is_said_without_its_password(typed: str) -> None:
    said = without_secrets(f"lfrd: there is no watchlist named {typed}")
    assert said.startswith("lfrd: there is no watchlist named ")
    assert "gehe" not in said


@pytest.mark.parametrize(
    "text",
    [
        "lfrd: id: write lower-case letters, digits and hyphens",
        "lfrd: no daemon answers on /run/lfrd/api.sock ([Errno 2] No such file): is lfrd running?",
        "lfrd: rtsp://192.0.2.1:554/stream does not answer", "lfrd: a@b.example is no file",
    ],
)  # fmt: skip
def test_what_holds_no_password_is_said_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


def test_a_long_message_takes_no_time_and_is_cut() -> None:
    for text in ("x" * 70_000, "a:" * 35_000, "a:/" * 25_000, "@" * 70_000, "pas" * 25_000):
        began_s = time.process_time()
        assert len(without_secrets(text)) <= MESSAGE_LIMIT + 1
        assert time.process_time() - began_s < 1.0
    assert "geheim" not in without_secrets(f"rtsp://a:geheim{'x' * MESSAGE_LIMIT}@h")
