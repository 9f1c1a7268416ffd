"""Composes the demo's clip: seven people who walk past a camera, of whom one is on the list.

The faces come from two pictures: the astronaut that providers are checked with (NASA, public
domain) and the group photo of insightface. They are found with the detector, cut out with soft
edges, and moved over a plain background at several sizes, with blur, and compressed.

The same people, and any clip, can be had as a camera would send them: at a size and rate,
with the noise of a sensor, in a stream of a camera's bit rate.
"""

import hashlib
import importlib.util
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
import cv2
import numpy as np
from PIL import Image, ImageEnhance

from lfrd.errors import SourceError, StateError
from lfrd.types import U8
from lfrd.vision.engine import Vision
from lfrd.vision.planes import planes_from_rgb

WIDTH_PX, HEIGHT_PX, FPS = 1280, 720, 25
CLIP_S = 24.0
LISTED = "astronaut"
ASTRONAUT = ("lfrd.vision", "astronaut.png")
SHOWN = (ASTRONAUT, ("insightface", "data/images/t1.jpg"))
"""The pictures, by the package that carries them."""
PICTURES = int(CLIP_S * FPS)


@dataclass(frozen=True, slots=True)
class Pass:
    """One walk through the picture: sizes are face widths, `blur_px` the lens or motion blur."""

    who: int
    start_s: float
    lasting_s: float
    from_x: float
    to_x: float
    y: float
    from_px: float
    to_px: float
    blur_px: float = 0.0


PASSES = (
    Pass(1, 0.0, 9.0, 0.08, 0.45, 0.30, 60, 110),
    Pass(2, 1.0, 8.0, 0.92, 0.70, 0.28, 70, 120, 0.8),
    Pass(0, 2.0, 8.0, 0.20, 0.62, 0.62, 80, 150),
    Pass(3, 8.5, 7.0, 0.10, 0.40, 0.65, 130, 90),
    Pass(4, 9.0, 7.0, 0.90, 0.60, 0.62, 90, 140),
    Pass(5, 11.0, 8.0, 0.05, 0.95, 0.25, 75, 75, 1.2),
    Pass(0, 14.5, 7.5, 0.80, 0.45, 0.60, 150, 85, 0.8),
    Pass(6, 16.0, 7.5, 0.15, 0.30, 0.55, 80, 140),
)
"""Person 0 is the astronaut; 1 to 6 are the people of the group photo, left to right."""


@dataclass(frozen=True, slots=True)
class Cutout:
    """A head with soft edges: rgb u8[h, w, 3], alpha f32[h, w, 1], and its face's width."""

    rgb: U8
    alpha: np.ndarray
    face_px: float


def listed_photo() -> bytes:
    """A reference photo of the astronaut in another rendition: smaller, turned, relit, JPEG."""
    photo = Image.open(_packaged(*ASTRONAUT)).convert("RGB")
    photo = photo.rotate(4, resample=Image.Resampling.BICUBIC).crop((60, 0, 420, 330))
    photo = ImageEnhance.Brightness(photo.resize((440, 403))).enhance(1.12)
    out = io.BytesIO()
    photo.save(out, "JPEG", quality=72)
    return out.getvalue()


async def cutouts(vision: Vision) -> list[Cutout]:
    """The astronaut's head first, then the six of the group photo from left to right."""
    found = []
    for package, path in SHOWN:
        rgb = np.asarray(Image.open(_packaged(package, path)).convert("RGB"), np.uint8)
        faces = await vision.detect(planes_from_rgb(rgb))
        found += [_cut(rgb, box) for box in sorted(faces.boxes.tolist())]
    if len(found) != 7:
        raise StateError(f"the demo's pictures show {len(found)} faces and should show 7")
    return found


@dataclass(frozen=True, slots=True)
class Shape:
    """What a camera sends."""

    width_px: int
    height_px: int
    fps: float


BUSY_FROM_S = 2.0
"""From here on three people or more are in the picture at once."""
NOISE = 4.0
"""Standard deviation of what a sensor adds to each value, of 255."""
NOISE_REPEATS_PX = 64
BITS_A_PIXEL = 0.08
"""Of a camera's stream: 4 Mbit/s at 1080p25."""
KEYFRAME_S = 2.0


def write_as_camera(path: Path, people: list[Cutout], shape: Shape, seconds: float) -> None:
    """Some seconds of the clip in which people pass, as a camera of this shape would send them."""
    rng = np.random.default_rng(2)
    size, repeats = (shape.width_px, shape.height_px), NOISE_REPEATS_PX
    noise = rng.normal(0, NOISE, (size[1] + repeats, size[0] + repeats, 3)).astype(np.int16)

    def frames() -> Iterator[av.VideoFrame]:
        for rgb in _pictures(people, shape.fps, BUSY_FROM_S, seconds):
            top, left = rng.integers(0, repeats, 2)
            grain = noise[top : top + size[1], left : left + size[0]]
            seen = cv2.add(cv2.resize(rgb, size), grain, dtype=cv2.CV_8U)
            yield av.VideoFrame.from_ndarray(np.asarray(seen, np.uint8), format="rgb24")

    _encode(path, shape, frames())


def write_resized(source: Path, path: Path, shape: Shape, seconds: float) -> None:
    """The first seconds of a user's clip as a camera of this shape would send them. Raises
    SourceError."""
    try:
        with av.open(f"file:{source}", options={"protocol_whitelist": "file"}) as container:
            stream = max(container.streams.video, key=lambda video: video.width * video.height)
            _encode(path, shape, _at_rate(container.decode(stream), shape, seconds))
    except av.error.FFmpegError:
        size = f"{shape.width_px}x{shape.height_px}"
        raise SourceError(f"{source} cannot be made into {size} pictures") from None


def _at_rate(
    pictures: Iterator[av.VideoFrame], shape: Shape, seconds: float
) -> Iterator[av.VideoFrame]:
    """At the times of a camera's pictures, the last one that was shown by then."""
    begun_s: float | None = None
    written = 0
    for number, picture in enumerate(pictures):
        stamped: float | None = picture.time
        at_s = number / FPS if stamped is None else stamped
        begun_s = at_s if begun_s is None else begun_s
        while written < shape.fps * min(at_s - begun_s + 1e-6, seconds):
            written += 1
            yield picture.reformat(shape.width_px, shape.height_px, "yuv420p")
        if at_s - begun_s >= seconds:
            return


def _encode(path: Path, shape: Shape, frames: Iterator[av.VideoFrame]) -> None:
    """H.264 as cameras send it: of previous pictures alone, a slice each, at a constant rate."""
    rate = Fraction(shape.fps).limit_denominator(1001)
    bits = round(BITS_A_PIXEL * shape.width_px * shape.height_px * shape.fps)
    options = {
        "preset": "veryfast", "bf": "0", "g": str(max(1, round(KEYFRAME_S * shape.fps))),
        "maxrate": str(bits), "bufsize": str(bits),
    }  # fmt: skip
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.width, stream.height = shape.width_px, shape.height_px
        stream.pix_fmt, stream.bit_rate = "yuv420p", bits
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def recipe() -> str:
    """What the clip is made from, in short: another program or other pictures make another one."""
    made_of = (Path(__file__), *(_packaged(package, path) for package, path in SHOWN))
    parts = [hashlib.sha256(file.read_bytes()).hexdigest() for file in made_of]
    return hashlib.sha256("".join(parts).encode()).hexdigest()[:16]


def write_clip(
    path: Path, people: list[Cutout], written: Callable[[int], None] = lambda _: None
) -> None:
    """Encode the clip as H.264 with a keyframe every second. `written` is told after each picture
    how many there are."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = WIDTH_PX, HEIGHT_PX
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "27", "preset": "veryfast", "g": str(FPS), "tune": "zerolatency"}
        for number, rgb in enumerate(_pictures(people), 1):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(rgb, format="rgb24")))
            written(number)
        container.mux(stream.encode(None))


def _pictures(
    people: list[Cutout], fps: float = FPS, from_s: float = 0.0, lasting_s: float = CLIP_S
) -> Iterator[U8]:
    background = _background()
    for number in range(int(lasting_s * fps)):
        at_s = from_s + number / fps
        picture = background.copy()
        for walk in PASSES:
            if walk.start_s <= at_s < walk.start_s + walk.lasting_s:
                _paste(picture, people[walk.who], walk, (at_s - walk.start_s) / walk.lasting_s)
        yield picture


def _background() -> U8:
    rows = np.linspace(0, 1, HEIGHT_PX)[:, None, None]
    wall = np.array([148, 152, 158]) * (1 - rows) + np.array([96, 92, 88]) * rows
    wall = np.repeat(wall, WIDTH_PX, axis=1)
    grain = np.random.default_rng(1).normal(0, 5, (HEIGHT_PX, WIDTH_PX, 1))
    return np.asarray(np.clip(wall + grain, 0, 255), np.uint8)


def _cut(rgb: U8, box: list[float]) -> Cutout:
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    cx, cy = (left + right) / 2, (top + bottom) / 2
    x0, x1 = max(0, int(cx - 0.8 * width)), min(rgb.shape[1], int(cx + 0.8 * width))
    y0, y1 = max(0, int(cy - 0.85 * height)), min(rgb.shape[0], int(cy + 0.8 * height))
    head = np.ascontiguousarray(rgb[y0:y1, x0:x1])
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    radius = np.hypot((xs - cx) / (0.78 * width), (ys - cy) / (0.82 * height))
    alpha = np.clip((1.0 - radius) / 0.18, 0, 1)[..., None].astype(np.float32)
    return Cutout(head, alpha, width)


def _paste(picture: U8, person: Cutout, walk: Pass, part: float) -> None:
    face_px = walk.from_px + (walk.to_px - walk.from_px) * part
    scale = face_px / person.face_px
    size = (round(person.rgb.shape[1] * scale), round(person.rgb.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    head = cv2.resize(person.rgb, size, interpolation=method)
    alpha = cv2.resize(person.alpha, size, interpolation=cv2.INTER_LINEAR)[..., None]
    if walk.blur_px:
        head = cv2.GaussianBlur(head, (0, 0), walk.blur_px)
    bob = 0.01 * math.sin(part * walk.lasting_s * 9)
    left = round((walk.from_x + (walk.to_x - walk.from_x) * part) * WIDTH_PX - size[0] / 2)
    top = round((walk.y + bob) * HEIGHT_PX - size[1] / 2)
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(WIDTH_PX, left + size[0]), min(HEIGHT_PX, top + size[1])
    if x0 >= x1 or y0 >= y1:
        return
    inside = slice(y0 - top, y1 - top), slice(x0 - left, x1 - left)
    under = picture[y0:y1, x0:x1]
    blend = head[inside] * alpha[inside] + under * (1 - alpha[inside])
    picture[y0:y1, x0:x1] = blend.astype(np.uint8)


def _packaged(package: str, path: str) -> Path:
    spec = importlib.util.find_spec(package)
    file = Path(spec.origin).parent / path if spec and spec.origin else None
    if file is None or not file.is_file():
        raise StateError(f"{package} carries no {path}; install lfrd again (`uv sync`)")
    return file
