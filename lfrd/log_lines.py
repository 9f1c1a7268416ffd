"""Lines of the log: for people or as JSON, nothing in them obeyed by the terminal that shows
them, and of one camera at most one a second."""

import json
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime

from lfrd.request import current
from lfrd.text import one_line, printable

CAMERA_EVERY_S = 1.0
CAMERAS_MAX = 1_000


class LineFormatter(logging.Formatter):
    """As logging's own, but nothing in a record is obeyed by a terminal, or begins a line that
    looks like another record. A traceback keeps its lines, which are indented."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        return one_line(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's own name
        lines = printable(super().formatException(ei)).split("\n")  # type: ignore[arg-type]
        return "\n".join([lines[0], *(f"  {line}" for line in lines[1:])])


class JsonFormatter(logging.Formatter):
    """One JSON object a line: `at` (RFC 3339, UTC), `level`, `logger`, `message`, and where they
    are known `request_id`, `camera`, `trace`."""

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, str] = {
            "at": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": one_line(record.getMessage()),
        }
        if (mark := current.get()) is not None:
            line["request_id"] = mark.id
        if (camera := camera_of(record)) is not None:
            line["camera"] = one_line(camera)
        if record.exc_info:
            line["trace"] = printable(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class CameraLimit(logging.Filter):
    """Of each camera at most one line a second; the next one says how many were left out."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic_s = monotonic_s
        self._last_s: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        camera = camera_of(record)
        if camera is None:
            return True
        now_s = self._monotonic_s()
        if now_s - self._last_s.get(camera, now_s - CAMERA_EVERY_S) < CAMERA_EVERY_S:
            self._left_out[camera] = self._left_out.get(camera, 0) + 1
            return False
        if camera not in self._last_s and len(self._last_s) >= CAMERAS_MAX:
            self._last_s.clear()
            self._left_out.clear()
        self._last_s[camera] = now_s
        if left_out := self._left_out.pop(camera, 0):
            record.msg = f"{record.msg} (%d lines before it were left out)"
            record.args = (*(record.args if isinstance(record.args, tuple) else ()), left_out)
        return True


def camera_of(record: logging.LogRecord) -> str | None:
    """Which camera a line is about: it begins with it, as ours do (`camera %s: …`), or it is of its
    place on the health board (`camera:ID is …`)."""
    if not isinstance(record.args, tuple) or not record.args:
        return None
    first = str(record.args[0])
    if str(record.msg).startswith("camera %s"):
        return first
    return first.removeprefix("camera:") if first.startswith("camera:") else None


def handler_of(form: str, *, limited: bool) -> logging.Handler:
    """What writes the log to standard error; `limited`: of each camera a line a second at most."""
    handler = logging.StreamHandler()
    text = LineFormatter("%(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonFormatter() if form == "json" else text)
    if limited:
        handler.addFilter(CameraLimit())
    return handler
