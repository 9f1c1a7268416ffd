"""`camera test` and previews: what a camera really sends, and whether faces in it are usable.

For setting a camera up. Decodes for at most a minute, makes no template, keeps nothing, and is
logged. A preview shows flat cells only: enough to see where the camera points, not who is there.
"""

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import median

from lfrd.cameras import small_stream
from lfrd.cameras.aiming import Aiming, flat_picture
from lfrd.cameras.fleet import Fleet
from lfrd.cameras.small_stream import Likeness, View, compare, other_path
from lfrd.clock import Clock
from lfrd.errors import BadInput, SourceError
from lfrd.governance.people import demand
from lfrd.ingest.address import parse_beside
from lfrd.ingest.probe import MAX_PROBE_S, CameraProbe, probe_camera
from lfrd.ingest.settings import CameraSettings
from lfrd.store.audit import AuditClass
from lfrd.store.database import Database
from lfrd.types import F32, Detections, Frame, Planes
from lfrd.vision.engine import Vision
from lfrd.vision.planes import turned
from lfrd.vision.quality import (
    elevation_deg,
    face_size_px,
    inter_eye_px,
    mean_luma,
    measure,
    pose_deg,
)
from lfrd.vocabulary import Role

log = logging.getLogger(__name__)

SMALL_GRACE_S = 1.0
SPARSE_KEYFRAMES_S = 4.0
WANTED_INTER_EYE_PX = 45.0
MATCHING_INTER_EYE_PX = 32.0
FACES_MEASURED_A_FRAME = 8
SMALLEST_LOOKED_FOR_PX = 12.0
"""Faces too small to match are looked for too: the advice is about them."""

POSED_PX = 24.0
"""Landmarks of smaller faces do not tell how a face is turned."""
FACING_YAW_DEG = 40.0
"""Faces turned further do not tell from how high they are seen."""
TURNED_YAW_DEG = 45.0
FEWEST_POSED = 10
"""Fewer faces say nothing about a camera: heads nod, and people differ."""
STEEP_DEG, TOO_STEEP_DEG = 20.0, 40.0
"""Cameras really 30 and 60 degrees above eye level give a median of ten faces over these."""
FINE_DEG = 15.0
"""As steep as advised: well under what costs matches."""
EXAMPLE_DISTANCES_M = (4.0, 8.0)

TURNS_DEG = (0, 90, 180, 270)
TURNED_EVERY, TURNED_FRAMES = 3, 12
"""In one of so many pictures, so often at most, upright faces are looked for in all four turns."""
TURN_FACTOR, TURN_SURPLUS = 1.5, 1.0
"""So much more has to be found in a turned picture, as the sum of the detector's scores."""


@dataclass(frozen=True, slots=True)
class FaceMeasures:
    """Faces of one test: distances between the eyes in pixels, sharpness of the larger ones, and
    how they are seen.

    `elevation_median_deg` is the camera's above eye level, as its faces tell; `yaw_median_deg` how
    far they are turned to either side; `share_turned` how many by more than 45 degrees. Each is
    None where too few faces tell it.
    """

    frames_searched: int
    faces: int
    inter_eye_median_px: float | None
    inter_eye_largest_px: float | None
    share_over_gate: float | None
    sharpness_median: float | None
    mean_luma: float | None
    elevation_median_deg: float | None
    yaw_median_deg: float | None
    share_turned: float | None


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `camera test` found, and what to do about it."""

    probe: CameraProbe
    faces: FaceMeasures
    gate_px: float
    advice: tuple[str, ...]
    small: Likeness | None = None
    """The small stream beside it, where one was found."""


@dataclass(slots=True)
class Seen:
    """Numbers gathered while watching; no picture and no face stays."""

    frames: int = 0
    sizes_px: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    luma: list[float] = field(default_factory=list)
    pitch_deg: list[float] = field(default_factory=list)
    """Of the faces that are turned little enough to tell."""
    turned_deg: list[float] = field(default_factory=list)
    """Absolute yaw of every face that is large enough."""
    upright: dict[int, float] = field(default_factory=lambda: dict.fromkeys(TURNS_DEG, 0.0))
    """How much was found of upright faces in pictures that were turned clockwise by so much."""

    @property
    def turn_deg(self) -> int:
        """By how much the pictures have to be turned clockwise until faces are upright."""
        best_deg = max(TURNS_DEG, key=lambda degrees: (self.upright[degrees], -degrees))
        enough = TURN_FACTOR * self.upright[0] + TURN_SURPLUS
        return best_deg if self.upright[best_deg] >= enough else 0

    def pose(self, landmarks: F32) -> None:
        """Note how the face with these landmarks f32[5, 2] is seen, if it is large enough."""
        if face_size_px(landmarks) < POSED_PX:
            return
        yaw_deg, pitch_deg = pose_deg(landmarks)
        self.turned_deg.append(abs(yaw_deg))
        if abs(yaw_deg) < FACING_YAW_DEG and inter_eye_px(landmarks) >= POSED_PX:
            self.pitch_deg.append(pitch_deg)


class CameraCheck:
    """Looks through a camera outside the pipeline; for the event loop."""

    def __init__(
        self, fleet: Fleet, vision: Vision, database: Database, clock: Clock, gate_px: float
    ) -> None:
        self._fleet = fleet
        self._vision = vision
        self._database = database
        self._clock = clock
        self._gate_px = gate_px
        self._aimed: set[Aiming] = set()

    async def check(self, camera_id: str, seconds: float, *, principal: str) -> CheckReport:
        """Watch a camera for some seconds. Raises NotFound, BadInput, SourceError."""
        if not 1 <= seconds <= MAX_PROBE_S:
            raise BadInput(f"a camera test lasts 1 to {MAX_PROBE_S:.0f} seconds")
        settings = self._fleet.settings(camera_id)
        await self._log(camera_id, "camera.test", principal)
        seen, view, small = Seen(), View(), View()

        async def look_on(frame: Frame) -> None:
            await view.note(frame)
            await look(self._vision, frame.planes, self._gate_px, seen)

        other = _other_stream(settings)
        beside = asyncio.create_task(self._look_beside(other, seconds, small))
        try:
            probe = await probe_camera(settings, self._clock, seconds, look_on, self._fleet.whip)
            await asyncio.wait([beside], timeout=SMALL_GRACE_S)
        finally:  # not a task group: that would wrap what the camera says
            beside.cancel()
            await asyncio.wait([beside])
        faces, likeness = measures(seen, self._gate_px), compare(view, small)
        rotate_deg = (settings.correction.rotate_deg + seen.turn_deg) % 360
        said = [*advise(probe, faces, self._gate_px),
                *small_stream.advise(camera_id, likeness, other.look_address,
                                     is_set=settings.look_address is not None)]  # fmt: skip
        if seen.turn_deg:
            said.insert(0, _turn(rotate_deg))
        if len(said) > 1:
            said = [line for line in said if line != WELL]
        return CheckReport(probe, faces, self._gate_px, tuple(said), likeness)

    async def _look_beside(self, settings: CameraSettings, seconds: float, small: View) -> None:
        """See what the small stream shows meanwhile; where there is none, nothing is noted."""
        if settings.look_address is None:
            return
        try:
            await probe_camera(settings.look, self._clock, seconds, small.note)
        except SourceError as error:
            log.debug("the small stream of %s: %s", settings.id, error)

    async def preview(self, camera_id: str, *, principal: str) -> bytes:
        """One picture as flat cells, with regions applied, as JPEG. Raises as `check` does."""
        settings = self._fleet.settings(camera_id)
        await self._log(camera_id, "camera.preview", principal)
        pictures: list[bytes] = []

        async def keep(frame: Frame) -> None:
            if not pictures:
                pictures.append(flat_picture(frame.planes))

        await probe_camera(settings, self._clock, 1.0, keep, self._fleet.whip)
        if not pictures:
            raise SourceError(f"camera {camera_id} gave no second picture within a second")
        return pictures[0]

    async def aim(
        self,
        camera_id: str,
        *,
        clear: bool,
        seconds: float,
        per_second: float,
        role: Role,
        principal: str,
    ) -> Aiming:
        """Pictures for aiming; `clear` for supervisors. That somebody looks is logged before the
        first one. Raises Denied, NotFound, Conflict while as many look as may."""
        if clear:
            demand(role, Role.SUPERVISOR)
        settings = self._fleet.settings(camera_id)
        aiming = Aiming(
            settings, self._clock, self._fleet.whip, self._aimed, clear=clear, seconds=seconds,
            per_second=per_second,
        )  # fmt: skip
        action = "camera.aim" if clear else "camera.look"
        read = AuditClass.CONSULTATION if clear else AuditClass.PERIOD_OF_USE
        await self._log(camera_id, action, principal, read)
        return aiming

    async def _log(
        self,
        camera_id: str,
        action: str,
        principal: str,
        event_class: AuditClass = AuditClass.PERIOD_OF_USE,
    ) -> None:
        await self._database.write(
            lambda tx: tx.audit(event_class, action, (camera_id,)),
            principal=principal,
        )


def _other_stream(settings: CameraSettings) -> CameraSettings:
    """The same with its small stream: the one that is set, or one that may be there by its name."""
    path = other_path(settings.address)
    if settings.look_address is not None or path is None:
        return settings
    try:
        return replace(settings, look_address=parse_beside(settings.address.secret_location, path))
    except BadInput:
        return settings


async def look(vision: Vision, planes: Planes, gate_px: float, seen: Seen) -> None:
    """Find the faces of one picture and add what they measure to `seen`; faces with fewer than
    `gate_px` between the eyes are not looked at for sharpness."""
    found = await vision.detect(planes, smallest_inter_eye_px=SMALLEST_LOOKED_FOR_PX)
    if seen.frames % TURNED_EVERY == 0 and seen.frames < TURNED_EVERY * TURNED_FRAMES:
        await look_turned(vision, planes, found, seen)
    seen.frames += 1
    seen.luma.append(mean_luma(planes))
    seen.sizes_px += [inter_eye_px(points) for points in found.landmarks]
    for landmarks in found.landmarks:
        seen.pose(landmarks)
    for index in range(min(len(found), FACES_MEASURED_A_FRAME)):
        sharpness = await _sharpness(vision, planes, found, index, gate_px)
        if sharpness is not None:
            seen.sharpness.append(sharpness)


async def look_turned(vision: Vision, planes: Planes, found: Detections, seen: Seen) -> None:
    """Note how much is found of upright faces in the picture and in its three other turns."""
    seen.upright[0] += _upright_score(found)
    for degrees in TURNS_DEG[1:]:
        turned_planes = turned(planes, degrees)
        there = await vision.detect(turned_planes, smallest_inter_eye_px=POSED_PX)
        seen.upright[degrees] += _upright_score(there)


def _upright_score(found: Detections) -> float:
    """The sum of the scores of faces whose eyes are above their mouths, large enough to tell."""
    total = 0.0
    for landmarks, score in zip(found.landmarks, found.scores, strict=True):
        across, down = landmarks[3:].mean(axis=0) - landmarks[:2].mean(axis=0)
        if down > abs(across) and face_size_px(landmarks) >= POSED_PX:
            total += float(score)
    return total


async def _sharpness(
    vision: Vision, planes: Planes, found: Detections, index: int, gate_px: float
) -> float | None:
    landmarks = found.landmarks[index]
    if inter_eye_px(landmarks) < gate_px:
        return None
    crop = await vision.align_other(planes, landmarks)
    if crop is None:
        return None
    try:
        return measure(crop.array, landmarks, float(found.scores[index])).sharpness
    finally:
        crop.release()


WELL = "The camera is well set up for matching."


def advise(probe: CameraProbe, faces: FaceMeasures, gate_px: float) -> tuple[str, ...]:
    """What the person on the ladder should change, most important first."""
    found = [
        *_stream_advice(probe),
        *_light_advice(faces),
        *_size_advice(faces, gate_px),
        *_pose_advice(faces, gate_px),
    ]
    return tuple(found) or (WELL,)


def _turn(rotate_deg: int) -> str:
    return (
        "Faces are not upright in this picture: nobody is recognised so. Turn the camera, or set "
        f"`lfrd camera change ID --rotate {rotate_deg}`."
    )


def _stream_advice(probe: CameraProbe) -> list[str]:
    said = []
    if probe.frames_damaged > probe.frames * 0.02:
        said.append("Pictures arrive damaged: use TCP instead of UDP, or a better network.")
    if probe.fps is not None and probe.fps < 8:
        said.append(f"Only {probe.fps:.0f} pictures a second: 10 to 25 give more good looks.")
    if probe.keyframe_interval_s is not None and probe.keyframe_interval_s > SPARSE_KEYFRAMES_S:
        said.append(
            f"A keyframe only every {probe.keyframe_interval_s:.0f} s: set 1 to 2 s, so that the "
            "picture comes back soon after a break."
        )
    elif probe.keyframe_waited_s > SPARSE_KEYFRAMES_S:
        said.append(
            f"The first keyframe came only after {probe.keyframe_waited_s:.0f} s, and until then "
            "nobody is seen: set an interval of 1 to 2 s (often called I-frame interval or GOP), "
            'and turn "smart" coding off.'
        )
    if probe.height_px < 720:
        said.append(
            f"The picture has only {probe.width_px} x {probe.height_px}: is this the substream?"
        )
    return said


def _light_advice(faces: FaceMeasures) -> list[str]:
    if faces.mean_luma is None:
        return []
    if faces.mean_luma < 0.15:
        return ["The picture is dark: add light, or open the lens."]
    if faces.mean_luma > 0.85:
        return ["The picture is overexposed: reduce exposure, or keep the sun out of it."]
    return []


def _size_advice(faces: FaceMeasures, gate_px: float) -> list[str]:
    largest = faces.inter_eye_largest_px
    if largest is None:
        return ["No face was seen: have somebody walk through the picture during the test."]
    said = []
    if largest < gate_px:
        said.append(
            f"The largest face has {largest:.0f} px between the eyes, under the gate of "
            f"{gate_px:.0f}: nobody can be matched here. Zoom in or move closer."
        )
    elif (faces.inter_eye_median_px or 0.0) < MATCHING_INTER_EYE_PX:
        said.append(
            f"Faces have {faces.inter_eye_median_px:.0f} px between the eyes in the middle; "
            f"{WANTED_INTER_EYE_PX:.0f} and more make good matches. Zoom in or move closer."
        )
    if faces.sharpness_median is not None and faces.sharpness_median < 30:
        said.append("Faces are blurred: focus, or use a shorter exposure.")
    return said


def _pose_advice(faces: FaceMeasures, gate_px: float) -> list[str]:
    """About where the camera hangs; nothing where `_size_advice` says that faces are missing."""
    if faces.inter_eye_largest_px is None or faces.inter_eye_largest_px < gate_px:
        return []
    if faces.yaw_median_deg is None or faces.share_turned is None:
        return [
            f"Too few faces were seen to tell whether the camera hangs right: fewer than "
            f"{FEWEST_POSED} with {POSED_PX:.0f} px. Have several people walk through the picture."
        ]
    said = []
    above_deg = faces.elevation_median_deg
    if above_deg is not None and above_deg > STEEP_DEG:
        said.append(_steep(above_deg))
    if faces.share_turned > 0.5:
        said.append(
            f"{faces.share_turned:.0%} of the faces are turned aside by more than "
            f"{TURNED_YAW_DEG:.0f} degrees: move the camera towards where people look."
        )
    elif above_deg is None:
        said.append(
            "Too few faces looked this way to tell from how high they are seen. Have several "
            "people walk towards the camera, or move it towards where people look."
        )
    return said


def _steep(above_deg: float) -> str:
    so_steep = "fewer are recognised at this angle, above all of those who look aside"
    if above_deg > TOO_STEEP_DEG:
        so_steep = "nobody is recognised at this angle"
    rise = math.tan(math.radians(FINE_DEG))
    near_m, far_m = EXAMPLE_DISTANCES_M
    return (
        f"Faces are seen from about {above_deg:.0f} degrees above: {so_steep}. Mount the camera "
        f"lower or further away (at {near_m:.0f} m distance it may hang {near_m * rise:.1f} m "
        f"above eye level, at {far_m:.0f} m {far_m * rise:.1f} m)."
    )


def measures(seen: Seen, gate_px: float) -> FaceMeasures:
    """What the faces of a test come to, with the share of them that the gate lets pass."""
    sizes = seen.sizes_px
    posed, facing = (len(v) >= FEWEST_POSED for v in (seen.turned_deg, seen.pitch_deg))
    turned = [yaw_deg for yaw_deg in seen.turned_deg if yaw_deg > TURNED_YAW_DEG]
    over = [size for size in sizes if size >= gate_px]
    return FaceMeasures(
        seen.frames,
        len(sizes),
        _middle(sizes),
        max(sizes, default=None),
        len(over) / len(sizes) if sizes else None,
        _middle(seen.sharpness),
        _middle(seen.luma),
        elevation_deg(median(seen.pitch_deg)) if facing else None,
        _middle(seen.turned_deg) if posed else None,
        len(turned) / len(seen.turned_deg) if posed else None,
    )


def _middle(values: Sequence[float]) -> float | None:
    return float(median(values)) if values else None
