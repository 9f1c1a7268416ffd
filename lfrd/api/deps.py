"""What a route may ask for: the site, who is calling, and that they may.

A route that only supervisors or admins may call says so where it is declared
(`dependencies=[SUPERVISORS]`), and is refused before its body is looked at.

All are coroutines, although none waits: what is not one FastAPI runs in a thread, and four such
ways there and back take longest of a request where inference keeps the machine busy.
"""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from lfrd.api.rates import RateMeter
from lfrd.api.uploads import Uploads
from lfrd.errors import BadInput
from lfrd.governance.people import TokenDirectory, demand
from lfrd.site import Site
from lfrd.vocabulary import Role


async def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


async def _principal(request: Request) -> str:
    principal: str = request.state.principal
    return principal


async def _role(request: Request) -> Role:
    role: Role = request.state.role
    return role


async def _directory(request: Request) -> TokenDirectory:
    tokens: TokenDirectory = request.app.state.tokens
    return tokens


async def _meter(request: Request) -> RateMeter:
    meter: RateMeter = request.app.state.meter
    return meter


async def _uploads(request: Request) -> Uploads:
    uploads: Uploads = request.app.state.uploads
    return uploads


async def _supervisors(request: Request) -> None:
    demand(request.state.role, Role.SUPERVISOR)


async def _admins(request: Request) -> None:
    demand(request.state.role, Role.ADMIN)


async def _known_parameters(request: Request) -> None:
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


SUPERVISORS = Depends(_supervisors)
ADMINS = Depends(_admins)
KNOWN_PARAMETERS = Depends(_known_parameters)
"""Of every route: a misspelt parameter is refused, and not ignored."""

UploadsDep = Annotated[Uploads, Depends(_uploads)]
MeterDep = Annotated[RateMeter, Depends(_meter)]
SiteDep = Annotated[Site, Depends(_site)]
TokensDep = Annotated[TokenDirectory, Depends(_directory)]
RoleDep = Annotated[Role, Depends(_role)]
PrincipalDep = Annotated[str, Depends(_principal)]
"""The caller, such as `user:anna`; the request guard has identified it."""
