"""What a command writes is nothing that a terminal obeys; a question before what
cannot be taken back."""

import argparse
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lfrd.cli.terminal import make_sure, redraw, say, warn
from lfrd.errors import UserError
from support.photos import somebody_in_a_room
from support.program import Call, Typed, environment
from support.video import encode

ROOT = Path(__file__).resolve().parents[2]
EVIL = "\x1b[2J\u202eAnna\x9b"


def test_both_streams_are_printable(capsys: pytest.CaptureFixture[str]) -> None:
    say(EVIL)
    warn(EVIL)
    redraw(EVIL + "\n")
    out, err = capsys.readouterr()
    assert out == "\\u001b[2J\\u202eAnna\\u009b\n"
    assert err == out + out[:-1] + "\\n\n"


def test_a_command_repeats_no_control_characters(call: Call, tmp_path: Path) -> None:
    folder = f"{tmp_path}/\x1b[31m\u202eno"
    for words in (["try", "a.mp4", "--watchlist", folder], ["check-config", f"{folder}.toml"],
                  ["camera", "list", "--socket", f"{folder}.sock"], ["camera", f"a{EVIL}"],
                  ["evaluate", folder], ["policy", "show", EVIL]):  # fmt: skip
        ran = call(*words)
        assert ran.code == 2, ran
        assert not [letter for letter in ran.out + ran.err if letter in EVIL and ord(letter) > 126]
        assert "\x1b" not in ran.out + ran.err


def test_json_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    say(json.dumps({"name": EVIL}, ensure_ascii=False))
    assert json.loads(capsys.readouterr().out) == {"name": EVIL}


def unread(*words: str | Path) -> tuple[int, str]:
    """Run a program of ours whose output nobody reads, as behind `| head` that has left."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", *map(str, words)], stdout=writing, stderr=subprocess.PIPE,
            text=True, env=environment(), cwd=ROOT, timeout=60,
        )  # fmt: skip
    finally:
        os.close(writing)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "words", [("--help",), ("--version",), ("camera", "add", "--help"), ("policy", "show")]
)
def test_a_reader_who_left_is_told_nothing(words: tuple[str, ...]) -> None:
    code, said = unread("lfrd", *words)
    assert code in {0, 1}
    assert said == ""


def test_whoever_left_the_map_is_told_nothing() -> None:
    assert unread("benchmarks.map") == (0, "")


@pytest.mark.slow
def test_a_deployment_of_the_lab_ends_in_order_when_nobody_reads_it(
    photos: Path, tmp_path: Path
) -> None:
    clip = encode(
        tmp_path / "clip.mp4", (somebody_in_a_room("astronaut", n) for n in range(30)), fps=10
    )
    words = ("try", clip, "--watchlist", photos, "--every-frame", "--json")
    assert unread("lfrd", *words) == (1, "")


def asked(*, yes: bool = False) -> argparse.Namespace:
    return argparse.Namespace(yes=yes)


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
