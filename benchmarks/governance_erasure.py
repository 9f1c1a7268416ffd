"""Erasure, measured on the bytes: what is left in every file, and what a backup still shows."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lfrd.errors import NotFound
from lfrd.governance.erasure import Eraser
from lfrd.matching.live_search import LiveGallery
from lfrd.store import deployments, episodes, reference_images, templates, watchlists
from lfrd.store.database import Database
from lfrd.store.deployments import NewDeployment
from lfrd.store.episodes import Evidence, NewEpisode
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.reference_images import NewReferenceImage
from lfrd.store.state_folder import StateFolder
from lfrd.store.templates import TemplateMatrix
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.vectors import VectorIndex
from lfrd.store.watchlists import Entry, NewEntry, NewWatchlist
from lfrd.types import F32, Quality, Template
from lfrd.vocabulary import Category, ErasureKind, Role

PEOPLE = 200
IMAGE_BYTES = 20_000
SLICE_BYTES = 40
MODEL = "m" * 64
QUALITY = Quality(60.0, 3.0, -2.0, 180.0, 0.5, 0.9, 0.8)
WHO = "user:bench"


@dataclass(frozen=True, slots=True)
class Parts:
    database: Database
    index: VectorIndex
    eraser: Eraser


@dataclass(frozen=True, slots=True)
class Left:
    """Hits before (the control) and after, and faces that the backup opens before and after."""

    control: int
    hits: int
    backup_control: int
    backup_faces: int


@asynccontextmanager
async def opened(path: Path, *, encrypted: bool) -> AsyncIterator[Parts]:
    with StateFolder(path) as folder, KeyStore(folder, load_master_key(folder, {})) as keys:
        async with (
            Database(folder, keys, encrypted=encrypted) as database,
            VectorIndex(folder, keys, encrypted=encrypted) as index,
        ):
            yield Parts(database, index, Eraser(database, index, LiveGallery()))


async def measure(path: Path, *, encrypted: bool, kind: ErasureKind, seed: int) -> Left:
    """Fill a state folder, erase a list or a deployment, and look into every file."""
    rng = random.Random(seed)
    vectors = np.random.default_rng(seed).standard_normal((PEOPLE, 512)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    images = [rng.randbytes(IMAGE_BYTES) for _ in range(PEOPLE)]
    async with opened(path / "state", encrypted=encrypted) as parts:
        listed, deployment_id = await _fill(parts, vectors, images)
        sealed = await parts.database.read(_sealed_slices)
        assert await parts.database.checkpoint()
        assert await parts.index.checkpoint()
        backup = path / "backup.db"
        await asyncio.to_thread(shutil.copyfile, parts.database.path, backup)
        if kind is ErasureKind.DEPLOYMENT:  # its episodes live on copies of their own
            await parts.eraser.erase(
                ErasureKind.WATCHLIST, listed, "bench", principal=WHO, role=Role.SUPERVISOR
            )
            sealed = await parts.database.read(_sealed_slices)
            await parts.database.write(
                lambda tx: deployments.end(tx, deployment_id, reason="over", summary="{}"),
                principal=WHO,
            )
        needles = [*sealed, *(cut for image in images for cut in _slices(image)),
                   *(vector.tobytes()[:SLICE_BYTES] for vector in vectors)]  # fmt: skip
        control = await asyncio.to_thread(_hits, path / "state", needles)
        backup_control = await _faces(path, backup, encrypted, kind)
        subject = listed if kind is ErasureKind.WATCHLIST else deployment_id
        await parts.eraser.erase(kind, subject, "bench", principal=WHO, role=Role.SUPERVISOR)
        if kind is ErasureKind.WATCHLIST:  # what episodes copied is not the list's
            kept = set(await parts.database.read(_sealed_slices))
            needles = [needle for needle in needles if needle not in kept]
        hits = await asyncio.to_thread(_hits, path / "state", needles)
        backup_faces = await _faces(path, backup, encrypted, kind)
    hits += await asyncio.to_thread(_hits, path / "state", needles)  # closed, too
    return Left(control, hits, backup_control, backup_faces)


async def _fill(parts: Parts, vectors: F32, images: Sequence[bytes]) -> tuple[str, str]:
    def build(tx: Transaction) -> tuple[str, str, list[templates.StoredTemplate]]:
        listed = watchlists.add(tx, NewWatchlist("list", Category.TEST, "bench", "bench"))
        stored, entries = [], []
        for number, image in enumerate(images):
            entry = watchlists.add_entry(tx, NewEntry(listed.id, f"r{number}"))
            photo = reference_images.add(
                tx, NewReferenceImage(entry.id, image, 640, 480, image[::-1], image[::2], QUALITY)
            )
            stored.append(templates.add(tx, photo.id, Template(vectors[number], MODEL)))
            entries.append(entry)
        return listed.id, _deploy(tx, entries, images), stored

    listed, deployment_id, stored = await parts.database.write(build, principal=WHO)
    ids = [(item.id, item.entry_id, item.person_id, item.watchlist_id) for item in stored]
    columns = [tuple(row[column] for row in ids) for column in range(4)]
    await parts.index.add(TemplateMatrix(MODEL, *columns, vectors))
    return listed, deployment_id


def _deploy(tx: Transaction, entries: Sequence[Entry], images: Sequence[bytes]) -> str:
    new = NewDeployment("standard", "bench", "test", "bench", 0.5, "d" * 64, MODEL)
    row = deployments.add(tx, new)
    deployments.authorise(tx, row.id)
    deployments.start(tx, row.id)
    for track, (entry, image) in enumerate(zip(entries, images, strict=True)):
        episodes.add(
            tx,
            NewEpisode(
                deployment_id=row.id, camera_id="gate", track_id=track, entry_id=entry.id,
                person_id=entry.person_id, watchlist_id=entry.watchlist_id,
                reference=entry.reference, score=0.7, margin=None, threshold=0.5,
                model_digest=MODEL, looks=2, sequence=1, media_at_s=0.0, captured_at_s=0.0,
                latency_ms=None, evidence=Evidence(image, image, image),
            ),
        )  # fmt: skip
    return row.id


def _sealed_slices(reader: Reader) -> list[bytes]:
    """Pieces of every sealed blob: what lies in the files when pages are not encrypted."""
    found: list[bytes] = []
    for table, columns in (
        ("template", ("sealed_vector",)),
        ("reference_image", ("sealed_image", "sealed_crop", "sealed_portrait")),
        ("episode", ("sealed_probe_crop", "sealed_reference_crop", "sealed_probe_portrait",
                     "sealed_reference_portrait", "sealed_scene")),
    ):  # fmt: skip
        for column in columns:
            rows = reader.rows(f"SELECT {column} FROM {table} WHERE {column} IS NOT NULL")
            for row in rows:
                found += _slices(row.blob(column))
    return found


def _slices(blob: bytes) -> list[bytes]:
    """From the start, the middle and the end: pages cut blobs into pieces."""
    middle = len(blob) // 2
    return [blob[:SLICE_BYTES], blob[middle : middle + SLICE_BYTES], blob[-SLICE_BYTES:]]


def _hits(folder: Path, needles: Sequence[bytes]) -> int:
    """How many needles lie in any file: found by their first 8 bytes, then compared whole."""
    starts = np.unique(np.frombuffer(b"".join(needle[:8] for needle in needles), np.uint64))
    possible = np.zeros(
        1 << 16, np.bool_
    )  # by the last two bytes of a start: sorts out nine in ten
    possible[starts & 0xFFFF] = True
    wanted = set(needles)
    found: set[bytes] = set()
    for path in folder.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        for shift in range(8 if len(content) >= SLICE_BYTES else 0):
            words = np.frombuffer(content, np.uint64, max(0, len(content) - shift) // 8, shift)
            near = np.flatnonzero(possible[words & 0xFFFF])
            for at in near[np.isin(words[near], starts)].tolist():
                found.add(content[shift + at * 8 :][:SLICE_BYTES])
    return len(found & wanted)


async def _faces(path: Path, backup: Path, encrypted: bool, kind: ErasureKind) -> int:
    """How many faces the backup shows together with the keys as they are now."""
    restored = path / "restored"
    await asyncio.to_thread(shutil.rmtree, restored, True)
    await asyncio.to_thread(restored.mkdir)
    await asyncio.to_thread(shutil.copyfile, backup, restored / "lfrd.db")
    for name in ("keys.db", "master.key"):
        await asyncio.to_thread(shutil.copyfile, path / "state" / name, restored / name)
    await asyncio.to_thread((restored / "master.key").chmod, 0o600)
    async with opened(restored, encrypted=encrypted) as parts:
        return await parts.database.write(lambda tx: _open_all(tx, kind), principal=WHO)


def _open_all(tx: Transaction, kind: ErasureKind) -> int:
    shown = 0
    table = "reference_image" if kind is ErasureKind.WATCHLIST else "episode"
    for row_id in tx.column(f"SELECT id FROM {table}"):
        try:
            if kind is ErasureKind.WATCHLIST:
                reference_images.read_image(tx, row_id)
            else:
                episodes.read_image(tx, row_id, "probe")
        except NotFound:
            continue
        shown += 1
    return shown
