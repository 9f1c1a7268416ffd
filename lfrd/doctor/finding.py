"""What an examination found: how bad it is, in a sentence, and what mends it."""

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from lfrd.errors import LfrdError


class Level(enum.StrEnum):
    """`warn`: it works, and somebody should see to it. `fail`: it does not, or will not."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """`mend` is empty where nothing is to be mended."""

    level: Level
    what: str
    text: str
    mend: str = ""


Check = Callable[[], Iterable[Finding]]


def ok(what: str, text: str) -> Finding:
    return Finding(Level.OK, what, text)


def warn(what: str, text: str, mend: str) -> Finding:
    return Finding(Level.WARN, what, text, mend)


def fail(what: str, text: str, mend: str) -> Finding:
    return Finding(Level.FAIL, what, text, mend)


def findings(what: str, check: Check) -> Iterator[Finding]:
    """Those of one check. One that cannot be made is a finding of its own; the others go on."""
    try:
        yield from check()
    except LfrdError as error:
        yield fail(what, str(error), "as it says")
    except OSError as error:
        yield fail(what, f"{error.filename}: {error.strerror}", "look at this path and its rights")
