import argparse
from pathlib import Path

import pytest

from lfrd.__main__ import parser

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
        (
            ["camera", "list", SECRET, "--speed=geheim", "x"],
            "arguments: *** --speed ***",
        ),
        (["camera", "add", "a", "--", "b", "--token", "geheim"], "arguments: --token ***"),
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


def test_a_configuration_is_named_after_every_action() -> None:
    for path, command in leaves(parser()).items():
        taken = [action.dest for action in command._actions]
        assert {"config", "verbose"} <= set(taken), path


def leaves(
    top: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> dict[tuple[str, ...], argparse.ArgumentParser]:
    """Every command that does something, by its words."""
    nested = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        return {path: top}
    found: dict[tuple[str, ...], argparse.ArgumentParser] = {}
    for name, inner in nested[0].choices.items():
        found |= leaves(inner, (*path, name))
    return found
