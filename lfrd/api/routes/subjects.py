"""The rights of people on and off the lists: questions, and what is kept of a person for them."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from lfrd.api.deps import SUPERVISORS, PrincipalDep, SiteDep, UploadsDep
from lfrd.api.routes.watchlists import PHOTO_BODY, PhotoName
from lfrd.wire import subjects as wire

router = APIRouter(prefix="/subjects", tags=["governance"], dependencies=[SUPERVISORS])

Reason = Annotated[str, Query(min_length=1, max_length=200)]
ZIP = "application/zip"


@router.post("/lookup")
async def look_up_subject(
    body: wire.SubjectLookup, site: SiteDep, principal: PrincipalDep
) -> wire.SubjectAnswer:
    """On which lists a reference is, since when, on what grounds, and its alerts; or whether it was
    on one at a moment, also after it was erased. Logged as a consultation."""
    return await site.subjects.lookup(
        body.reference, body.on_at_s, body.reason, on_until_s=body.on_until_s, principal=principal
    )


@router.post("/lookup-photo", openapi_extra=PHOTO_BODY)
async def look_up_photo(
    request: Request,
    site: SiteDep,
    uploads: UploadsDep,
    principal: PrincipalDep,
    reason: Reason,
    name: PhotoName = "photo",
) -> wire.SubjectAnswer:
    """The same by a photo, which is compared once and forgotten. Logged as a consultation."""
    async with uploads.photo(request) as data:
        return await site.subjects.lookup_photo(data, name, reason, principal=principal)


@router.post("/prove-absence")
async def prove_absence(
    body: wire.AbsenceQuestion, site: SiteDep, principal: PrincipalDep
) -> wire.AbsenceProofs:
    """Proofs that a reference was not on the lists of a deployment, or is not on a list now, which
    reveal nobody else. Logged as a consultation; refused where it is or was on one."""
    found = await site.absences.prove(
        body.reference,
        body.reason,
        watchlist_id=body.watchlist_id,
        deployment_id=body.deployment_id,
        principal=principal,
    )
    return wire.AbsenceProofs(proofs=tuple(proof.text for proof in found))


@router.post(
    "/export", response_class=Response,
    responses={200: {"content": {ZIP: {}, "application/json": {}}}},
)  # fmt: skip
async def export_subject(
    body: wire.SubjectExport, site: SiteDep, principal: PrincipalDep
) -> Response:
    """What is kept of somebody on a list, for that person. Logged as a disclosure."""
    content, zipped = await site.subjects.export(
        body.reference, body.reason, photos=body.photos, principal=principal
    )
    headers = {"Cache-Control": "no-store", "Content-Disposition": "attachment"}
    return Response(content, media_type=ZIP if zipped else "application/json", headers=headers)
