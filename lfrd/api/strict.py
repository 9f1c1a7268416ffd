"""Requests are taken as they are written down or not at all: a misspelt parameter is no silence,
and a wrong method learns which are right."""

from collections.abc import Iterable, Sequence
from typing import Any

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from lfrd.errors import BadInput

JSON = "application/json"


def known_parameters(request: Request) -> None:
    """Refuse a query parameter that the route does not have. Raises BadInput."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    has = _parameters_of(route.dependant)
    unknown = sorted(set(request.query_params) - has)
    if unknown:
        known = ", ".join(sorted(has)) or "none"
        names = ", ".join(name[:40] for name in unknown[:5] if name.isidentifier()) or "such"
        raise BadInput(f"there is no query parameter {names} here; it has: {known}")


def _parameters_of(dependant: Dependant) -> set[str]:
    own = {field.alias for field in dependant.query_params}
    return own.union(*(_parameters_of(inner) for inner in dependant.dependencies))


def methods_of(routes: Iterable[APIRoute], path: str) -> str:
    """The methods that a path has, for the header Allow."""
    found = {
        method
        for route in routes
        if route.path_regex.match(path)
        for method in (route.methods or ())
    }
    return ", ".join(sorted(found))


def lacks_json(request: Request, errors: Sequence[Any]) -> bool:
    """Whether a body was not understood because nothing said that it is JSON."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    whole = any(tuple(error["loc"]) == ("body",) for error in errors)
    return whole and kind != JSON and not kind.endswith("+json")
