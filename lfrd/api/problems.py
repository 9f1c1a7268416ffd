"""Refusals on the wire: RFC 9457 problem documents, for every way in which a request can fail.

A document holds what the caller may read and nothing else: no traceback, and no value that was
sent (an address may hold a password), only the name of the field that was wrong.
"""

import http
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from lfrd.errors import (
    BadInput,
    Changed,
    Conflict,
    Denied,
    Failure,
    LfrdError,
    NotFound,
    SourceError,
    StoreFailed,
    UnderWay,
    UserError,
)
from lfrd.text import shown_route
from lfrd.wire.base import Problem

log = logging.getLogger(__name__)

FIELDS_NAMED_MAX = 20
MEDIA_TYPE = "application/problem+json"

STATUS_OF: tuple[tuple[type[LfrdError], int], ...] = (
    (BadInput, 422),
    (NotFound, 404),
    (Changed, 412),
    (Conflict, 409),
    (Denied, 403),
    (SourceError, 422),
    (StoreFailed, 503),
    (Failure, 500),
    (LfrdError, 400),
)
"""The first class that fits gives the status."""

JSON = "application/json"

CODE_OF_STATUS = {
    400: "bad-request",
    401: Denied.code,
    403: Denied.code,
    404: NotFound.code,
    405: "method-not-allowed",
    408: "too-slow",
    412: Changed.code,
    413: "too-large",
    422: BadInput.code,
    503: "busy",
    504: "took-too-long",
}
"""The slug where no LfrdError was raised. (Names of statuses differ between Python versions.)"""


def status_of(error: LfrdError) -> int:
    return next(status for kind, status in STATUS_OF if isinstance(error, kind))


def problem(status: int, detail: str, code: str | None = None) -> Problem:
    slug = code or CODE_OF_STATUS.get(status, Failure.code if status >= 500 else UserError.code)
    title = http.HTTPStatus(status).phrase
    return Problem(title=title, status=status, code=slug, detail=detail)


def answer(document: Problem, headers: Mapping[str, str] | None = None) -> Response:
    return Response(
        document.model_dump_json(),
        status_code=document.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )


def answer_to(error: LfrdError) -> Response:
    """What the caller is told of an error that was raised."""
    wait = {"retry-after": "1"} if isinstance(error, UnderWay) else None
    return answer(problem(status_of(error), str(error), error.code), wait)


SAID_BETTER = {
    "extra_forbidden": "no such field",
    "json_invalid": "this is not JSON",
    "missing": "this field is required",
}


def describe(errors: Sequence[Mapping[str, Any]]) -> str:
    """Name each wrong field and what is wrong with it, in one sentence, without its value."""
    parts = [f"{_place(error)}: {_complaint(error)}" for error in errors]
    return "; ".join(parts[:FIELDS_NAMED_MAX])


def _place(error: Mapping[str, Any]) -> str:
    kind, *path = error["loc"]
    named = [str(part) for part in path] if error["type"] != "json_invalid" else []
    return ".".join(named)[:100] or str(kind)


def _complaint(error: Mapping[str, Any]) -> str:
    said = SAID_BETTER.get(error["type"]) or str(error["msg"])
    return f"{said[:1].lower()}{said[1:]}"


def install(app: FastAPI) -> None:
    """Make every refusal of the application a problem document."""
    app.add_exception_handler(LfrdError, _on_lfrd_error)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_fault)


async def _on_lfrd_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, LfrdError)
    if isinstance(error, Failure):
        log.error("a request failed: %s", error)
    return answer_to(error)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    if _lacks_json(request, error.errors()):
        detail = "send the body as JSON, with the header Content-Type: application/json"
        return answer(problem(415, detail, "not-json"))
    return answer(problem(422, describe(error.errors())))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = str(error.detail)
    if error.status_code == 404:
        detail = f"there is no {request.method} {shown_route(request.url.path)}"
    elif error.status_code == 405:
        detail = f"{request.method} is not possible on {shown_route(request.url.path)}"
        allowed = _methods_of(request.app.state.routes, request.url.path.removeprefix("/v1"))
        headers = {**(error.headers or {}), **({"Allow": allowed} if allowed else {})}
        return answer(problem(405, detail), headers)
    return answer(problem(error.status_code, detail), error.headers)


async def _on_fault(_request: Request, _error: Exception) -> Response:
    """The error goes on to the request guard, which logs it; the caller learns only that it
    happened."""
    return answer(problem(500, "an unexpected fault: the daemon's log says more"))


def _methods_of(routes: Iterable[APIRoute], path: str) -> str:
    """The methods that a path has, for the header Allow; what is written for this very path goes
    before what has a parameter in its place."""
    fitting = [route for route in routes if route.path_regex.match(path)]
    exact = [route for route in fitting if route.path == path]
    found = {method for route in exact or fitting for method in (route.methods or ())}
    return ", ".join(sorted(found | ({"HEAD"} if "GET" in found else set())))


def _lacks_json(request: Request, errors: Sequence[Any]) -> bool:
    """Whether a body was not understood because nothing said that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    whole = any(tuple(error["loc"]) == ("body",) for error in errors)
    return whole and kind != JSON and not kind.endswith("+json")
