"""What a command and the log write is nothing that a terminal obeys."""

import io
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lfrd.cli.log_lines import LineFormatter
from lfrd.cli.terminal import redraw, say, warn
from support.photos import somebody_in_a_room
from support.program import environment, lfrd
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


def test_a_command_repeats_no_control_characters(tmp_path: object) -> None:
    folder = f"{tmp_path}/\x1b[31m\u202eno"
    for words in (["try", "a.mp4", "--watchlist", folder], ["check-config", f"{folder}.toml"],
                  ["camera", "list", "--socket", f"{folder}.sock"], ["camera", f"a{EVIL}"],
                  ["evaluate", folder], ["policy", "show", EVIL]):  # fmt: skip
        ran = lfrd(*words)
        assert ran.code == 2, ran
        assert not [letter for letter in ran.out + ran.err if letter in EVIL and ord(letter) > 126]
        assert "\x1b" not in ran.out + ran.err


def test_a_record_of_the_log_is_one_line() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter("%(levelname)s %(name)s: %(message)s"))
    log = logging.Logger("lfrd.test")
    log.addHandler(handler)
    log.warning("camera %s is lost", f"{EVIL}\nERROR lfrd: all is lost")
    assert out.getvalue() == (
        "WARNING lfrd.test: camera \\u001b[2J\\u202eAnna\\u009b\\nERROR lfrd: all is lost is lost\n"
    )
    try:
        raise ValueError(EVIL)
    except ValueError:
        log.exception("a fault")
    assert "\x1b" not in out.getvalue()
    assert "Traceback (most recent call last):\n" in out.getvalue()


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
