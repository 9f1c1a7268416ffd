"""Seeding decoys: lab pictures on their way into the review queue of the running deployment."""

import asyncio
import logging
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lfrd.cameras.fleet import Fleet, FleetCamera
from lfrd.clock import Clock
from lfrd.config import ReviewSection
from lfrd.errors import BadInput, ConfigError, Conflict, LfrdError, UserError
from lfrd.governance.deployments import DeploymentService
from lfrd.health import HealthBoard
from lfrd.ids import new_id
from lfrd.lists.photo_face import find_subject
from lfrd.lists.photo_file import read_photo
from lfrd.lists.photo_folder import files_in, folders_in, unread_words
from lfrd.store import decoys, watchlists
from lfrd.store.database import SYSTEM, Database
from lfrd.store.deployments import Deployment
from lfrd.store.episodes import Episode, Evidence, NewEpisode
from lfrd.store.reference_images import Likeness
from lfrd.store.transaction import Transaction
from lfrd.store.watchlists import Watchlist
from lfrd.types import F32, U8, Planes, Scored, Trail
from lfrd.vision.decoy_frame import Laid, Place, lay
from lfrd.vision.engine import LabFace, Vision
from lfrd.vision.picture import jpeg, png, portrait, scene
from lfrd.vision.planes import planes_from_rgb

PEOPLE_AT_LEAST, PHOTOS_AT_LEAST = 2, 2
PHOTOS_LIMIT = 500
"""In all: each is looked at when the daemon starts."""
NAME_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """When the decoy of a slot is due, wall time."""

    deployment_id: str
    slot: int
    at_s: float


@dataclass(frozen=True, slots=True)
class LabPerson:
    """A person who consented; `name` is what reviewers see as the reference."""

    name: str
    photos: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """What a decoy shows. `mated`: both pictures are of the one person."""

    name: str
    reference: Path
    probe: Path
    mated: bool


def chance(seed: str, deployment_id: str, slot: int, what: str) -> random.Random:
    """What falls to chance in one slot; the same again for the same seed."""
    return random.Random(f"{seed}/{deployment_id}/{slot}/{what}")


def next_moment(
    seed: str, deployment_id: str, started_at_s: float, every_s: float, after_s: float
) -> Moment:
    """The first moment after `after_s`, in a deployment that began at `started_at_s`.

    Each deployment's time falls into slots of equal length. In each there is one moment, anywhere
    in it with the same chance, so there are never more decoys than slots, and none can be foreseen.
    """
    slot = max(0, int((after_s - started_at_s) // every_s))
    while True:
        share = chance(seed, deployment_id, slot, "when").random()
        at_s = started_at_s + (slot + share) * every_s
        if at_s > after_s:
            return Moment(deployment_id, slot, at_s)
        slot += 1


def pair_of(people: tuple[LabPerson, ...], draw: random.Random) -> Pair:
    """One in two is mated; no picture is shown beside itself."""
    mated = draw.random() < 0.5
    person = draw.choice(people)
    reference = draw.choice(person.photos)
    shown = person if mated else draw.choice([other for other in people if other != person])
    probe = draw.choice([photo for photo in shown.photos if photo != reference])
    return Pair(person.name, reference, probe, mated)


def people_in(folder: Path) -> tuple[LabPerson, ...]:
    """The lab people of a folder. Raises ConfigError that names all that is wrong with it."""
    try:
        files = {person: files_in(person) for person in folders_in(folder)}
    except OSError as error:
        raise ConfigError(
            f"review.decoys_folder: cannot read {error.filename}: {error.strerror}"
        ) from None
    found = tuple(LabPerson(person.name, inside.photos) for person, inside in files.items())
    wrong = [f"{path}: {unread_words(path)}" for inside in files.values() for path in inside.unread]
    wrong += [
        f"{folder / person.name} has {len(person.photos)} picture(s); {PHOTOS_AT_LEAST} or more "
        "of each person are needed"
        for person in found
        if len(person.photos) < PHOTOS_AT_LEAST
    ]
    wrong += [
        f"{folder / person.name}: a name has at most {NAME_LIMIT} printable characters"
        for person in found
        if len(person.name) > NAME_LIMIT or not person.name.isprintable()
    ]
    if len(found) < PEOPLE_AT_LEAST:
        wrong.append(
            f"{folder} has the folders of {len(found)} people; {PEOPLE_AT_LEAST} or more are needed"
        )
    if sum(len(person.photos) for person in found) > PHOTOS_LIMIT:
        wrong.append(f"{folder} has more than {PHOTOS_LIMIT} pictures")
    if wrong:
        raise ConfigError("review.decoys_folder:\n" + "\n".join(f"  {line}" for line in wrong))
    return found


log = logging.getLogger(__name__)

LOOK_S = 1.0
OPEN_LIMIT = 3
"""So many wait for a decision at most; a slot's decoy beyond them is left out."""
INTER_EYE_PX = 36.0, 72.0
"""How large a decoy's face is in its frame: as faces are that cameras match."""
COMPONENT = "decoys"


@dataclass(frozen=True, slots=True)
class _Photo:
    """A lab picture u8[h, w, 3] RGB as planes too, with its one face and the others in it."""

    rgb: U8
    planes: Planes
    box: F32
    others: F32
    landmarks: F32


@dataclass(frozen=True, slots=True)
class _Made:
    """The pictures of a decoy, encoded, and the score that the model gives them."""

    evidence: Evidence
    score: float


class Decoys:
    """Seeds decoys where the site wants any; `check` at the start, then `run` until cancelled.

    Lab people are on no list: no camera's face is ever compared with them.
    """

    def __init__(
        self,
        setting: ReviewSection,
        database: Database,
        clock: Clock,
        health: HealthBoard,
        fleet: Fleet,
        vision: Vision,
        deployments: DeploymentService,
    ) -> None:
        self._setting = setting
        self._database = database
        self._clock = clock
        self._health = health
        self._fleet = fleet
        self._vision = vision
        self._deployments = deployments
        seed = setting.decoys_seed
        self._seed = os.urandom(16).hex() if seed is None else str(seed)
        self._people: tuple[LabPerson, ...] = ()
        self._next: Moment | None = None

    async def check(self) -> None:
        """Look at every picture. Raises ConfigError that names all that are wrong."""
        folder = self._setting.decoys_folder
        if not self._setting.decoy_every_min or folder is None:
            return
        people = await asyncio.to_thread(people_in, folder)
        wrong = []
        for path in (photo for person in people for photo in person.photos):
            try:
                await self._read(path)
            except UserError as error:
                wrong.append(f"  {path}: {error}")
        if wrong:
            raise ConfigError("review.decoys_folder:\n" + "\n".join(wrong))
        self._people = people

    async def run(self) -> None:
        """Seed what is due, until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(LOOK_S)

    async def sweep(self) -> Episode | None:
        """Seed the decoy that is due now, if one is; what fails turns health yellow."""
        deployment = self._deployments.current
        if not self._people or deployment is None or self._deployments.paused:
            self._next = None
            return None
        due, now_s = self._next, self._clock.wall_s()
        if due is None or due.deployment_id != deployment.id:
            self._next = self._after(deployment, now_s)
            return None
        if now_s < due.at_s:
            return None
        self._next = self._after(deployment, now_s)
        try:
            seeded = await self._seed_one(deployment, due)
        except Conflict as error:
            log.info("a decoy was left out: %s", error)
            return None
        except LfrdError as error:
            self._health.degrade(COMPONENT, f"decoys cannot be seeded: {error}")
            return None
        self._health.clear(COMPONENT)
        return seeded

    def _after(self, deployment: Deployment, now_s: float) -> Moment:
        every_s = self._setting.decoy_every_min * 60
        started_s = deployment.started_at_s or now_s
        return next_moment(self._seed, deployment.id, started_s, every_s, now_s)

    async def _seed_one(self, deployment: Deployment, due: Moment) -> Episode | None:
        """Make one for a camera that is being watched; None where none is, or no list is."""
        draw = chance(self._seed, deployment.id, due.slot, "what")
        cameras = [camera for camera in self._fleet.cameras() if _is_watched(camera)]
        if not cameras:
            return None
        camera = draw.choice(cameras)
        pair = pair_of(self._people, draw)
        cells = await self._fleet.life.glance(camera.row.id)
        made = await self._make(pair, cells, _place(camera, draw))

        def write(tx: Transaction) -> Episode | None:
            lists = _lists_for(tx, deployment, camera.row.id)
            if not lists or decoys.open_in(tx, deployment.id) >= OPEN_LIMIT:
                return None
            new = _episode(deployment, camera, draw.choice(lists), pair, made, draw)
            return decoys.add(tx, new, mated=pair.mated)

        return await self._database.write(write, principal=SYSTEM)

    async def _make(self, pair: Pair, cells: U8, place: Place) -> _Made:
        """Both pictures on the way that all pictures go: aligned, embedded, compared, encoded."""
        listed, seen = await self._read(pair.reference), await self._read(pair.probe)
        laid = await asyncio.to_thread(
            lay, seen.rgb, seen.box, seen.others, seen.landmarks, cells, place
        )
        planes = await asyncio.to_thread(planes_from_rgb, laid.rgb)
        reference = await self._vision.lab_face(listed.planes, listed.landmarks)
        probe = await self._vision.lab_face(planes, laid.landmarks)
        try:
            score = float(np.dot(reference.vector, probe.vector))
            evidence = await asyncio.to_thread(_encoded, listed, reference, planes, laid, probe)
            return _Made(evidence, score)
        finally:
            for face in (reference, probe):
                face.crop_rgb.fill(0)
                face.vector.fill(0)

    async def _read(self, path: Path) -> _Photo:
        """A lab picture with its face. Raises BadInput where it has none that can be used."""
        rgb = await asyncio.to_thread(_pixels, path)
        found, index = await find_subject(self._vision, rgb, path.name)
        faces = found.faces
        others = np.delete(faces.boxes, index, 0)
        upright = np.ascontiguousarray(np.rot90(rgb, -found.turned_deg // 90))
        return _Photo(upright, found.planes, faces.boxes[index], others, faces.landmarks[index])


def _pixels(path: Path) -> U8:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadInput(f"the picture {path.name} cannot be read: {error.strerror}") from None
    return read_photo(data, name=path.name).rgb


def _is_watched(camera: FleetCamera) -> bool:
    """Whether a real candidate could come from it now."""
    counters, status = camera.counters, camera.status
    if counters is None or not counters.frames_detected:
        return False
    return status.width_px is not None and status.height_px is not None


def _place(camera: FleetCamera, draw: random.Random) -> Place:
    width, height = camera.status.width_px, camera.status.height_px
    assert width is not None
    assert height is not None
    between_px = draw.uniform(*INTER_EYE_PX)
    return Place(width, height, draw.uniform(0.2, 0.8), draw.uniform(0.3, 0.7), between_px)


def _encoded(
    listed: _Photo, reference: LabFace, planes: Planes, laid: Laid, probe: LabFace
) -> Evidence:
    likeness = Likeness(
        png(reference.crop_rgb), jpeg(portrait(listed.planes, listed.box, listed.others))
    )
    return Evidence(
        png(probe.crop_rgb),
        jpeg(portrait(planes, laid.box, laid.others)),
        jpeg(scene(planes, laid.box, laid.others)),
        likeness=likeness,
    )


def _lists_for(tx: Transaction, deployment: Deployment, camera_id: str) -> list[Watchlist]:
    """The lists that the deployment compares with on a camera, and that have entries."""
    ids = decoys.lists_of(tx, deployment.id)
    scoped = watchlists.cameras_of(tx, ids)
    return [
        watchlists.get(tx, watchlist_id)
        for watchlist_id in ids
        if camera_id in scoped.get(watchlist_id, {camera_id})
    ]


def _episode(
    deployment: Deployment,
    camera: FleetCamera,
    listed: Watchlist,
    pair: Pair,
    made: _Made,
    draw: random.Random,
) -> NewEpisode:
    """As a candidate of one look. Its entry is on no list; its id is as old as those of the list
    may be."""
    assert camera.counters is not None
    assert deployment.started_at_s is not None
    begun_s = min(listed.created_at_s, deployment.started_at_s)
    added_ns = int(draw.uniform(begun_s, deployment.started_at_s) * 1e9)
    sequence = camera.counters.frames_decoded
    score = made.score
    return NewEpisode(
        deployment_id=deployment.id,
        camera_id=camera.row.id,
        track_id=0,
        entry_id=new_id(added_ns),
        person_id=new_id(added_ns),
        watchlist_id=listed.id,
        reference=pair.name,
        score=score,
        margin=None,
        threshold=deployment.threshold,
        model_digest=deployment.embedder_digest,
        looks=1,
        sequence=sequence,
        media_at_s=0.0,
        captured_at_s=0.0,
        latency_ms=None,
        evidence=made.evidence,
        looks_json=Trail((0.0,), 1.0, (Scored(score, score, 0.0),), score).as_json(),
    )
