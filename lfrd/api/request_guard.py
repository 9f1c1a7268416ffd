"""What every request passes first: who it is, how much and how long it may send, one log line.

It stands before routing, so that a stranger learns nothing, not even which routes exist.
"""

import asyncio
import logging
import re
import secrets
import time
from dataclasses import dataclass
from email.utils import formatdate
from typing import cast

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lfrd.api.auth import Caller, Refusal, identify, system_user
from lfrd.api.idempotency import Answers, fingerprint, key_in, whole_body
from lfrd.api.problems import answer, answer_to, problem
from lfrd.api.shares import Requests, Task
from lfrd.clock import Clock
from lfrd.counters import Measures
from lfrd.errors import LfrdError, trace_of
from lfrd.governance.denials import Denial, Denials
from lfrd.governance.people import TokenDirectory
from lfrd.request import RequestKey, RequestMark, current
from lfrd.text import shown_route

log = logging.getLogger(__name__)
access_log = logging.getLogger("lfrd.api.access")

API_PREFIX = "/v1"
WHIP_PATH = f"{API_PREFIX}/whip/"
PUBLISHER = "publisher"
"""Who sends pictures to a camera is judged by the camera's own token, in the route."""
HANG_UP = {"connection": "close"}
AUTHENTICATION = "authentication"
"""What is refused before any route is looked for."""


PHOTO_PATHS = re.compile(
    r"/v1/(entries/[^/]+/photos|photos/(?:check|inspect)|imports/[^/]+/rows|watchlists/[^/]+/import-check"
    r"|subjects/lookup-photo)"
)
"""Where the body is a photo."""

ENDLESS_PATHS = re.compile(r"/v1/(events|cameras/[^/]+/mjpeg|watchlists/[^/]+/export|audit/export)")
"""Answers that stream as long as their reader reads."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on one request.

    `body_s` bounds how long a body may take to arrive, `request_s` everything from the head to
    the end of the answer; the event stream alone has no end.
    """

    body_bytes: int = 64 * 1024
    photo_bytes: int = 20 * 1024 * 1024
    body_s: float = 30.0
    request_s: float = 60.0

    def body_limit(self, method: str, path: str) -> int:
        photo = method == "POST" and PHOTO_PATHS.fullmatch(path) is not None
        return self.photo_bytes if photo else self.body_bytes


class RequestGuard:
    """ASGI application around the application proper."""

    def __init__(
        self,
        app: ASGIApp,
        tokens: TokenDirectory,
        denials: Denials,
        limits: Limits,
        measures: Measures,
        clock: Clock,
    ) -> None:
        self._measures = measures
        self.answers = Answers(clock)
        self._app = app
        self._tokens = tokens
        self._denials = denials
        self._limits = limits
        self._requests = Requests()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http", scope["type"]
        started_s = time.monotonic()
        mark = RequestMark(request_id(scope))
        scope["state"]["mark"] = mark
        current.set(mark)
        body = _Body(scope, receive, self._limits)
        reply = _Reply(send, body, mark.id)
        principal = "-"
        try:
            principal = await self._admit(scope, body, reply)
        finally:
            current.set(RequestMark(mark.id))
            await self._note_denial(scope, reply.status)
            await self._tokens.write_uses()
            took_s = time.monotonic() - started_s
            if ENDLESS_PATHS.fullmatch(scope["path"]) is None:
                self._measures.answered(scope["method"], reply.status, took_s)
            access_log.info(
                "%s %s %s %d %.0f ms %s",
                principal,
                scope["method"],
                shown_route(scope["path"]),
                reply.status,
                took_s * 1000,
                mark.id,
            )

    async def _admit(self, scope: Scope, body: "_Body", reply: "_Reply") -> str:
        """Identify the caller and serve them; return the principal for the log."""
        headers = Headers(scope=scope)
        caller: Caller | Refusal = Caller(PUBLISHER, None)
        if not scope["path"].startswith(WHIP_PATH):
            caller = await identify(scope["state"]["peer"], headers, self._tokens.principal_of)
        if isinstance(caller, Refusal):
            challenge = {"www-authenticate": "Bearer"} if caller.status == 401 else {}
            scope["state"]["actor"] = caller.actor
            await _refuse(scope, body, reply, caller.status, caller.detail, challenge | HANG_UP)
            return "-"
        who = caller.principal
        scope["state"]["actor"] = None if who == PUBLISHER else who
        local = scope["state"]["peer"].uid is not None
        if not local:  # on the socket the kernel has said it already
            scope["state"]["connection"].holder = who
        task = Task(who, local, ENDLESS_PATHS.fullmatch(scope["path"]) is not None)
        if (refusal := self._requests.begin(task)) is not None:
            await _refuse(scope, body, reply, 503, refusal, {"retry-after": "1"} | HANG_UP)
            return who
        scope["state"]["principal"] = who
        scope["state"]["role"] = self._tokens.role_of(who, caller.uid)
        try:
            body.check_declared()
            await self._serve(scope, body, reply, task)
        except HTTPException as error:
            await _refuse(scope, body, reply, error.status_code, error.detail, HANG_UP)
        finally:
            self._requests.end(task)
        return who

    async def _note_denial(self, scope: Scope, status: int) -> None:
        """Have a refused request written into the log, where it is known who asked."""
        if status not in (401, 403):
            return
        actor = scope["state"].get("actor") or await system_user(scope["state"]["peer"])
        if actor is None:
            return
        request = AUTHENTICATION
        if (route := scope.get("route")) is not None:
            # FastAPI gives the path of an included router's route without the router's prefix.
            path = API_PREFIX + route.path.removeprefix(API_PREFIX)
            request = f"{scope['method']} {path}"
        self._denials.note(Denial(actor, request, status))

    async def _serve(self, scope: Scope, body: "_Body", reply: "_Reply", task: Task) -> None:
        limit_s = None if task.endless else self._limits.request_s
        try:
            async with asyncio.timeout(limit_s) as limit:
                await self._call(scope, body, reply)
        except LfrdError as error:
            await answer_to(error)(scope, body.receive, reply.send)
        except TimeoutError:
            if not limit.expired():
                raise
            detail = f"this took over {limit_s:.0f} s: look whether it was done before repeating it"
            await _refuse(scope, body, reply, 504, detail, HANG_UP)
        except asyncio.CancelledError:  # the server stops, and gave it a last while
            await _refuse(scope, body, reply, 503, "the daemon is stopping", HANG_UP)
        except HTTPException:
            raise
        except Exception as fault:
            # The one place where an unforeseen fault of a route ends: logged here in full; the
            # caller has been told 500 (or is cut off in mid-answer), and others are served on.
            where = shown_route(scope["path"])
            log.error("unexpected fault in %s %s: %s", scope["method"], where, trace_of(fault))
            await _refuse(scope, body, reply, 500, "an unexpected fault", HANG_UP)

    async def _call(self, scope: Scope, body: "_Body", reply: "_Reply") -> None:
        """The application: for HEAD as for GET, and a write with a key once."""
        method, path = scope["method"], scope["path"]
        if method == "HEAD":  # the server sends no body then
            if ENDLESS_PATHS.fullmatch(path) is not None:
                raise HTTPException(405, "HEAD is not possible on an answer without an end")
            await self._app({**scope, "method": "GET"}, body.receive, reply.send)
            return
        key = key_in(Headers(scope=scope).get("idempotency-key"), method, path)
        if key is None or path.startswith(WHIP_PATH):
            await self._app(scope, body.receive, reply.send)
            return
        content, receive = b"", cast(Receive, body.receive)
        if PHOTO_PATHS.fullmatch(path) is None:
            content, receive = await whole_body(body.receive)
        else:  # it is not held whole for this; the same photo is not taken twice anyway
            content = Headers(scope=scope).get("content-length", "").encode()
        asked = fingerprint(method, path, scope["query_string"], content)
        given = RequestKey(scope["state"]["principal"], key, asked, secrets.token_hex(8))
        current.set(RequestMark(scope["state"]["mark"].id, given))
        await self.answers.once(
            given,
            path,
            scope["state"]["role"],
            reply.send,
            lambda send: self._app(scope, receive, send),
        )


def request_id(scope: Scope) -> str:
    """What the sender called its request (`X-Request-Id`), if that is a plain word; else one of
    ours."""
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)


_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


async def _refuse(
    scope: Scope,
    body: "_Body",
    reply: "_Reply",
    status: int,
    detail: str,
    headers: dict[str, str],
) -> None:
    """Answer with a problem document; an answer already under way is cut off instead."""
    if not reply.started:
        await answer(problem(status, detail), headers)(scope, body.receive, reply.send)
    elif not reply.complete:
        scope["state"]["abort"]()


class _Body:
    """The request's body, counted and timed while it is read."""

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        headers = Headers(scope=scope)
        declared = headers.get("content-length", "0")
        self._declared = int(declared) if declared.isdigit() else 0
        self._receive = receive
        self._limits = limits
        self._limit = limits.body_limit(scope["method"], scope["path"])
        self._read = 0
        self._deadline_s: float | None = None
        self.complete = self._declared == 0 and "transfer-encoding" not in headers

    def check_declared(self) -> None:
        """Refuse by the announced length, before a byte of it is kept."""
        if self._declared > self._limit:
            raise self._too_large()

    async def receive(self) -> Message:
        """Pass the next piece on; raises HTTPException 413 or 408 at a limit."""
        if self.complete:
            return await self._receive()
        message = await self._next()
        if self._read > self._limit:
            raise self._too_large()
        return message

    async def _next(self) -> Message:
        if self._deadline_s is None:  # it counts from when the body is wanted
            self._deadline_s = asyncio.get_running_loop().time() + self._limits.body_s
        try:
            async with asyncio.timeout_at(self._deadline_s):
                message = await self._receive()
        except TimeoutError:
            detail = f"the body did not arrive within {self._limits.body_s:.0f} s"
            raise HTTPException(408, detail, HANG_UP) from None
        self._read += len(message.get("body", b""))
        self.complete = not message.get("more_body", False)
        return message

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"a body here holds at most {self._limit} bytes", HANG_UP)


class _Reply:
    """The answer: remembers its status, and adds the headers that every answer carries."""

    def __init__(self, send: Send, body: _Body, request_id: str) -> None:
        self._send = send
        self._request_id = request_id
        self._body = body
        self.status = 0
        self.started = False
        self.complete = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            self._add_headers(MutableHeaders(scope=message))
        elif message["type"] == "http.response.body":
            self.complete = not message.get("more_body", False)
        await self._send(message)

    def _add_headers(self, headers: MutableHeaders) -> None:
        headers["date"] = formatdate(usegmt=True)
        headers["x-request-id"] = self._request_id
        headers["x-content-type-options"] = "nosniff"
        headers.setdefault("cache-control", "no-store")
        if not self._body.complete:
            headers["connection"] = "close"  # what is left of the body is not worth reading
