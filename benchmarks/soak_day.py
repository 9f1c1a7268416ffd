"""What people and cameras do beside a daemon in `benchmarks.soak`, each as a loop without an end.

What the daemon refuses or does not answer is counted by its sentence, and the loop goes on; that it
still runs is looked at each minute.
"""

import asyncio
import contextlib
import fcntl
import io
import os
import pty
import struct
import sys
import termios
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.rtsp import repeated
from lfrd.client import Away, Client
from lfrd.demo.clip import listed_photo
from lfrd.errors import LfrdError
from lfrd.vocabulary import Category, UseCase
from lfrd.wire.alerts import AlertState, ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraChange
from lfrd.wire.deployments import Deployment, DeploymentDraft, ErasureRequest
from lfrd.wire.events import EventKind, EventMessage
from lfrd.wire.lists import EntryCreate, WatchlistChange, WatchlistCreate

DEPLOYMENT_S = 120.0
"""A deployment lasts so long, then the next one begins; its faces are erased in the one after."""
EDIT_EVERY_S, PAUSE_EVERY_S, FOLLOW_S = 10.0, 75.0, 60.0
UP_S, DOWN_S = 50.0, 15.0
"""Of the server whose camera comes and goes."""
FILLED_WITH = 12
"""Photos of 3.5 MB."""
SEEN = Shown(face_px=200, reference_px=200, seen_s=2.0)
DECISIONS = (ReviewDecision.MATCH, ReviewDecision.NOT_A_MATCH, ReviewDecision.UNSURE)
KEYS = (b"j", b"k", b"?", b"\x1b", b"f", b"d", b"\x1b", b" ", b"g", b"s", b"\x1b")
"""Pressed in the terminal, one after the other."""
KEY_EVERY_S = 3.0


@dataclass(slots=True)
class Tally:
    """What was done, and what was refused, by its sentence."""

    done: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)

    async def again(self, what: str, act: Callable[[], Awaitable[object]], every_s: float) -> None:
        """Without an end: act, count, wait."""
        while True:
            await self.once(what, act)
            await asyncio.sleep(every_s)

    async def once(self, what: str, act: Callable[[], Awaitable[object]]) -> None:
        """One act; a refusal is counted, and so is an answer that did not come."""
        try:
            await act()
        except LfrdError as error:
            self.refused[f"{what}: {str(error)[:100]}"] += 1
        else:
            self.done[what] += 1


async def make_list(client: Client, name: str) -> str:
    """A list with the one who is seen in the clip on it; its id."""
    made = await client.create_watchlist(
        WatchlistCreate(name=name, category=Category.TEST, purpose="soak", owner="soak")
    )
    entry = await client.add_entry(
        made.id, EntryCreate(reference=name, basis="consent", source="soak", reviewer="soak")
    )
    await client.add_photo(entry.id, listed_photo(), "photo.jpg")
    return made.id


async def fill(client: Client) -> None:
    """A list of some size, read once: the caches of the database grow with it up to their bound (3
    of 16 MB), which would look like a slope."""
    made = await client.create_watchlist(
        WatchlistCreate(name="known", category=Category.TEST, purpose="soak", owner="soak")
    )
    photo = Image.open(io.BytesIO(listed_photo()))
    large = photo.resize((3 * photo.width, 3 * photo.height), Image.Resampling.BICUBIC)
    grain = np.random.default_rng(1).normal(0, 6, (large.height, large.width, 3))
    noisy = np.clip(np.asarray(large) + grain, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(noisy).save(out, "PNG", compress_level=1)
    for number in range(FILLED_WITH):
        entry = await client.add_entry(
            made.id, EntryCreate(reference=str(number), basis="consent", source="soak")
        )
        kept = await client.add_photo(entry.id, out.getvalue(), "photo.png")
        await client.photo_image(kept.id)


async def deploy(client: Client, watchlist_id: str, tally: Tally) -> None:
    """Deployments, one after the other, each planned, authorised, started, ended and erased."""
    ended: list[str] = []
    while True:
        try:
            running = await _start(client, watchlist_id)
        except LfrdError as error:
            tally.refused[f"start: {str(error)[:100]}"] += 1
            await asyncio.sleep(EDIT_EVERY_S)
            continue
        await asyncio.sleep(DEPLOYMENT_S)
        await tally.once("deployments", lambda i=running.id: client.end_deployment(i, "soak"))
        ended.append(running.id)
        if len(ended) > 1:
            oldest = ErasureRequest(
                kind="deployment", subject_id=ended.pop(0), reason="its time is over"
            )
            await tally.once("erasures", lambda o=oldest: client.governance.erase(o))


async def _start(client: Client, watchlist_id: str) -> Deployment:
    draft = DeploymentDraft(
        profile="standard", purpose="soak", use_case=UseCase.TEST, place="bench",
        expectation="soak", documents=("impact-assessment: soak", "notice: soak"),
        watchlist_ids=(watchlist_id,), duration_s=3600.0,
    )  # fmt: skip
    planned = await client.governance.draft(draft)
    await client.governance.authorise(planned.id)
    return await client.governance.start(planned.id)


async def edit(client: Client, tally: Tally) -> None:
    """A list comes with its person, is changed, and goes again."""
    number = 0

    async def once() -> None:
        nonlocal number
        number += 1
        made = await make_list(client, f"list {number}")
        await client.change_watchlist(made, WatchlistChange(colour="#00ff00"))
        await client.delete_watchlist(made)

    await tally.again("lists made, changed and erased", once, EDIT_EVERY_S)


async def edit_live(client: Client, watchlist_id: str, tally: Tally) -> None:
    """The list that is compared with: one more entry, and gone again."""

    async def once() -> None:
        entry = await client.add_entry(
            watchlist_id,
            EntryCreate(reference="second", basis="consent", source="soak", reviewer="soak"),
        )
        await client.add_photo(entry.id, listed_photo(), "photo.jpg")
        await client.delete_entry(entry.id)

    await tally.again("entries of the running list", once, 2 * EDIT_EVERY_S)


async def review(client: Client, tally: Tally) -> None:
    """A reviewer who follows the events, looks at each candidate, and decides."""
    async with aclosing(client.events()) as items:
        async for item in items:
            if isinstance(item, EventMessage) and item.kind is EventKind.ALERT_RAISED:
                await tally.once("reviews", lambda i=item.subject_id: _decide(client, i))
            elif isinstance(item, Away):
                tally.refused[f"events: {item.reason}"] += 1


async def _decide(client: Client, alert_id: str) -> None:
    for which in ("probe", "reference"):
        await client.alert_image(alert_id, which)  # type: ignore[arg-type]  # one of the two
    decision = DECISIONS[hash(alert_id) % len(DECISIONS)]
    await client.submit_review(alert_id, ReviewSubmit(decision=decision, shown=SEEN))
    await client.finish_review(alert_id)


async def follow(client: Client, tally: Tally) -> None:
    """A client that leaves after a while and takes up where it was."""
    last: int | None = None
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FOLLOW_S), aclosing(client.events(last)) as items:
                async for item in items:
                    if isinstance(item, EventMessage):
                        last = item.id
                        tally.done["events to the second client"] += 1


async def page(client: Client, tally: Tally, took_ms: list[tuple[float, float]]) -> None:
    """What a desk asks for, with the time each answer took."""

    async def once() -> None:
        begun_s = time.perf_counter()
        await client.alerts(AlertState.OPEN)
        await client.cameras()
        await client.current_deployment()
        took_ms.append((time.monotonic(), 1e3 * (time.perf_counter() - begun_s) / 3))

    await tally.again("pages", once, 1.0)


async def pause_camera(client: Client, camera_id: str, tally: Tally) -> None:
    """Switched off and on again."""

    async def once() -> None:
        await client.change_camera(camera_id, CameraChange(enabled=False))
        await asyncio.sleep(DOWN_S)
        await client.change_camera(camera_id, CameraChange(enabled=True))

    await tally.again("cameras switched off and on", once, PAUSE_EVERY_S)


async def flap(folder: Path, port: int, tally: Tally) -> None:
    """A server that ends and begins again on the same port."""
    while True:
        async with repeated(folder, port):
            await asyncio.sleep(UP_S)
        tally.done["servers gone and back"] += 1
        await asyncio.sleep(DOWN_S)


async def publish(socket: Path, camera_id: str, token: str, clip: Path, tally: Tally) -> None:
    """A publisher by WHIP that is killed and begins again."""
    while True:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "benchmarks.soak_publisher", str(socket), camera_id, str(clip),
            env=os.environ | {"LFRD_PUBLISH_TOKEN": token}, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            await asyncio.sleep(2 * UP_S)
        finally:
            process.kill()
            await process.wait()
        tally.done["publishers killed and begun again"] += 1
        await asyncio.sleep(DOWN_S)


@asynccontextmanager
async def terminal(socket: Path) -> AsyncIterator[int]:
    """`lfrd tui` on a terminal of its own in which keys are pressed; its process id."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    os.set_blocking(ours, False)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lfrd", "tui", "--socket", str(socket),
        stdin=theirs, stdout=theirs, stderr=theirs, env=os.environ | {"TERM": "xterm-256color"},
    )  # fmt: skip
    os.close(theirs)
    loop = asyncio.get_running_loop()
    loop.add_reader(ours, _drain, ours)
    typing = asyncio.create_task(_type(ours))
    try:
        yield process.pid
    finally:
        typing.cancel()
        loop.remove_reader(ours)
        if process.returncode is None:
            process.terminate()
        await process.wait()
        os.close(ours)


def _drain(screen: int) -> None:
    with contextlib.suppress(OSError):  # it ended
        os.read(screen, 1 << 20)


async def _type(screen: int) -> None:
    while True:
        for key in KEYS:
            await asyncio.sleep(KEY_EVERY_S)
            with contextlib.suppress(OSError):
                os.write(screen, key)
