"""Changes of lists, entries and photos after they were made."""

from fastapi import APIRouter, Request, Response

from lfrd.api import views
from lfrd.api.deps import SUPERVISORS, PrincipalDep, RoleDep, SiteDep, UploadsDep
from lfrd.api.routes.watchlists import PHOTO_BODY, Box, PhotoName, parse_box
from lfrd.wire import lists as wire_lists
from lfrd.wire.lists import EntryChange, ListCameras, Quarantine, WatchlistChange

router = APIRouter(tags=["watchlists"])


@router.patch("/watchlists/{watchlist_id}")
async def change_watchlist(
    watchlist_id: str, body: WatchlistChange, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_lists.Watchlist:
    """Change a list; a running deployment that compares with it knows within a second. An earlier
    end or a higher margin needs the role that may erase."""
    changes = body.model_dump(exclude_unset=True)
    return views.watchlist(
        await site.watchlists.change_list(watchlist_id, changes, principal=principal, role=role)
    )


@router.put("/watchlists/{watchlist_id}/cameras")
async def scope_watchlist(
    watchlist_id: str, body: ListCameras, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_lists.Watchlist:
    """Compare with a list on these cameras only; without any, on all. Fewer than before needs the
    role that may erase."""
    return views.watchlist(
        await site.watchlists.set_cameras(
            watchlist_id, body.camera_ids, principal=principal, role=role
        )
    )


@router.post("/watchlists/{watchlist_id}/confirm")
async def confirm_watchlist(
    watchlist_id: str, site: SiteDep, principal: PrincipalDep
) -> wire_lists.Watchlist:
    """Say that you looked the list over and that it is right as of now."""
    return views.watchlist(await site.watchlists.confirm_list(watchlist_id, principal=principal))


@router.patch("/entries/{entry_id}")
async def change_entry(
    entry_id: str, body: EntryChange, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_lists.Entry:
    """Change an entry; a running deployment that compares with it knows within a second. An earlier
    end or a higher margin needs the role that may erase."""
    changes = body.model_dump(exclude_unset=True)
    return views.entry(
        await site.watchlists.change_entry(entry_id, changes, principal=principal, role=role)
    )


@router.post("/entries/{entry_id}/approve", dependencies=[SUPERVISORS])
async def approve_entry(entry_id: str, site: SiteDep, principal: PrincipalDep) -> wire_lists.Entry:
    """Approve an entry of somebody under 18, as a second person; until then nobody is compared
    with it."""
    return views.entry(await site.watchlists.approve_entry(entry_id, principal=principal))


@router.post("/photos/check", openapi_extra=PHOTO_BODY)
async def check_photo(
    request: Request,
    site: SiteDep,
    uploads: UploadsDep,
    name: PhotoName = "photo",
    entry_id: str | None = None,
    box: Box = None,
) -> tuple[wire_lists.Finding, ...]:
    """What the enrolment gate would say of a photo; nothing is stored."""
    async with uploads.photo(request) as data:
        found = await site.watchlists.check_photo(data, name, entry_id, parse_box(box))
    return tuple(views.finding(item) for item in found)


@router.post("/photos/{photo_id}/quarantine")
async def quarantine_photo(
    photo_id: str, body: Quarantine, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_lists.Photo:
    """Keep a photo and compare with it no more; it can be released again. The last one of an entry
    needs the role that may erase."""
    photos = site.watchlists.photos
    return views.photo(
        await photos.quarantine(photo_id, body.reason, principal=principal, role=role)
    )


@router.delete("/photos/{photo_id}/quarantine", status_code=204)
async def release_photo(photo_id: str, site: SiteDep, principal: PrincipalDep) -> Response:
    """Compare with a photo again."""
    await site.watchlists.photos.release(photo_id, principal=principal)
    return Response(status_code=204)
