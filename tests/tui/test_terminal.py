"""The screen with its faces is drawn on a terminal or not at all."""

import asyncio
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from lfrd.client import Client
from support.program import environment, lfrd, refused
from tui import app, terminal
from tui.abilities import Abilities, Glyphs
from tui.widgets.picture import image_widget

STREAMS = ("stdin", "stdout", "stderr")
WORDS = {"stdin": "standard input", "stdout": "standard output", "stderr": "standard error"}


@pytest.mark.parametrize("command", [("tui",), ("demo",)], ids=" ".join)
@pytest.mark.parametrize("redirected", STREAMS)
def test_no_stream_of_it_goes_into_a_file(
    tmp_path: Path, command: tuple[str, ...], redirected: str
) -> None:
    keeper, screen = pty.openpty()
    try:
        with (tmp_path / "file").open("w+b") as file:
            files = dict.fromkeys(STREAMS, screen) | {redirected: file.fileno()}
            ran = subprocess.run(
                [sys.executable, "-m", "lfrd", *command], env=environment(), timeout=60,
                stdin=files["stdin"], stdout=files["stdout"], stderr=files["stderr"],
            )  # fmt: skip
            said = (tmp_path / "file").read_text()
        os.set_blocking(keeper, False)
        drawn = said if redirected == "stderr" else os.read(keeper, 65536).decode()
        assert ran.returncode == 2
        assert drawn.strip().endswith(f"without redirecting {WORDS[redirected]}")
        assert len(drawn.strip().splitlines()) == 1
        assert said in ("", drawn)
    finally:
        os.close(keeper)
        os.close(screen)


def test_without_any_terminal_all_three_are_named() -> None:
    for words in (["tui"], ["demo"], ["tui", "--url", "http://127.0.0.1:1"]):
        refused(lfrd(*words), "standard input or standard output or standard error")


def test_what_would_have_it_drawn_into_a_file_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    class Screen:
        def isatty(self) -> bool:
            return True

    for name in ("__stdin__", "__stdout__", "__stderr__"):
        monkeypatch.setattr(sys, name, Screen())
    for name in ("TEXTUAL", "TEXTUAL_SCREENSHOT", "TEXTUAL_LOG", "TEXTUAL_FPS"):
        monkeypatch.setenv(name, "1")
    terminal.require_terminal()
    assert [name for name in os.environ if name.startswith("TEXTUAL")] == ["TEXTUAL_FPS"]


def test_no_line_of_the_log_is_drawn_over_the_screen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    log = logging.getLogger("asyncio")

    async def run_async(_: app.OperatorApp) -> None:
        log.error("over the screen")

    monkeypatch.setattr(app.OperatorApp, "run_async", run_async)
    client = Client.over_socket(tmp_path / "api.sock")
    assert asyncio.run(app._run(client, image_widget(Abilities(Glyphs.HALVES)))) == 0
    log.error("after it")
    assert [record.message for record in caplog.records] == ["after it"]


def test_a_terminal_that_was_closed_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    with os.fdopen(theirs) as stdin:
        monkeypatch.setattr(sys, "__stdin__", stdin)
        assert not terminal.is_gone()
        os.close(ours)
        assert terminal.is_gone()


def test_without_a_terminal_none_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "__stdin__", None)
    assert not terminal.is_gone()
