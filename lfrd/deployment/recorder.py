"""From a decision to a committed episode, or red health: a candidate is never lost silently."""

import asyncio
import contextlib
import logging
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from lfrd.clock import Clock
from lfrd.counters import Spread
from lfrd.errors import NotFound, StoreFailed
from lfrd.governance.reviews import required_for
from lfrd.store import episodes, reviews, watchlists
from lfrd.store.database import SYSTEM, Database
from lfrd.store.transaction import Transaction
from lfrd.summary import CandidateLine, Report
from lfrd.types import F32, U8, Decision, Planes, Trail
from lfrd.vision.picture import jpeg, png, portrait, scene

log = logging.getLogger(__name__)

WAITING_LIMIT = 8
"""Each decision that waits holds a frame, 3 MB at 1080p."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What a decision was made of: the frame, where the face is in it, f32[4], and all other
    people, f32[n, 4]. `crop` u8[112, 112, 3] RGB is the queue's from then on, and overwritten."""

    crop: U8
    planes: Planes
    box: F32
    others: F32


class DecisionStore(Protocol):
    """Commits a decision with its pictures."""

    async def record(
        self,
        camera_id: str,
        decision: Decision,
        crop_rgb: U8,
        portrait_rgb: U8,
        scene_rgb: U8 | None = None,
    ) -> None: ...

    def track_ended(self, camera_id: str, track_id: int) -> None: ...


@dataclass(frozen=True, slots=True)
class _Waiting:
    camera_id: str
    decision: Decision
    sight: Sight

    @property
    def track(self) -> tuple[str, int]:
        return self.camera_id, self.decision.track_id


class DecisionQueue:
    """The one writer of a deployment's decisions; `run` is its whole life, `close` its end.

    Pictures are made and encoded in a thread, and then committed one decision after the other, so
    those of a track stay in order. Full (a disk that takes nothing): the camera waits, and nothing
    is lost. For the event loop only.
    """

    def __init__(self, store: DecisionStore) -> None:
        self._store = store
        self._waiting: asyncio.Queue[_Waiting | None] = asyncio.Queue(WAITING_LIMIT)
        self._of_track: Counter[tuple[str, int]] = Counter()
        self._ended: set[tuple[str, int]] = set()
        self._over = asyncio.Event()

    @property
    def unwritten(self) -> int:
        """Decisions taken in and not on the disk yet."""
        return self._of_track.total()

    async def record(self, camera_id: str, decision: Decision, sight: Sight) -> None:
        """Take a decision in; waits only while as many wait already as there may.

        Raises StoreFailed where the queue has ended.
        """
        waiting = _Waiting(camera_id, decision, sight)
        self._of_track[waiting.track] += 1
        try:
            await self._waiting.put(waiting)
        except BaseException:
            self._done(waiting)
            raise
        if self._over.is_set():
            self._forget_all()
            raise StoreFailed("candidates are not written any more: the queue has ended")

    def track_ended(self, camera_id: str, track_id: int) -> None:
        """The track is gone, but its last decisions may not be written yet."""
        if self._of_track[camera_id, track_id]:
            self._ended.add((camera_id, track_id))
        else:
            self._store.track_ended(camera_id, track_id)

    async def run(self) -> None:
        """Write until `close`; what the store raises ends it."""
        try:
            while (waiting := await self._waiting.get()) is not None:
                try:
                    await self._write(waiting)
                finally:
                    self._done(waiting)
        finally:
            self._over.set()
            self._forget_all()

    async def close(self) -> None:
        """Let `run` end when everything taken in so far is written."""
        if not self._over.is_set():
            await self._waiting.put(None)
            await self._over.wait()

    async def _write(self, waiting: _Waiting) -> None:
        decision, sight = waiting.decision, waiting.sight
        seen = sight.planes, sight.box, sight.others
        face = await asyncio.to_thread(portrait, *seen)
        around = await asyncio.to_thread(scene, *seen) if decision.clearer else None
        try:
            await self._store.record(waiting.camera_id, decision, sight.crop, face, around)
        finally:
            face.fill(0)
            if around is not None:
                around.fill(0)

    def _done(self, waiting: _Waiting) -> None:
        waiting.sight.crop.fill(0)
        self._of_track[waiting.track] -= 1
        if self._of_track[waiting.track]:
            return
        del self._of_track[waiting.track]
        if waiting.track in self._ended:
            self._ended.remove(waiting.track)
            self._store.track_ended(*waiting.track)

    def _forget_all(self) -> None:
        """Overwrite what will not be written, and release the cameras that wait to hand over."""
        while not self._waiting.empty():
            waiting = self._waiting.get_nowait()
            if waiting is not None:
                self._done(waiting)


RETRY_S = 1.0
LATENCIES_KEPT = 10_000
IMPROVE_S = 15.0
"""For so long after the raise pictures get better where several people decide; few tracks last
longer."""


@dataclass(frozen=True, slots=True)
class _Episode:
    """What is remembered of an episode while its track lives."""

    episode_id: str
    reference: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """Which entry was raised on which live track."""

    camera_id: str
    track_id: int
    entry_id: str


class EpisodeWriter:
    """The decisions of one deployment on their way to the store.

    People are told once in `cooldown_s` of an entry that passes a camera again and again.
    `media_clock` says that files are read as fast as possible: a latency would mean nothing.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        deployment_id: str,
        model_digest: str,
        *,
        cooldown_s: float = 0.0,
        media_clock: bool = False,
        report: Report | None = None,
        measured: Spread | None = None,
    ) -> None:
        self._measured = measured
        self._database = database
        self._clock = clock
        self._deployment_id = deployment_id
        self._model_digest = model_digest
        self._cooldown_s = cooldown_s
        self._media_clock = media_clock
        self._report = report
        self._episodes: dict[tuple[str, int], dict[str, _Episode]] = {}
        self.raised = 0
        self.latencies_ms: deque[float] = deque(maxlen=LATENCIES_KEPT)  # full: the oldest goes

    async def record(
        self,
        camera_id: str,
        decision: Decision,
        crop_rgb: U8,
        portrait_rgb: U8,
        scene_rgb: U8 | None = None,
    ) -> None:
        """Commit a decision with its pictures, encoded in a thread.

        While the disk takes nothing, the caller waits here and the write is tried again every
        second; health is red meanwhile (see lfrd.daemon.watch_store).
        """
        evidence = await asyncio.to_thread(_encoded, crop_rgb, portrait_rgb, scene_rgb)
        known = self._episodes.setdefault((camera_id, decision.track_id), {})
        episode = known.get(decision.entry_id)

        def write(tx: Transaction) -> _Episode | None:
            if episode is None:
                return self._add(tx, camera_id, decision, evidence)
            return self._update(tx, episode, decision, evidence)

        try:
            written = await self._written(write)
        except NotFound as error:  # an erasure is between its first step and the rows
            log.info("a decision is not written, whom it shows is being erased: %s", error)
            return
        if written is None:
            return
        known[decision.entry_id] = written
        self._tell(camera_id, decision, written.reference, first=episode is None)

    def track_ended(self, camera_id: str, track_id: int) -> None:
        """The track has ended: a person who comes back is a new episode."""
        self._episodes.pop((camera_id, track_id), None)

    def track_of(self, episode_id: str) -> Sighting | None:
        """The live track of an episode; None where it is gone."""
        for (camera_id, track_id), known in self._episodes.items():
            for entry_id, episode in known.items():
                if episode.episode_id == episode_id:
                    return Sighting(camera_id, track_id, entry_id)
        return None

    async def _written(self, write: "_Write") -> _Episode | None:
        while True:
            try:
                episode = await self._database.write(write, principal=SYSTEM)
            except StoreFailed:
                await asyncio.sleep(RETRY_S)
            else:
                return episode

    def _add(
        self, tx: Transaction, camera_id: str, decision: Decision, evidence: episodes.Evidence
    ) -> _Episode | None:
        """A new episode in its transaction; None where the entry was taken off its list by now."""
        try:
            entry = watchlists.get_entry(tx, decision.entry_id)
        except NotFound:
            return None
        look = decision.look
        episode = episodes.add(
            tx,
            episodes.NewEpisode(
                deployment_id=self._deployment_id,
                camera_id=camera_id,
                track_id=decision.track_id,
                entry_id=entry.id,
                person_id=entry.person_id,
                watchlist_id=entry.watchlist_id,
                reference=entry.reference,
                score=decision.score,
                margin=decision.margin,
                threshold=decision.threshold,
                model_digest=self._model_digest,
                looks=decision.looks,
                sequence=look.sequence,
                media_at_s=look.media_at_s,
                captured_at_s=look.captured_at_s,
                latency_ms=self._latency_ms(decision),
                evidence=evidence,
                looks_json=_trail(decision),
                cooldown_s=self._cooldown_s,
            ),
        )
        self._add_rivals(tx, episode.id, decision)
        return _Episode(episode.id, entry.reference)

    def _update(
        self, tx: Transaction, known: _Episode, decision: Decision, evidence: episodes.Evidence
    ) -> _Episode:
        """Later looks strengthened an episode; one that a reviewer closed stays as it was seen.

        A clearly better look takes the place of the pictures, as long as they may improve.
        """
        episode = episodes.get(tx, known.episode_id)
        if episode.state == episodes.EpisodeState.OPEN:
            better = decision.clearer and _may_improve(tx, episode)
            episodes.update(
                tx,
                known.episode_id,
                score=decision.score,
                margin=decision.margin,
                looks=decision.looks,
                looks_json=_trail(decision, None if better else episode.evidence),
            )
            if better:
                look = decision.look
                seen = episodes.Seen(look.sequence, look.media_at_s, look.captured_at_s)
                episodes.show_better_look(tx, known.episode_id, seen, evidence)
            self._add_rivals(tx, known.episode_id, decision)
        return known

    def _add_rivals(self, tx: Transaction, episode_id: str, decision: Decision) -> None:
        noted = {rival.person_id for rival in episodes.rivals(tx, episode_id)}
        for match in decision.rivals:
            if match.person_id in noted:
                continue
            with contextlib.suppress(NotFound):  # that person is being erased
                entry = watchlists.get_entry(tx, match.entry_id)
                rival = episodes.Rival(
                    episode_id=episode_id,
                    entry_id=entry.id,
                    person_id=entry.person_id,
                    watchlist_id=entry.watchlist_id,
                    reference=entry.reference,
                    score=match.score,
                )
                episodes.add_rival(tx, rival)

    def _latency_ms(self, decision: Decision) -> float | None:
        """From the arrival of the deciding look until now, the moment of the write."""
        if self._media_clock:
            return None
        return (self._clock.monotonic_s() - decision.look.arrived_at_s) * 1000

    def _tell(self, camera_id: str, decision: Decision, reference: str, *, first: bool) -> None:
        latency_ms = self._latency_ms(decision)
        if first:
            self.raised += 1
            if latency_ms is not None:
                self.latencies_ms.append(latency_ms)
                if self._measured is not None:
                    self._measured.note(latency_ms / 1000)
        if self._report is None:
            return
        self._report(
            CandidateLine(
                event="candidate" if first else "update",
                entry=reference,
                camera=camera_id,
                frame=decision.look.sequence,
                at_s=decision.look.media_at_s,
                score=decision.score,
                threshold=decision.threshold,
                latency_ms=latency_ms,
                track=decision.track_id,
                looks=decision.looks,
                ambiguous=bool(decision.rivals),
            )
        )


def _may_improve(tx: Transaction, episode: episodes.Episode) -> bool:
    """Until the reviewer decided about what they saw; where several decide, for a fixed time: that
    the pictures stopped getting better would tell the next one that another has decided. The log
    says which pictures there were at which time."""
    if required_for(tx, episode, 1) > 1:
        return tx.at_s - episode.raised_at_s < IMPROVE_S
    return not reviews.of_episode(tx, episode.id)


def _trail(decision: Decision, shown_before: str | None = None) -> str | None:
    """How the score came about, for a replay; where the pictures stay, so does their score."""
    if decision.trail is None:
        return None
    if shown_before is None:
        return decision.trail.as_json()
    return replace(decision.trail, shown=Trail.of_json(shown_before).shown).as_json()


def _encoded(crop_rgb: U8, portrait_rgb: U8, scene_rgb: U8 | None) -> episodes.Evidence:
    scene = None if scene_rgb is None else jpeg(scene_rgb)
    return episodes.Evidence(png(crop_rgb), jpeg(portrait_rgb), scene)


_Write = Callable[[Transaction], _Episode | None]
