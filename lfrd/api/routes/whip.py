"""WHIP (RFC 9725): a browser, a phone, OBS or FFmpeg publishes to one of our cameras.

    POST   /v1/whip/{camera}             an SDP offer; 201 with the answer and a Location
    DELETE /v1/whip/{camera}/{session}   the end of it

The token belongs to the camera and is good for nothing else; the request guard lets these paths
pass so that it is judged here. Without a running deployment a publisher is told to come back later.
"""

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from lfrd.api.deps import SiteDep
from lfrd.api.editing import MADE
from lfrd.errors import BadInput
from lfrd.ingest.whip import NotReceiving
from lfrd.site import Site

PREFIX = "/v1/whip/"
SDP = "application/sdp"

router = APIRouter(prefix="/whip", tags=["whip"])


SDP_BODY = {"content": {SDP: {"schema": {"type": "string"}}}}
DESCRIBED = {
    "security": [{"publisher": []}],
    "requestBody": {"required": True, "description": "An SDP offer", **SDP_BODY},
}


@router.post(
    "/{camera_id}",
    status_code=201,
    response_class=Response,
    openapi_extra=DESCRIBED,
    responses={201: {"description": "The SDP answer", **SDP_BODY, **MADE[201]}},
)
async def publish(camera_id: str, request: Request, site: SiteDep) -> Response:
    """Begin to publish: the body is an SDP offer, the answer is one too."""
    _authorise(camera_id, request, site)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != SDP:
        raise HTTPException(415, f"a WHIP offer has the media type {SDP}")
    try:
        offer = (await request.body()).decode()
    except UnicodeDecodeError:
        raise BadInput("the offer is not text") from None
    try:
        published = await site.fleet.whip.publish(camera_id, offer)
    except NotReceiving as error:
        raise HTTPException(409, str(error), {"retry-after": str(error.retry_after_s)}) from None
    location = f"{PREFIX}{camera_id}/{published.session_id}"
    headers = {"location": location, "access-control-expose-headers": "location"}
    return Response(published.answer_sdp, 201, headers | _cors(request), media_type=SDP)


@router.delete(
    "/{camera_id}/{session_id}",
    status_code=200,
    response_class=Response,
    openapi_extra={"security": [{"publisher": []}]},
)
async def leave(camera_id: str, session_id: str, request: Request, site: SiteDep) -> Response:
    """End a session; its id is its secret, and the camera's token is needed too."""
    _authorise(camera_id, request, site)
    await site.fleet.whip.delete(session_id)
    return Response(status_code=200, headers=_cors(request))


@router.options("/{camera_id}", include_in_schema=False)
@router.options("/{camera_id}/{session_id}", include_in_schema=False)
async def preflight(request: Request) -> Response:
    """A browser asks before it publishes from another origin; the token still decides."""
    allowed = {
        "access-control-allow-methods": "POST, DELETE",
        "access-control-allow-headers": "authorization, content-type",
    }
    return Response(status_code=204, headers=allowed | _cors(request))


def _authorise(camera_id: str, request: Request, site: Site) -> None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not site.fleet.publisher_may(camera_id, token.strip()):
        raise HTTPException(
            401, "publishing needs the camera's own token", {"www-authenticate": "Bearer"}
        )


def _cors(request: Request) -> dict[str, str]:
    """No credentials of the browser are involved, so any origin may try its token."""
    return {"access-control-allow-origin": "*"} if "origin" in request.headers else {}
