"""The application: every resource's routes under /v1, and their description at /openapi.json."""

import asyncio
from functools import cache
from typing import Any

from fastapi import APIRouter, FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

import lfrd
from lfrd.api import problems
from lfrd.api.deps import KNOWN_PARAMETERS
from lfrd.api.examples import EXAMPLES
from lfrd.api.idempotency import WRITES
from lfrd.api.metrics import metrics
from lfrd.api.rates import RateMeter
from lfrd.api.request_guard import API_PREFIX, WHIP_PATH
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
    incidents,
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
    health, cameras, watchlists, imports, incidents, thresholds, models, deployments, alerts,
    reviewers, events, whip, governance, evaluations, tokens, trials, audit,
    records, subjects, trainings, outbox,
)  # fmt: skip

SECURITY: dict[str, Any] = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "A personal token (POST /v1/tokens). On loopback TCP each request needs "
        "one; on the Unix socket the kernel says who calls, and a token takes the place of that.",
    },
    "publisher": {
        "type": "http",
        "scheme": "bearer",
        "description": "The token of a whip:// camera, for its publishers alone.",
    },
}
IDEMPOTENCY_KEY: dict[str, Any] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "1 to 255 signs such as a UUID. The same request with the same key is done "
    "once: sent again, it is answered as it was, with `Idempotency-Replayed: true`; while the "
    "first one is under way with 409, `under-way` and `Retry-After`.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]{1,255}$"},
}

NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI would record each request, with what was refused in it, for OpenTelemetry, and send that
where a variable of the environment says so."""

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
        telemetry=NO_TELEMETRY,
    )
    app.state.site = site
    app.state.stopping = stopping
    app.state.meter = RateMeter()
    app.state.edits = asyncio.Lock()
    app.state.uploads = Uploads()
    problems.install(app)
    app.router.routes.extend(_resource_routes())
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


@cache
def _resource_routes() -> tuple[BaseRoute, ...]:
    """Every resource's routes under /v1. Nothing of them is a site's own, and FastAPI needs a
    twentieth of a second to read them: once a process, and not for each application."""
    refused: dict[int | str, dict[str, Any]] = {
        "4XX": _problem_response("Refused"),
        "5XX": _problem_response("Failed"),
    }
    router = APIRouter(generate_unique_id_function=lambda route: route.name)
    for resource in RESOURCES:
        router.include_router(
            resource.router,
            prefix=API_PREFIX,
            responses=refused,
            dependencies=[KNOWN_PARAMETERS],
        )
    return tuple(router.routes)


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
        for model, example in EXAMPLES.items():
            schemas[model.__name__]["examples"] = [example]
        described["components"]["securitySchemes"] = SECURITY
        described["security"] = [{"token": []}, {}]
        for path, methods in described["paths"].items():
            for method, operation in methods.items():
                if method.upper() in WRITES and not path.startswith(WHIP_PATH):
                    operation.setdefault("parameters", []).append(IDEMPOTENCY_KEY)
        app.openapi_schema = described
    return app.openapi_schema
