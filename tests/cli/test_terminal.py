"""What a command and the log write is nothing that a terminal obeys."""

import io
import json
import logging

import pytest

from lfrd.cli.log_lines import LineFormatter
from lfrd.cli.terminal import redraw, say, warn
from support.program import lfrd

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
