"""Reference photos of entries, sealed under the key of their list.

Reading one is a consultation: it needs a Transaction, so that no image is shown whose log entry
did not reach the disk.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar

from lfrd.errors import Conflict, NotFound
from lfrd.events import EventKind
from lfrd.store import watchlists
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.seal import DataKey, Label
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import Entry
from lfrd.types import Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceImage:
    """A photo of an entry, without its pixels. `sha256` is of the file as it was given, `findings`
    JSON of what the enrolment gate had to say. In quarantine it is kept and not compared with.
    `taken_at_s` is when it was taken, as far as people say it."""

    TABLE: ClassVar[str] = "reference_image"

    id: str
    entry_id: str
    sha256: str
    byte_count: int
    width_px: int
    height_px: int
    inter_eye_px: float
    yaw_deg: float
    pitch_deg: float
    sharpness: float
    exposure: float
    detector_score: float
    overall: float
    findings: str
    quarantined_at_s: float | None
    quarantined_by: str | None
    quarantine_reason: str | None
    added_at_s: float
    principal: str
    taken_at_s: float | None = None

    @property
    def quality(self) -> Quality:
        return Quality(
            inter_eye_px=self.inter_eye_px,
            yaw_deg=self.yaw_deg,
            pitch_deg=self.pitch_deg,
            sharpness=self.sharpness,
            exposure=self.exposure,
            detector_score=self.detector_score,
            overall=self.overall,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _SealedReferenceImage(ReferenceImage):
    sealed_image: bytes
    sealed_crop: bytes
    sealed_portrait: bytes
    own_key: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Keyed:
    """What tells the key of a photo; its pictures are large, and not read for it."""

    TABLE: ClassVar[str] = "reference_image"

    id: str
    entry_id: str
    own_key: bool


@dataclass(frozen=True, slots=True)
class NewReferenceImage:
    """A photo to keep: the file, its size, the aligned crop and the face for
    people to see as encoded images, and quality."""

    entry_id: str
    image: bytes
    width_px: int
    height_px: int
    crop: bytes
    portrait: bytes
    quality: Quality
    findings: str = "[]"
    taken_at_s: float | None = None


def add(tx: Transaction, new: NewReferenceImage) -> ReferenceImage:
    """Seal and keep a photo of an entry. Raises Conflict where the entry has it already."""
    entry = watchlists.get_entry(tx, new.entry_id)
    row_id, key = tx.keys.next_part(watchlists.scope_of(entry.watchlist_id))
    image = _SealedReferenceImage(
        id=row_id,
        entry_id=entry.id,
        sha256=hashlib.sha256(new.image).hexdigest(),
        byte_count=len(new.image),
        width_px=new.width_px,
        height_px=new.height_px,
        **asdict(new.quality),
        findings=new.findings,
        quarantined_at_s=None,
        quarantined_by=None,
        quarantine_reason=None,
        added_at_s=tx.at_s,
        principal=tx.principal,
        taken_at_s=new.taken_at_s,
        sealed_image=key.seal(Label("reference-image", row_id), new.image),
        sealed_crop=key.seal(Label("reference-crop", row_id), new.crop),
        sealed_portrait=key.seal(Label("reference-portrait", row_id), new.portrait),
        own_key=True,
    )
    try:
        tx.insert(image)
    except Conflict as error:
        raise Conflict("the entry already has this very photo") from error
    tx.audit(AuditClass.COLLECTION, "image.add", (row_id, entry.id, entry.watchlist_id))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return get(tx, row_id)


def get(reader: Reader, image_id: str) -> ReferenceImage:
    """What is known of a photo, without its pixels. Raises NotFound."""
    return reader.get(ReferenceImage, image_id)


def of_entry(reader: Reader, entry_id: str) -> list[ReferenceImage]:
    """The photos of an entry, oldest first."""
    return reader.find(ReferenceImage, "WHERE entry_id = ? ORDER BY id", (entry_id,))


def of_entries(reader: Reader, entry_ids: Sequence[str]) -> dict[str, list[ReferenceImage]]:
    """The photos of some entries, oldest first, by the entry's id; no key: it has none."""
    return reader.of_each(ReferenceImage, "entry_id", entry_ids, "id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of a photo."""

    inter_eye_px: float
    overall: float
    taken_at_s: float | None


def measures(reader: Reader, watchlist_id: str) -> list[Measured]:
    """Of every photo on a list."""
    return reader.query(
        Measured,
        "SELECT inter_eye_px, overall, taken_at_s FROM reference_image"
        " JOIN entry ON entry.id = entry_id WHERE watchlist_id = ?",
        (watchlist_id,),
    )


def count_older(reader: Reader, watchlist_id: str, taken_before_s: float) -> int:
    """How many photos of a list that are compared were taken before, or it is not said when."""
    return reader.count(
        "SELECT count(*) FROM reference_image JOIN entry ON entry.id = entry_id"
        " WHERE watchlist_id = ? AND quarantined_at_s IS NULL"
        " AND coalesce(taken_at_s < ?, true)",
        (watchlist_id, taken_before_s),
    )


def some(reader: Reader, photo_ids: Sequence[str]) -> dict[str, ReferenceImage]:
    """Those of some photos that there are, by their ids."""
    found = reader.find(
        ReferenceImage, "WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(photo_ids),)
    )
    return {image.id: image for image in found}


def other_with_file(reader: Reader, sha256: str, entry_id: str) -> str | None:
    """Another entry that has a photo of this very file, if any."""
    found = reader.value(
        "SELECT entry_id FROM reference_image WHERE sha256 = ? AND entry_id <> ?",
        (sha256, entry_id),
    )
    return None if found is None else str(found)


def entry_and_key(reader: Reader, image_id: str) -> tuple[Entry, DataKey]:
    """Whose photo it is, and its key, for what else shows the face. Raises NotFound where there is
    no such photo or its key was destroyed."""
    image = reader.get(_Keyed, image_id)
    entry = watchlists.get_entry(reader, image.entry_id)
    return entry, _key_in(reader, image, entry)


def _key(reader: Reader, image: _SealedReferenceImage) -> DataKey:
    return _key_in(reader, image, watchlists.get_entry(reader, image.entry_id))


def _key_in(reader: Reader, image: _Keyed | _SealedReferenceImage, entry: Entry) -> DataKey:
    scope = watchlists.scope_of(entry.watchlist_id)
    return reader.keys.open_part(scope, image.id) if image.own_key else reader.keys.open(scope)


def read_image(tx: Transaction, image_id: str, reason: str | None = None) -> bytes:
    """Open the photo as it was given, and log that `tx.principal` looked at it, and why."""
    image = tx.get(_SealedReferenceImage, image_id)
    return _consult(tx, image, "reference-image", reason).open(
        Label("reference-image", image.id), image.sealed_image
    )


def open_image(reader: Reader, image_id: str) -> bytes:
    """Open the photo as it was given, for the machine (a new model, or an export that is logged as
    a whole). Raises NotFound."""
    image = reader.get(_SealedReferenceImage, image_id)
    return _key(reader, image).open(Label("reference-image", image.id), image.sealed_image)


def open_crop(reader: Reader, image_id: str) -> bytes:
    """Open the aligned crop, for the machine. Raises NotFound."""
    image = reader.get(_SealedReferenceImage, image_id)
    return _key(reader, image).open(Label("reference-crop", image.id), image.sealed_crop)


def read_crop(tx: Transaction, image_id: str) -> bytes:
    """Open the aligned crop of a photo, and log that `tx.principal` looked at it."""
    image = tx.get(_SealedReferenceImage, image_id)
    return _consult(tx, image, "reference-crop").open(
        Label("reference-crop", image.id), image.sealed_crop
    )


@dataclass(frozen=True, slots=True)
class Likeness:
    """How a photo shows a person: the aligned crop that was compared, and the face for people."""

    crop: bytes
    portrait: bytes


def copy_likeness(tx: Transaction, entry_id: str, image_id: str | None = None) -> Likeness:
    """One photo of an entry, or its best one, for an episode to keep.

    It is copied without being shown, so only the episode is logged. Raises NotFound where
    the entry or photo is gone.
    """
    watchlists.get_entry(tx, entry_id)
    image = tx.first(
        _SealedReferenceImage,
        "WHERE entry_id = ? AND coalesce(id = ?, true)"
        " ORDER BY quarantined_at_s IS NOT NULL, overall DESC, id",
        (entry_id, image_id),
    )
    if image is None:
        raise NotFound(f"entry {entry_id} has no such photo")
    key = _key(tx, image)
    return Likeness(
        key.open(Label("reference-crop", image.id), image.sealed_crop),
        key.open(Label("reference-portrait", image.id), image.sealed_portrait),
    )


def delete(tx: Transaction, image_id: str) -> bool:
    """Delete a photo and its templates; False where there is none."""
    image = tx.first(ReferenceImage, "WHERE id = ?", (image_id,))
    if image is None:
        return False
    entry = watchlists.get_entry(tx, image.entry_id)
    deleted = tx.execute("DELETE FROM reference_image WHERE id = ?", (image_id,))  # unless on hold
    tx.keys.destroy_parts([image_id])
    tx.audit(AuditClass.ERASURE, "image.delete", (image_id, entry.id, entry.watchlist_id))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return deleted == 1


def quarantine(tx: Transaction, image_id: str, reason: str) -> ReferenceImage:
    """Keep a photo, and compare with it no more. Raises NotFound, Conflict where it is so."""
    image = get(tx, image_id)
    changed = tx.execute(
        "UPDATE reference_image SET quarantined_at_s = ?, quarantined_by = ?,"
        " quarantine_reason = ? WHERE id = ? AND quarantined_at_s IS NULL",
        (tx.at_s, tx.principal, reason, image_id),
    )
    return _moved(tx, image, changed, "image.quarantine", "in quarantine already")


def release(tx: Transaction, image_id: str) -> ReferenceImage:
    """Compare with a photo again. Raises NotFound, Conflict where it is not in quarantine."""
    image = get(tx, image_id)
    changed = tx.execute(
        "UPDATE reference_image SET quarantined_at_s = NULL, quarantined_by = NULL,"
        " quarantine_reason = NULL WHERE id = ? AND quarantined_at_s IS NOT NULL",
        (image_id,),
    )
    return _moved(tx, image, changed, "image.release", "not in quarantine")


def _moved(
    tx: Transaction, image: ReferenceImage, changed: int, action: str, otherwise: str
) -> ReferenceImage:
    if not changed:
        raise Conflict(f"photo {image.id} is {otherwise}")
    entry = watchlists.get_entry(tx, image.entry_id)
    tx.audit(AuditClass.ALTERATION, action, (image.id, entry.id, entry.watchlist_id))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return get(tx, image.id)


def _consult(
    tx: Transaction, image: _SealedReferenceImage, what: str, reason: str | None = None
) -> DataKey:
    facts: dict[str, Fact] = {"what": what}
    if reason is not None:
        facts["reason"] = reason
    tx.audit(AuditClass.CONSULTATION, "image.read", (image.id, image.entry_id), facts)
    return _key(tx, image)
