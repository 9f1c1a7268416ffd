"""The operator's terminal: how well a face is drawn, how soon a key is answered, what it costs.

    python -m benchmarks.tui [--quick]

How well a face is drawn: benchmarks/cell_pictures.py. Times are of the real app without a terminal,
on a daemon that answers from memory; the first paint is of `lfrd tui` in a pseudo-terminal. Keep
the machine otherwise idle. Writes results/tui.json.
"""

import argparse
import asyncio
import fcntl
import gc
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
os.environ["TEXTUAL_COLOR_SYSTEM"] = "truecolor"

from textual.pilot import Pilot

from benchmarks.cell_pictures import measure_faces, photos
from benchmarks.report import Figure, Report
from lfrd.client import Client
from lfrd.wire.cameras import CameraState
from lfrd.wire.events import EventKind, EventMessage
from support.terminal import NOW_S, Desk, alert, camera, look, rates, until
from tui.abilities import DOTS, Abilities, Glyphs
from tui.app import OperatorApp
from tui.widgets.picture import image_widget

OPEN = 1000
CAMERAS = 8
ANSWERS = b"\x1bP>|kitty(0.42.1)\x1b\\\x1b[6;16;8t\x1b[?62;c"


# How large a face is drawn.


async def measure_sizes(report: Report) -> None:
    """How large the faces are in a small window."""
    desk = Desk(*(alert(n) for n in range(1, 6)))
    photo = photos()[0].crop((40, 25, 110, 115))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "face.jpg"
        photo.save(path)
        desk.photos = dict.fromkeys(("probe", "reference"), path.read_bytes())
    async with running(desk, (80, 24)) as (pilot, app):
        await look(pilot, app.main, desk.advance)
        cells = [face.drawn_cells for face in app.main._face_panel.faces]
    across, down = DOTS[Glyphs.QUADRANTS]
    report.add(
        Figure("face at 80x24, across", min(c for c, _ in cells), "cells", at_least=32),
        Figure("face at 80x24, down", min(r for _, r in cells), "cells", at_least=18),
        Figure("dots a cell, in any UTF-8 terminal", across * down, at_least=4),
    )


# How soon a key is answered, and what the rest costs.


class running:  # noqa: N801 - used as a context manager
    """The app on this desk, without a terminal."""

    def __init__(self, desk: Desk, size: tuple[int, int] = (140, 45)) -> None:
        made = image_widget(Abilities(Glyphs.OCTANTS))
        self._app = OperatorApp(cast(Client, desk), made, desk.now)
        self._desk = desk
        self._test = self._app.run_test(size=size)

    async def __aenter__(self) -> tuple[Pilot[None], OperatorApp]:
        pilot = await self._test.__aenter__()
        wanted = len(self._desk.held)
        await until(pilot, lambda: len(self._app.main.candidates) == wanted, 30)
        return pilot, self._app

    async def __aexit__(self, *error: object) -> None:
        await self._test.__aexit__(*error)


def crowded(number: int) -> Desk:
    """So many open candidates of as many people at eight cameras."""
    desk = Desk(
        *(
            alert(n, raised_at_s=NOW_S - n).model_copy(update={"camera_id": f"camera-{n % 8}"})
            for n in range(number)
        )
    )
    desk.cameras_held = tuple(camera(CameraState.LIVE, name=f"Camera-{n}") for n in range(CAMERAS))
    return desk


async def key_to_paint(app: OperatorApp, key: str) -> float:
    """Milliseconds from a key to the screen being drawn with what it did."""
    from textual.events import Key

    painted = asyncio.Event()
    real = app._display

    def display(*given: object) -> None:
        real(*given)  # type: ignore[arg-type]
        painted.set()

    app._display = display  # type: ignore[method-assign, assignment]
    begun = time.perf_counter()
    app.post_message(Key(key, None))
    await asyncio.wait_for(painted.wait(), 10)
    took_s = time.perf_counter() - begun
    app._display = real  # type: ignore[method-assign]
    await asyncio.sleep(0.03)
    return took_s * 1000


async def measure_keys(report: Report, presses: int) -> None:
    """Moving through a thousand candidates of eight cameras that report their rates."""
    desk = crowded(OPEN)
    async with running(desk) as (_, app):
        took = []
        for number in range(presses):
            if number % 10 == 0:
                desk.stream.put_nowait(tuple(rates(c.id, number) for c in desk.cameras_held))
            took.append(await key_to_paint(app, "j" if number % 40 < 20 else "k"))
    took.sort()
    report.add(
        Figure("key to paint, p50", round(took[len(took) // 2], 1), "ms"),
        Figure("key to paint, p95", round(took[int(len(took) * 0.95)], 1), "ms", at_most=60),
        Figure("key to paint, longest", round(took[-1], 1), "ms"),
    )


def raised(desk: Desk, number: int) -> None:
    """A new candidate, and the event that tells of it."""
    new = alert(number, raised_at_s=NOW_S + number / 1e6)
    desk.held[new.id] = new
    told = EventMessage(id=number, kind=EventKind.ALERT_RAISED, subject_id=new.id, at_s=NOW_S)
    desk.stream.put_nowait(told)


async def cost_of_a_candidate(open_ones: int, more: int) -> float:
    """Milliseconds of the processor for each new candidate beside so many."""
    desk = crowded(open_ones)
    async with running(desk) as (pilot, app):
        await asyncio.sleep(1)
        begun_s, began = time.process_time(), time.perf_counter()
        for number in range(more):
            raised(desk, 1_000_000 + number)
            await until(pilot, lambda n=number: len(app.main.candidates) > open_ones + n)
            await asyncio.sleep(0.06)  # beyond what is gathered: each is drawn
        spent_s, lasted_s = time.process_time() - begun_s, time.perf_counter() - began
        idle_s = await _idle(1.0) * lasted_s
    return (spent_s - idle_s) / more * 1000


async def _idle(seconds: float) -> float:
    """Seconds of the processor in a second in which nothing happens."""
    begun_s = time.process_time()
    await asyncio.sleep(seconds)
    return (time.process_time() - begun_s) / seconds


async def measure_costs(report: Report, more: int, idle_s: float) -> None:
    """What arrives, and what is spent while nothing does."""
    cost = {number: await cost_of_a_candidate(number, more) for number in (5, 50, OPEN)}
    for number, spent_ms in cost.items():
        report.add(Figure(f"CPU a new candidate, {number} open", round(spent_ms, 2), "ms"))
    growth = round(cost[OPEN] / cost[5], 2)
    report.add(Figure("the same, 1000 open over 5", growth, "x", at_most=1.5))
    desk = crowded(OPEN)
    async with running(desk):
        await asyncio.sleep(2)
        share = await _idle(idle_s)
    report.add(Figure("of a core while nothing happens", round(100 * share, 2), "%", at_most=3))


async def measure_flood(report: Report, events: int, seconds: float) -> None:
    """Memory over many events; then keys while 500 a second come."""
    desk = crowded(50)
    async with running(desk) as (_, app):

        def tell(number: int) -> None:
            kind = EventKind.ALERT_UPDATED
            told = EventMessage(id=number, kind=kind, subject_id=f"alert-{number % 50}", at_s=1.0)
            desk.stream.put_nowait(told)

        await _sent(tell, events // 10, 500)
        before = _resident_mb()
        await _sent(tell, events, 2000)
        grown = _resident_mb() - before
        report.add(Figure(f"memory grown over {events} events", round(grown, 1), "MB", at_most=5))
        sender = asyncio.create_task(_sent(tell, round(500 * seconds), 500))
        took = []
        while not sender.done():
            took.append(await key_to_paint(app, "j" if len(took) % 20 < 10 else "k"))
            await asyncio.sleep(0.1)
        await sender
    longest = round(max(took), 1)
    report.add(Figure("key to paint under 500 events/s", longest, "ms", at_most=100))


async def _sent(tell: Callable[[int], None], events: int, a_second: float) -> None:
    begun = time.perf_counter()
    for number in range(events):
        tell(number)
        if (ahead := number / a_second - (time.perf_counter() - begun)) > 0.01:
            await asyncio.sleep(ahead)
    await asyncio.sleep(0.5)


def _resident_mb() -> float:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


# The program in a terminal.


def first_paint_s(command: list[str], shown: bytes, limit_s: float = 60) -> float:
    """Seconds from starting a program in a terminal to these bytes on it."""
    keeper, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    env = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    env.pop("TEXTUAL_COLOR_SYSTEM", None)
    begun = time.perf_counter()
    program = subprocess.Popen(
        command, stdin=screen, stdout=screen, stderr=screen, env=env, start_new_session=True
    )
    os.close(screen)
    seen, answered = b"", False
    try:
        while shown not in seen:
            if time.perf_counter() - begun > limit_s:
                raise TimeoutError(f"{command} did not show {shown!r}: {seen[-500:]!r}")
            ready, _, _ = select.select([keeper], [], [], 0.05)
            seen += os.read(keeper, 65536) if ready else b""
            if not answered and b"\x1b[>q" in seen:
                answered = bool(os.write(keeper, ANSWERS))
        return time.perf_counter() - begun
    finally:
        program.terminate()
        while program.poll() is None:  # it is not done before its output is read
            ready, _, _ = select.select([keeper], [], [], 0.05)
            with suppress(OSError):  # its end of the terminal is closed
                os.read(keeper, 65536 if ready else 0)
        os.close(keeper)


def measure_program(report: Report, runs: int, *, demo: bool) -> None:
    """Cold start of `lfrd tui`, and of the demo."""
    tui = [sys.executable, "-m", "lfrd", "tui", "--socket", "/nonexistent/api.sock"]
    took = sorted(first_paint_s(tui, b"asking the daemon") for _ in range(runs))
    report.add(Figure("first paint, median", round(took[runs // 2], 2), "s", at_most=0.8))
    if demo:
        words = [sys.executable, "-m", "lfrd", "demo"]
        first_paint_s(words, b"consenting people only")  # composes its clip, once
        said_s = first_paint_s(words, b"...")
        screen_s = first_paint_s(words, b"consenting people only")
        report.add(
            Figure("demo, first progress", round(said_s, 2), "s", at_most=2),
            Figure("demo, screen", round(screen_s, 2), "s", at_most=12),
        )


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer presses and events; no demo")
    quick = parser.parse_args().quick
    report = Report("tui")
    measure_program(report, 3 if quick else 7, demo=not quick)
    asyncio.run(measure_sizes(report))
    measure_faces(report)
    asyncio.run(measure_keys(report, 60 if quick else 200))
    asyncio.run(measure_costs(report, 20 if quick else 60, 4 if quick else 10))
    asyncio.run(measure_flood(report, 1000 if quick else 10_000, 3 if quick else 8))
    return report.finish(keep=not quick)


if __name__ == "__main__":
    sys.exit(main())
