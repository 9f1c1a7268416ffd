"""What a route may ask for: the site, who is calling, and that they may.

A route that only supervisors or admins may call says so where it is declared
(`dependencies=[SUPERVISORS]`), and is refused before its body is looked at.
"""

from typing import Annotated

from fastapi import Depends, Request

from lfrd.api.rates import RateMeter
from lfrd.api.uploads import Uploads
from lfrd.governance.people import TokenDirectory, demand
from lfrd.site import Site
from lfrd.vocabulary import Role


def _site(request: Request) -> Site:
    site: Site = request.app.state.site
    return site


def _principal(request: Request) -> str:
    principal: str = request.state.principal
    return principal


def _role(request: Request) -> Role:
    role: Role = request.state.role
    return role


def _directory(request: Request) -> TokenDirectory:
    tokens: TokenDirectory = request.app.state.tokens
    return tokens


def _meter(request: Request) -> RateMeter:
    meter: RateMeter = request.app.state.meter
    return meter


def _uploads(request: Request) -> Uploads:
    uploads: Uploads = request.app.state.uploads
    return uploads


def _supervisors(request: Request) -> None:
    demand(_role(request), Role.SUPERVISOR)


def _admins(request: Request) -> None:
    demand(_role(request), Role.ADMIN)


SUPERVISORS = Depends(_supervisors)
ADMINS = Depends(_admins)

UploadsDep = Annotated[Uploads, Depends(_uploads)]
MeterDep = Annotated[RateMeter, Depends(_meter)]
SiteDep = Annotated[Site, Depends(_site)]
TokensDep = Annotated[TokenDirectory, Depends(_directory)]
RoleDep = Annotated[Role, Depends(_role)]
PrincipalDep = Annotated[str, Depends(_principal)]
"""The caller, such as `user:anna`; the door put it there, or the request would not be here."""
