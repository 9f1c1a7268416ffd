"""Fixtures that hold every test to the rules of the house."""

import asyncio
import contextlib
import ctypes
import fcntl
import gc
import inspect
import io
import logging
import os
import sys
import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from support import examples

if TYPE_CHECKING:
    from lfrd.store.sqlite import Connection
    from lfrd.vision.packs import Pack
    from support.program import Call, Ran

examples.register()
if find_spec("sniffio") is None:  # the HTTP client would look for it on the disk at each request
    sys.modules["sniffio"] = None  # type: ignore[assignment]  # Python's sign of a missing module

REPOSITORY = Path(__file__).resolve().parent.parent
LOOP_BLOCKED_S = 1.0
"""A loop that does not run for this long has been blocked: cameras would freeze."""
BEAT_S = 0.02
MODELS_KEPT = 8
LEAK_GRACE_S = 3.0
"""How long threads and file descriptors may take to go away after a test."""


@pytest.hookimpl(trylast=True)  # after --hypothesis-profile was read
def pytest_configure() -> None:
    examples.hold()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test media and models; without it the test is skipped and says so."""
    folder = Path(os.environ.get("LFRD_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "media").is_dir():
        reason = f"no test media in {folder} (set LFRD_SHARED)"
        if os.environ.get("LFRD_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder


@pytest.fixture(scope="session")
def pack() -> "Pack":
    """The default models, made once on a machine: `tests/vision/test_packs.py` makes them anew."""
    from lfrd.vision import packs

    return packs.load(packs.DEFAULT_PACK, packs.default_cache_dir())


@pytest.fixture(scope="session")
def demo_clip(pack: "Pack", worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's clip as a file, once for all workers: seven people, the astronaut twice."""
    from lfrd.demo.clip import cutouts, write_clip
    from lfrd.vision.engine import Vision

    alone = worker_id == "master"
    folder = tmp_path_factory.mktemp("demo") if alone else tmp_path_factory.getbasetemp().parent
    path = folder / "passers-by.mp4"

    async def compose() -> None:
        async with Vision(pack, threads=2) as vision:
            write_clip(path, await cutouts(vision))

    with (folder / "passers-by.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            asyncio.run(compose())
    return path


@pytest.fixture(scope="session", autouse=True)
def models_are_read_once() -> Iterator[None]:
    """A model becomes a graph once a process and not for each of four hundred sites, of which that
    would be half the work. What runs is the library's own; every owner has bindings of its own.
    The MODELS_KEPT used last are kept: each takes 20 to 200 MB."""
    import onnxruntime

    whole = onnxruntime.InferenceSession
    known: OrderedDict[tuple[int, int], object] = OrderedDict()

    class Once(whole):
        def __new__(cls, *given: Any, **named: Any) -> Any:
            model = given[0] if given else None
            if cls is not Once or not isinstance(model, bytes):
                return super().__new__(cls)
            key = len(model), zlib.crc32(model)
            if key not in known:
                known[key] = whole(*given, **named)
            known.move_to_end(key)
            if len(known) > MODELS_KEPT:
                known.popitem(last=False)
                give_back_memory()
            return known[key]

    onnxruntime.InferenceSession = Once
    yield
    onnxruntime.InferenceSession = whole


@pytest.fixture(scope="session", autouse=True)
def schema_is_made_once() -> Iterator[None]:
    """The migrations run for the first database of a process; each of a thousand others gets at
    once, in one transaction, the schema and the records that they left. Those are all that they
    leave in a new database, or they run each time. `tests/store/test_migrate.py` runs them one by
    one and holds that the outcome is the same."""
    from lfrd.store import database, migrate, records
    from lfrd.store.sqlite import Connection, all_or_nothing

    left: dict[tuple[migrate.Migration, ...], tuple[str, ...]] = {}

    def once(
        connection: Connection, key: bytes | None, known: tuple[migrate.Migration, ...], at_s: float
    ) -> None:
        new = not connection.value("SELECT count(*) FROM sqlite_schema")
        if new and known in left:
            all_or_nothing(connection, lambda: make(connection, known, at_s))
            return
        migrate.migrate(connection, key, known, at_s)
        if new and not any(_rows_in(connection, name) for name in _tables(connection)):
            left[known] = _statements(connection)

    def make(connection: Connection, known: tuple[migrate.Migration, ...], at_s: float) -> None:
        for statement in left[known]:
            connection.script(statement)
        for item in known:
            row = migrate.Applied(
                number=item.number, name=item.name, sha256=item.sha256, applied_at_s=at_s
            )
            connection.execute(records.insert(migrate.Applied), records.values(row))

    database.migrate = once  # type: ignore[attr-defined, assignment]
    yield
    database.migrate = migrate.migrate  # type: ignore[attr-defined]


def _tables(connection: "Connection") -> list[str]:
    """All but those of SQLite, and the record of migrations."""
    return connection.column(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name != 'migration' "
        "AND name NOT LIKE 'sqlite_%'"
    )


def _rows_in(connection: "Connection", table: str) -> object:
    return connection.value(f'SELECT count(*) FROM "{table}"')


def _statements(connection: "Connection") -> tuple[str, ...]:
    """What makes an empty database of the same schema: tables before what hangs on them."""
    return tuple(
        connection.column(
            "SELECT sql || ';' FROM sqlite_schema WHERE sql NOTNULL AND name NOT LIKE 'sqlite_%' "
            "ORDER BY CASE type WHEN 'table' THEN 0 ELSE 1 END, rowid"
        )
    )


def give_back_memory() -> None:
    """What was freed goes back to the system, where the C library can be asked to."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> "Call":
    """Runs a command in this process, with `given` on its standard input: a fifth of what a process
    of its own takes. Beside a running loop call it in a thread."""
    from lfrd import __main__ as program
    from support.program import Ran

    monkeypatch.setattr("lfrd.process.harden", lambda: None)  # it would stay for every later test
    for name in [name for name in os.environ if name.startswith("LFRD_")]:
        monkeypatch.delenv(name)

    def run(*arguments: str | Path, given: str = "") -> "Ran":
        capsys.readouterr()
        root = logging.getLogger()
        level = root.level
        with monkeypatch.context() as patched:
            patched.setattr("sys.stdin", io.StringIO(given))
            patched.setattr(root, "handlers", [])  # pytest's: the command shall make its own
            try:
                code = program.main([str(argument) for argument in arguments])
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                root.setLevel(level)
        return Ran(code, *capsys.readouterr())

    return run


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """No test leaves a thread, a socket or an open file behind."""
    threads_before = set(threading.enumerate())
    files_before = _open_files()
    yield
    deadline = time.monotonic() + LEAK_GRACE_S
    while True:
        threads = [t.name for t in threading.enumerate() if t not in threads_before]
        files = _open_files() - files_before
        if not threads and not files:
            return
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: threads {threads}, files {sorted(files)}")
        gc.collect()
        time.sleep(0.02)


def _open_files() -> set[str]:
    """Sockets and files held by this process, by descriptor and target; devices do not count."""
    found = set()
    for entry in os.scandir("/proc/self/fd"):
        try:
            target = str(Path(entry.path).readlink())
        except OSError:
            continue
        if target.startswith("socket:") or (
            target.startswith("/") and not target.startswith(("/dev/", "/proc/", "/sys/"))
        ):
            found.add(f"{entry.name} -> {target}")
    return found


@pytest_asyncio.fixture(autouse=True)
async def loop_never_blocked(request: pytest.FixtureRequest, no_leaks: None) -> AsyncIterator[None]:
    """Fails an async test in which something kept the event loop from running.

    It ends before `no_leaks` looks, and with it the threads that `asyncio.to_thread` keeps.
    """
    if not inspect.iscoroutinefunction(getattr(request.node, "obj", None)):
        yield
        return
    loop_s, machine_s = _Longest(), _Longest()
    over = threading.Event()

    async def beat() -> None:
        while True:
            loop_s.begin()
            await asyncio.sleep(BEAT_S)
            loop_s.end()

    def compare() -> None:
        while not over.is_set():
            machine_s.begin()
            over.wait(BEAT_S)
            machine_s.end()

    request.node.stash[LOOP_BEAT] = loop_s
    heart = asyncio.ensure_future(beat())
    witness = threading.Thread(target=compare, name="witness")
    witness.start()
    yield
    heart.cancel()
    await asyncio.wait([heart])
    over.set()
    witness.join()
    if loop_s.late_s - machine_s.late_s > LOOP_BLOCKED_S:
        pytest.fail(f"the event loop was blocked for {loop_s.late_s:.2f} s")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> None:
    """No loop ran while further fixtures were made: that is no delay of a beat."""
    if (loop_s := item.stash.get(LOOP_BEAT, None)) is not None:
        loop_s.begin()


class _Longest:
    """The longest delay of a beat, without the time in which its thread was ready and the machine
    was busy with others. A thread beats beside the loop: what it suffers too is the process's."""

    def __init__(self) -> None:
        self.late_s = 0.0

    def begin(self) -> None:
        self._began_s, self._queued_s = time.monotonic(), _queued_s()

    def end(self) -> None:
        waited_s = _queued_s() - self._queued_s
        late_s = time.monotonic() - self._began_s - BEAT_S - waited_s
        self.late_s = max(self.late_s, late_s)


LOOP_BEAT = pytest.StashKey[_Longest]()


def _queued_s() -> float:
    """How long the calling thread has waited for a processor so far (proc(5), schedstat); 0 where
    the kernel does not tell."""
    try:
        opened = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    except OSError:
        return 0.0
    try:
        return int(os.read(opened, 100).split()[1]) / 1e9
    finally:
        os.close(opened)
