"""Who walks where in a scene of the crossing rig: seven kinds of meetings, drawn by a seed.

Faces have 29 to 46 px between the eyes, and paths are laid so that heads meet in the middle of the
scene. The larger one is nearer, and hides those behind.
"""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np

WIDTH_PX, HEIGHT_PX, FPS = 1280, 720, 25
FRAMES: Final = 100
LENGTH_S: Final = FRAMES / FPS
MIDDLE_S: Final = LENGTH_S / 2
CENTRE: Final = WIDTH_PX / 2

FACES_AN_EYE: Final = 2.4
"""Width of a face in distances between its eyes, as the detector draws it, roughly."""

NEAR_EYES, FAR_EYES = (36.0, 44.0), (29.0, 33.0)
HIDDEN_S: Final = (0.2, 0.8)

Way = Callable[[float], float]
"""A number of the path at a time in seconds."""


@dataclass(frozen=True, slots=True)
class Path:
    """One walker's way: the middle of the face x, y in px at each time, the distance between the
    eyes in px, seen from `from_s` to before `to_s`; `grows` is how much larger it is at the end."""

    walker: int
    x: Way
    y: float
    eyes_px: float
    grows: float = 1.0
    from_s: float = 0.0
    to_s: float = LENGTH_S
    starts_at: int = 0

    def size_px(self, at_s: float) -> float:
        """Distance between the eyes at a time."""
        return float(self.eyes_px * self.grows ** (at_s / LENGTH_S))


@dataclass(frozen=True, slots=True)
class Scene:
    """One clip: `cuts_at_s` is when all is replaced, with the street; `listed` the walker who is
    on the list in the second run; `noise` the deviation of the sensor's noise."""

    kind: str
    name: str
    paths: tuple[Path, ...]
    listed: int
    seed: int
    noise: float = 0.0
    encoded: bool = False
    cuts_at_s: float | None = None


class _Draw:
    """The random choices of one scene."""

    def __init__(self, seed: int, count: int, people: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.people = [int(n) for n in self.rng.permutation(people)]
        self.count = count

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def sign(self) -> int:
        return 1 if self.rng.random() < 0.5 else -1

    def sizes(self, count: int) -> list[float]:
        """Distances between the eyes, the nearest first and each a tenth further than the last."""
        nearest = self.between(*NEAR_EYES)
        least = FAR_EYES[0]
        step = (nearest - least) / max(1, count)
        return [nearest - n * step * self.between(0.85, 1.0) for n in range(count)]

    def line(self) -> float:
        """A height at which faces are, px."""
        return self.between(350, 430)

    def path(self, number: int, x: Way, y: float, eyes_px: float) -> Path:
        """Of the `number`-th person drawn."""
        return Path(self.people[number], x, y, eyes_px, starts_at=int(self.rng.integers(0, 200)))


def _speed(eyes_px: float, hidden_s: float) -> float:
    """How fast, px/s, two pass each other for the nearer to hide the other's face so long."""
    return 1.2 * FACES_AN_EYE * eyes_px / hidden_s


def _cross(draw: _Draw) -> list[Path]:
    """Side to side: all meet about the middle, each at another depth."""
    y, paths = draw.line(), []
    sizes = draw.sizes(draw.count)
    order = draw.rng.permutation(draw.count)
    side = draw.sign()
    for number in range(draw.count):
        eyes = sizes[int(order[number])]
        speed = side * _speed(eyes, draw.between(*HIDDEN_S)) / 2
        when = MIDDLE_S + draw.between(-0.3, 0.3) + 0.35 * (number // 2)
        where = CENTRE + draw.between(-60, 60)
        side = -side
        paths.append(draw.path(number, partial(_straight, where, speed, when),
                               y + eyes * draw.between(-0.4, 0.4), eyes))  # fmt: skip
    return paths


def _straight(where: float, speed: float, when_s: float, at_s: float) -> float:
    return where + speed * (at_s - when_s)


def _near(draw: _Draw) -> list[Path]:
    """Close, and nobody is hidden: past each other in two rows, or up to each other and back."""
    if draw.count == 2 and draw.sign() > 0:
        sizes = draw.sizes(2)
        gap, speed = FACES_AN_EYE * sizes[0] * draw.between(1.15, 1.4), draw.between(60, 160)
        return [
            draw.path(n, partial(_bounce, CENTRE, (2 * n - 1) * gap / 2, speed), draw.line(), size)
            for n, size in enumerate(sizes)
        ]
    near_y, side = 470.0, draw.sign()
    paths: list[Path] = []
    near, far = draw.between(34, 38), draw.between(*FAR_EYES)
    apart = FACES_AN_EYE * near * 1.95
    for number in range(draw.count):
        upper = number % 2
        speed = (side if upper else -side) * draw.between(110, 220)
        where = CENTRE + (number // 2 - (draw.count - 1) / 4) * 280
        speed = paths[upper].x(1.0) - paths[upper].x(0.0) if number > 1 else speed
        paths.append(draw.path(number, partial(_straight, where, speed, MIDDLE_S),
                               near_y - apart * upper, far if upper else near))  # fmt: skip
    return paths


def _bounce(where: float, half_gap: float, speed: float, at_s: float) -> float:
    away = 1 if half_gap > 0 else -1
    return where + half_gap + away * speed * abs(at_s - MIDDLE_S)


def _behind(draw: _Draw, *, back: bool) -> list[Path]:
    """Behind somebody who stands, hidden for a while, and out again: at the other side, or, with
    `back`, where they came from. Two behind one come from both sides; a fifth walks past all."""
    groups = {2: ((0, (1,)),), 3: ((0, (1, 2)),), 5: ((0, (1, 2)), (3, (4,)))}[draw.count]
    paths: list[Path] = []
    for place, (_, hidden) in enumerate(groups):
        where = CENTRE + (0 if len(groups) == 1 else (560 * place - 260)) + draw.between(-40, 40)
        y, near = draw.line(), draw.between(38, 44)
        sway = draw.between(2, 8)
        paths.append(draw.path(len(paths), partial(_sway, where, sway), y, near))
        side = draw.sign()
        when = MIDDLE_S + draw.between(-0.4, 0.4)
        for number in range(len(hidden)):
            far = draw.between(*FAR_EYES) - number
            walk = partial(_stop, where, side * draw.between(150, 320), when,
                           draw.between(0.05, 0.6), back)  # fmt: skip
            paths.append(draw.path(len(paths), walk, y + draw.between(-6, 14), max(far, 29.0)))
            side, when = -side, when + draw.between(-0.5, 0.5)
    return paths


def _sway(where: float, by: float, at_s: float) -> float:
    return where + by * float(np.sin(1.7 * at_s))


def _stop(
    where: float, speed: float, when_s: float, lasting_s: float, back: bool, at_s: float
) -> float:
    """Up to `where` at `when_s`, standing there, and on, or back."""
    if at_s < when_s:
        return where + speed * (at_s - when_s)
    after = max(0.0, at_s - when_s - lasting_s)
    return where + (-speed if back else speed) * after


def _together(draw: _Draw) -> list[Path]:
    """In from one side, side by side, and then apart: faster, slower, nearer."""
    side, gap = draw.sign(), draw.between(1.15, 1.4)
    speed, split_s = draw.between(120, 220), draw.between(1.2, 2.0)
    y, paths = draw.line(), []
    ahead = CENTRE - side * (WIDTH_PX / 2 + 20)
    for number in range(draw.count):
        eyes = draw.between(31, 38)
        later = draw.between(0.3, 1.9) * speed
        x = partial(_split, ahead - side * number * gap * FACES_AN_EYE * 36, side * speed,
                    side * later, split_s)  # fmt: skip
        path = draw.path(number, x, y + draw.between(-25, 25), eyes)
        paths.append(replace(path, grows=draw.between(0.92, 1.25)))
    return paths


def _split(where: float, speed: float, later: float, split_s: float, at_s: float) -> float:
    return where + speed * min(at_s, split_s) + later * max(0.0, at_s - split_s)


def _exchange(draw: _Draw) -> list[Path]:
    """One goes and another is there at once, or after up to 0.3 s, at the same place and size."""
    chains = {2: (2,), 3: (3,), 5: (3, 2)}[draw.count]
    paths: list[Path] = []
    for place, length in enumerate(chains):
        where = CENTRE + (0 if len(chains) == 1 else 560 * place - 280) + draw.between(-50, 50)
        y, eyes, speed = draw.line(), draw.between(31, 42), draw.sign() * draw.between(0, 110)
        begins = 0.0
        for number in range(length):
            ends = LENGTH_S * (number + 1) / length
            x = partial(_straight, where, speed, MIDDLE_S)
            path = draw.path(len(paths), x, y, eyes)
            last = number == length - 1
            paths.append(replace(path, from_s=begins, to_s=LENGTH_S if last else ends))
            begins = ends + draw.between(0.0, 0.3)
    return paths


def _cut(draw: _Draw) -> list[Path]:
    """A hard cut: the same places and sizes, and nobody where they were before."""
    at_s = draw.between(1.6, 2.4)
    turned = int(draw.rng.integers(1, len(draw.people)))
    if draw.count <= len(draw.people) - draw.count:
        turned = draw.count
    paths = []
    step = min(330.0, (WIDTH_PX - 240) / draw.count)
    for number in range(draw.count):
        x = partial(_straight, CENTRE + (number - (draw.count - 1) / 2) * step,
                    draw.between(-40, 40), MIDDLE_S)  # fmt: skip
        before = draw.path(number, x, draw.line(), draw.between(31, 40))
        after = draw.people[(number + turned) % len(draw.people)]
        paths.append(replace(before, to_s=at_s))
        paths.append(replace(before, from_s=at_s, walker=after))
    return paths


KINDS: Final[dict[str, Callable[[_Draw], list[Path]]]] = {
    "cross": _cross,
    "pass close": _near,
    "stop behind": partial(_behind, back=False),
    "turn back hidden": partial(_behind, back=True),
    "together, then apart": _together,
    "exchange": _exchange,
    "hard cut": _cut,
}

COUNTS: Final = (2, 3, 5)
NOISE: Final = 7.0


def scenes(seed: int, kinds: Sequence[str], variations: int, people: int) -> list[Scene]:
    """Every kind for two, three and five of so many `people`: every second variation has a noisy
    sensor, and every second scene is compressed."""
    made = []
    for kind in kinds:
        for place, count in enumerate(COUNTS):
            for variation in range(variations):
                number = zlib.crc32(f"{seed} {kind} {count} {variation}".encode())
                draw = _Draw(number, count, people)
                paths = tuple(KINDS[kind](draw))
                cut = next((p.from_s for p in paths if p.from_s), None)
                made.append(Scene(
                    kind, f"{kind} {count}-{variation + 1}", paths,
                    listed=int(draw.rng.choice([path.walker for path in paths])),
                    seed=number,
                    noise=NOISE if variation % 2 else 0.0,
                    encoded=(place + variation // 2 + variation) % 2 == 0,
                    cuts_at_s=cut if kind == "hard cut" else None,
                ))  # fmt: skip
    return made
