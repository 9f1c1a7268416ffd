"""Server-sent events as text, in both directions (WHATWG HTML, section 9.2). Pure.

The server encodes, the client decodes; one file, so that the two cannot disagree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

CHANGE = "change"
RATES = "rates"
HEALTH = "health"
RESET = "reset"

HEARTBEAT = b": alive\n\n"
"""A comment, so that both ends notice a dead connection."""

LINE_LIMIT = 1024 * 1024
"""Longest line (in characters) that is read; a longer one is a broken server."""


@dataclass(frozen=True, slots=True)
class Message:
    """One dispatched event; `last_id` is the position to resume from after it."""

    event: str
    data: str
    last_id: str


def encode(event: str, data: str, event_id: int | None = None) -> bytes:
    """One event as text. `data` may hold several lines; `event` is one of the names above."""
    lines = [] if event_id is None else [f"id: {event_id}"]
    lines.append(f"event: {event}")
    lines += [f"data: {line}" for line in data.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


def position(event_id: int) -> bytes:
    """A block that sets the resume position and dispatches nothing."""
    return f"id: {event_id}\n\n".encode()


class Decoder:
    """Lines in, messages out. `last_id` is where a reconnect resumes, "" at the beginning."""

    def __init__(self, last_id: str = "") -> None:
        self.last_id = last_id
        self._pending_id = last_id
        self._event = ""
        self._data: list[str] = []

    def feed(self, line: str) -> Iterator[Message]:
        """Take one line without its end; yield the message that an empty line completes.

        Raises ValueError for a line over LINE_LIMIT.
        """
        if len(line) > LINE_LIMIT:
            raise ValueError("a line of the event stream is too long")
        if line == "":
            yield from self._dispatch()
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id" and "\0" not in value:
            self._pending_id = value
        elif name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)

    def _dispatch(self) -> Iterator[Message]:
        self.last_id = self._pending_id
        event, data = self._event, self._data
        self._event, self._data = "", []
        if data:
            yield Message(event or "message", "\n".join(data), self.last_id)
