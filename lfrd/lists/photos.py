"""Reference photos on their way to a list: looked at, judged, kept; quarantined and released."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from lfrd.clock import Clock
from lfrd.errors import BadInput
from lfrd.governance import taking_off
from lfrd.lists import photo_gate
from lfrd.lists.enrolment import EnrolledPhoto, enrol
from lfrd.lists.photo_face import eyes_as_given, find_faces, in_box, largest
from lfrd.lists.photo_file import read_photo
from lfrd.lists.photo_gate import (
    Finding,
    GateMode,
    GateRule,
    Neighbour,
    PhotoRefused,
    Resemblance,
)
from lfrd.matching.live_search import LiveGallery, LiveSearch
from lfrd.matching.threshold import Derived
from lfrd.store import reference_images, templates
from lfrd.store import watchlists as stored
from lfrd.store.database import Database
from lfrd.store.reference_images import NewReferenceImage, ReferenceImage
from lfrd.store.templates import StoredTemplate, TemplateMatrix
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.vectors import Hit, VectorIndex
from lfrd.store.watchlists import Entry
from lfrd.types import F32, Template
from lfrd.vision.engine import ENROLMENTS_AT_ONCE, Vision
from lfrd.vocabulary import Role

PHOTOS_LIMIT = 50
NEIGHBOURS = 16
"""How many of the nearest templates are looked at for another person; an entry's own come first."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A photo whose face was found, and what the gate says of it."""

    photo: EnrolledPhoto
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Inspected:
    """A photo as it was given: its size, the boxes f32[n, 4] and eyes f32[n, 2, 2] of its faces,
    the index of the one that is meant (None: of none), what the gate says, and why it would be
    refused (None: it would not)."""

    width_px: int
    height_px: int
    boxes: F32
    eyes: F32
    meant: int | None
    findings: tuple[Finding, ...]
    refused: str | None


class RiseNote(Protocol):
    """Writes into a deployment's history that its threshold rose."""

    async def note(self, deployment_id: str, derived: Derived, *, principal: str) -> None: ...


class Photos:
    """The way of every reference photo: one by one, or thousands at once."""

    def __init__(
        self,
        database: Database,
        index: VectorIndex,
        vision: Vision,
        live: LiveGallery,
        clock: Clock,
        rises: RiseNote,
    ) -> None:
        self._database = database
        self._index = index
        self._vision = vision
        self._live = live
        self._clock = clock
        self._rises = rises
        self._rule = GateRule()
        self._room = asyncio.Semaphore(ENROLMENTS_AT_ONCE)

    async def add(
        self,
        entry_id: str,
        data: bytes,
        name: str,
        *,
        mode: GateMode = GateMode.WARN,
        box: F32 | None = None,
        taken_at_s: float | None = None,
        principal: str,
    ) -> ReferenceImage:
        """Enrol a photo, or refuse it with its reasons and store nothing. `taken_at_s`: when it was
        taken, where that is known.

        Raises NotFound, PhotoRefused (no face, several, too small; in `strict` everything that
        speaks against it), BadInput (no image), Conflict (known photo).
        """
        entry = await self._entry(entry_id)
        judged = await self.judge(data, name, entry=entry, box=box)
        photo_gate.refuse(judged.findings, mode, name)
        if taken_at_s is not None and taken_at_s > self._clock.wall_s():
            raise BadInput(f"{name}: a photo was not taken in the future")
        return await self.keep(entry, data, judged, taken_at_s=taken_at_s, principal=principal)

    async def check(
        self,
        data: bytes,
        name: str,
        entry_id: str | None,
        box: F32 | None,
        *,
        mode: GateMode | None = None,
    ) -> tuple[Finding, ...]:
        """What the gate would say; nothing is stored. With `mode` a photo is refused as that would.

        Raises PhotoRefused, BadInput, NotFound.
        """
        entry = await self._entry(entry_id) if entry_id else None
        judged = await self.judge(data, name, entry=entry, box=box)
        if mode is not None:
            photo_gate.refuse(judged.findings, mode, name)
        return judged.findings

    async def inspect(
        self, data: bytes, name: str, entry_id: str | None, box: F32 | None, mode: GateMode
    ) -> Inspected:
        """Where the faces of a photo are, and what the gate would say; nothing is stored. A photo
        that would be refused is an answer here. Raises BadInput where there is no picture,
        NotFound."""
        entry = await self._entry(entry_id) if entry_id else None
        rgb = (await asyncio.to_thread(lambda: read_photo(data, name=name))).rgb
        pick = largest if box is None else in_box(box)
        async with self._room:
            found = await find_faces(self._vision, rgb, pick)
        findings: tuple[Finding, ...] = ()
        refused = None
        try:
            findings = (await self.judge(data, name, entry=entry, box=box)).findings
            photo_gate.refuse(findings, mode, name)
        except PhotoRefused as error:
            findings, refused = findings or error.findings, str(error)
        boxes = found.boxes_as_given
        height_px, width_px = rgb.shape[:2]
        return Inspected(
            width_px, height_px, boxes, eyes_as_given(found), pick(boxes), findings, refused
        )

    async def image(self, photo_id: str, reason: str | None = None, *, principal: str) -> bytes:
        """The photo's file as it was given; reading it is logged, with the reason."""
        return await self._database.write(
            lambda tx: reference_images.read_image(tx, photo_id, reason), principal=principal
        )

    async def judge(
        self, data: bytes, name: str, *, entry: Entry | None = None, box: F32 | None = None
    ) -> Judged:
        """Look at a photo, and at what it resembles; nothing is stored.

        Raises PhotoRefused where there is no usable face, BadInput where there is no picture.
        """
        return await self.weigh(await self.look(data, name, box), entry)

    async def weigh(self, photo: EnrolledPhoto, entry: Entry | None) -> Judged:
        """What the gate says of a photo that is meant for `entry`."""
        hits = await self.nearest(photo)
        resemblance = await self._database.read(
            lambda reader: resemblance_of(reader, photo, entry, hits)
        )
        return self.judged(photo, resemblance)

    async def nearest(self, photo: EnrolledPhoto) -> list[Hit]:
        """The stored templates that a photo resembles most."""
        return await self._index.search(photo.template, NEIGHBOURS)

    def judged(self, photo: EnrolledPhoto, resemblance: Resemblance) -> Judged:
        """What the gate says of a photo that resembles stored ones so."""
        found = photo_gate.examine(
            photo.quality, photo.texture, photo.notes, resemblance, self._rule,
            turned_deg=photo.turned_deg,
        )  # fmt: skip
        return Judged(photo, found)

    async def look(self, data: bytes, name: str, box: F32 | None = None) -> EnrolledPhoto:
        """Only the part that takes long: find the face and make its template.

        So many are looked at together; further ones wait for a place.
        """
        async with self._room:
            return await enrol(data, self._vision, name=name, box=box)

    async def keep(
        self,
        entry: Entry,
        data: bytes,
        judged: Judged,
        *,
        taken_at_s: float | None = None,
        principal: str,
    ) -> ReferenceImage:
        """Store a photo and its template, and let the running search know within the same second.

        Raises Conflict where the entry has this very photo, or as many as it may have.
        """
        new = replace(new_image(entry.id, data, judged), taken_at_s=taken_at_s)

        def write(tx: Transaction) -> tuple[ReferenceImage, StoredTemplate]:
            check_room(tx, entry.id)
            image = reference_images.add(tx, new)
            return image, templates.add(tx, image.id, judged.photo.template)

        image, template = await self._database.write(write, principal=principal)
        await self.publish(entry.id, template, principal=principal)
        return image

    async def publish(self, entry_id: str, template: StoredTemplate, *, principal: str) -> None:
        """Let the running search and the index know what was just stored."""
        await self.refresh(entry_id, principal=principal)
        self._index.add_soon(template)

    async def quarantine(
        self, photo_id: str, reason: str, *, principal: str, role: Role
    ) -> ReferenceImage:
        """Compare with a photo no more; it can be released again. Raises NotFound, Conflict, or
        Denied where it is the entry's last one and `role` may not take people off a list."""

        def write(tx: Transaction) -> ReferenceImage:
            taking_off.check_photo(tx, photo_id, role)
            return reference_images.quarantine(tx, photo_id, reason)

        image = await self._database.write(write, principal=principal)
        gone = await self._templates_of(image)
        self._live.removed(gone)
        await self._index.remove(gone)
        return image

    async def release(self, photo_id: str, *, principal: str) -> ReferenceImage:
        """Compare with a photo again. Raises NotFound, Conflict."""
        image = await self._database.write(
            lambda tx: reference_images.release(tx, photo_id), principal=principal
        )
        await self.refresh(image.entry_id, principal=principal)
        await self._index.sync(self._database)
        return image

    async def refresh(self, entry_id: str, *, principal: str) -> None:
        """Have the running search know an entry as it is now."""
        search = self._live.search
        if search is None:
            return
        digest, now_s = search.model_digest, self._clock.wall_s()
        lists = tuple(search.watchlist_ids)

        def read(reader: Reader) -> tuple[TemplateMatrix, list[str], float]:
            entry = stored.get_entry(reader, entry_id)
            valid = templates.load(reader, digest, lists, entry_id=entry_id, valid_at_s=now_s)
            margin = stored.margins(reader, (entry.watchlist_id,)).get(entry_id, 0.0)
            return valid, templates.ids_of_entry(reader, entry_id), margin

        valid, known, margin = await self._database.read(read)
        if self._live.search is not search:
            return  # the deployment ended meanwhile
        search.removed(set(known) - set(valid.template_ids))
        search.tracks.thresholds.set_margin(entry_id, margin)
        for row in range(len(valid)):
            await self.note_rise(
                search, search.added(_stored(valid, row), margin), principal=principal
            )

    async def note_rise(self, search: LiveSearch, risen: Derived | None, *, principal: str) -> None:
        """Write it down where the list's growth raised the threshold."""
        if risen is not None:
            await self._rises.note(search.deployment_id, risen, principal=principal)

    async def _entry(self, entry_id: str) -> Entry:
        return await self._database.read(lambda reader: stored.get_entry(reader, entry_id))

    async def _templates_of(self, image: ReferenceImage) -> list[str]:
        return await self._database.read(lambda reader: templates.ids_of_image(reader, image.id))


def resemblance_of(
    reader: Reader, photo: EnrolledPhoto, entry: Entry | None, hits: Sequence[Hit]
) -> Resemblance:
    """How a photo for `entry` stands to what is stored; `hits` are the templates nearest to it."""
    own = _own_similarity(reader, photo.template, entry) if entry else None
    person_id = entry.person_id if entry else None
    persons = stored.persons_of(reader, [hit.entry_id for hit in hits])
    nearest = next(
        (
            Neighbour(hit.entry_id, hit.score)
            for hit in hits
            if persons.get(hit.entry_id) not in (None, person_id)
        ),
        None,
    )
    same_file = reference_images.other_with_file(reader, photo.sha256, entry.id if entry else "")
    return Resemblance(own, nearest, same_file)


def _own_similarity(reader: Reader, template: Template, entry: Entry) -> float | None:
    matrix = templates.load(reader, template.model_digest, (entry.watchlist_id,), entry_id=entry.id)
    if not len(matrix):
        return None
    return float(np.max(matrix.vectors @ template.vector))


def check_room(reader: Reader, entry_id: str | None, coming: int = 0) -> None:
    """Raises BadInput where the entry has as many photos as it may have, with those that are
    `coming`; None: an entry that is not there yet."""
    there = 0 if entry_id is None else len(reference_images.of_entry(reader, entry_id))
    if there + coming >= PHOTOS_LIMIT:
        raise BadInput(f"an entry has at most {PHOTOS_LIMIT} photos; remove one first")


def new_image(entry_id: str, data: bytes, judged: Judged) -> NewReferenceImage:
    """A judged photo as the store keeps it."""
    photo = judged.photo
    return NewReferenceImage(
        entry_id, data, photo.width_px, photo.height_px, photo.crop, photo.portrait,
        photo.quality, photo_gate.as_json(judged.findings),
    )  # fmt: skip


def _stored(matrix: TemplateMatrix, row: int) -> StoredTemplate:
    return StoredTemplate(
        matrix.template_ids[row],
        matrix.entry_ids[row],
        matrix.person_ids[row],
        matrix.watchlist_ids[row],
        Template(matrix.vectors[row], matrix.model_digest),
    )
