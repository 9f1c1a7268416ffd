"""Which model the templates are of, and which one is in use."""

import json
from dataclasses import dataclass

from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Reader, Transaction

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
    """The pack to use instead of the configured one; None where nobody switched."""
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
