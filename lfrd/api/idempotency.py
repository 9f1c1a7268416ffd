"""The header `Idempotency-Key`: a write that is sent again is answered as it was, and done once.

That it was done is on the disk, in the transaction that did it (lfrd.store.request_keys), and is
kept for a day. Its answer is kept in memory for an hour, unless it holds a secret, and not longer
than until anything is erased: then, and after a restart, who sends it again is told that it was
done. Who sends it again while the first one runs is told to ask again: so the IETF's draft has it
(draft-ietf-httpapi-idempotency-key-header), and nobody holds a connection meanwhile.
"""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import Message, Receive, Send

from lfrd.clock import Clock
from lfrd.errors import BadInput, UnderWay
from lfrd.request import RequestKey
from lfrd.vocabulary import Role

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
KEY = re.compile(r"[\x21-\x7e]{1,255}")
ANSWERS_KEPT = 1_000
ANSWER_BYTES_MAX = 64 * 1024
KEPT_S = 3600.0
ANSWERS_BYTES_MAX = 4 * 1024 * 1024
"""Of all answers that are kept."""
SECRET_PATHS = frozenset({"/v1/tokens", "/v1/cameras"})
"""Whose answers hold a secret, this once."""
QUESTIONS = re.compile(
    r"/v1/(subjects/[^/]+|photos/(check|inspect)|watchlists/[^/]+/(import-check|export)|audit/export"
    r"|deployments/[^/]+/record|years/[^/]+/[^/]+|cameras/[^/]+/test|alerts/[^/]+/replay)"
)
"""POST that asks and changes nothing: it may be asked again, and what it answers about people is
not kept."""


@dataclass(frozen=True, slots=True)
class _Answer:
    fingerprint: bytes
    role: Role
    messages: tuple[Message, ...]
    size: int
    at_s: float


def key_in(given: str | None, method: str, path: str) -> str | None:
    """The key of a write, None where nothing is written. Raises BadInput for one that is none."""
    if given is None or method not in WRITES or QUESTIONS.fullmatch(path):
        return None
    if not KEY.fullmatch(given):
        raise BadInput("Idempotency-Key: it is 1 to 255 signs without spaces, such as a UUID")
    return given


def fingerprint(method: str, path: str, query: bytes, body: bytes) -> bytes:
    """SHA-256 over what is asked for."""
    parts = (method.encode(), path.encode(), query, body)
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).digest()


class Answers:
    """What was answered to writes with a key; bounded, the oldest go. For the event loop only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[tuple[str, str], _Answer] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[tuple[str, str], bytes] = {}

    async def once(
        self,
        asked: RequestKey,
        path: str,
        role: Role,
        send: Send,
        serve: Callable[[Send], Awaitable[None]],
    ) -> None:
        """Serve a write, or answer as before. Raises BadInput where its key was given to another
        request, UnderWay while the first one is.

        Whose `role` is less by now than when it was answered is served anew: the route refuses
        what it does not allow, and what is still allowed is not done again (DoneBefore).
        """
        place = asked.principal, asked.key
        kept = self._kept.get(place)
        if kept is not None and self._clock.monotonic_s() - kept.at_s < KEPT_S:
            _demand_same(kept.fingerprint, asked)
            if role.includes(kept.role):
                for message in kept.messages:
                    await send(message)
                return
        if place in self._under_way:
            _demand_same(self._under_way[place], asked)
            raise UnderWay(
                "the request that this Idempotency-Key was first sent with is still being worked "
                "on: send it again in a second to get its answer"
            )
        self._under_way[place] = asked.fingerprint
        try:
            heard = _Listener(send)
            await serve(heard.send)
            if path not in SECRET_PATHS and heard.whole:
                self._keep(asked, role, heard)
        finally:
            del self._under_way[place]

    def _keep(self, asked: RequestKey, role: Role, heard: "_Listener") -> None:
        place = asked.principal, asked.key
        self._forget(self._kept.pop(place, None))
        now_s = self._clock.monotonic_s()
        self._kept[place] = _Answer(asked.fingerprint, role, heard.messages, heard.size, now_s)
        self._bytes += heard.size
        while self._is_over(now_s):
            self._forget(self._kept.popitem(last=False)[1])

    def forget_all(self) -> None:
        """Something was erased, and what was answered before may tell of it."""
        self._kept.clear()
        self._bytes = 0

    def _is_over(self, now_s: float) -> bool:
        """Whether the oldest answer has to go."""
        oldest = next(iter(self._kept.values()), None)
        too_many = len(self._kept) > ANSWERS_KEPT or self._bytes > ANSWERS_BYTES_MAX
        return oldest is not None and (too_many or now_s - oldest.at_s >= KEPT_S)

    def _forget(self, answer: _Answer | None) -> None:
        self._bytes -= 0 if answer is None else answer.size


def _demand_same(first: bytes, asked: RequestKey) -> None:
    """Raises BadInput where a key was given to another request."""
    if first != asked.fingerprint:
        raise BadInput("Idempotency-Key: this key was given to another request: take a new one")


class _Listener:
    """Passes an answer on, and remembers a small one that says that it was done."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._messages: list[Message] = []
        self.size = 0
        self._done = False
        self._ended = False

    @property
    def whole(self) -> bool:
        return self._done and self._ended and self.size <= ANSWER_BYTES_MAX

    @property
    def messages(self) -> tuple[Message, ...]:
        """To be sent again, and said to be so."""
        start, *rest = self._messages
        headers = [*start["headers"], (b"idempotency-replayed", b"true")]
        return ({**start, "headers": headers}, *rest)

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._done = 200 <= message["status"] < 300
            message = {**message, "headers": list(message["headers"])}
        elif message["type"] == "http.response.body":
            self.size += len(message.get("body", b""))
            self._ended = not message.get("more_body", False)
        if self._done and self.size <= ANSWER_BYTES_MAX:
            self._messages.append({**message, "headers": list(message["headers"])}
                                  if "headers" in message else dict(message))  # fmt: skip
        await self._send(message)


async def whole_body(receive: Receive) -> tuple[bytes, Receive]:
    """A body, and what gives it to the application again."""
    pieces: list[Message] = []
    while True:
        message = await receive()
        pieces.append(message)
        if message["type"] != "http.request" or not message.get("more_body", False):
            break
    body = b"".join(piece.get("body", b"") for piece in pieces)
    left = list(reversed(pieces))

    async def again() -> Message:
        return left.pop() if left else await receive()

    return body, again
