"""Which changes take people off a list, or end comparing with them.

Each is refused to a role that may not delete the entry. They are asked for inside the transaction
that makes the change: two people who delete the last two photos at once are told apart.
"""

from collections.abc import Mapping, Sequence

from lfrd.governance.two_person import demand_take_off
from lfrd.store import erasures, reference_images, watchlists
from lfrd.store.sqlite import SQLValue
from lfrd.store.transaction import Reader
from lfrd.vocabulary import Role


def check_list_change(
    reader: Reader, watchlist_id: str, changes: Mapping[str, SQLValue], role: Role
) -> None:
    """Ending a list earlier, or asking for a higher score. Raises NotFound, Denied."""
    listed = watchlists.get(reader, watchlist_id)
    if watchlists.count_entries(reader, watchlist_id):
        _check(listed.expires_at_s, listed.margin, changes, role)


def check_entry_change(
    reader: Reader, entry_id: str, changes: Mapping[str, SQLValue], role: Role
) -> None:
    """The same of one entry. Raises NotFound, Denied."""
    entry = watchlists.get_entry(reader, entry_id)
    _check(entry.expires_at_s, entry.margin, changes, role)


def check_cameras(reader: Reader, watchlist_id: str, camera_ids: Sequence[str], role: Role) -> None:
    """Comparing with a list at fewer cameras than before. Raises NotFound, Denied."""
    watchlists.get(reader, watchlist_id)
    before = watchlists.cameras_of(reader, (watchlist_id,)).get(watchlist_id)
    narrower = bool(camera_ids) and (before is None or bool(before - set(camera_ids)))
    if narrower and watchlists.count_entries(reader, watchlist_id):
        demand_take_off(role)


def check_photo(reader: Reader, photo_id: str, role: Role) -> None:
    """Doing without the last photo of an entry that is compared. One that is being erased is
    gone. Raises NotFound, Denied."""
    photo = reference_images.get(reader, photo_id)
    going = {erasure.subject_id for erasure in erasures.unfinished(reader)} | {photo_id}
    others = [
        other
        for other in reference_images.of_entry(reader, photo.entry_id)
        if other.id not in going and other.quarantined_at_s is None
    ]
    if not others:
        demand_take_off(role)


def _check(
    expires_at_s: float | None, margin: float, changes: Mapping[str, SQLValue], role: Role
) -> None:
    ends_s, asked = changes.get("expires_at_s"), changes.get("margin")
    earlier = isinstance(ends_s, int | float) and (expires_at_s is None or ends_s < expires_at_s)
    stricter = isinstance(asked, int | float) and asked > margin
    if earlier or stricter:
        demand_take_off(role)
