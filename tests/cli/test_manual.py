"""Man pages and completion are made of the parser: every command and option is in them."""

import argparse
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from lfrd.__main__ import SHELLS, parser
from lfrd.cli import manual
from support.program import Call, refused


def options_of(top: argparse.ArgumentParser) -> Iterator[str]:
    """Every option of every command."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options_of(inner)
        elif action.help != argparse.SUPPRESS:
            yield from action.option_strings


def test_every_command_and_option_is_in_a_page(call: Call, tmp_path: Path) -> None:
    assert call("man", "--all", tmp_path / "man1").code == 0
    pages = {path.name: path.read_text() for path in (tmp_path / "man1").iterdir()}
    assert set(pages) == {"lfrd.1", *(f"lfrd-{name}.1" for name in manual._commands(parser()))}
    whole = "".join(pages.values()).replace("\\-", "-")
    assert {name for name in options_of(parser()) if name not in whole} == set()
    for name, text in pages.items():
        for line in text.splitlines():
            assert line[:1] != "'", name
            assert line[:1] != "." or line.split()[0] in {".TH", ".ad", ".SH", ".TP", ".PP"}, (
                name,
                line,
            )


def test_a_page_of_a_command_is_printed(call: Call) -> None:
    ran = call("man", "alert")
    assert ran.code == 0
    assert ".SH LFRD ALERT REVIEW" in ran.out
    refused(call("man", "nothing"), "no command nothing")


@pytest.mark.parametrize("shell", SHELLS)
def test_every_command_is_completed(call: Call, shell: str) -> None:
    ran = call("completion", shell)
    assert ran.code == 0
    for word in ("watchlist", "events", "--follow", "alert.raised", "--token-file"):
        option = f"-l {word[2:]}" if word[:2] == "--" and shell == "fish" else word
        assert option in ran.out or word in ran.out, word


@pytest.mark.parametrize("option", ["--password-file", "--ca-file", "--config", "--token-file"])
def test_bash_completes_files(call: Call, tmp_path: Path, option: str) -> None:
    script = tmp_path / "lfrd.bash"
    script.write_text(call("completion", "bash").out)
    words = f"lfrd camera add gate rtsp://x {option} {script}"[:-3].split()
    typed = f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; _shtab_lfrd"
    done = subprocess.run(
        ["bash", "-c", f"source {script}; {typed}; echo ${{COMPREPLY[@]}}"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert done.stdout.split() == [str(script)], done.stderr


def test_bash_completes_as_it_is_typed(call: Call, tmp_path: Path) -> None:
    script = tmp_path / "lfrd.bash"
    script.write_text(call("completion", "bash").out)
    typed = "COMP_WORDS=(lfrd alert rev); COMP_CWORD=2; _shtab_lfrd; echo ${COMPREPLY[@]}"
    done = subprocess.run(
        ["bash", "-c", f"source {script}; {typed}"], capture_output=True, text=True, timeout=30
    )
    assert done.stdout.split() == ["review", "reviewers"], done.stderr
