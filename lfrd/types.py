"""The nouns that pass from hop to hop: frozen, slotted, shapes and dtypes asserted.

Coordinates are pixels of the full decoded frame, x to the right and y down. Boxes are
(left, top, right, bottom). Landmarks are right eye, left eye, nose, right and left mouth corner,
"right" being the person's own right, which appears on the left of the picture.

Times named `captured_at_s` come from the one clock that drives tracker and evidence: monotonic
seconds for live cameras, media seconds where a file is read as fast as possible.
"""

import json
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
U8 = npt.NDArray[np.uint8]

Colour = Literal["rgb", "bgr"]
"""The order of a picture's channels."""

CROP_SIDE_PX = 112
"""Side of the aligned crop that every recognition model here takes."""


@dataclass(frozen=True, slots=True)
class Planes:
    """A decoded picture as YUV 4:2:0 planes: y u8[h, w], u and v u8[(h+1)//2, (w+1)//2].

    The rows may be strided views into the decoder's buffer; holding the planes holds the
    buffer. `full_range` is JPEG range (0-255) instead of video range (16-235); `bt709` says
    which matrix the colours were coded with (else BT.601).
    """

    y: U8
    u: U8
    v: U8
    full_range: bool = False
    bt709: bool = False

    def __post_init__(self) -> None:
        height, width = self.y.shape
        chroma = ((height + 1) // 2, (width + 1) // 2)
        assert self.y.dtype == self.u.dtype == self.v.dtype == np.uint8
        assert self.u.shape == self.v.shape == chroma, (self.y.shape, self.u.shape, self.v.shape)

    @property
    def width_px(self) -> int:
        return int(self.y.shape[1])

    @property
    def height_px(self) -> int:
        return int(self.y.shape[0])

    def without(self, beside_px: int, above_px: int) -> "Planes":
        """A view that leaves out so much at the left and right, above and below: even numbers."""
        assert beside_px % 2 == above_px % 2 == 0, (beside_px, above_px)
        if not beside_px and not above_px:
            return self

        def middle(plane: U8, across: int, down: int) -> U8:
            height, width = plane.shape
            return plane[down : height - down, across : width - across]

        half = beside_px // 2, above_px // 2
        return Planes(
            middle(self.y, beside_px, above_px),
            middle(self.u, *half),
            middle(self.v, *half),
            self.full_range,
            self.bt709,
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """One decoded frame of one camera.

    `sequence` counts decoded frames from 0 since the source was opened; `media_at_s` is the
    stream's own time since its first frame; `arrived_at_s` is when the decoder gave it to us,
    in monotonic seconds; `captured_at_s` see the module's docstring. `still` says that nothing
    moved in it since the last one that was not. `small`: it is of a camera's small stream;
    `only_faces`: a larger picture of the same view follows where it shows any face.
    """

    camera_id: str
    sequence: int
    captured_at_s: float
    media_at_s: float
    arrived_at_s: float
    planes: Planes
    still: bool = False
    small: bool = False
    only_faces: bool = False


@dataclass(frozen=True, slots=True)
class Detections:
    """Faces of one frame: boxes f32[n, 4], scores f32[n] in 0..1, landmarks f32[n, 5, 2]."""

    boxes: F32
    scores: F32
    landmarks: F32

    def __post_init__(self) -> None:
        count = self.scores.shape[0]
        assert self.boxes.shape == (count, 4), self.boxes.shape
        assert self.landmarks.shape == (count, 5, 2), self.landmarks.shape
        assert self.boxes.dtype == self.scores.dtype == self.landmarks.dtype == np.float32

    def __len__(self) -> int:
        return int(self.scores.shape[0])

    @staticmethod
    def none() -> "Detections":
        """No face."""
        return Detections(
            np.zeros((0, 4), np.float32), np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32)
        )


class TrackView(NamedTuple):
    """A live track after one step: box f32[4], landmarks f32[5, 2], detector score.

    `detected` is False where the position is only predicted; landmarks are then the last seen.
    `doubtful`: since the last look it may have come to follow another face.
    """

    track_id: int
    box: F32
    landmarks: F32
    score: float
    detected: bool
    doubtful: bool = False


@dataclass(frozen=True, slots=True)
class TrackUpdate:
    """What one tracker step gives: the live tracks, and the ids of those that just ended."""

    live: tuple[TrackView, ...]
    ended: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quality:
    """Measures of one look.

    `inter_eye_px` distance of the eye landmarks in frame pixels; `yaw_deg` and `pitch_deg` rough
    head pose from five landmarks, 0 is frontal; `sharpness` variance of the Laplacian of the
    crop's luma; `exposure` mean luma of the crop in 0..1; `detector_score` in 0..1; `overall`
    one number to rank looks by, higher is better.
    """

    inter_eye_px: float
    yaw_deg: float
    pitch_deg: float
    sharpness: float
    exposure: float
    detector_score: float
    overall: float


@dataclass(frozen=True, slots=True)
class Texture:
    """How brightness and colour vary over a crop: standard deviations of the brightness, 0..255, of
    the whole, about the eyes and about the mouth; and how far the strongest channel lies over the
    weakest, on average: 0 where there is no colour."""

    contrast: float
    eyes: float
    mouth: float
    colour: float


@dataclass(frozen=True, slots=True)
class Template:
    """A unit-norm vector f32[D] and the digest of the model that made it."""

    vector: F32
    model_digest: str


@dataclass(frozen=True, slots=True)
class Match:
    """One entry that a probe was compared with: the best score over its reference templates."""

    entry_id: str
    person_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Look:
    """One embedded view of a track: when it was seen, and the entries nearest to it, best first.

    `matches` are those of the mean template of all looks of the track so far, this one included;
    `alone` those of this look by itself.
    """

    sequence: int
    captured_at_s: float
    media_at_s: float
    arrived_at_s: float
    quality: Quality
    matches: tuple[Match, ...]
    alone: tuple[Match, ...]


class Scored(NamedTuple):
    """How near an entry was at one look: to the mean of the looks so far, and to it alone."""

    mean: float
    alone: float
    at_s: float


@dataclass(frozen=True, slots=True)
class Trail:
    """How a fused score came about, so that it can be computed again (see lfrd.matching.evidence).

    `looks` are the scores of the decided entry in the order of time; `shown` is its score in the
    look whose crop the episode holds, alone, None where it is not known.
    """

    handicaps: tuple[float, ...]
    apart_s: float
    looks: tuple[Scored, ...]
    shown: float | None

    def as_json(self) -> str:
        """For the episode; `of_json` reads it back to the last bit."""
        return json.dumps(
            {
                "apart_s": self.apart_s,
                "handicaps": list(self.handicaps),
                "looks": [list(look) for look in self.looks],
                "shown": self.shown,
            }
        )

    @staticmethod
    def of_json(text: str) -> "Trail":
        kept = json.loads(text)
        looks = tuple(Scored(float(m), float(a), float(at_s)) for m, a, at_s in kept["looks"])
        return Trail(tuple(kept["handicaps"]), kept["apart_s"], looks, kept["shown"])


@dataclass(frozen=True, slots=True)
class Decision:
    """Evidence that a track shows an entry: `kind` is `raised` the first time, `updated` later.

    `score` is the fused similarity score of the track's looks, `margin` the distance to the best
    other *person* (None where there is no other), `rivals` the other persons that are over the
    threshold too: the candidate is then ambiguous. `threshold` is what this entry had to reach,
    with its own margins. `looks` counts the looks behind it; `look` is the one just taken, and
    `clearer` says that it shows the entry better than every look reported before.
    """

    kind: Literal["raised", "updated"]
    track_id: int
    entry_id: str
    person_id: str
    score: float
    margin: float | None
    threshold: float
    looks: int
    look: Look
    rivals: tuple[Match, ...] = ()
    clearer: bool = True
    trail: Trail | None = None
