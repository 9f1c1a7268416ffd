"""Faces of Labeled Faces in the Wild walking through a scene: a clip, and who passes when.

Every passage is one person crossing a lane of the picture from far to near. What is seen of them
changes twice on the way to another of their photos, as a head does that turns; none of them is the
reference photo. Size, blur and light differ from passage to passage, and the whole is compressed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from lfrd.types import U8
from support.video import encode

WIDTH, HEIGHT, FPS = 1280, 720, 10
LANES = 4
PASSAGE_S, PAUSE_S = 3.2, 1.6
"""A lane stays empty for longer than a track may be lost: each passage is a track of its own."""

FROM_PX, TO_PX = 150, 330
"""Side of the 150 px photo in the scene: 42 to 92 px between the eyes."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One person's way through a lane, and the photos that are seen of them one after the other."""

    person: str
    photos: tuple[Path, ...]
    lane: int
    start_s: float
    size: float
    blur: float
    light: float

    @property
    def end_s(self) -> float:
        return self.start_s + PASSAGE_S


def plan(people: dict[str, Sequence[Path]], passages: int, seed: int) -> list[Passage]:
    """So many passages of each person, in an order of the seed; `people` without references."""
    rng = np.random.default_rng(seed)
    walkers = [name for name in sorted(people) for _ in range(passages)]
    waiting = [walkers[place] for place in rng.permutation(len(walkers))]
    planned: list[Passage] = []
    slot = 0
    while waiting:
        together = list(dict.fromkeys(waiting))[:LANES]  # nobody is in two lanes at once
        for lane, name in enumerate(together):
            waiting.remove(name)
            planned.append(_passage(name, people[name], lane, slot, rng))
        slot += 1
    return planned


def _passage(
    name: str, photos: Sequence[Path], lane: int, slot: int, rng: np.random.Generator
) -> Passage:
    shown = rng.permutation(len(photos))[:3]
    return Passage(
        name,
        tuple(photos[n] for n in shown),
        lane,
        slot * (PASSAGE_S + PAUSE_S) + 0.2,
        float(rng.uniform(0.75, 1.1)),
        float(rng.choice([0.0, 0.0, 0.6, 0.9])),
        float(rng.uniform(0.8, 1.15)),
    )


def render(path: Path, passages: Sequence[Passage]) -> Path:
    """Encode the scene as H.264."""
    options = {"preset": "veryfast", "tune": "zerolatency", "crf": "26"}
    return encode(path, _pictures(passages), fps=FPS, keyframe_every=FPS, options=options)


def passage_at(passages: Sequence[Passage], person: str, at_s: float) -> Passage | None:
    """The passage of a person that a moment belongs to."""
    for passage in passages:
        if passage.person == person and passage.start_s <= at_s <= passage.end_s + 1.0:
            return passage
    return None


def _pictures(passages: Sequence[Passage]) -> Iterator[U8]:
    scene = _scene()
    waiting = sorted(passages, key=lambda passage: passage.start_s)
    here: list[Passage] = []
    length_s = max(passage.end_s for passage in passages) + 0.5
    for number in range(int(length_s * FPS)):
        at_s = number / FPS
        while waiting and waiting[0].start_s <= at_s:
            here.append(waiting.pop(0))
        here = [passage for passage in here if at_s < passage.end_s]
        picture = scene.copy()
        for passage in here:
            _paste(picture, passage, (at_s - passage.start_s) / PASSAGE_S)
        yield picture


def _scene() -> U8:
    rows = np.linspace(0, 1, HEIGHT)[:, None, None]
    wall = np.array([150, 155, 160]) * (1 - rows) + np.array([100, 96, 90]) * rows
    grain = np.random.default_rng(3).normal(0, 4, (HEIGHT, WIDTH, 1))
    return np.asarray(np.clip(np.repeat(wall, WIDTH, axis=1) + grain, 0, 255), np.uint8)


def _paste(picture: U8, passage: Passage, part: float) -> None:
    photo = passage.photos[min(len(passage.photos) - 1, int(part * len(passage.photos)))]
    side = round((FROM_PX + (TO_PX - FROM_PX) * part) * passage.size)
    image = Image.open(photo).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
    image = ImageEnhance.Brightness(image).enhance(passage.light)
    if passage.blur:
        image = image.filter(ImageFilter.GaussianBlur(passage.blur * side / 200))
    ys, xs = np.mgrid[0:side, 0:side] / side - 0.5
    alpha = np.clip((0.5 - np.hypot(xs, ys)) / 0.06, 0, 1)[..., None]
    middle = round((passage.lane + 0.5) * WIDTH / LANES + 6 * np.sin(part * 20))
    left = int(np.clip(middle - side // 2, 0, WIDTH - side))
    top = int(np.clip(HEIGHT * (0.25 + 0.3 * part) - side / 2, 0, HEIGHT - side))
    under = picture[top : top + side, left : left + side]
    blend = np.asarray(image, np.float32) * alpha + under * (1 - alpha)
    picture[top : top + side, left : left + side] = blend.astype(np.uint8)
