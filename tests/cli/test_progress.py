import asyncio
import io
import sys

import pytest

from lfrd.cli.progress import Progress, line, step
from support.program import Typed


def test_the_line_has_a_bar_and_its_numbers() -> None:
    assert line("a.mp4", 2000, 0) == f"a.mp4 [{'.' * 24}] 0 of 2,000 frames"
    assert line("a.mp4", 2000, 1000) == f"a.mp4 [{'#' * 12}{'.' * 12}] 1,000 of 2,000 frames"
    assert "#" * 24 in line("a", 10, 11)
    assert "0 of 0" in line("a", 0, 0)


async def test_a_terminal_sees_it_and_is_left_clean() -> None:
    terminal, pipe = Typed(), io.StringIO()
    for stream in (terminal, pipe):
        async with Progress(stream).following("a", 10, lambda: 5):
            await asyncio.sleep(0)
    assert "5 of 10 frames" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")
    assert "\n" not in terminal.getvalue()
    assert pipe.getvalue() == ""


async def test_an_error_inside_comes_out_as_it_is() -> None:
    with pytest.raises(ValueError, match="mine"):
        async with Progress(Typed()).following("a", 10, lambda: 5):
            raise ValueError("mine")


def test_steps_are_said_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, expected in ((Typed(), True), (io.StringIO(), False)):
        monkeypatch.setattr(sys, "stderr", stream)
        with step() as saying:
            saying("asking")
            saying("writing", so_far="1.0 MB")
            saying("writing", so_far="2.0 MB")
            saying("checking", 0.5)
        text = stream.getvalue()
        assert all(part in text for part in ("asking", "1.0 MB", "checking  50%")) is expected
        assert "2.0 MB" not in text, "not more often than people can read"
        assert text.endswith("\r\x1b[K") is expected
