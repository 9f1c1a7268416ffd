"""Episodes: one track in one deployment that matched one entry, for people to review.

An episode keeps copies of its own, sealed under the key of its deployment, so that the list may
be erased before the review is done. Reading an image of it is a consultation: it is logged in the
same transaction, or it does not happen.
"""

import enum
import hashlib
import hmac
import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import ClassVar, Literal

from lfrd.errors import Conflict, NotFound
from lfrd.events import EventKind
from lfrd.store import deployments, reference_images
from lfrd.store.audit import SALT_BYTES, AuditClass, Fact, Leaf, commit, leaf_hash, number
from lfrd.store.seal import BlobKind, DataKey, Label
from lfrd.store.sqlite import SQLValue
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import DeploymentState

KEYS_AHEAD = 256
"""Episodes whose ids and secrets are made together: to bring a key to the disk takes longer than
all else of an episode (20 ms of 30), and people wait for it."""

EpisodeImage = Literal["probe", "reference", "scene"]


class EpisodeState(enum.StrEnum):
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """`sequence`, `media_at_s` and `captured_at_s` are of the deciding look (see lfrd.types);
    `raised_at_s` is wall time; `margin` is None where there was no other person to compare with;
    `latency_ms` is None where no live clock ran. `faces_commitment` is SHA-256 over `faces_salt`
    and the digests of the images that were sealed: it outlives them. `escalated_at_s` is when the
    reviewers turned out to disagree. `evidence` is how the score came about, as JSON (see
    lfrd.matching.evidence). `bundled_with` is the earlier episode of the same entry and camera
    whose notification stands for this one too."""

    TABLE: ClassVar[str] = "episode"

    id: str
    deployment_id: str
    camera_id: str
    track_id: int
    entry_id: str
    person_id: str
    watchlist_id: str
    reference: str
    score: float
    margin: float | None
    threshold: float
    model_digest: str
    looks: int
    sequence: int
    media_at_s: float
    captured_at_s: float
    raised_at_s: float
    latency_ms: float | None
    state: EpisodeState
    closed_at_s: float | None = None
    faces_salt: bytes | None = None
    faces_commitment: bytes | None = None
    faces_erased_at_s: float | None = None
    escalated_at_s: float | None = None
    evidence: str | None = None
    bundled_with: str | None = None
    raised_leaf: int | None = None
    """The leaf of the log that says that it was raised; None where an earlier lfrd raised it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEpisode(Episode):
    """The whole row: an episode with its pictures, sealed under the key that `key_of` gives; each
    is None where there was none, or where the faces were erased."""

    sealed_probe_crop: bytes | None = None
    sealed_reference_crop: bytes | None = None
    sealed_probe_portrait: bytes | None = None
    sealed_reference_portrait: bytes | None = None
    sealed_scene: bytes | None = None
    own_key: bool = True


@dataclass(frozen=True, slots=True)
class Evidence:
    """Images of an episode as encoded files: the crop of the deciding look, and the scene.

    The reference beside it is copied from the list: the photo named, else the entry's best one. A
    `likeness` is taken instead, where the reference is of no entry (a decoy).
    """

    probe_crop: bytes
    probe_portrait: bytes
    scene: bytes | None = None
    reference_image_id: str | None = None
    likeness: reference_images.Likeness | None = None


@dataclass(frozen=True, slots=True)
class NewEpisode:
    """What the evidence module found, and its images. People are told once in `cooldown_s` of an
    entry that passes a camera again and again; 0: each time."""

    deployment_id: str
    camera_id: str
    track_id: int
    entry_id: str
    person_id: str
    watchlist_id: str
    reference: str
    score: float
    margin: float | None
    threshold: float
    model_digest: str
    looks: int
    sequence: int
    media_at_s: float
    captured_at_s: float
    latency_ms: float | None
    evidence: Evidence
    looks_json: str | None = None
    cooldown_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rival:
    """Another person over the threshold on the same track."""

    TABLE: ClassVar[str] = "episode_rival"

    episode_id: str
    entry_id: str
    person_id: str
    watchlist_id: str
    reference: str
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _SealedRival(Rival):
    sealed_reference_portrait: bytes | None
    own_key: bool = True


def add(tx: Transaction, new: NewEpisode) -> Episode:
    """Store a candidate with its evidence and a copy of its reference.

    Raises Conflict unless its deployment runs, NotFound where the entry was erased meanwhile.
    """
    if deployments.get(tx, new.deployment_id).state != DeploymentState.RUNNING:
        raise Conflict(f"deployment {new.deployment_id} is not running")
    row_id, key = tx.keys.next_part(deployments.scope_of(new.deployment_id), KEYS_AHEAD)
    scene = new.evidence.scene
    likeness = new.evidence.likeness or reference_images.copy_likeness(
        tx, new.entry_id, new.evidence.reference_image_id
    )

    def seal(kind: BlobKind, image: bytes) -> bytes:
        return key.seal(Label(kind, row_id, new.model_digest), image)

    salt = os.urandom(SALT_BYTES)
    faces = commit_faces(
        salt, new.evidence.probe_crop, likeness.crop, new.evidence.probe_portrait,
        likeness.portrait, scene,
    )  # fmt: skip
    leaf_id = tx.audit(
        AuditClass.COMBINATION, "episode.raise", (row_id, new.deployment_id, new.entry_id),
        {"model": new.model_digest, "looks": new.looks, "faces": faces.hex(),
         "deployment": new.deployment_id, "camera": new.camera_id,
         "latency_ms": number(new.latency_ms)},
    )  # fmt: skip
    episode = SealedEpisode(
        id=row_id,
        deployment_id=new.deployment_id,
        camera_id=new.camera_id,
        track_id=new.track_id,
        entry_id=new.entry_id,
        person_id=new.person_id,
        watchlist_id=new.watchlist_id,
        reference=new.reference,
        score=new.score,
        margin=new.margin,
        threshold=new.threshold,
        model_digest=new.model_digest,
        looks=new.looks,
        sequence=new.sequence,
        media_at_s=new.media_at_s,
        captured_at_s=new.captured_at_s,
        raised_at_s=tx.at_s,
        latency_ms=new.latency_ms,
        state=EpisodeState.OPEN,
        faces_salt=salt,
        faces_commitment=faces,
        evidence=new.looks_json,
        bundled_with=_told_with(tx, new),
        sealed_probe_crop=seal("probe-crop", new.evidence.probe_crop),
        sealed_reference_crop=seal("episode-reference", likeness.crop),
        sealed_probe_portrait=seal("probe-portrait", new.evidence.probe_portrait),
        sealed_reference_portrait=seal("episode-portrait", likeness.portrait),
        sealed_scene=None if scene is None else seal("scene", scene),
        raised_leaf=leaf_id - 1,
    )
    tx.insert(episode)
    tx.event(EventKind.EPISODE_RAISED, row_id)
    return get(tx, row_id)


def told_of(episode: Episode) -> dict[str, Fact]:
    """What every leaf about an episode states, so that the record can be computed from leaves: the
    deployment, and the alert, which is named by the leaf that raised it."""
    if episode.raised_leaf is None:
        return {}
    return {"deployment": episode.deployment_id, "alert": episode.raised_leaf}


def _told_with(tx: Transaction, new: NewEpisode) -> str | None:
    """The episode that people were last told of for this entry at this camera, if that is so short
    ago that they need not be told again. A clock that was set back tells them."""
    told = tx.first(
        Episode,
        "WHERE entry_id = ? AND camera_id = ? AND deployment_id = ? AND bundled_with IS NULL"
        " ORDER BY id DESC",
        (new.entry_id, new.camera_id, new.deployment_id),
    )
    if told is None or not 0 <= tx.at_s - told.raised_at_s < new.cooldown_s:
        return None
    return told.id


def key_of(reader: Reader, episode: SealedEpisode) -> DataKey:
    """What the faces of an episode are sealed under. Raises NotFound where it was destroyed."""
    scope = deployments.scope_of(episode.deployment_id)
    return reader.keys.open_part(scope, episode.id) if episode.own_key else reader.keys.open(scope)


def commit_faces(salt: bytes, *images: bytes | None) -> bytes:
    """SHA-256(salt ‖ SHA-256 of each image in turn): probe crop, reference crop, both portraits,
    scene; a missing image counts as empty."""
    digest = hashlib.sha256(salt)
    for image in images:
        digest.update(hashlib.sha256(image or b"").digest())
    return digest.digest()


def is_as_logged(reader: Reader, episode_id: str) -> bool:
    """Whether the episode's entry in the log is unchanged and is about these faces.

    True before and after the faces were erased, until the log's own time is over.
    """
    episode = get(reader, episode_id)
    logged = reader.query(
        _LoggedLeaf,
        "SELECT at_s, class AS event_class, principal, action, subjects, salt, commitment, payload,"
        " leaf_hash"
        " FROM audit_leaf WHERE id IN (SELECT leaf_id FROM audit_link WHERE subject_id = ?)"
        " AND action IN ('episode.raise', 'episode.better-look') ORDER BY id DESC LIMIT 1",
        (episode_id,),
    )
    return any(
        hmac.compare_digest(leaf_hash(kept.leaf), kept.leaf_hash)
        and hmac.compare_digest(commit(json.loads(kept.subjects), kept.salt), kept.commitment)
        and json.loads(kept.payload).get("faces") == (episode.faces_commitment or b"").hex()
        for kept in logged
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _LoggedLeaf:
    """An entry of the log with its links, as it was written."""

    at_s: float
    event_class: AuditClass
    principal: str
    action: str
    subjects: str
    salt: bytes
    commitment: bytes
    payload: str
    leaf_hash: bytes

    @property
    def leaf(self) -> Leaf:
        return Leaf(
            at_s=self.at_s,
            event_class=self.event_class,
            principal=self.principal,
            action=self.action,
            commitment=self.commitment,
            payload=self.payload,
        )


def update(
    tx: Transaction,
    episode_id: str,
    *,
    score: float,
    margin: float | None,
    looks: int,
    looks_json: str | None = None,
) -> Episode:
    """Note that later looks strengthened an open episode."""
    changed = tx.execute(
        "UPDATE episode SET score = ?, margin = ?, looks = ?, evidence = coalesce(?, evidence)"
        " WHERE id = ? AND state = 'open'",
        (score, margin, looks, looks_json, episode_id),
    )
    if not changed:
        raise Conflict(f"episode {get(tx, episode_id).id} is closed")
    tx.event(EventKind.EPISODE_UPDATED, episode_id)
    return get(tx, episode_id)


def escalate(tx: Transaction, episode_id: str) -> Episode:
    """The reviewers disagree: a supervisor has to decide. Escalating again changes nothing."""
    changed = tx.execute(
        "UPDATE episode SET escalated_at_s = ?"
        " WHERE id = ? AND state = 'open' AND escalated_at_s IS NULL",
        (tx.at_s, episode_id),
    )
    if changed:
        tx.audit(
            AuditClass.DECISION, "episode.escalate", (episode_id,), told_of(get(tx, episode_id))
        )
        tx.event(EventKind.EPISODE_UPDATED, episode_id)
    return get(tx, episode_id)


def close(tx: Transaction, episode_id: str) -> Episode:
    """open → closed: the review is done, or the episode has lapsed."""
    changed = tx.execute(
        "UPDATE episode SET state = 'closed', closed_at_s = ? WHERE id = ? AND state = 'open'",
        (tx.at_s, episode_id),
    )
    if not changed:
        raise Conflict(f"episode {get(tx, episode_id).id} is closed already")
    closed = get(tx, episode_id)
    tx.audit(AuditClass.DECISION, "episode.close", (episode_id,), told_of(closed))
    tx.event(EventKind.EPISODE_CLOSED, episode_id)
    return closed


def lapse(tx: Transaction, episode_id: str, reason: str | None = None) -> None:
    """open → closed, undecided: its faces were erased, or somebody gave a `reason` after the end of
    its deployment. One that is closed stays as it is."""
    changed = tx.execute(
        "UPDATE episode SET state = 'closed', closed_at_s = ? WHERE id = ? AND state = 'open'",
        (tx.at_s, episode_id),
    )
    if changed:
        told = told_of(get(tx, episode_id)) | ({} if reason is None else {"reason": reason})
        kind = AuditClass.ERASURE if reason is None else AuditClass.DECISION
        tx.audit(kind, "episode.lapse", (episode_id,), told)
        tx.event(EventKind.EPISODE_CLOSED, episode_id)


def why_erased(episode: Episode) -> str | None:
    """Why an episode shows no face any more; None while it does."""
    if episode.faces_erased_at_s is None:
        return None
    return "its faces were erased" if episode.reference else "the person was erased"


def get(reader: Reader, episode_id: str) -> Episode:
    """Raises NotFound."""
    return reader.get(Episode, episode_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeFilter:
    """Which episodes are asked for; None leaves a bound out. Times are wall time: from `since_s` to
    before `until_s`. `waiting_for`: open, and this principal has not decided about them.
    `decided_by`: this principal has."""

    state: EpisodeState | None = None
    deployment_id: str | None = None
    camera_id: str | None = None
    watchlist_id: str | None = None
    entry_id: str | None = None
    since_s: float | None = None
    until_s: float | None = None
    waiting_for: str | None = None
    decided_by: str | None = None


_CONDITIONS = {
    "state": "state = ?",
    "deployment_id": "deployment_id = ?",
    "camera_id": "camera_id = ?",
    "watchlist_id": "watchlist_id = ?",
    "entry_id": "entry_id = ?",
    "since_s": "raised_at_s >= ?",
    "until_s": "raised_at_s < ?",
    "waiting_for": "state = 'open' AND NOT EXISTS"
    " (SELECT 1 FROM review WHERE episode_id = episode.id AND review.principal = ?)",
    "decided_by": "id IN (SELECT episode_id FROM review WHERE principal = ?)",
}
"""Of a filter's fields."""


FEW_DECISIONS = 3_000
"""So many episodes are looked up one by one; of more the newest are soon found in their order."""


def _conditions(reader: Reader, decided_by: str | None) -> dict[str, str]:
    """Those of the fields, as they are quickest for somebody who decided as often as this one."""
    few = "SELECT count(*) FROM (SELECT 1 FROM review WHERE principal = ? LIMIT ?)"
    if decided_by is None or reader.count(few, (decided_by, FEW_DECISIONS)) < FEW_DECISIONS:
        return _CONDITIONS
    often = "EXISTS (SELECT 1 FROM review WHERE episode_id = episode.id AND review.principal = ?)"
    return {**_CONDITIONS, "decided_by": often}


def page(
    reader: Reader,
    wanted: EpisodeFilter | None = None,
    *,
    after: tuple[float, str] | None = None,
    limit: int = 100,
) -> list[Episode]:
    """Episodes, newest first; `after`: `raised_at_s` and id of the last one of the page before."""
    values = asdict(wanted or EpisodeFilter())
    given: list[tuple[str, SQLValue]] = [
        (condition, values[name])
        for name, condition in _conditions(reader, values["decided_by"]).items()
        if values[name] is not None
    ]
    where = " AND ".join(condition for condition, _ in given) or "true"
    bounds: list[SQLValue] = [value for _, value in given]
    if after is not None:
        where += " AND (raised_at_s, id) < (?, ?)"
        bounds += after
    tail = f"WHERE {where} ORDER BY raised_at_s DESC, id DESC LIMIT ?"
    return reader.find(Episode, tail, (*bounds, limit))


def open_since(reader: Reader) -> tuple[int, float | None]:
    """How many episodes are open, and when the oldest of them was raised."""
    count = reader.count("SELECT count(*) FROM episode WHERE state = 'open'")
    oldest = reader.value("SELECT min(raised_at_s) FROM episode WHERE state = 'open'")
    assert oldest is None or isinstance(oldest, float)
    return count, oldest


def all_in(reader: Reader, deployment_id: str) -> list[Episode]:
    """A deployment's episodes, first one first."""
    return reader.find(Episode, "WHERE deployment_id = ? ORDER BY id", (deployment_id,))


def of_person(reader: Reader, person_id: str) -> list[Episode]:
    """The episodes that were raised as a person, first one first."""
    return reader.find(Episode, "WHERE person_id = ? ORDER BY id", (person_id,))


def ids_in(reader: Reader, deployment_id: str) -> list[str]:
    """The ids of a deployment's episodes."""
    return reader.column("SELECT id FROM episode WHERE deployment_id = ?", (deployment_id,))


def deployments_of(reader: Reader, episode_ids: Sequence[str]) -> list[str]:
    """The deployments that some episodes are of."""
    return reader.column(
        "SELECT DISTINCT deployment_id FROM episode WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(episode_ids)),),
    )


def deployments_with_faces(reader: Reader) -> list[str]:
    """The ids of the deployments that have an episode whose faces are not erased."""
    return reader.column(
        "SELECT DISTINCT deployment_id FROM episode WHERE faces_erased_at_s IS NULL"
    )


def with_scene(reader: Reader, episode_ids: Sequence[str]) -> frozenset[str]:
    """Which of these episodes have a scene that can be looked at."""
    return frozenset(
        reader.column(
            "SELECT id FROM episode WHERE id IN (SELECT value FROM json_each(?))"
            " AND sealed_scene IS NOT NULL",
            (json.dumps(list(episode_ids)),),
        )
    )


def read_image(tx: Transaction, episode_id: str, which: EpisodeImage) -> bytes:
    """Open an image of an episode, and log that `tx.principal` looked at it.

    Raises NotFound where there is none, or where it was erased.
    """
    episode = tx.get(SealedEpisode, episode_id)
    images: dict[EpisodeImage, tuple[BlobKind, bytes | None]] = {
        "probe": ("probe-portrait", episode.sealed_probe_portrait),
        "reference": ("episode-portrait", episode.sealed_reference_portrait),
        "scene": ("scene", episode.sealed_scene),
    }
    kind, sealed = images[which]
    if sealed is None:
        raise NotFound(f"episode {episode_id} has no {which} image, or it was erased")
    tx.audit(AuditClass.CONSULTATION, "episode.read-image", (episode_id,), {"image": which})
    label = Label(kind, episode.id, episode.model_digest)
    return key_of(tx, episode).open(label, sealed)


def add_rival(tx: Transaction, rival: Rival) -> Rival:
    """Note another person over the threshold, with a copy of their best photo.

    Raises Conflict where that person is noted, NotFound where the entry was erased meanwhile.
    """
    episode = get(tx, rival.episode_id)
    label = _rival_label(episode, rival.person_id)
    scope = deployments.scope_of(episode.deployment_id)
    likeness = reference_images.copy_likeness(tx, rival.entry_id)
    key = tx.keys.add_part(scope, label.row_id)
    tx.insert(
        _SealedRival(**asdict(rival), sealed_reference_portrait=key.seal(label, likeness.portrait))
    )
    tx.event(EventKind.EPISODE_UPDATED, rival.episode_id)
    return rival


def rivals(reader: Reader, episode_id: str) -> list[Rival]:
    """The other persons over the threshold, best first."""
    return reader.find(Rival, "WHERE episode_id = ? ORDER BY score DESC", (episode_id,))


def read_rival_image(tx: Transaction, episode_id: str, person_id: str) -> bytes:
    """Open the reference crop of a rival, and log that `tx.principal` looked at it."""
    episode = get(tx, episode_id)
    rival = tx.first(
        _SealedRival, "WHERE episode_id = ? AND person_id = ?", (episode_id, person_id)
    )
    if rival is None or rival.sealed_reference_portrait is None:
        raise NotFound(f"episode {episode_id} has no such rival image, or it was erased")
    tx.audit(
        AuditClass.CONSULTATION, "episode.read-image", (episode_id, rival.entry_id),
        {"image": "rival"},
    )  # fmt: skip
    label, scope = _rival_label(episode, person_id), deployments.scope_of(episode.deployment_id)
    own = rival.own_key
    key = tx.keys.open_part(scope, label.row_id) if own else tx.keys.open(scope)
    return key.open(label, rival.sealed_reference_portrait)


def _rival_label(episode: Episode, person_id: str) -> Label:
    return Label("rival-reference", f"{episode.id}/{person_id}", episode.model_digest)


@dataclass(frozen=True, slots=True)
class Seen:
    """When a look was taken (see lfrd.types)."""

    sequence: int
    media_at_s: float
    captured_at_s: float


def show_better_look(tx: Transaction, episode_id: str, seen: Seen, evidence: Evidence) -> None:
    """Replace the time and the pictures of the deciding look; the old ones are gone.

    The new pictures are committed to in the log like those of the raise. Raises Conflict where the
    episode is closed, or its faces were erased.
    """
    kept = tx.get(SealedEpisode, episode_id)
    key = key_of(tx, kept)

    def opened(kind: BlobKind, sealed: bytes | None) -> bytes | None:
        return None if sealed is None else key.open(Label(kind, kept.id, kept.model_digest), sealed)

    def seal(kind: BlobKind, image: bytes) -> bytes:
        return key.seal(Label(kind, kept.id, kept.model_digest), image)

    scene = evidence.scene or opened("scene", kept.sealed_scene)
    salt = os.urandom(SALT_BYTES)
    faces = commit_faces(
        salt,
        evidence.probe_crop,
        opened("episode-reference", kept.sealed_reference_crop),
        evidence.probe_portrait,
        opened("episode-portrait", kept.sealed_reference_portrait),
        scene,
    )
    changed = tx.execute(
        "UPDATE episode SET sequence = :sequence, media_at_s = :media_at_s,"
        " captured_at_s = :captured_at_s, faces_salt = :salt, faces_commitment = :faces,"
        " sealed_probe_crop = :probe, sealed_probe_portrait = :portrait, sealed_scene = :scene"
        " WHERE id = :id AND state = 'open' AND sealed_probe_crop IS NOT NULL",
        {
            "id": episode_id,
            "sequence": seen.sequence,
            "media_at_s": seen.media_at_s,
            "captured_at_s": seen.captured_at_s,
            "salt": salt,
            "faces": faces,
            "probe": seal("probe-crop", evidence.probe_crop),
            "portrait": seal("probe-portrait", evidence.probe_portrait),
            "scene": None if scene is None else seal("scene", scene),
        },
    )
    if not changed:
        raise Conflict(f"episode {episode_id} is closed, or its faces were erased")
    tx.audit(
        AuditClass.ALTERATION,
        "episode.better-look",
        (episode_id, kept.deployment_id, kept.entry_id),
        {"sequence": seen.sequence, "faces": faces.hex()},
    )
    tx.event(EventKind.EPISODE_UPDATED, episode_id)


@dataclass(frozen=True, slots=True)
class Crops:
    """The aligned crops as image files; `as_committed` says that all pictures of the episode are
    the ones whose digests it committed to when they were sealed."""

    probe: bytes
    reference: bytes
    as_committed: bool


def open_crops(tx: Transaction, episode_id: str) -> Crops:
    """Open both crops, and log that `tx.principal` had them compared again.

    Raises NotFound where they were erased.
    """
    episode = tx.get(SealedEpisode, episode_id)
    key = key_of(tx, episode)
    tx.audit(AuditClass.CONSULTATION, "episode.replay", (episode_id,))

    def opened(kind: BlobKind, sealed: bytes | None) -> bytes | None:
        label = Label(kind, episode.id, episode.model_digest)
        return None if sealed is None else key.open(label, sealed)

    probe = opened("probe-crop", episode.sealed_probe_crop)
    reference = opened("episode-reference", episode.sealed_reference_crop)
    if probe is None or reference is None:
        raise NotFound(f"the faces of episode {episode_id} were erased: nothing is left to replay")
    again = commit_faces(
        episode.faces_salt or b"", probe, reference,
        opened("probe-portrait", episode.sealed_probe_portrait),
        opened("episode-portrait", episode.sealed_reference_portrait),
        opened("scene", episode.sealed_scene),
    )  # fmt: skip
    return Crops(probe, reference, hmac.compare_digest(again, episode.faces_commitment or b""))
