"""What people call the things that holds and erasures are about, for as long as they are there.

Names are read as they are now and are kept nowhere else: of what is erased there is none.
"""

from collections.abc import Iterable
from typing import Final

from lfrd.store.transaction import Reader

_QUERIES: Final = {
    "watchlist": "SELECT name FROM watchlist WHERE id = ?",
    "entry": "SELECT name || '/' || reference FROM entry JOIN watchlist"
    " ON watchlist.id = watchlist_id WHERE entry.id = ?",
    "person": "SELECT name || '/' || reference FROM entry JOIN watchlist"
    " ON watchlist.id = watchlist_id WHERE person_id = ? ORDER BY 1 LIMIT 5",
    "photo": "SELECT name || '/' || reference FROM reference_image JOIN entry"
    " ON entry.id = entry_id JOIN watchlist ON watchlist.id = watchlist_id"
    " WHERE reference_image.id = ?",
    "deployment": "SELECT purpose || ' at ' || place FROM deployment WHERE id = ?",
    "episode": "SELECT reference || ' at ' || camera_id FROM episode"
    " WHERE id = ? AND reference <> ''",
}


def names(reader: Reader, subjects: Iterable[tuple[str, str]]) -> dict[str, str]:
    """By the id of each (kind, id) that has a name: a list's, LIST/REFERENCE of an entry or photo
    and of a person (five at most), purpose and place of a deployment, who was where of an episode.
    """
    found = {
        subject_id: ", ".join(reader.column(query, (subject_id,)))
        for kind, subject_id in set(subjects)
        if (query := _QUERIES.get(kind)) is not None
    }
    return {subject_id: name for subject_id, name in found.items() if name}
