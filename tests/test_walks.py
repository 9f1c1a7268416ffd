"""The walks of docs/architecture.md are the way that the code goes."""

import ast
import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lfrd.client import Client
from lfrd.wire.alerts import Alert, ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraChange, CameraCreate
from support.photos import portraits
from support.program import enrol, look_for
from support.site import serve
from support.walks import PACKAGE, Place, Trace, hops, named, tracing

FRAME = "A frame: from the camera to the candidate"
REVIEW = "A review: from the request to its row"
PHOTO = "A photo: from the request to the running search"
ERASURE = "An erasure: from the request to its receipt"

WAIT_S = 30.0
SEEN = Shown(face_px=100, reference_px=100, seen_s=2.0)


@pytest.mark.parametrize("title", [FRAME, REVIEW, PHOTO, ERASURE])
def test_each_hop_names_a_file_and_a_function_that_exist(title: str) -> None:
    for hop in hops(title):
        assert hop.function in set(functions(PACKAGE / hop.file)), hop
    for file in named(title):
        assert (PACKAGE / file).is_file(), file


@pytest.mark.parametrize(("title", "most"), [(REVIEW, 10), (PHOTO, 12)])
def test_a_request_passes_through_few_files(title: str, most: int) -> None:
    assert len({hop.file for hop in hops(title)}) <= most


def test_from_the_mailbox_to_the_pipeline_there_are_two_generators() -> None:
    """Each further one is another place where a frame waits, and another file to read."""
    way = [PACKAGE / "mailbox.py", PACKAGE / "ingest" / "camera.py"]
    way += sorted([*PACKAGE.glob("cameras/*.py"), *PACKAGE.glob("deployment/*.py")])
    found = [
        f"{path.stem}: {node.name}"
        for path in way
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef)
        and any(isinstance(inner, ast.Yield) for inner in ast.walk(node))
    ]
    assert found == ["mailbox: items", "camera: frames"]


async def test_what_runs_is_what_the_walks_say(tmp_path: Path, demo_clip: Path) -> None:
    with tracing() as trace:
        async with serve(tmp_path) as served:
            client = served.client
            listed = await enrol(client)
            trace.begin()
            await client.add_camera(CameraCreate(id="door", address=str(demo_clip)))
            await look_for(client, listed)
            alert = await first_alert(client)
            await came(trace, FRAME)
            await client.change_camera("door", CameraChange(enabled=False))
            entry = (await client.entries(listed))[0]

            trace.begin()
            await client.submit_review(
                alert.id, ReviewSubmit(decision=ReviewDecision.MATCH, reason="x", shown=SEEN)
            )
            await came(trace, REVIEW)
            trace.begin()
            await client.add_photo(entry.id, portraits()[0], "another.jpg")
            await came(trace, PHOTO)
            trace.begin()
            await client.delete_watchlist(listed)
            await came(trace, ERASURE)


async def first_alert(client: Client) -> Alert:
    async with asyncio.timeout(WAIT_S):
        while not (found := await client.alerts()):
            await asyncio.sleep(0.1)
    return found[0]


async def came(trace: Trace, title: str) -> None:
    """That the functions of a walk were called, in its order."""
    left = missing(hops(title), trace.calls())
    for _ in range(10):  # what is told after the answer
        if not left:
            return
        await asyncio.sleep(0.1)
        left = missing(hops(title), trace.calls())
    raise AssertionError(f"{title}: not called, or not after those before it: {left[0]}")


def missing(wanted: Sequence[Place], calls: Sequence[Place]) -> Sequence[Place]:
    """What is left of `wanted` when it is looked for in `calls`, in order."""
    found = 0
    for call in calls:
        if found < len(wanted) and call == wanted[found]:
            found += 1
    return wanted[found:]


def functions(path: Path) -> Iterator[str]:
    """The functions of a file, methods as `Class.method`."""
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{node.name}.{inner.name}"
