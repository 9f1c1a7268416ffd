"""The log: /v1/audit."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from fastapi.responses import StreamingResponse

from lfrd.api.deps import SUPERVISORS, PrincipalDep, SiteDep
from lfrd.api.paging import RESPONSES, Next, PagesDep, index_after
from lfrd.audit.export import END, Head
from lfrd.store.audit_log import LeafFilter, ShownLeaf
from lfrd.vocabulary import AuditClass
from lfrd.wire import audit as wire

router = APIRouter(prefix="/audit", tags=["governance"])

PAGE_MAX = 1_000
TEXT = {"schema": {"type": "string"}}
FAR = 2**53
"""Further than any log."""


@router.get("/leaves", dependencies=[SUPERVISORS], responses=RESPONSES)
async def list_leaves(
    site: SiteDep,
    principal: PrincipalDep,
    pages: PagesDep,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    before: Annotated[int | None, Query(ge=0, le=FAR)] = None,
    event_class: Annotated[AuditClass | None, Query(alias="class")] = None,
    actor: Annotated[str | None, Query(min_length=1, max_length=200)] = None,
    since_s: Annotated[float | None, Query(ge=0)] = None,
    until_s: Annotated[float | None, Query(ge=0)] = None,
    following: Annotated[Next, Query(alias="next")] = None,
) -> wire.AuditPage:
    """Who did what, newest first. A page goes on after the one before (`next`), or `before` an
    index. Whoever has yet to decide an open candidate sees the log up to that candidate."""
    wanted = LeafFilter(event_class, actor, since_s, until_s, before).below(index_after(following))
    page = await site.audit.page(wanted, limit + 1, principal=principal)
    return wire.AuditPage(
        leaves=tuple(map(_shown, pages.cut(page.leaves, limit, lambda item: (item.index,)))),
        held_back_from=page.held_back_from,
    )


@router.get("/leaves/{index}/proof", dependencies=[SUPERVISORS])
async def prove_leaf(
    index: Annotated[int, Path(ge=0, le=FAR)], site: SiteDep, principal: PrincipalDep
) -> wire.AuditProof:
    """That this leaf is in the log, under the newest signed checkpoint."""
    proof = await site.audit.prove(index, principal=principal)
    return wire.AuditProof(
        index=proof.index,
        size=proof.checkpoint.size,
        leaf=proof.leaf.decode(),
        path=tuple(base64.b64encode(item).decode() for item in proof.path),
        checkpoint=proof.checkpoint.note,
    )


@router.get("/keys")
async def list_keys(site: SiteDep) -> wire.AuditKeys:
    """Whose signatures of the log count; the last key is in use."""
    found = await site.audit.keys()
    return wire.AuditKeys(origin=found.origin, keys=tuple(key.text for key in found.keys))


@router.post(
    "/export",
    response_class=Response,
    dependencies=[SUPERVISORS],
    responses={200: {"description": "The log", "content": {"text/plain": TEXT}}},
)
async def export_log(
    body: wire.AuditExportStart, site: SiteDep, principal: PrincipalDep
) -> StreamingResponse:
    """The whole log up to its newest checkpoint, for `lfrd audit verify`. That it left is logged as
    a disclosure."""
    begun, pieces = await site.audit.export(body.reason, principal=principal)
    return StreamingResponse(_text(begun, pieces), media_type="text/plain; charset=utf-8")


async def _text(begun: Head, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield begun.line
    async for piece in pieces:
        yield piece
    yield END + b"\n"


def _shown(item: ShownLeaf) -> wire.AuditLeaf:
    return wire.AuditLeaf(
        index=item.index,
        at_s=item.leaf.at_s,
        event_class=item.leaf.event_class,
        principal=item.leaf.principal,
        action=item.leaf.action,
        facts=json.loads(item.leaf.payload),
        subjects=item.subjects,
        commitment=item.leaf.commitment.hex(),
        leaf_hash=item.leaf_hash.hex(),
    )
