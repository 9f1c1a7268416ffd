"""How well a face is drawn in cells, beside half blocks and beside chafa.

Faces are photos of LFW from the test media, drawn in cells and put back into pixels, 8×16 a cell,
and held against the photo at that size: SSIM with the Gaussian window of 1.5 px, of the luminance,
and beside it the mean of red, green and blue, for which olive skin is as wrong as a lost edge.
"""

import re
import shutil
import statistics
import subprocess
import tempfile
from functools import partial

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from rich.color import Color, ColorSystem
from skimage.metrics import structural_similarity

from benchmarks.media import SHARED
from benchmarks.report import Figure, Report
from benchmarks.terminal_picture import CELL_PX, block_pixels, font, patterns
from tui.abilities import Colours, Glyphs
from tui.cells import draw, palette_rgb
from tui.refine import refined

PHOTOS = 24
FACE_CELLS = (36, 18)
KINDS = (Glyphs.HALVES, Glyphs.QUADRANTS, Glyphs.SEXTANTS, Glyphs.OCTANTS)
CHAFA = ("-c", "256", "-w", "9"), ("-c", "256", "--symbols", "vhalf")

U8 = NDArray[np.uint8]


def photos() -> list[Image.Image]:
    """Faces of LFW, spread over all people."""
    found = sorted((SHARED / "media" / "lfw").glob("*/*.jpg"))
    step = max(1, len(found) // PHOTOS)
    return [Image.open(path).convert("RGB") for path in found[::step][:PHOTOS]]


def _display() -> tuple[int, int]:
    return FACE_CELLS[0] * CELL_PX[0], FACE_CELLS[1] * CELL_PX[1]


def half_blocks(image: Image.Image) -> U8:
    """What a program shows that draws half blocks in 16 million colours, in a terminal that has
    256: two dots a cell, each rounded as the screen's library does it."""
    columns, rows = FACE_CELLS
    dots = np.asarray(image.resize((columns, rows * 2), Image.Resampling.LANCZOS))
    rounded = np.zeros_like(dots)
    for place in np.ndindex(rows * 2, columns):
        red, green, blue = (int(part) for part in dots[place])
        number = Color.from_rgb(red, green, blue).downgrade(ColorSystem.EIGHT_BIT).number
        rounded[place] = palette_rgb(Colours.PALETTE)[number or 0]
    large = Image.fromarray(rounded).resize(_display(), Image.Resampling.NEAREST)
    return np.asarray(large)


def ours(image: Image.Image, glyphs: Glyphs, colours: Colours) -> U8:
    """As the operator sees it."""
    return block_pixels(refined(image, draw(image, *FACE_CELLS, glyphs, colours), glyphs))


def any_two_greys(image: Image.Image) -> U8:
    """The most that two colours a cell could ever give: of each cell's pixels the darker and the
    lighter ones have a grey each, parted where least is lost, whether or not a glyph does so."""
    columns, rows = FACE_CELLS
    width, height = CELL_PX
    grey = np.asarray(image.resize(_display(), Image.Resampling.LANCZOS).convert("L"), np.float64)
    cells = grey.reshape(rows, height, columns, width).transpose(0, 2, 1, 3).reshape(-1, 128)
    ordered = np.sort(cells, 1)
    sums, first = np.cumsum(ordered, 1), np.arange(1, 128)
    kept = sums[:, :-1] ** 2 / first + (sums[:, -1:] - sums[:, :-1]) ** 2 / (128 - first)
    at = ordered[np.arange(len(cells)), kept.argmax(1)][:, None]
    dark = cells <= at
    low = (cells * dark).sum(1) / dark.sum(1)
    high = (cells * ~dark).sum(1) / np.maximum((~dark).sum(1), 1)
    drawn = np.where(dark, low[:, None], high[:, None]).reshape(rows, columns, height, width)
    flat = np.rint(drawn.transpose(0, 2, 1, 3).reshape(rows * height, columns * width))
    return np.repeat(flat.astype(np.uint8)[..., None], 3, 2)


def chafa(image: Image.Image, *options: str) -> U8:
    """What chafa (apt install chafa) makes of it."""
    size = f"{FACE_CELLS[0]}x{FACE_CELLS[1]}"
    with tempfile.NamedTemporaryFile(suffix=".png") as file:
        image.save(file.name)
        words = ["chafa", "-f", "symbols", "--stretch", "--font-ratio", "1/2", "-s", size]
        done = subprocess.run([*words, *options, file.name], capture_output=True, check=True)
    lines = [_pixels_of(line) for line in done.stdout.decode().split("\n")]
    return np.concatenate([line for line in lines if line is not None])


def _pixels_of(line: str) -> U8 | None:
    """A line of text with its colours, as pixels."""
    front, back, turned = 15, 0, False
    cells = []
    for codes, letter in re.findall(r"\x1b\[([\d;?]*)[a-zA-Z]|(.)", line):
        if letter:
            pair = (back, front) if turned else (front, back)
            one, other = (palette_rgb(Colours.PALETTE)[place] for place in pair)
            cells.append(np.where(_filled(letter)[..., None], one, other))
            continue
        words = codes.split(";")
        if words[0] == "0":
            front, back, turned = 15, 0, False
        turned |= "7" in words[:2]
        for kind, _, place in zip(words, words[1:], words[2:], strict=False):
            front = int(place) if kind == "38" else front
            back = int(place) if kind == "48" else back
    return np.concatenate(cells, 1).astype(np.uint8) if cells else None


def _filled(letter: str) -> NDArray[np.bool_]:
    """Which pixels a letter fills."""
    if (known := patterns().get(letter)) is not None:
        return known
    cell = Image.new("L", CELL_PX)
    ImageDraw.Draw(cell).text((0, 1), letter, 255, font(bold=False))
    return np.asarray(cell) > 127


def scores(drawn: U8, image: Image.Image) -> tuple[float, float]:
    """SSIM at display size: of the luminance, and the mean of red, green and blue."""
    wanted = np.asarray(image.resize(_display(), Image.Resampling.LANCZOS))
    ssim = partial(
        structural_similarity,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
    )
    grey = [np.asarray(Image.fromarray(one).convert("L")) for one in (drawn, wanted)]
    return float(ssim(*grey)), float(ssim(drawn, wanted, channel_axis=2))


def measure_faces(report: Report) -> None:
    """Every kind of glyph in both numbers of colours, beside half blocks in 256, and chafa."""
    images = photos()

    def mean(name: str, drawn: list[U8]) -> tuple[float, float]:
        found = [scores(one, image) for one, image in zip(drawn, images, strict=True)]
        grey, colour = (statistics.mean(values) for values in zip(*found, strict=True))
        note = f"of red, green and blue {colour:.3f}"
        report.add(Figure(f"SSIM, {name}", round(grey, 3), note=note))
        return grey, colour

    before = mean("half blocks, 256 colours", [half_blocks(one) for one in images])
    if shutil.which("chafa"):
        for options in CHAFA:
            mean(f"chafa {' '.join(options)}", [chafa(one, *options) for one in images])
    found = {}
    for glyphs in KINDS:
        for colours in (Colours.PALETTE, Colours.TRUE):
            drawn = [ours(one, glyphs, colours) for one in images]
            found[glyphs, colours] = mean(f"{glyphs}, {colours} colours", drawn)
    most, _ = mean("any two greys a cell", [any_two_greys(one) for one in images])
    limit = f"two freely parted greys a cell end at {most / before[0]:.2f}; docs/performance.md"
    strict, true = found[Glyphs.OCTANTS, Colours.PALETTE], found[Glyphs.OCTANTS, Colours.TRUE]

    def over(name: str, part: int, best: tuple[float, float], bar: float | None = None) -> Figure:
        ratio = round(best[part] / before[part], 2)
        return Figure(f"octants over half blocks in 256, {name}", ratio, "x", bar, note=limit)

    report.add(
        over("both in 256", 0, strict, 1.5),
        over("both in 256, red, green, blue", 1, strict),
        over("in 16 million", 0, true),
        over("in 16 million, red, green, blue", 1, true, 1.5),
    )
