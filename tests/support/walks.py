"""The walks of docs/architecture.md as their tables name them, and what really runs."""

import ast
import re
import sys
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "lfrd"
DOCUMENT = ROOT / "docs" / "architecture.md"
FILE = re.compile(r"`(\w+(?:/\w+)*\.py)`")
HOP = re.compile(r"\s*`(\w+(?:/\w+)*\.py)` `([\w.]+)`\s*")
CALLS_KEPT = 1_000_000


@dataclass(frozen=True, slots=True)
class Place:
    """A file of the package, and a function in it as Python qualifies its name."""

    file: str
    function: str


def hops(title: str) -> list[Place]:
    """The hops of a walk, one a row."""
    found = []
    for row in _rows(title):
        hop = HOP.fullmatch(row.split("|")[2])
        assert hop is not None, f"a hop is one file and one function: {row}"
        found.append(Place(*hop.groups()))
    assert found, title
    return found


def named(title: str) -> set[str]:
    """Every file that the rows of a walk name, in whichever column."""
    return {file for row in _rows(title) for file in FILE.findall(row)}


def _rows(title: str) -> list[str]:
    section = DOCUMENT.read_text().split(f"### {title}\n")[1].split("\n#")[0]
    return [line for line in section.splitlines() if re.match(r"\| \d", line)]


def names_in(path: Path) -> set[str]:
    """What a module defines, and what its classes do."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            if isinstance(node, ast.ClassDef):
                found |= {
                    f"{node.name}.{inner.name}"
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
                }
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


class Trace:
    """The calls of the package's functions, in every thread that began inside `tracing`."""

    def __init__(self) -> None:
        self._places: dict[object, Place] = {}
        self._calls: deque[Place] = deque(maxlen=CALLS_KEPT)

    def begin(self) -> None:
        """Forget what was called so far."""
        self._calls.clear()

    def calls(self) -> Sequence[Place]:
        return list(self._calls)

    def note(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(str(PACKAGE)):
            return
        place = self._places.get(code)
        if place is None:
            file = Path(code.co_filename).relative_to(PACKAGE).as_posix()
            place = self._places[code] = Place(file, code.co_qualname)
        self._calls.append(place)


@contextmanager
def tracing() -> Iterator[Trace]:
    trace = Trace()
    threading.setprofile(trace.note)
    sys.setprofile(trace.note)
    try:
        yield trace
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
