"""The rights of people on and off the lists: whether, since when, why, and what came of it.

By a reference, or by a photo that is compared once and forgotten. Every question is in the log with
who asked and why, in the same transaction, or it is not answered. Erasing a person goes the way of
all erasures (lfrd.governance.erasure); what answers afterwards is in lfrd.store.listings.
"""

import io
import zipfile
from collections.abc import Mapping, Sequence

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.governance.reviews import Outcome, outcome_of, required_for
from lfrd.lists.photos import Photos
from lfrd.store import deployments, episodes, listings, outcomes, reference_images, reviews
from lfrd.store import watchlists as stored
from lfrd.store.audit import AuditClass
from lfrd.store.database import Database
from lfrd.store.episodes import Episode, EpisodeState
from lfrd.store.listings import Found, Name
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import Entry
from lfrd.wire import subjects as wire
from lfrd.wire.alerts import AlertState
from lfrd.wire.alerts import Outcome as SeenOutcome

EXPORT_LIMIT_BYTES = 200_000_000
"""More photos than that leave as an archive of their list."""

SEEN = {
    Outcome.MATCH: SeenOutcome.MATCH,
    Outcome.NOT_MATCH: SeenOutcome.NOT_A_MATCH,
    Outcome.UNSURE: SeenOutcome.UNSURE,
    Outcome.UNRESOLVED: SeenOutcome.UNRESOLVED,
}


class Subjects:
    """Answers for one site. `threshold` is the similarity from which a photo counts as of a person
    on a list, `required` the number of reviewers where a policy names none."""

    def __init__(self, database: Database, photos: Photos, threshold: float, required: int) -> None:
        self._database = database
        self._photos = photos
        self._threshold = threshold
        self._required = required

    async def lookup(
        self,
        given: str,
        on_at_s: float | None,
        reason: str,
        *,
        on_until_s: float | None = None,
        principal: str,
    ) -> wire.SubjectAnswer:
        """What is known by a reference, or LIST/REFERENCE, whether it is on a list or not; of a
        moment, or of any time from it until `on_until_s`. Raises BadInput."""
        if on_until_s is not None and (on_at_s is None or on_until_s < on_at_s):
            raise BadInput("a span of time ends after it begins")
        names = readings(given)
        found = await self._database.read(
            lambda reader: listings.find(reader, names, on_at_s, on_until_s)
        )

        def write(tx: Transaction) -> wire.SubjectAnswer:
            listed = _entries(tx, names)
            _log(tx, AuditClass.CONSULTATION, "subject.lookup", listed, reason)
            return self._answer(tx, listed, found, on_at_s=on_at_s)

        return await self._database.write(write, principal=principal)

    async def lookup_photo(
        self, data: bytes, name: str, reason: str, *, principal: str
    ) -> wire.SubjectAnswer:
        """Who on the lists resembles a photo. It is compared once; the photo, its crop and its
        template are in memory only, and no part of them is kept or logged.

        Raises PhotoRefused, BadInput.
        """
        photo = await self._photos.look(data, name)
        try:
            hits = await self._photos.nearest(photo)
        finally:
            photo.template.vector.fill(0)
        best: dict[str, float] = {}
        for hit in hits:
            if hit.score >= self._threshold:
                best[hit.entry_id] = max(hit.score, best.get(hit.entry_id, hit.score))

        def write(tx: Transaction) -> wire.SubjectAnswer:
            listed = stored.some_entries(tx, list(best))
            _log(tx, AuditClass.CONSULTATION, "subject.lookup-photo", listed, reason)
            return self._answer(tx, listed, Found((), 0), similarity=best)

        return await self._database.write(write, principal=principal)

    async def export(
        self, given: str, reason: str, *, photos: bool, principal: str
    ) -> tuple[bytes, bool]:
        """What is kept of the one person whom this names, and whether it is a ZIP file: what is
        known, and their photos as they were given. Pictures of alerts are not in it, since they may
        show another person.

        Raises NotFound, Conflict where several people are called so.
        """
        names = readings(given)
        found = await self._database.read(lambda reader: listings.find(reader, names))

        def write(tx: Transaction) -> bytes:
            listed = one_person(tx, names)
            _log(tx, AuditClass.DISCLOSURE, "subject.export", listed, reason)
            answer = self._answer(tx, listed, found).model_dump_json(indent=2).encode()
            return _zipped(tx, listed, answer) if photos else answer

        return await self._database.write(write, principal=principal), photos

    def _answer(
        self,
        tx: Transaction,
        listed: Sequence[Entry],
        found: Found,
        *,
        on_at_s: float | None = None,
        similarity: Mapping[str, float] | None = None,
    ) -> wire.SubjectAnswer:
        return wire.SubjectAnswer(
            on_at_s=on_at_s,
            was_listed=None if on_at_s is None else bool(found.spans),
            listings=tuple(
                wire.SubjectListing(added_at_s=span.added_at_s, removed_at_s=span.removed_at_s)
                for span in found.spans
            ),
            unanswerable=found.unanswerable,
            entries=tuple(_entry(tx, entry, similarity or {}) for entry in listed),
            alerts=tuple(
                self._alert(tx, episode)
                for person_id in dict.fromkeys(entry.person_id for entry in listed)
                for episode in episodes.of_person(tx, person_id)
            ),
        )

    def _alert(self, tx: Transaction, episode: Episode) -> wire.SubjectAlert:
        """What was decided only once it is closed, and never to who has yet to decide."""
        deployment = deployments.get(tx, episode.deployment_id)
        hidden = reviews.undecided_of(tx, tx.principal, deployment.id)
        known = episode.state is EpisodeState.CLOSED and episode.id not in hidden
        given = reviews.of_episode(tx, episode.id)
        decided = outcome_of(given, required_for(tx, episode, self._required))
        done = outcomes.of_episode(tx, episode.id)
        return wire.SubjectAlert(
            alert_id=episode.id,
            deployment_id=deployment.id,
            place=deployment.place,
            purpose=deployment.purpose,
            camera_id=episode.camera_id,
            raised_at_s=episode.raised_at_s,
            state=AlertState(episode.state.value),
            outcome=SEEN[decided] if known and decided else None,
            done=done.kind if known and done else None,
            has_faces=episode.faces_erased_at_s is None,
        )


def readings(given: str) -> tuple[Name, ...]:
    """What a text may name: all of it as a reference, or what follows the name of a list."""
    found = [Name(given)]
    found += [
        Name(given[at + 1 :], given[:at])
        for at, letter in enumerate(given)
        if letter == "/" and given[:at].strip() and given[at + 1 :].strip()
    ]
    return tuple(found)


def one_person(reader: Reader, names: Sequence[Name]) -> list[Entry]:
    """All entries of the one person whom a text names. Raises NotFound, Conflict."""
    persons = {entry.person_id for entry in _entries(reader, names)}
    if not persons:
        raise NotFound("nobody is on a list under this reference")
    if len(persons) > 1:
        raise Conflict(
            f"{len(persons)} people are on lists under this reference: write LIST/REFERENCE"
        )
    return stored.entries_of_person(reader, persons.pop())


def _entries(reader: Reader, names: Sequence[Name]) -> list[Entry]:
    found = {
        entry.id: entry
        for name in names
        for entry in stored.entries_with_reference(reader, name.reference.strip(), name.list_name)
    }
    return list(found.values())


def _log(
    tx: Transaction, kind: AuditClass, action: str, listed: Sequence[Entry], reason: str
) -> None:
    subjects = dict.fromkeys(item for entry in listed for item in (entry.person_id, entry.id))
    tx.audit(kind, action, tuple(subjects), {"entries": len(listed), "reason": reason})


def _entry(reader: Reader, entry: Entry, similarity: Mapping[str, float]) -> wire.SubjectEntry:
    listed = stored.get(reader, entry.watchlist_id)
    return wire.SubjectEntry(
        entry_id=entry.id,
        person_id=entry.person_id,
        reference=entry.reference,
        watchlist_name=listed.name,
        category=entry.category,
        purpose=listed.purpose,
        owner=listed.owner,
        basis=entry.basis,
        source=entry.source,
        reviewer=entry.reviewer,
        under_18=entry.under_18,
        added_at_s=entry.added_at_s,
        status_checked_at_s=entry.status_checked_at_s,
        expires_at_s=entry.expires_at_s,
        photos=len(reference_images.of_entry(reader, entry.id)),
        similarity=similarity.get(entry.id),
    )


def _zipped(tx: Transaction, listed: Sequence[Entry], answer: bytes) -> bytes:
    """The answer and the photos. Made in memory: no face lies in a temporary file."""
    images = [image for entry in listed for image in reference_images.of_entry(tx, entry.id)]
    total = sum(image.byte_count for image in images)
    if total > EXPORT_LIMIT_BYTES:
        raise Conflict(
            f"the photos are {total / 1e6:.0f} MB, and {EXPORT_LIMIT_BYTES / 1e6:.0f} at most "
            "leave in one file: export them without photos, and read the photos one by one"
        )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("subject.json", answer)
        for number, image in enumerate(images, start=1):
            archive.writestr(f"photo-{number}", reference_images.open_image(tx, image.id))
    return out.getvalue()
