"""`lfrd demo`: the whole daemon on a stream of its own, with one person on the list."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from lfrd.cli.temporary import PRINCIPAL, lab_site
from lfrd.cli.terminal import say
from lfrd.cli.try_ import Printer
from lfrd.config import CameraSection, Config
from lfrd.demo.clip import LISTED, PICTURES, cutouts, listed_photo, recipe, write_clip
from lfrd.demo.stream import rtsp_stream
from lfrd.governance.deployments import LAB_LIMIT_S
from lfrd.governance.profile import LAB
from lfrd.site import Site
from lfrd.store.watchlists import NewEntry, NewWatchlist
from lfrd.summary import CandidateLine, Report, SummaryLine, as_json
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from lfrd.vocabulary import Category
from tui.terminal import require_terminal

CAMERA = "demo"


async def run(config: Config, *, headless: bool, seconds: float | None) -> int:
    """Show it in the terminal, or print it; headless, 0 only if just the listed one was raised."""
    if not headless:
        require_terminal()
    raised: list[str] = []
    printer = Printer(as_lines=True)

    def report(line: CandidateLine | SummaryLine) -> None:
        if isinstance(line, CandidateLine):
            raised.append(line.entry)
        if headless:
            printer(line)

    with tempfile.TemporaryDirectory(prefix="lfrd-demo-") as folder:
        clip = Path(folder) / "passers-by.mp4"
        await _clip(config, clip, quiet=headless)
        if not headless:
            say("Starting its camera and the daemon; then the operator's terminal opens ...")
        async with rtsp_stream(clip) as address:
            await _show(config, address, report, printer, headless, seconds)
    return 0 if not headless or set(raised) == {LISTED} else 1


async def _clip(config: Config, clip: Path, *, quiet: bool) -> None:
    """The clip: composed once, and kept beside the models for the next time."""
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    kept = cache_dir / f"demo-{recipe()}.mp4"
    if not kept.is_file():
        if not quiet:
            say("Composing a clip of seven people; one of them is on the list. Only this once ...")
        await _compose(config, cache_dir, clip, quiet=quiet)
        with contextlib.suppress(OSError):  # then it is composed again the next time
            part = kept.with_suffix(f".{os.getpid()}.part")
            shutil.copyfile(clip, part)
            part.replace(kept)
    else:
        shutil.copyfile(kept, clip)


async def _compose(config: Config, cache_dir: Path, clip: Path, *, quiet: bool) -> None:
    pack = packs.load(config.models.pack, cache_dir)
    async with Vision(pack, threads=1) as vision:
        people = await cutouts(vision)
    told = 0

    def written(pictures: int) -> None:
        nonlocal told
        tenth = 10 * pictures // PICTURES
        if tenth > told and not quiet:
            told = tenth
            loop.call_soon_threadsafe(say, f"  {tenth}0 %")

    loop = asyncio.get_running_loop()
    await asyncio.to_thread(write_clip, clip, people, written)


async def _show(
    config: Config,
    address: str,
    report: Report,
    printer: Printer,
    headless: bool,
    seconds: float | None,
) -> None:
    camera = CameraSection(id=CAMERA, name="Demo street", address=address)
    async with lab_site(config, camera, report=report, with_api=not headless) as site:
        printer.of(site)
        await _start(site, seconds)
        if headless:
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(
                    number, lambda: site.deployments.ask_to_end("stopped", PRINCIPAL)
                )
        else:
            await _operate(site)
            site.deployments.ask_to_end("the demo was left", PRINCIPAL)
        await site.deployments.until_over()
        summary = site.deployments.last
    printer.end()
    if summary is not None and headless:
        say(as_json(summary))


async def _operate(site: Site) -> None:
    """The operator's terminal, as the process of its own that it always is."""
    logging.disable(logging.CRITICAL)  # the screen belongs to the terminal UI now
    terminal = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lfrd", "tui", "--socket", str(site.config.socket_path)
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):  # it ends with the demo, and the demo with it
        loop.add_signal_handler(number, terminal.terminate)
    try:
        await terminal.wait()
    finally:
        if terminal.returncode is None:
            terminal.terminate()
            await terminal.wait()
        logging.disable(logging.NOTSET)


async def _start(site: Site, seconds: float | None) -> None:
    watchlist = await site.watchlists.create_list(
        NewWatchlist("Demo list", Category.TEST, "to show the daemon", PRINCIPAL),
        principal=PRINCIPAL,
    )
    entry = await site.watchlists.add_entry(
        NewEntry(watchlist.row.id, LISTED, basis="public domain photo", source="NASA"),
        principal=PRINCIPAL,
    )
    await site.photos.add(entry.row.id, listed_photo(), f"{LISTED}.jpg", principal=PRINCIPAL)
    await site.deployments.start(
        LAB, "to show the daemon", "this machine", (watchlist.row.id,), seconds or LAB_LIMIT_S,
        principal=PRINCIPAL,
    )  # fmt: skip
