"""A scene of the crossing rig as frames, with the truth: where each face is, and how much is seen.

Walkers are pasted the furthest first; what of a face the nearer ones leave is counted on the way.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

import av
import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.crossing_scenes import FPS, FRAMES, HEIGHT_PX, WIDTH_PX, Path, Scene
from benchmarks.crossing_walkers import FACE_PX, MIDDLE, Cutout, Street, Walker
from lfrd.ingest.pictures import planes_of
from lfrd.types import F32, U8, Planes

CRF: Final = "23"
PARAPET_PX: Final = 84
"""What stands before everybody at the bottom: where the cut-outs end is not seen."""

LEFT: Final = 0.2
"""Share of a face that must lie inside the picture for it to be there at all."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One walker's face in one frame: its box f32[4], and the share of it that is seen, 0 to 1."""

    walker: int
    box: F32
    share: float


@dataclass(frozen=True, slots=True)
class Clip:
    """The frames of a scene, and who is seen in each."""

    planes: tuple[Planes, ...]
    truth: tuple[tuple[Seen, ...], ...]


def render(scene: Scene, street: Street) -> Clip:
    """Paint every frame, add the sensor's noise, and compress where the scene asks for it."""
    truth: list[tuple[Seen, ...]] = []

    def pictures() -> Iterator[U8]:
        rng = np.random.default_rng(scene.seed)
        noises = _noises(rng, scene.noise)
        plain = scene.seed % 2 == 1
        streets = [_street(street, rng, plain), _street(street, rng, not plain)]
        for number in range(FRAMES):
            cut = scene.cuts_at_s is not None and number / FPS >= scene.cuts_at_s
            picture, seen = _painted(scene, street.walkers, number, streets[cut])
            truth.append(seen)
            if noises:
                noise = np.roll(noises[number % len(noises)], int(rng.integers(WIDTH_PX)), axis=1)
                picture = np.asarray(cv2.add(picture, noise, dtype=cv2.CV_8U), np.uint8)
            yield np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2YUV_I420), np.uint8)

    planes = tuple(_encoded(pictures()) if scene.encoded else map(_planes, pictures()))
    return Clip(planes, tuple(truth))


def _painted(
    scene: Scene, walkers: Sequence[Walker], number: int, empty: U8
) -> tuple[U8, tuple[Seen, ...]]:
    """One frame rgb u8[720, 1280, 3] and who is seen in it."""
    at_s = number / FPS
    here = [path for path in scene.paths if path.from_s <= at_s < path.to_s]
    here.sort(key=lambda path: path.size_px(at_s))  # the furthest first
    picture = empty.copy()
    faces: list[_Face] = []
    for path in here:
        walker = walkers[path.walker]
        cutout = _cutout(walker, path.starts_at + number)
        scale = path.size_px(at_s) / (walker.eyes * FACE_PX)
        alpha, left, top = _paste(picture, cutout, path, scale, at_s)
        for face in faces:
            face.hide(alpha, left, top)
        faces.append(_Face(path, cutout, scale, at_s))
    parapet = HEIGHT_PX - PARAPET_PX
    picture[parapet:] = empty[parapet:]
    return picture, tuple(face.seen() for face in faces if face.inside >= LEFT)


class _Face:
    """A face that was painted, and what the nearer ones leave of it."""

    def __init__(self, path: Path, cutout: Cutout, scale: float, at_s: float) -> None:
        origin = np.array([path.x(at_s), path.y] * 2)
        self._walker = path.walker
        self._box = ((cutout.box - np.array(MIDDLE * 2)) * scale + origin).astype(np.float32)
        left, top, right, bottom = self._box.tolist()
        xs, ys = np.meshgrid(np.linspace(-1, 1, 17), np.linspace(-1, 1, 21))
        face = xs * xs + ys * ys <= 1
        self._x = ((left + right) / 2 + xs[face] * (right - left) / 2).round().astype(int)
        self._y = ((top + bottom) / 2 + ys[face] * (bottom - top) / 2).round().astype(int)
        inside = (self._x >= 0) & (self._x < WIDTH_PX) & (self._y < HEIGHT_PX - PARAPET_PX)
        self.inside = float(inside.mean())
        self._share = inside.astype(np.float64)

    def hide(self, alpha: U8, left: int, top: int) -> None:
        """Somebody nearer was painted with `alpha` u8[h, w] at a place."""
        rows, columns = self._y - top, self._x - left
        height, width = alpha.shape
        under = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        self._share[under] *= 1 - alpha[rows[under], columns[under]] / 255

    def seen(self) -> Seen:
        return Seen(self._walker, self._box, float(self._share.mean()))


def _cutout(walker: Walker, number: int) -> Cutout:
    """The walker's frames forwards and backwards, over and over."""
    last = len(walker.cutouts) - 1
    turn = number % (2 * last)
    return walker.cutouts[turn if turn <= last else 2 * last - turn]


def _paste(
    picture: U8, cutout: Cutout, path: Path, scale: float, at_s: float
) -> tuple[U8, int, int]:
    """Paint one walker; returns alpha u8[h, w] as painted, and its left and top in the picture."""
    height, width = cutout.alpha.shape
    x, y = path.x(at_s) - scale * MIDDLE[0], path.y - scale * MIDDLE[1]
    left, top = max(0, int(x)), max(0, int(y))
    right = min(WIDTH_PX, int(x + scale * width) + 1)
    bottom = min(HEIGHT_PX, int(y + scale * height) + 1)
    if right <= left or bottom <= top:
        return np.zeros((0, 0), np.uint8), left, top
    matrix = np.array([[scale, 0, x - left], [0, scale, y - top]])
    size = (right - left, bottom - top)
    rgb = cv2.warpAffine(cutout.rgb, matrix, size, flags=cv2.INTER_LINEAR)
    alpha = np.asarray(cv2.warpAffine(cutout.alpha, matrix, size), np.uint8)
    under = picture[top:bottom, left:right]
    rest = cv2.cvtColor(255 - alpha, cv2.COLOR_GRAY2RGB)
    picture[top:bottom, left:right] = cv2.add(cv2.multiply(under, rest, scale=1 / 255), rgb)
    return alpha, left, top


def _street(street: Street, rng: np.random.Generator, plain: bool) -> U8:
    """The street without people, rgb u8[720, 1280, 3]: real above the heads with a floor below it,
    or a plain wall; both with grain, and with a parapet before everybody."""
    rows = np.linspace(0, 1, HEIGHT_PX)[:, None, None]
    ground = np.array([150, 152, 156]) * (1 - rows) + np.array([98, 95, 92]) * rows
    whole = np.repeat(ground, WIDTH_PX, axis=1)
    blotches = rng.normal(0, 5, (HEIGHT_PX // 24, WIDTH_PX // 24, 1)).astype(np.float32)
    whole += cv2.resize(blotches, (WIDTH_PX, HEIGHT_PX), interpolation=cv2.INTER_CUBIC)[..., None]
    if not plain:
        height = len(street.empty)
        fade = np.clip((height - np.arange(height)) / 60, 0, 1)[:, None, None]
        whole[:height] = street.empty * fade + whole[:height] * (1 - fade)
    whole[HEIGHT_PX - PARAPET_PX :] = np.array([84, 74, 66])
    whole[HEIGHT_PX - PARAPET_PX :][:8] = np.array([126, 116, 106])
    whole += rng.normal(0, 3, (HEIGHT_PX, WIDTH_PX, 1))
    return np.clip(whole, 0, 255).astype(np.uint8)


def _noises(rng: np.random.Generator, deviation: float) -> list[npt.NDArray[np.int16]]:
    """A few fields of noise, i16[720, 1280, 3], to be shifted at random."""
    if not deviation:
        return []
    shape = (HEIGHT_PX, WIDTH_PX, 3)
    return [rng.normal(0, deviation, shape).astype(np.int16) for _ in range(4)]


def _planes(yuv: U8) -> Planes:
    """What OpenCV lays out as I420, video range and BT.601, as planes."""
    quarter, half = HEIGHT_PX // 4, (HEIGHT_PX // 2, WIDTH_PX // 2)
    u = yuv[HEIGHT_PX : HEIGHT_PX + quarter].reshape(half)
    v = yuv[HEIGHT_PX + quarter :].reshape(half)
    return Planes(yuv[:HEIGHT_PX], u, v)


def _encoded(pictures: Iterator[U8]) -> Iterator[Planes]:
    """Compressed as a camera does, and decoded again."""
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = WIDTH_PX, HEIGHT_PX, "yuv420p"
    encoder.time_base, encoder.framerate = Fraction(1, FPS), Fraction(FPS)
    encoder.options = {"preset": "veryfast", "tune": "zerolatency", "crf": CRF, "g": "50"}
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, av.VideoCodecContext)

    def decoded(packets: "Sequence[av.Packet[av.VideoStream] | None]") -> Iterator[Planes]:
        for packet in packets:
            for frame in decoder.decode(packet):
                yield replace(planes_of(frame), bt709=False)

    for number, yuv in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, FPS)
        yield from decoded(encoder.encode(frame))
    yield from decoded([*encoder.encode(None), None])
