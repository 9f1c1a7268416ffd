"""Templates: what a model made of a reference photo, sealed under the key of the list."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.events import EventKind
from lfrd.ids import new_id
from lfrd.store import reference_images, watchlists
from lfrd.store.audit import AuditClass
from lfrd.store.seal import DataKey, Label
from lfrd.store.sqlite import Row
from lfrd.store.transaction import Reader, Transaction
from lfrd.types import F32, Template


@dataclass(frozen=True, slots=True, kw_only=True)
class _SealedTemplate:
    TABLE: ClassVar[str] = "template"

    id: str
    reference_image_id: str
    entry_id: str
    model_digest: str
    dim: int
    made_at_s: float
    principal: str
    sealed_vector: bytes


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """A template and whose it is."""

    id: str
    entry_id: str
    person_id: str
    watchlist_id: str
    template: Template


@dataclass(frozen=True, slots=True)
class TemplateMatrix:
    """All templates of one model: row i of `vectors` f32[n, D] is of entry_ids[i] and so on.

    `locked_watchlist_ids` are lists whose key is gone: their records are there, their faces cannot
    be opened.
    """

    model_digest: str
    template_ids: tuple[str, ...]
    entry_ids: tuple[str, ...]
    person_ids: tuple[str, ...]
    watchlist_ids: tuple[str, ...]
    vectors: F32
    locked_watchlist_ids: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.template_ids)

    @staticmethod
    def of(stored: StoredTemplate) -> "TemplateMatrix":
        """The matrix of one template."""
        return TemplateMatrix(
            stored.template.model_digest,
            (stored.id,),
            (stored.entry_id,),
            (stored.person_id,),
            (stored.watchlist_id,),
            stored.template.vector[None],
        )


def add(tx: Transaction, image_id: str, template: Template) -> StoredTemplate:
    """Seal and keep the template that a model made of a photo; one for each photo and model."""
    vector = template.vector
    if vector.dtype != np.float32 or vector.ndim != 1 or not np.isfinite(vector).all():
        raise BadInput("a template must be a finite vector of 32-bit floats")
    entry, key = reference_images.entry_and_key(tx, image_id)
    row_id = new_id()
    label = Label("template", row_id, template.model_digest)
    row = _SealedTemplate(
        id=row_id,
        reference_image_id=image_id,
        entry_id=entry.id,
        model_digest=template.model_digest,
        dim=len(vector),
        made_at_s=tx.at_s,
        principal=tx.principal,
        sealed_vector=key.seal(label, vector.tobytes()),
    )
    try:
        tx.insert(row)
    except Conflict as error:
        raise Conflict("this photo already has a template of this model") from error
    tx.audit(AuditClass.COLLECTION, "template.add", (row_id, image_id, entry.id))
    tx.event(EventKind.WATCHLIST_CHANGED, entry.watchlist_id)
    return StoredTemplate(row_id, entry.id, entry.person_id, entry.watchlist_id, template)


def ids_of_model(reader: Reader, model_digest: str) -> list[str]:
    """The ids of all templates of a model whose photo is not in quarantine, in order."""
    return reader.column(
        "SELECT template.id FROM template JOIN reference_image"
        " ON reference_image.id = reference_image_id"
        " WHERE model_digest = ? AND quarantined_at_s IS NULL ORDER BY template.id",
        (model_digest,),
    )


def ids_of_entry(reader: Reader, entry_id: str) -> list[str]:
    """The ids of all templates of an entry."""
    return reader.column("SELECT id FROM template WHERE entry_id = ?", (entry_id,))


def ids_of_image(reader: Reader, image_id: str) -> list[str]:
    """The ids of the templates that models made of a photo."""
    return reader.column("SELECT id FROM template WHERE reference_image_id = ?", (image_id,))


def model_digests(reader: Reader) -> list[str]:
    """The models that templates were made with."""
    return reader.column("SELECT DISTINCT model_digest FROM template")


_COMPARED = (
    "FROM template JOIN entry ON entry.id = template.entry_id"
    " JOIN watchlist ON watchlist.id = watchlist_id"
    " JOIN reference_image ON reference_image.id = reference_image_id"
    " WHERE model_digest = ?1 AND quarantined_at_s IS NULL"
    " AND (?2 IS NULL OR (coalesce(entry.expires_at_s > ?2, true)"
    " AND coalesce(watchlist.expires_at_s > ?2, true)"
    " AND (NOT under_18 OR approved_at_s IS NOT NULL)))"
)
"""Templates of model ?1 that may be compared with at the time ?2 (null: ever)."""


def count_valid(
    reader: Reader, model_digest: str, watchlist_ids: Sequence[str], valid_at_s: float
) -> int:
    """How many templates of these lists may be compared with at a time."""
    return sum(
        reader.count(
            f"SELECT count(*) {_COMPARED} AND watchlist_id = ?3",
            (model_digest, valid_at_s, watchlist_id),
        )
        for watchlist_id in watchlist_ids
    )


def count_on_list(reader: Reader, model_digest: str, watchlist_id: str) -> int:
    """How many templates of this model a list has, photos in quarantine included."""
    return reader.count(
        "SELECT count(*) FROM template JOIN entry ON entry.id = entry_id"
        " WHERE watchlist_id = ? AND model_digest = ?",
        (watchlist_id, model_digest),
    )


def load(
    reader: Reader,
    model_digest: str,
    watchlist_ids: Sequence[str] | None = None,
    *,
    entry_id: str | None = None,
    valid_at_s: float | None = None,
) -> TemplateMatrix:
    """Open the templates of one model, of all lists or of some, in the order of their ids.

    Photos in quarantine are left out. `valid_at_s` leaves out what may not be compared with at
    that time: expired lists and entries, and children whose entry is not approved. `entry_id`
    takes one entry only.
    """
    keys, locked = _keys(reader, watchlist_ids)
    opened: list[Row] = []
    vectors: list[bytes] = []
    rows = reader.rows(
        "SELECT template.id AS id, template.entry_id AS entry_id, person_id, watchlist_id,"
        " sealed_vector, reference_image_id, own_key"
        f" {_COMPARED} AND (?3 IS NULL OR entry.id = ?3) ORDER BY template.id",
        (model_digest, valid_at_s, entry_id),
    )
    for row in rows:
        known = keys.get(row.text("watchlist_id"))
        image_id, own_key = row.text("reference_image_id"), bool(row["own_key"])
        key = None if known is None else known.of(image_id, own_key=own_key)
        if key is None:  # of a locked list, or erased since this copy of the database was made
            continue
        label = Label("template", row.text("id"), model_digest)
        vectors.append(key.open(label, row.blob("sealed_vector")))
        del row["sealed_vector"]
        opened.append(row)
    matrix = np.frombuffer(bytearray().join(vectors), np.float32)
    return TemplateMatrix(
        model_digest,
        tuple(row.text("id") for row in opened),
        tuple(row.text("entry_id") for row in opened),
        tuple(row.text("person_id") for row in opened),
        tuple(row.text("watchlist_id") for row in opened),
        matrix.reshape(len(opened), -1 if opened else 0),
        locked,
    )


@dataclass(frozen=True, slots=True)
class _ListKeys:
    """The key of a list and the secrets of its photos."""

    key: DataKey
    secrets: dict[str, bytes]

    def of(self, image_id: str, *, own_key: bool) -> DataKey | None:
        """What the photo is sealed under; None where that was destroyed."""
        if not own_key:
            return self.key
        secret = self.secrets.get(image_id)
        return None if secret is None else self.key.part(secret)


def _keys(
    reader: Reader, watchlist_ids: Sequence[str] | None
) -> tuple[dict[str, _ListKeys], tuple[str, ...]]:
    """The keys of the wanted lists, and the lists whose key is gone."""
    keys: dict[str, _ListKeys] = {}
    locked: list[str] = []
    for list_id in reader.column("SELECT id FROM watchlist ORDER BY id"):
        if watchlist_ids is not None and list_id not in watchlist_ids:
            continue
        scope = watchlists.scope_of(list_id)
        try:
            keys[list_id] = _ListKeys(reader.keys.open(scope), reader.keys.secrets_of(scope))
        except NotFound:
            locked.append(list_id)
    return keys, tuple(locked)


_SWITCH = "model_switch"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many reference photos there are outside quarantine, and how many have a template."""

    photos: int
    templates: int


def coverage(reader: Reader, model_digest: str) -> Coverage:
    """How far the templates of a model are."""
    photos = reader.count("SELECT count(*) FROM reference_image WHERE quarantined_at_s IS NULL")
    made = reader.count(
        "SELECT count(*) FROM reference_image JOIN template"
        " ON reference_image_id = reference_image.id"
        " WHERE quarantined_at_s IS NULL AND model_digest = ?",
        (model_digest,),
    )
    return Coverage(photos, made)


def lacking(reader: Reader, model_digest: str, after_id: str, limit: int) -> list[str]:
    """Photos without a template of this model, in the order of their ids, after `after_id`."""
    return reader.column(
        "SELECT id FROM reference_image WHERE id > ?2 AND quarantined_at_s IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM template WHERE reference_image_id = reference_image.id"
        " AND model_digest = ?1) ORDER BY id LIMIT ?3",
        (model_digest, after_id, limit),
    )


def switched_from(reader: Reader, configured: str) -> str | None:
    """The pack to use instead of the configured one; None where it was not switched."""
    text = reader.value("SELECT value FROM meta WHERE name = ?", (_SWITCH,))
    if text is None:
        return None
    switch: dict[str, str] = json.loads(str(text))
    return switch["to"] if switch["from"] == configured else None


def pack_in_use(reader: Reader, configured: str) -> str:
    """The pack that the daemon is to use."""
    return switched_from(reader, configured) or configured


def switch(tx: Transaction, configured: str, pack: str, model_digest: str) -> None:
    """Use `pack` from the next start on; naming the configured pack takes a switch back."""
    tx.execute("DELETE FROM meta WHERE name = ?", (_SWITCH,))
    if pack != configured:
        tx.execute(
            "INSERT INTO meta (name, value) VALUES (?, ?)",
            (_SWITCH, json.dumps({"from": configured, "to": pack})),
        )
    tx.audit(AuditClass.ALTERATION, "model.switch", (), {"pack": pack, "model": model_digest})
