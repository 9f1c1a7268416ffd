"""Every error that lfrd raises on purpose.

    LfrdError
    ├── UserError            the user can mend it: one sentence, exit code 2, HTTP 4xx
    │   ├── ConfigError      a key or value in the configuration
    │   ├── BadInput         a photo, file, parameter or body that cannot be used      422
    │   ├── NotFound         no such thing                                            404
    │   ├── Conflict         the state forbids it now                                 409
    │   │   ├── Changed      it is not as the caller saw it any more                  412
    │   │   ├── DoneBefore   a write with this key was done, its answer is gone       409
    │   │   └── UnderWay     a write with this key is being done: ask again           409
    │   ├── Denied           not authenticated, or not allowed                        401, 403
    │   ├── ModelError       a model file that is missing, corrupt or foreign
    │   ├── StateError       the state folder: in use, too new, key missing or wrong
    │   └── SourceError      a camera or video that cannot be opened or has ended
    │       └── SourceRefused    wrong credentials: retried slowly
    └── Failure              the machine failed under us: health turns red, exit code 1
        ├── StoreFailed      a write did not reach the disk
        ├── InferenceFailed  an execution provider broke at load or in mid-run
        ├── FacesLeft        a face buffer outlived its deployment: a fault of ours
        ├── RecordUnsound    figures of a record that do not add up: a fault of ours
        └── OutputClosed     what a command prints is read no more (`| head`)

Foreign exceptions are turned into these once, in the module that owns the library. A message
names what, where, and how to mend it; it never holds a password, a vector or a name of a person.
"""

import traceback
from collections.abc import Iterator
from pathlib import Path


class LfrdError(Exception):
    """Root of the tree; `code` is the stable slug that the API and `--json` output show."""

    code = "error"


class UserError(LfrdError):
    """The user can mend it. The message is one clear sentence for that person."""

    code = "user-error"


class ConfigError(UserError):
    """One or more wrong settings; the message lists all of them, a line each."""

    code = "bad-config"


class BadInput(UserError):
    """A photo, file, parameter or body that cannot be used; nothing was stored."""

    code = "bad-input"


class NotFound(UserError):
    """There is no such thing."""

    code = "not-found"


class Conflict(UserError):
    """The present state forbids it; the message says what would allow it."""

    code = "conflict"


class Changed(Conflict):
    """What is to be changed is not as the caller saw it any more: read it again."""

    code = "changed"


class DoneBefore(Conflict):
    """A write with this key was done before, and its answer is not kept: look what came of it."""

    code = "done-before"


class UnderWay(Conflict):
    """A write with this key is being done now: ask again in a moment for its answer."""

    code = "under-way"


class Denied(UserError):
    """The caller is unknown, or not allowed to do this."""

    code = "denied"


class ModelError(UserError):
    """A model file that is missing, corrupt, foreign, or of the wrong digest."""

    code = "bad-model"


class StateError(UserError):
    """The state folder cannot be used: another daemon, a newer version, a missing or wrong key."""

    code = "bad-state"


class SourceError(UserError):
    """A camera or video that cannot be opened, stalled, or ended."""

    code = "bad-source"


class SourceRefused(SourceError):
    """The camera answered and refused the credentials."""

    code = "source-refused"


class Failure(LfrdError):
    """The machine failed; the user did nothing wrong."""

    code = "failure"


class StoreFailed(Failure):
    """A write did not reach the disk (full, read-only, broken)."""

    code = "store-failed"


class InferenceFailed(Failure):
    """An execution provider failed at load or in mid-run."""

    code = "inference-failed"


class FacesLeft(Failure):
    """Face buffers were still held when their deployment had ended."""

    code = "faces-left"


class RecordUnsound(Failure):
    """The figures of a deployment's record do not add up: it is not shown."""

    code = "record-unsound"


class OutputClosed(Failure):
    """The program that read what a command prints has gone; no user is left to tell."""

    code = "output-closed"


def each_of(error: BaseException) -> Iterator[BaseException]:
    """The errors that a task group has wrapped, however deep; an error that is no group itself."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from each_of(inner)
    else:
        yield error


def place_of(error: BaseException) -> str:
    """Where an error arose and of which type it is, without its text: that may hold a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    name = type(error).__name__
    if trace is None:
        return name
    return f"{name} at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


def trace_of(error: BaseException) -> str:
    """The same with the lines that led there; for the log, after a fault of ours."""
    frames = "".join(traceback.format_tb(error.__traceback__))
    return f"{place_of(error)}\n{frames}".rstrip()
