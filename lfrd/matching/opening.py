"""What a deployment compares with, read from the store in one go."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lfrd.clock import Clock
from lfrd.matching.live_gallery import LiveGallery
from lfrd.matching.live_search import LiveSearch, Scope
from lfrd.store import templates, watchlists
from lfrd.store.database import Database
from lfrd.store.templates import TemplateMatrix
from lfrd.store.transaction import Reader

LOADING_LIMIT_S = 60.0
"""Opening the seals of a large list may take longer than the limit of ordinary reads."""


@dataclass(frozen=True, slots=True)
class Holdings:
    """Templates that may be searched now, the margins of their entries, and who sees them."""

    matrix: TemplateMatrix
    margins: Mapping[str, float]
    scope: Scope


async def open_search(
    database: Database,
    clock: Clock,
    live: LiveGallery,
    search: LiveSearch,
    watchlist_ids: Sequence[str],
) -> None:
    """Fill `search` from the lists and have `live` keep it in step from now on."""
    now_s = clock.wall_s()
    held = await database.read(
        lambda reader: read_holdings(reader, search.model_digest, watchlist_ids, now_s),
        limit_s=LOADING_LIMIT_S,
    )
    live.open(search, held.matrix, held.margins, held.scope)


def read_holdings(
    reader: Reader, model_digest: str, watchlist_ids: Sequence[str], now_s: float
) -> Holdings:
    """Everything of these lists that is neither expired, nor in quarantine, nor unapproved."""
    return Holdings(
        templates.load(reader, model_digest, watchlist_ids, valid_at_s=now_s),
        watchlists.margins(reader, watchlist_ids),
        Scope(frozenset(watchlist_ids), watchlists.cameras_of(reader, watchlist_ids)),
    )
