"""The application: every resource's routes under /v1, and their description at /openapi.json."""

import asyncio
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

import lfrd
from lfrd.api import problems
from lfrd.api.deps import KNOWN_PARAMETERS
from lfrd.api.metrics import metrics
from lfrd.api.rates import RateMeter
from lfrd.api.request_guard import API_PREFIX
from lfrd.api.routes import (
    alerts,
    audit,
    cameras,
    deployments,
    evaluations,
    events,
    governance,
    health,
    imports,
    models,
    outbox,
    records,
    reviewers,
    subjects,
    thresholds,
    tokens,
    trainings,
    trials,
    watchlists,
    whip,
)
from lfrd.api.uploads import Uploads
from lfrd.site import Site
from lfrd.wire.base import Problem, Wire
from lfrd.wire.events import EventMessage
from lfrd.wire.health import HealthChange

DESCRIPTION = """\
The only interface of a live facial recognition daemon. Over the Unix socket the caller is the
system user of the calling process; over loopback TCP a bearer token is needed. Every refusal is a
problem document (RFC 9457)."""

RESOURCES = (
    health, cameras, watchlists, imports, thresholds, models, deployments, alerts,
    reviewers, events, whip, governance, evaluations, tokens, trials, audit,
    records, subjects, trainings, outbox,
)  # fmt: skip

NOT_IN_A_ROUTE: tuple[type[Wire], ...] = (Problem, EventMessage, HealthChange)
"""Models that the description names but no route declares as its body."""


def make_app(site: Site, stopping: asyncio.Event) -> FastAPI:
    """Build the application; `stopping` ends the event streams."""
    app = FastAPI(
        title="lfrd",
        version=lfrd.__version__,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.site = site
    app.state.stopping = stopping
    app.state.meter = RateMeter()
    app.state.uploads = Uploads()
    problems.install(app)
    refused: dict[int | str, dict[str, Any]] = {
        "4XX": _problem_response("Refused"),
        "5XX": _problem_response("Failed"),
    }
    for resource in RESOURCES:
        app.include_router(
            resource.router,
            prefix=API_PREFIX,
            responses=refused,
            dependencies=[KNOWN_PARAMETERS],
        )
    app.state.routes = tuple(
        route
        for resource in RESOURCES
        for route in resource.router.routes
        if isinstance(route, APIRoute)
    )
    app.openapi = lambda: _describe(app)  # type: ignore[method-assign]  # FastAPI's documented way

    async def describe(_: Request) -> Response:
        """Off the loop: the first time it takes a third of a second, in which no camera is read."""
        return JSONResponse(await asyncio.to_thread(app.openapi))

    app.add_route("/openapi.json", describe, include_in_schema=False)
    app.add_route("/metrics", metrics, include_in_schema=False)
    return app


def _problem_response(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {problems.MEDIA_TYPE: {"schema": schema}}}


def _describe(app: FastAPI) -> dict[str, Any]:
    """The description with the models that FastAPI cannot see in a route."""
    if app.openapi_schema is None:
        described = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        schemas = described.setdefault("components", {}).setdefault("schemas", {})
        for model in NOT_IN_A_ROUTE:
            own = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(own.pop("$defs", {}))
            schemas[model.__name__] = own
        app.openapi_schema = described
    return app.openapi_schema
