"""The wire contract of the rights of people on and off the lists."""

from typing import Annotated

from pydantic import Field

from lfrd.vocabulary import Category, Engagement
from lfrd.wire.alerts import AlertState, Outcome
from lfrd.wire.base import Line, Moment, Wire

Name = Annotated[str, Field(min_length=1, max_length=401)]


class SubjectLookup(Wire):
    """`reference` is a reference, or LIST/REFERENCE. With `on_at_s` it is asked about that moment,
    or about any time from it until `on_until_s`. The reason is in the log, so it names nobody."""

    reference: Name
    on_at_s: Moment | None = None
    on_until_s: Moment | None = None
    reason: Line


class SubjectExport(Wire):
    """What is kept of somebody, for that person: JSON, or with their `photos` a ZIP file."""

    reference: Name
    photos: bool = True
    reason: Line


class AbsenceQuestion(Wire):
    """Whether a reference was on no list: of a deployment while it compared with them, or on one of
    its lists; without a deployment on a list as it is now."""

    reference: Name
    watchlist_id: Line | None = None
    deployment_id: Line | None = None
    reason: Line


class AbsenceProofs(Wire):
    """A proof for each list, as text (JSON); `lfrd audit verify FILE` checks one, and so does
    lfrd/audit/verify.py alone."""

    proofs: tuple[str, ...]


class SubjectListing(Wire):
    """That the reference was on a list, and until when (null: still). After an erasure this is all
    that is left."""

    added_at_s: float
    removed_at_s: float | None


class SubjectEntry(Wire):
    """Somebody on a list now: on which, since when, on what grounds. `similarity` is to the photo
    that was looked up, -1 to 1; null where a reference was."""

    entry_id: str
    person_id: str
    reference: str
    watchlist_name: str
    category: Category
    purpose: str
    owner: str
    basis: str
    source: str
    reviewer: str
    under_18: bool
    added_at_s: float
    status_checked_at_s: float
    expires_at_s: float | None
    photos: int
    similarity: float | None = None


class SubjectAlert(Wire):
    """An alert about somebody: where, when, and once it is decided what came of it. Whether the
    person who was seen was the one on the list is for the reviewers to say."""

    alert_id: str
    deployment_id: str
    place: str
    purpose: str
    camera_id: str
    raised_at_s: float
    state: AlertState
    outcome: Outcome | None
    done: Engagement | None
    has_faces: bool


class SubjectAnswer(Wire):
    """`was_listed` answers for the time that was asked about, null where none was. So many listings
    of that time are `unanswerable`, since the key that their commitments are under was lost: where
    there are any, a no is none."""

    on_at_s: float | None
    was_listed: bool | None
    listings: tuple[SubjectListing, ...]
    unanswerable: int
    entries: tuple[SubjectEntry, ...]
    alerts: tuple[SubjectAlert, ...]
