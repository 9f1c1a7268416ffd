"""Watchlists, their entries and the entries' photos."""

import re
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response

from lfrd.api import images, views
from lfrd.api.deps import SUPERVISORS, PrincipalDep, RoleDep, SiteDep, UploadsDep
from lfrd.api.editing import EDITED, GONE, MADE, TAGGED, EditDep, EditingDep
from lfrd.api.paging import (
    LIMIT_MAX,
    RESPONSES,
    Following,
    Limit,
    Next,
    PagesDep,
    Whole,
    text_after,
)
from lfrd.errors import BadInput
from lfrd.lists.photo_gate import GateMode
from lfrd.site import Site
from lfrd.store.watchlists import NewEntry, NewWatchlist
from lfrd.types import F32
from lfrd.vocabulary import ErasureKind
from lfrd.wire import lists as wire_lists
from lfrd.wire.base import Moment
from lfrd.wire.lists import EntryChange, ListCameras, Quarantine, WatchlistChange

router = APIRouter(tags=["watchlists"])

DELETED = "deleted"
"""The reason in the receipt of what a DELETE erases."""

PhotoName = Annotated[str, Query(min_length=1, max_length=200)]
Reference = Annotated[str | None, Query(min_length=1, max_length=200)]
_SIDE = r" *-?\d{1,9}(\.\d{1,18})? *"
BOX = re.compile(rf"^{_SIDE}(,{_SIDE}){{3}}$", re.ASCII)
Box = Annotated[
    str | None,
    Query(
        max_length=100,
        description="left,top,right,bottom in pixels",
        json_schema_extra={"pattern": BOX.pattern},
    ),
]

PHOTO_BODY = {
    "requestBody": {
        "required": True,
        "description": "The image file itself (JPEG, PNG, WebP, ...) with exactly one face.",
        "content": {
            "application/octet-stream": {
                "schema": {"type": "string", "format": "binary", "minLength": 1}
            }
        },
    }
}


def parse_box(text: str | None) -> F32 | None:
    """The box f32[4] of a query. Raises BadInput."""
    if text is None:
        return None
    fits = BOX.fullmatch(text) is not None
    box = np.array([float(side) for side in text.split(",")] if fits else (0, 0, 0, 0), np.float32)
    if (box[2:] <= box[:2]).any():
        raise BadInput("box is left,top,right,bottom in pixels of the upright picture")
    return box


@router.get("/watchlists", responses=RESPONSES)
async def list_watchlists(
    site: SiteDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire_lists.Watchlist, ...]:
    """All lists, by name, in pages."""
    found = await site.watchlists.page(text_after(following), limit + 1)
    page = pages.cut(found, limit, lambda item: (item.row.name,))
    return tuple(views.watchlist(item) for item in page)


@router.post("/watchlists", status_code=201, responses=MADE)
async def create_watchlist(
    body: wire_lists.WatchlistCreate, site: SiteDep, principal: PrincipalDep, editing: EditingDep
) -> wire_lists.Watchlist:
    """Make an empty list."""
    new = NewWatchlist(
        name=body.name,
        category=body.category,
        purpose=body.purpose,
        owner=body.owner,
        colour=body.colour,
        margin=body.margin,
        expires_at_s=body.expires_at_s,
    )
    made = views.watchlist(await site.watchlists.create_list(new, principal=principal))
    return editing.tagged(editing.made(f"/v1/watchlists/{made.id}", made))


@router.get("/watchlists/{watchlist_id}", responses=TAGGED)
async def read_watchlist(
    watchlist_id: str, site: SiteDep, editing: EditingDep
) -> wire_lists.Watchlist:
    """One list."""
    return editing.tagged(await _list(site, watchlist_id))


@router.delete(
    "/watchlists/{watchlist_id}", status_code=204, dependencies=[SUPERVISORS], responses=GONE
)
async def delete_watchlist(
    watchlist_id: str,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    editing: EditDep,
) -> Response:
    """Erase a list with its entries, photos and templates; they leave a running search at once."""
    async with editing.of(lambda: _list(site, watchlist_id)):
        await site.eraser.erase(
            ErasureKind.WATCHLIST, watchlist_id, DELETED, principal=principal, role=role
        )
    return Response(status_code=204)


async def _list(site: Site, watchlist_id: str) -> wire_lists.Watchlist:
    return views.watchlist(await site.watchlists.get_list(watchlist_id))


async def _entry(site: Site, entry_id: str) -> wire_lists.Entry:
    return views.entry(await site.watchlists.get_entry(entry_id))


@router.get("/watchlists/{watchlist_id}/entries", responses=RESPONSES)
async def list_entries(
    watchlist_id: str,
    site: SiteDep,
    pages: PagesDep,
    reference: Reference = None,
    limit: Limit = 100,
    following: Annotated[Next, Query(alias="next")] = None,
) -> tuple[wire_lists.Entry, ...]:
    """The entries of a list, by reference, in pages; with `reference` the one that has it, or
    none."""
    found = await site.watchlists.entries(
        watchlist_id, reference, after=text_after(following), limit=limit + 1
    )
    page = pages.cut(found, limit, lambda item: (item.row.reference,))
    return tuple(map(views.entry, page))


@router.post("/watchlists/{watchlist_id}/entries", status_code=201, responses=MADE)
async def add_entry(
    watchlist_id: str,
    body: wire_lists.EntryCreate,
    site: SiteDep,
    principal: PrincipalDep,
    editing: EditingDep,
) -> wire_lists.Entry:
    """Put a person on a list, under a pseudonymous reference; photos are added afterwards."""
    new = NewEntry(
        watchlist_id,
        body.reference,
        basis=body.basis,
        source=body.source,
        under_18=body.under_18,
        margin=body.margin,
        expires_at_s=body.expires_at_s,
        person_id=body.person_id,
        reviewer=body.reviewer,
        under_18_reason=body.under_18_reason,
        look_alikes=body.look_alikes,
        status_checked_at_s=body.status_checked_at_s,
    )
    made = views.entry(await site.watchlists.add_entry(new, principal=principal))
    return editing.tagged(editing.made(f"/v1/entries/{made.id}", made))


@router.get("/entries/{entry_id}", responses=TAGGED)
async def read_entry(entry_id: str, site: SiteDep, editing: EditingDep) -> wire_lists.Entry:
    """One entry."""
    return editing.tagged(await _entry(site, entry_id))


@router.delete("/entries/{entry_id}", status_code=204, dependencies=[SUPERVISORS], responses=GONE)
async def delete_entry(
    entry_id: str,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    editing: EditDep,
) -> Response:
    """Take a person off a list, photos and templates included."""
    async with editing.of(lambda: _entry(site, entry_id)):
        await site.eraser.erase(
            ErasureKind.ENTRY, entry_id, DELETED, principal=principal, role=role
        )
    return Response(status_code=204)


@router.post(
    "/entries/{entry_id}/photos", status_code=201, openapi_extra=PHOTO_BODY, responses=MADE
)
async def add_photo(
    entry_id: str,
    request: Request,
    site: SiteDep,
    uploads: UploadsDep,
    principal: PrincipalDep,
    editing: EditingDep,
    name: PhotoName = "photo",
    gate: GateMode | None = None,
    box: Box = None,
    taken_at_s: Moment | None = None,
) -> wire_lists.Photo:
    """Enrol a reference photo: the body is the file. `name` is what a refusal calls it, `gate`
    overrides the site's setting, `box` (left,top,right,bottom) says which face is meant,
    `taken_at_s` when it was taken.

    The file is taken as it is and not as a form: a form's parser writes large files to the
    temporary folder, and no face may lie there.
    """
    mode = gate or GateMode(site.config.lists.gate)
    async with uploads.photo(request) as data:
        added = await site.photos.add(
            entry_id, data, name, mode=mode, box=parse_box(box), taken_at_s=taken_at_s,
            principal=principal,
        )  # fmt: skip
    return editing.made(f"/v1/photos/{added.id}/image", views.photo(added))


@router.get("/photos/{photo_id}/image", response_class=Response, responses=images.RESPONSES)
async def read_photo(
    photo_id: str,
    site: SiteDep,
    principal: PrincipalDep,
    reason: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
) -> Response:
    """The photo as it was given. That it was read, and for what `reason`, is logged."""
    return images.answer(await site.photos.image(photo_id, reason, principal=principal))


@router.delete("/photos/{photo_id}", status_code=204)
async def delete_photo(
    photo_id: str, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> Response:
    """Delete a photo and its templates. The last one of an entry needs the role that may erase."""
    await site.eraser.erase(ErasureKind.PHOTO, photo_id, DELETED, principal=principal, role=role)
    return Response(status_code=204)


@router.patch("/watchlists/{watchlist_id}", responses=EDITED)
async def change_watchlist(
    watchlist_id: str,
    body: WatchlistChange,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    editing: EditDep,
) -> wire_lists.Watchlist:
    """Change a list; a running deployment that compares with it knows within a second. An earlier
    end or a higher margin needs the role that may erase."""
    changes = body.model_dump(exclude_unset=True)
    async with editing.of(lambda: _list(site, watchlist_id)):
        changed = await site.watchlists.change_list(
            watchlist_id, changes, principal=principal, role=role
        )
    return editing.tagged(views.watchlist(changed))


@router.put("/watchlists/{watchlist_id}/cameras", responses=EDITED)
async def scope_watchlist(
    watchlist_id: str,
    body: ListCameras,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    editing: EditDep,
) -> wire_lists.Watchlist:
    """Compare with a list on these cameras only; without any, on all. Fewer than before needs the
    role that may erase."""
    async with editing.of(lambda: _list(site, watchlist_id)):
        changed = await site.watchlists.set_cameras(
            watchlist_id, body.camera_ids, principal=principal, role=role
        )
    return editing.tagged(views.watchlist(changed))


@router.post("/watchlists/{watchlist_id}/confirm")
async def confirm_watchlist(
    watchlist_id: str, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_lists.Watchlist:
    """Say that you looked the list over and that it is right as of now. One that was restored from
    a backup that may show people who were taken off since needs the role that may erase."""
    return views.watchlist(
        await site.watchlists.confirm_list(watchlist_id, principal=principal, role=role)
    )


@router.patch("/entries/{entry_id}", responses=EDITED)
async def change_entry(
    entry_id: str,
    body: EntryChange,
    site: SiteDep,
    principal: PrincipalDep,
    role: RoleDep,
    editing: EditDep,
) -> wire_lists.Entry:
    """Change an entry; a running deployment that compares with it knows within a second. An earlier
    end or a higher margin needs the role that may erase."""
    changes = body.model_dump(exclude_unset=True)
    async with editing.of(lambda: _entry(site, entry_id)):
        changed = await site.watchlists.change_entry(
            entry_id, changes, principal=principal, role=role
        )
    return editing.tagged(views.entry(changed))


@router.post("/entries/{entry_id}/approve", dependencies=[SUPERVISORS])
async def approve_entry(entry_id: str, site: SiteDep, principal: PrincipalDep) -> wire_lists.Entry:
    """Approve an entry of a person under 18, as a second person; until then no face is compared
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
    gate: GateMode | None = None,
    refuse: bool = False,
) -> tuple[wire_lists.Finding, ...]:
    """What the enrolment gate would say of a photo; nothing is stored. With `refuse` it is refused
    as enrolment would refuse it, by `gate` or the site's setting."""
    mode = gate or GateMode(site.config.lists.gate)
    async with uploads.photo(request) as data:
        found = await site.photos.check(
            data, name, entry_id, parse_box(box), mode=mode if refuse else None
        )
    return tuple(views.finding(item) for item in found)


@router.post("/photos/inspect", openapi_extra=PHOTO_BODY)
async def inspect_photo(
    request: Request,
    site: SiteDep,
    uploads: UploadsDep,
    name: PhotoName = "photo",
    entry_id: str | None = None,
    box: Box = None,
    gate: GateMode | None = None,
) -> wire_lists.PhotoVerdict:
    """The same with where the faces are, for people to see what is meant; that a photo would be
    refused is an answer here. Nothing is stored."""
    mode = gate or GateMode(site.config.lists.gate)
    async with uploads.photo(request) as data:
        return views.inspected(
            await site.photos.inspect(data, name, entry_id, parse_box(box), mode)
        )


@router.post("/photos/{photo_id}/quarantine")
async def quarantine_photo(
    photo_id: str, body: Quarantine, site: SiteDep, principal: PrincipalDep, role: RoleDep
) -> wire_lists.Photo:
    """Keep a photo and compare with it no more; it can be released again. The last one of an entry
    needs the role that may erase."""
    return views.photo(
        await site.photos.quarantine(photo_id, body.reason, principal=principal, role=role)
    )


@router.delete("/photos/{photo_id}/quarantine", status_code=204)
async def release_photo(photo_id: str, site: SiteDep, principal: PrincipalDep) -> Response:
    """Compare with a photo again."""
    await site.photos.release(photo_id, principal=principal)
    return Response(status_code=204)
