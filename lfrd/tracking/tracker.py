"""Follow faces from frame to frame: a small Kalman filter and an optimal assignment.

Pure and synchronous; the time of each step is passed in. Each of the four numbers of a box (centre
x and y, width, height) is filtered by itself with a constant-velocity model, which keeps the
covariance at three numbers for each track (Bar-Shalom, Li and Kirubarajan, Estimation with
Applications to Tracking and Navigation, 2001, section 6.2). All noise is in units of the face's own
size, so that near and far faces behave alike. Four numbers are four plain ones: arrays of that
length take ten times as long. What concerns every pair of faces is done on arrays.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import lap
import numpy as np
import numpy.typing as npt

from lfrd.types import F32, F64, Detections, TrackUpdate, TrackView

Centres = npt.NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class TrackerRule:
    """How long and how far a track may be lost.

    A track that was not seen for `doubt_after_s`, that leapt by more than `doubt_leap` face sizes
    from where it was expected, or that parts from another one, to which it had come nearer than
    `doubt_near` face sizes, may be another face's from then on: it is doubtful.

    `gate` is the largest distance between a prediction and a detection, in face sizes, at which
    they may be the same face; it widens by `gate_growth` a second since the track was last seen.
    """

    confirm_after: int = 2
    max_missed_s: float = 1.0
    gate: float = 0.9
    gate_growth: float = 1.0
    max_gate: float = 1.6
    measurement_noise: float = 0.06
    acceleration_noise: float = 6.0
    start_velocity: float = 3.0
    max_tracks: int = 200
    doubt_after_s: float = 0.2
    doubt_leap: float = 0.6
    doubt_near: float = 0.3


_State = tuple[float, float, float, float]
"""Centre x and y, width, height."""


class _Seen(NamedTuple):
    """A face that was found in this step."""

    state: _State
    size: float
    landmarks: F32
    score: float


class _Track:
    """One face; velocity is a second's, the covariance that of value, both, and velocity."""

    __slots__ = ("at_s", "beside", "cov", "doubtful", "hits", "landmarks", "score", "seen_at_s",
                 "state", "track_id", "velocity")  # fmt: skip

    def __init__(self, seen: _Seen, cov: tuple[float, float, float], at_s: float) -> None:
        self.track_id = 0
        self.state = seen.state
        self.velocity: _State = (0.0, 0.0, 0.0, 0.0)
        self.cov = cov
        self.landmarks = seen.landmarks
        self.score = seen.score
        self.hits = 1
        self.at_s = at_s
        self.seen_at_s = at_s
        self.beside = False
        self.doubtful = False


class Tracker:
    """The tracks of one camera. Track ids count from 1 and are never used twice."""

    def __init__(self, rule: TrackerRule | None = None) -> None:
        self._rule = rule or TrackerRule()
        self._tracks: list[_Track] = []
        self._next_id = 1

    @property
    def follows_any(self) -> bool:
        """Whether there is any face, seen twice or not yet."""
        return bool(self._tracks)

    def step(self, detections: Detections, at_s: float) -> TrackUpdate:
        """Advance to `at_s` (seconds; a step back in time counts as no time) with what was found.

        A face becomes a live track with its second detection, so that a single false detection
        is never counted as a passing face. Above `max_tracks` new faces are not followed.
        """
        for track in self._tracks:
            self._predict(track, at_s)
        faces = _faces(detections)
        sizes = [_size(track.state) for track in self._tracks]
        matched = self._associate(faces, sizes, at_s)
        self._mind_neighbours(sizes)
        for row, column in matched:
            self._doubt(self._tracks[row], faces[column], sizes[row], at_s)
            self._correct(self._tracks[row], faces[column], at_s)
        followed = [self._tracks[row] for row, _ in matched]
        taken = {column for _, column in matched}
        for column, face in enumerate(faces):
            if column not in taken and len(self._tracks) < self._rule.max_tracks:
                followed.append(self._start(face, at_s))
        return self._update(set(map(id, followed)), at_s)

    def doubt(self, track_id: int) -> None:
        """Something else than geometry says that the track may follow another face now."""
        self._mark(track_id, doubtful=True)

    def trust(self, track_id: int) -> None:
        """A look has shown that the track still follows the same face."""
        self._mark(track_id, doubtful=False)

    def renumber(self, track_id: int) -> int:
        """A look has shown that the track follows another person now. The old id has ended, and
        will be in no update; returns the new one. The track must be live."""
        track = next(track for track in self._tracks if track.track_id == track_id)
        track.track_id, self._next_id = self._next_id, self._next_id + 1
        track.doubtful = False
        return track.track_id

    def _mark(self, track_id: int, *, doubtful: bool) -> None:
        """Nothing where no track has this id."""
        for track in self._tracks:
            if track.track_id == track_id:
                track.doubtful = doubtful

    @property
    def sees_any(self) -> bool:
        """Whether a face was found in the last step."""
        return any(track.seen_at_s == track.at_s for track in self._tracks)

    def scale(self, factor: float) -> None:
        """The picture has so many times the pixels on each side from now on, and shows the same."""
        for track in self._tracks:
            var, cross, speed = (factor * factor * part for part in track.cov)
            track.cov = var, cross, speed
            cx, cy, width, height = (factor * part for part in track.state)
            track.state = cx, cy, width, height
            vx, vy, vw, vh = (factor * part for part in track.velocity)
            track.velocity = vx, vy, vw, vh
            track.landmarks = np.asarray(track.landmarks * np.float32(factor))

    def close(self) -> TrackUpdate:
        """End every track; the tracker can be used again afterwards."""
        ended = tuple(track.track_id for track in self._tracks if track.track_id)
        self._tracks.clear()
        return TrackUpdate((), ended)

    def _update(self, seen: set[int], at_s: float) -> TrackUpdate:
        kept: list[_Track] = []
        ended: list[int] = []
        for track in self._tracks:
            if at_s - track.seen_at_s <= self._rule.max_missed_s:
                kept.append(track)
            elif track.track_id:
                ended.append(track.track_id)
        self._tracks = kept
        live = [track for track in kept if track.track_id]
        views = (
            TrackView(
                track.track_id, box, track.landmarks, track.score, id(track) in seen, track.doubtful
            )
            for track, box in zip(live, _boxes(live), strict=True)
        )
        return TrackUpdate(tuple(views), tuple(ended))

    def _start(self, face: _Seen, at_s: float) -> _Track:
        measured = (self._rule.measurement_noise * face.size) ** 2
        cov = measured, 0.0, (self._rule.start_velocity * face.size) ** 2
        track = _Track(face, cov, at_s)
        self._tracks.append(track)
        return track

    def _mind_neighbours(self, sizes: Sequence[float]) -> None:
        """Note which tracks, of these sizes, are beside another one; those that were and no longer
        are have parted, and either may have gone on as the other."""
        live = [row for row, track in enumerate(self._tracks) if track.track_id]
        tracks = [self._tracks[row] for row in live]
        reach = np.array([self._rule.doubt_near / 2 * sizes[row] for row in live])
        centres = _centres([track.state for track in tracks])
        near = _gaps(centres, centres) < reach[:, None] + reach
        for track, count in zip(tracks, np.add.reduce(near, axis=1).tolist(), strict=True):
            beside = count > 1  # each is near itself
            track.doubtful |= track.beside and not beside
            track.beside = beside

    def _doubt(self, track: _Track, face: _Seen, track_size: float, at_s: float) -> None:
        """The track is about to go on with this face: may it be another one?"""
        rule = self._rule
        cx, cy, _, _ = face.state
        leapt = math.hypot(cx - track.state[0], cy - track.state[1]) / track_size
        track.doubtful |= leapt > rule.doubt_leap or at_s - track.seen_at_s > rule.doubt_after_s

    def _predict(self, track: _Track, at_s: float) -> None:
        dt = at_s - track.at_s
        if dt <= 0.0:
            return
        track.at_s = at_s
        cx, cy, width, height = _plus(track.state, dt, track.velocity)
        track.state = cx, cy, max(width, 2.0), max(height, 2.0)
        var, cross, speed = track.cov
        noise = (self._rule.acceleration_noise * _size(track.state) * dt) ** 2
        track.cov = (
            var + dt * (2 * cross + dt * speed) + noise * dt * dt / 4,
            cross + dt * speed + noise * dt / 2,
            speed + noise,
        )

    def _correct(self, track: _Track, face: _Seen, at_s: float) -> None:
        var, cross, speed = track.cov
        total = var + (self._rule.measurement_noise * face.size) ** 2
        gain, gain_velocity = var / total, cross / total
        off = _plus(face.state, -1.0, track.state)
        track.state = _plus(track.state, gain, off)
        track.velocity = _plus(track.velocity, gain_velocity, off)
        track.cov = (1 - gain) * var, (1 - gain) * cross, speed - gain_velocity * cross
        track.landmarks = face.landmarks
        track.score = face.score
        track.seen_at_s = at_s
        track.hits += 1
        if not track.track_id and track.hits >= self._rule.confirm_after:
            track.track_id = self._next_id
            self._next_id += 1

    def _associate(
        self, faces: Sequence[_Seen], sizes: Sequence[float], at_s: float
    ) -> list[tuple[int, int]]:
        """Pairs (track row, face column) of least total distance within each track's gate."""
        if not self._tracks or not faces:
            return []
        rule = self._rule
        gates = [
            min(rule.gate + rule.gate_growth * max(0.0, at_s - track.seen_at_s), rule.max_gate)
            for track in self._tracks
        ]
        cost = self._distances(faces, np.array(sizes)) / np.array(gates)[:, None]
        columns, _ = lap.lapjv(cost, extend_cost=True, cost_limit=1.0, return_cost=False)
        return [(row, column) for row, column in enumerate(columns.tolist()) if column >= 0]

    def _distances(self, faces: Sequence[_Seen], sizes: F64) -> F64:
        """Centre distance in face sizes plus the difference of size, f64[tracks, faces]."""
        face_sizes = np.array([face.size for face in faces])
        gaps = _gaps(
            _centres([track.state for track in self._tracks]),
            _centres([face.state for face in faces]),
        )
        scale = (sizes[:, None] + face_sizes) / 2
        return np.asarray(gaps / scale + np.abs(np.log(sizes)[:, None] - np.log(face_sizes)))


def _faces(detections: Detections) -> list[_Seen]:
    found = zip(
        detections.boxes.tolist(), detections.landmarks, detections.scores.tolist(), strict=True
    )
    return [
        _Seen(state := _state(box), _size(state), landmarks, score)
        for box, landmarks, score in found
    ]


def _state(box: Sequence[float]) -> _State:
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2, right - left, bottom - top


def _plus(state: _State, factor: float, step: _State) -> _State:
    (a, b, c, d), (da, db, dc, dd) = state, step
    return a + factor * da, b + factor * db, c + factor * dc, d + factor * dd


def _boxes(tracks: Sequence[_Track]) -> F32:
    """Their boxes f32[tracks, 4]."""
    corners = [
        (cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2)
        for cx, cy, width, height in (track.state for track in tracks)
    ]
    return np.array(corners, np.float32)


def _size(state: _State) -> float:
    return math.sqrt(max(state[2] * state[3], 1.0))


def _centres(states: Sequence[_State]) -> Centres:
    """One number each: complex ones take one operation where two columns take five."""
    return np.array([complex(cx, cy) for cx, cy, _, _ in states], np.complex128)


def _gaps(first: Centres, second: Centres) -> F64:
    """The distance of each of the first to each of the second, f64[first, second]."""
    return np.asarray(np.abs(first[:, None] - second))
