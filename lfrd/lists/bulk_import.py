"""Many photos onto a list: each row is enrolled whole or not at all, and never twice.

What is done is read off the list: a row is, while its entry has its photo. Whatever else became of
a row before, it is tried again.

Rows come in any order and several at a time, and go on beside each other unless one may change what
is said of another (see lfrd.lists.related_photo_lock). Entry, photo, template and the row's outcome
are committed together: after a power cut a row is done or it is not.
"""

import asyncio
import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lfrd.clock import Clock
from lfrd.errors import BadInput, Conflict
from lfrd.lists import photo_gate
from lfrd.lists.commit_batcher import CommitBatcher
from lfrd.lists.enrolment import EnrolledPhoto
from lfrd.lists.photo_gate import Finding, GateMode, PhotoRefused, Resemblance, Weight
from lfrd.lists.photos import Judged, Photos, check_room, new_image, resemblance_of
from lfrd.lists.rehearsal import Rehearsal, Rehearsals
from lfrd.lists.related_photo_lock import RelatedPhotoLock
from lfrd.lists.table import Row
from lfrd.store import imports, reference_images, templates
from lfrd.store import watchlists as stored
from lfrd.store.database import Database
from lfrd.store.imports import ImportRow, ImportRun, RowOutcome
from lfrd.store.reference_images import ReferenceImage
from lfrd.store.templates import StoredTemplate
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.vectors import Hit
from lfrd.store.watchlists import Entry, NewEntry
from lfrd.types import F32

RATE_WINDOW_S = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """An import and how far it is; `left_s` is None while nothing is known of the pace."""

    run: ImportRun
    counts: dict[RowOutcome, int]
    rows_per_s: float
    left_s: float | None

    @property
    def done(self) -> int:
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class RowResult:
    """What came of a row, and a sentence about it; `judged` where the gate let it pass. `photo` is
    what the list has of it, where it had it before; `noted`: it is written down already."""

    row: ImportRow
    message: str
    judged: Judged | None = None
    photo: ReferenceImage | None = None
    noted: bool = False


@dataclass(frozen=True, slots=True)
class _Met:
    """What is stored that a row has to do with: its entry where it has one already, and whom the
    photo resembles."""

    entry: Entry | None
    resemblance: Resemblance


@dataclass(frozen=True, slots=True)
class _Looked:
    """A row whose face was found, and the stored templates that it resembles most."""

    row: Row
    data: bytes
    photo: EnrolledPhoto
    hits: list[Hit]


@dataclass(frozen=True, slots=True)
class _Done:
    """What came of a row, and the template that was stored for it, if any."""

    result: RowResult
    template: StoredTemplate | None = None


class BulkImport:
    """Imports into the lists of one site."""

    def __init__(self, database: Database, photos: Photos, clock: Clock) -> None:
        self._database = database
        self._photos = photos
        self._clock = clock
        self._related = RelatedPhotoLock()
        self._batcher = CommitBatcher()
        self._rehearsals = Rehearsals()

    async def begin(
        self,
        watchlist_id: str,
        sha256: str,
        name: str,
        mode: GateMode,
        total: int,
        *,
        principal: str,
    ) -> Progress:
        """Start, or go on with an import of the same source. Raises NotFound, Conflict."""
        run = await self._database.write(
            lambda tx: imports.begin(tx, watchlist_id, sha256, name, mode.value, total),
            principal=principal,
        )
        return await self.progress(run.id)

    async def progress(self, import_id: str) -> Progress:
        """How far an import is. Raises NotFound."""
        now_s = self._clock.wall_s()

        def read(reader: Reader) -> Progress:
            run = imports.get(reader, import_id)
            counts = imports.counts(reader, import_id)
            since_s = max(run.started_at_s, now_s - RATE_WINDOW_S)
            recent = imports.done_since(reader, import_id, since_s)
            rate = recent / max(1e-3, now_s - since_s)
            left = run.total - sum(counts.values())
            return Progress(run, counts, rate, left / rate if rate else None)

        return await self._database.read(read)

    async def rows(self, import_id: str, after: int, limit: int) -> list[RowResult]:
        """Done rows in order, as far as that holds still. Raises NotFound."""

        def read(reader: Reader) -> list[RowResult]:
            imports.get(reader, import_id)
            done = imports.rows(reader, import_id, after, limit)
            photos = reference_images.some(reader, [row.photo_id for row in done if row.photo_id])
            return [_before(row, photos.get(row.photo_id or "")) for row in done]

        return await self._database.read(read)

    async def end(self, import_id: str, *, principal: str) -> Progress:
        """The whole source was gone through. Raises NotFound."""
        await self._database.write(lambda tx: imports.end(tx, import_id), principal=principal)
        return await self.progress(import_id)

    async def check_row(
        self,
        watchlist_id: str,
        row: Row,
        data: bytes,
        mode: GateMode,
        dry_run: tuple[str, ...] | None = None,
    ) -> RowResult:
        """A dry run of a row: what would come of it; nothing is stored. It is held against the
        earlier rows of the same `dry_run` (whose it is and which), None: against none."""
        run = ImportRun(
            id="",
            watchlist_id=watchlist_id,
            source_sha256="",
            source_name="",
            mode=mode.value,
            total=1,
            started_at_s=0.0,
            ended_at_s=None,
            principal="",
        )
        try:
            there = await self._there(run, row, data)
            if there is not None:
                return there
            photo = await self._photos.look(data, row.file, _box(row))
            before = self._rehearsals.of((watchlist_id, *dry_run)) if dry_run else Rehearsal()
            async with before.turn(row, photo):
                return await self._would_be(run, row, photo, before)
        except (BadInput, Conflict) as error:
            return _refused(run, row, error)

    async def _would_be(
        self, run: ImportRun, row: Row, photo: EnrolledPhoto, before: Rehearsal
    ) -> RowResult:
        """What would come of a row after those that would be on the list by then."""
        if before.has(row, photo):
            said = "an earlier row of the entry has it"
            return _result(run, row, RowOutcome.DUPLICATE, ("same-file",), said, None)
        hits = await self._photos.nearest(photo)
        now_s = self._clock.wall_s()

        def judge(reader: Reader) -> RowResult:
            met = _met(reader, run, row, photo, hits)
            met = dataclasses.replace(
                met, resemblance=before.resembled(row, photo, met.resemblance)
            )
            _check(reader, row, met.entry, now_s, before.photos_of(row.reference))
            return self._judge(run, row, met, photo)

        result = await self._database.read(judge)
        if result.judged is not None:
            before.passed(row, photo)
        return result

    async def add_row(self, import_id: str, row: Row, data: bytes, *, principal: str) -> RowResult:
        """Enrol a row, or say why not; a row that is on the list is answered as it was.

        Raises NotFound, and Conflict where too much is under way: then the row is not done.
        """
        run = await self._database.read(lambda reader: imports.get(reader, import_id))
        there = await self._there(run, row, data)
        if there is not None:
            return await self._noted(there, principal)
        try:
            with self._batcher.coming():
                photo = await self._photos.look(data, row.file, _box(row))
        except BadInput as error:
            await self._batcher.join()
            return await self._noted(_refused(run, row, error), principal)
        async with self._related.turn(row, photo):
            hits = await self._photos.nearest(photo)
            looked = _Looked(row, data, photo, hits)
            await self._batcher.join()
            try:
                done = await self._database.write(
                    lambda tx: self._store(tx, import_id, looked), principal=principal
                )
            except (BadInput, Conflict) as error:
                return await self._noted(_refused(run, row, error), principal)
            if done.template is not None:
                entry_id = done.template.entry_id
                await self._photos.publish(entry_id, done.template, principal=principal)
            return done.result

    async def miss_row(
        self, import_id: str, row: Row, problem: str, *, principal: str
    ) -> RowResult:
        """Note that there is no photo of a row, unless the list has what it had before. Raises
        NotFound."""

        def write(tx: Transaction) -> RowResult:
            run = imports.get(tx, import_id)
            before = imports.row(tx, import_id, row.number)
            entry = _entry(tx, run, row)
            if before and entry and before.photo_id and before.entry_id == entry.id:
                there = _before(before, reference_images.get(tx, before.photo_id))
                return dataclasses.replace(there, message=f"{there.message}; now: {problem}")
            return _note(tx, _result(run, row, RowOutcome.REFUSED, ("no-photo",), problem, None))

        return await self._database.write(write, principal=principal)

    async def _there(self, run: ImportRun, row: Row, data: bytes) -> RowResult | None:
        """What there is to say of a row whose entry has its photo already."""
        sha256 = (await asyncio.to_thread(hashlib.sha256, data)).hexdigest()
        return await self._database.read(lambda reader: _there(reader, run, row, sha256))

    async def _noted(self, result: RowResult, principal: str) -> RowResult:
        """The result, written down where it is new."""
        if result.noted:
            return result
        return await self._database.write(lambda tx: _note(tx, result), principal=principal)

    def _store(self, tx: Transaction, import_id: str, looked: _Looked) -> _Done:
        """Judge a photo by what is stored at this moment, and keep it where it passes."""
        row, photo = looked.row, looked.photo
        run = imports.get(tx, import_id)
        there = _there(tx, run, row, photo.sha256)
        if there is not None:
            return _Done(there if there.noted else _note(tx, there))
        met = _met(tx, run, row, photo, looked.hits)
        _check(tx, row, met.entry, tx.at_s)
        result = self._judge(run, row, met, photo)
        judged = result.judged
        if judged is None:
            return _Done(_note(tx, result))
        owner = met.entry or _new_entry(tx, run, row)
        image = reference_images.add(tx, new_image(owner.id, looked.data, judged))
        template = templates.add(tx, image.id, photo.template)
        done = dataclasses.replace(result.row, entry_id=owner.id, photo_id=image.id)
        return _Done(_note(tx, dataclasses.replace(result, row=done)), template)

    def _judge(self, run: ImportRun, row: Row, met: _Met, photo: EnrolledPhoto) -> RowResult:
        """The outcome of a row as far as the gate tells."""
        judged = self._photos.judged(photo, met.resemblance)
        try:
            photo_gate.refuse(judged.findings, GateMode(run.mode), row.file)
        except PhotoRefused as error:
            return _refused(run, row, error)
        codes, said = _codes(judged), _messages(judged.findings)
        if unlike := _differing(row, met.entry):
            codes, said = (*codes, "entry-differs"), [*said, unlike]
        outcome = RowOutcome.WARNED if codes else RowOutcome.ENROLLED
        passed = _result(run, row, outcome, codes, "; ".join(said), met.entry)
        return RowResult(passed.row, passed.message, judged)


def _box(row: Row) -> F32 | None:
    return None if row.box is None else np.array(row.box, np.float32)


def _there(reader: Reader, run: ImportRun, row: Row, sha256: str) -> RowResult | None:
    """A row whose entry has this very file: as it was noted, or new, if it came another way."""
    entry = _entry(reader, run, row)
    photos = reference_images.of_entry(reader, entry.id) if entry else []
    photo = next((known for known in photos if known.sha256 == sha256), None)
    if entry is None or photo is None:
        return None
    before = imports.row(reader, run.id, row.number) if run.id else None
    if before is not None and before.photo_id == photo.id:
        return _before(before, photo)
    codes: tuple[str, ...] = ("same-file",)
    said = ["the entry has it", *_standing(photo)]
    if unlike := _differing(row, entry):
        codes, said = (*codes, "entry-differs"), [*said, unlike]
    result = _result(run, row, RowOutcome.DUPLICATE, codes, "; ".join(said), entry)
    return dataclasses.replace(
        result, row=dataclasses.replace(result.row, photo_id=photo.id), photo=photo
    )


def _before(row: ImportRow, photo: ReferenceImage | None) -> RowResult:
    """A row that was done before, and what there is to say of its photo."""
    if photo is None:
        return RowResult(row, "", noted=True)
    said = ["done before", *_standing(photo)]
    if row.outcome is RowOutcome.WARNED:
        said += _messages(photo_gate.from_json(photo.findings))
    return RowResult(row, "; ".join(said), photo=photo, noted=True)


def _standing(photo: ReferenceImage) -> list[str]:
    if photo.quarantined_at_s is None:
        return []
    return ["the photo is in quarantine and is not compared with"]


def _differing(row: Row, entry: Entry | None) -> str:
    """What the row says otherwise than the entry that is there: it changes nothing of that."""
    if entry is None:
        return ""
    names = ("basis", "source", "reviewer", "under_18", "under_18_reason", "margin",
             "expires_at_s", "status_checked_at_s")  # fmt: skip
    unlike = [
        name.removesuffix("_at_s")
        for name in names
        if getattr(row, name) and getattr(row, name) != getattr(entry, name)
    ]
    if not unlike:
        return ""
    return f"the entry is there already, and its {', '.join(unlike)} stay as they are"


def _check(reader: Reader, row: Row, entry: Entry | None, now_s: float, coming: int = 0) -> None:
    """Raises BadInput where the entry cannot be, or cannot have a photo more beside those that are
    `coming`."""
    check_room(reader, entry.id if entry else None, coming)
    if entry is not None:
        return
    if row.expires_at_s is not None and row.expires_at_s <= now_s:
        raise BadInput("its end (expires) is in the past: it would be erased at once")
    if row.under_18 and not row.under_18_reason.strip():
        raise BadInput("an entry of a person under 18 needs its own reason: give under_18_reason")


def _note(tx: Transaction, result: RowResult) -> RowResult:
    done = imports.note_row(tx, result.row)
    return dataclasses.replace(result, row=done)


def _met(
    reader: Reader, run: ImportRun, row: Row, photo: EnrolledPhoto, hits: Sequence[Hit]
) -> _Met:
    entry = _entry(reader, run, row)
    return _Met(entry, resemblance_of(reader, photo, entry, hits))


def _entry(reader: Reader, run: ImportRun, row: Row) -> Entry | None:
    return stored.entry_by_reference(reader, run.watchlist_id, row.reference)


def _new_entry(tx: Transaction, run: ImportRun, row: Row) -> Entry:
    """The row's entry; a `person` that this import has met before is the same person."""
    person_id = stored.person_by_label(tx, row.person) if row.person else None
    new = NewEntry(
        run.watchlist_id,
        row.reference,
        basis=row.basis,
        source=row.source,
        under_18=row.under_18,
        margin=row.margin,
        expires_at_s=row.expires_at_s,
        person_id=person_id,
        reviewer=row.reviewer,
        under_18_reason=row.under_18_reason,
        status_checked_at_s=row.status_checked_at_s,
    )
    entry = stored.add_entry(tx, new)
    if row.person and person_id is None:
        stored.label_person(tx, entry.person_id, row.person)
    return entry


def _codes(judged: Judged) -> tuple[str, ...]:
    return tuple(item.code for item in judged.findings if item.weight is not Weight.NOTE)


def _messages(findings: Sequence[Finding]) -> list[str]:
    return [item.message for item in findings if item.weight is not Weight.NOTE]


def _refused(run: ImportRun, row: Row, error: BadInput | Conflict) -> RowResult:
    """A photo that cannot be used: its codes are those of the gate, or of the error."""
    codes: tuple[str, ...] = (error.code,)
    if isinstance(error, PhotoRefused):
        against = [item.code for item in error.findings if item.weight is Weight.AGAINST]
        codes = tuple(against) or codes
    return _result(run, row, RowOutcome.REFUSED, codes, str(error), None)


def _result(
    run: ImportRun,
    row: Row,
    outcome: RowOutcome,
    codes: tuple[str, ...],
    message: str,
    entry: Entry | None,
) -> RowResult:
    done = ImportRow(
        import_id=run.id,
        number=row.number,
        outcome=outcome,
        codes=" ".join(codes),
        entry_id=entry.id if entry else None,
        photo_id=None,
        at_s=0.0,
        principal="",
    )
    return RowResult(done, message)
