"""Bulk imports row by row, and the export of a list."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import ValidationError

from lfrd.api.deps import SUPERVISORS, PrincipalDep, SiteDep, UploadsDep
from lfrd.api.editing import MADE, EditingDep
from lfrd.api.paging import LIMIT_MAX, RESPONSES, Following, PagesDep, Whole, index_after
from lfrd.api.routes.watchlists import PHOTO_BODY
from lfrd.errors import BadInput
from lfrd.lists.bulk_import import Progress, RowResult
from lfrd.lists.photo_gate import GateMode
from lfrd.lists.table import Row
from lfrd.store.imports import RowOutcome
from lfrd.wire.lists import (
    ROWS_MAX,
    ExportStart,
    ImportRow,
    ImportRowDone,
    ImportRun,
    ImportStart,
)

router = APIRouter(tags=["imports"])

BINARY = {"schema": {"type": "string", "format": "binary"}}
ARCHIVE: dict[int | str, dict[str, Any]] = {
    200: {"description": "The archive", "content": {"application/octet-stream": BINARY}}
}

RowQuery = Annotated[str, Query(max_length=4000, description="an ImportRow as JSON")]


@router.post("/watchlists/{watchlist_id}/imports", status_code=201, responses=MADE)
async def begin_import(
    watchlist_id: str,
    body: ImportStart,
    site: SiteDep,
    principal: PrincipalDep,
    editing: EditingDep,
) -> ImportRun:
    """Begin a bulk import, or go on with the one of the same source."""
    mode = GateMode(body.gate or site.config.lists.gate)
    begun = await site.imports.begin(
        watchlist_id, body.source_sha256, body.source_name, mode, body.total, principal=principal
    )
    return editing.made(f"/v1/imports/{begun.run.id}", _run(begun))


@router.post("/watchlists/{watchlist_id}/import-check", openapi_extra=PHOTO_BODY)
async def check_import_row(
    watchlist_id: str,
    row: RowQuery,
    request: Request,
    site: SiteDep,
    uploads: UploadsDep,
    principal: PrincipalDep,
    gate: Literal["strict", "warn"] | None = None,
    dry_run: Annotated[str | None, Query(pattern="^[0-9a-f]{32}$")] = None,
) -> ImportRowDone:
    """A dry run of one row: what would come of it; nothing is stored. The body is the photo. Rows
    with the same `dry_run`, a word of the caller's own, are held against each other: so long as the
    next comes within five minutes, what the earlier ones would have put on the list is kept in
    memory."""
    mode = GateMode(gate or site.config.lists.gate)
    whose = None if dry_run is None else (principal, dry_run)
    async with uploads.photo(request) as data:
        return _done(await site.imports.check_row(watchlist_id, _row(row), data, mode, whose))


@router.get("/imports/{import_id}")
async def read_import(import_id: str, site: SiteDep) -> ImportRun:
    """How far an import is, its rate, and the time that is left."""
    return _run(await site.imports.progress(import_id))


@router.get("/imports/{import_id}/rows", responses=RESPONSES)
async def read_import_rows(
    import_id: str,
    site: SiteDep,
    pages: PagesDep,
    after: Annotated[int, Query(ge=0, le=ROWS_MAX)] = 0,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[ImportRowDone, ...]:
    """The rows that are done, in order, in pages, or those `after` a number; not those whose photo
    was erased since."""
    place = index_after(following)
    found = await site.imports.rows(import_id, after if place is None else place, limit + 1)
    return tuple(map(_done, pages.cut(found, limit, lambda item: (item.row.number,))))


@router.post("/imports/{import_id}/rows", openapi_extra=PHOTO_BODY)
async def add_import_row(
    import_id: str,
    row: RowQuery,
    request: Request,
    site: SiteDep,
    uploads: UploadsDep,
    principal: PrincipalDep,
    problem: Annotated[str | None, Query(min_length=1, max_length=500)] = None,
) -> ImportRowDone:
    """Enrol one row: the body is its photo. A row that is on the list is answered as it was; any
    other is tried again. `problem` says why there is no photo, and the row is noted as refused."""
    if problem is not None:
        return _done(
            await site.imports.miss_row(import_id, _row(row), problem, principal=principal)
        )
    async with uploads.photo(request) as data:
        return _done(await site.imports.add_row(import_id, _row(row), data, principal=principal))


@router.post("/imports/{import_id}/end")
async def end_import(import_id: str, site: SiteDep, principal: PrincipalDep) -> ImportRun:
    """Say that the whole source was gone through."""
    return _run(await site.imports.end(import_id, principal=principal))


@router.post(
    "/watchlists/{watchlist_id}/export",
    response_class=Response,
    dependencies=[SUPERVISORS],
    responses=ARCHIVE,
)
async def export_watchlist(
    watchlist_id: str, body: ExportStart, site: SiteDep, principal: PrincipalDep
) -> StreamingResponse:
    """The list with its photos as one encrypted archive. That it left is logged as a disclosure."""
    pieces = await site.watchlists.export(
        watchlist_id, body.passphrase, body.reason, principal=principal
    )
    return StreamingResponse(pieces, media_type="application/octet-stream")


def _row(text: str) -> Row:
    try:
        given = ImportRow.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise BadInput(f"row: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    return Row(**given.model_dump())


def _run(progress: Progress) -> ImportRun:
    run, counts = progress.run, progress.counts
    return ImportRun(
        id=run.id,
        watchlist_id=run.watchlist_id,
        source_name=run.source_name,
        gate=GateMode(run.mode).value,
        total=run.total,
        done=progress.done,
        enrolled=counts.get(RowOutcome.ENROLLED, 0),
        warned=counts.get(RowOutcome.WARNED, 0),
        refused=counts.get(RowOutcome.REFUSED, 0),
        duplicate=counts.get(RowOutcome.DUPLICATE, 0),
        started_at_s=run.started_at_s,
        ended_at_s=run.ended_at_s,
        rows_per_s=progress.rows_per_s,
        left_s=progress.left_s,
    )


def _done(result: RowResult) -> ImportRowDone:
    row = result.row
    return ImportRowDone(
        number=row.number,
        outcome=row.outcome.value,
        codes=tuple(row.codes.split()),
        message=result.message,
        entry_id=row.entry_id,
        photo_id=row.photo_id,
        photo_sha256=result.photo.sha256 if result.photo else None,
    )
