"""Personal tokens: /v1/tokens, for admins."""

from fastapi import APIRouter

from lfrd.api.deps import ADMINS, PrincipalDep, SiteDep, TokensDep
from lfrd.api.editing import MADE, EditingDep
from lfrd.api.paging import LIMIT_MAX, RESPONSES, Following, PagesDep, Whole, text_after
from lfrd.store.tokens import Token
from lfrd.wire import people as wire

router = APIRouter(prefix="/tokens", tags=["tokens"], dependencies=[ADMINS])

KIND = "user:"


@router.get("", responses=RESPONSES)
async def list_tokens(
    tokens: TokensDep,
    site: SiteDep,
    principal: PrincipalDep,
    pages: PagesDep,
    limit: Whole = LIMIT_MAX,
    following: Following = None,
) -> tuple[wire.Token, ...]:
    """All tokens, newest first, in pages, revoked ones included; no secrets. When they were used is
    held back from whoever has yet to decide an open candidate: it would tell who else works."""
    rows = await tokens.page(text_after(following), limit + 1)
    found = [_token(token) for token in pages.cut(rows, limit, lambda row: (row.id,))]
    if await site.episodes.any_waits_for(principal):
        found = [token.model_copy(update={"last_used_at_s": None}) for token in found]
    return tuple(found)


@router.post("", status_code=201, responses=MADE)
async def create_token(
    body: wire.TokenCreate, tokens: TokensDep, principal: PrincipalDep, editing: EditingDep
) -> wire.NewToken:
    """Make a token for one person. Its secret is in this answer and nowhere else."""
    holder = body.principal if body.principal.startswith(KIND) else KIND + body.principal
    made = await tokens.create(holder, body.role, body.expires_at_s, principal=principal)
    new = wire.NewToken(token=_token(made.token), role=body.role, secret=made.secret)
    return editing.made("/v1/tokens", new)


@router.post("/{token_id}/revoke")
async def revoke_token(token_id: str, tokens: TokensDep, principal: PrincipalDep) -> wire.Token:
    """It is refused from the next request on."""
    return _token(await tokens.revoke(token_id, principal=principal))


def _token(token: Token) -> wire.Token:
    return wire.Token(
        id=token.id,
        principal=token.holder,
        created_at_s=token.created_at_s,
        created_by=token.principal,
        revoked_at_s=token.revoked_at_s,
        revoked_by=token.revoked_by,
        expires_at_s=token.expires_at_s,
        last_used_at_s=token.last_used_at_s,
    )
