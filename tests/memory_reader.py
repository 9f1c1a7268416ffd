"""Looks for faces in another process's memory and in files: the witness against lfrd.

It is told nothing: it computes the crops and templates of a clip by itself and then searches

- for crops: u8 and f32, interleaved (HWC) and in planes (CHW), RGB and BGR, and the grey picture;
  one row in four is looked for, at any byte; 40 bytes that agree (72 of f32) are a hit, so a small
  remnant of a crop is one too;
- for templates: any 4-byte-aligned run of f32 with a cosine of 0.98 or more to one of them,
  whatever its length.

    python tests/memory_reader.py CLIP --pid PID --folder DIR
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from lfrd.clock import SystemClock
from lfrd.counters import CameraCounters
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import CameraSettings
from lfrd.types import F32, U8
from lfrd.vision import packs
from lfrd.vision.engine import Vision

U64 = npt.NDArray[np.uint64]

PAGE_BYTES = 4096
CHUNK_BYTES = 16 << 20
COSINE = 0.98
ROWS_APART = 4
KEY_BYTES = 8
MARGIN_BYTES = {1: 16, 4: 32}
"""Compared on either side of a key, for pixels of one and of four bytes."""
_HASH = np.uint64(0x9E3779B97F4A7C15)
_PAGE_FACTORS = np.random.default_rng(1).integers(0, 2**63, PAGE_BYTES // 8, np.uint64) * 2 + 1
_TABLE_BITS = 26


@dataclass(frozen=True, slots=True)
class Faces:
    """What a clip shows: crops u8[n, 112, 112, 3] RGB and templates f32[n, D] of unit norm."""

    crops: U8
    templates: F32


@dataclass(frozen=True, slots=True)
class Hits:
    """Places where something was found, and how many bytes were read."""

    crops: int
    templates: int
    read_bytes: int
    where: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        return self.crops + self.templates

    def __add__(self, other: "Hits") -> "Hits":
        return Hits(
            self.crops + other.crops,
            self.templates + other.templates,
            self.read_bytes + other.read_bytes,
            (*self.where, *other.where)[:20],
        )


NOTHING = Hits(0, 0, 0)


async def faces_of(clip: Path, *, threads: int = 2) -> Faces:
    """Every face of every frame of a clip, as the default models see it."""
    settings = CameraSettings("witness", str(clip), every_frame=True, must_open=True)
    crops: list[U8] = []
    templates: list[F32] = []
    pack = packs.load("yunet-sface", packs.default_cache_dir())
    async with (
        Vision(pack, threads=threads) as vision,
        Camera(settings, SystemClock(), CameraCounters()) as camera,
    ):
        async for frame in camera.frames:
            found = await vision.detect(frame.planes)
            for landmarks in found.landmarks:
                crop = await vision.align(frame.planes, landmarks)
                assert crop is not None
                probe = await vision.embed(crop)
                assert probe is not None
                crops.append(crop.array.copy())
                templates.append(probe.array.copy())
                probe.release()
                crop.release()
    return Faces(np.stack(crops), np.stack(templates))


class CropSearch:
    """Looks for rows of crops in bytes, by keys of eight bytes at eight-byte places.

    A row may lie at any byte, so each place of a row gives a key for each of the ways in which it
    may fall onto the places that are looked at.
    """

    def __init__(self, crops: U8) -> None:
        keys, sources, places = [], [], []
        self._rows: list[U8] = []
        self._margins: list[int] = []
        first = 0
        for rows, item_bytes in _forms(crops):
            at, made = _keys(rows, item_bytes)
            count, ways = made.shape
            keys.append(made.ravel())
            sources.append(np.repeat(np.arange(first, first + count), ways))
            places.append((at[:, None] + item_bytes * np.arange(ways)).ravel())
            self._rows.extend(rows)
            self._margins.extend([MARGIN_BYTES[item_bytes]] * count)
            first += count
        keys_all = np.concatenate(keys)
        order = np.argsort(keys_all, kind="stable")
        self._keys: U64 = keys_all[order]
        self._source = np.concatenate(sources)[order]
        self._place = np.concatenate(places)[order]
        self._table = np.zeros(1 << _TABLE_BITS, np.bool_)
        self._table[_hashed(self._keys)] = True

    def find(self, data: U8) -> list[int]:
        """Places in `data` (a multiple of eight bytes) where a piece of a crop lies."""
        words = data.view(np.uint64)
        used = np.flatnonzero(words)
        maybe = used[self._table[_hashed(words[used])]]
        begin = np.searchsorted(self._keys, words[maybe], "left")
        end = np.searchsorted(self._keys, words[maybe], "right")
        found = []
        for word, low, high in zip(maybe, begin, end, strict=True):
            if low < high and any(self._agrees(data, int(word) * 8, n) for n in range(low, high)):
                found.append(int(word) * 8)
        return found

    def _agrees(self, data: U8, at: int, number: int) -> bool:
        source = self._source[number]
        row, place, margin = self._rows[source], int(self._place[number]), self._margins[source]
        if at < margin or at + KEY_BYTES + margin > len(data):
            return False
        seen = data[at - margin : at + KEY_BYTES + margin]
        wanted = row[place - margin : place + KEY_BYTES + margin]
        return bool(np.count_nonzero(seen == wanted) >= 0.9 * len(wanted))


def _forms(crops: U8) -> Iterator[tuple[U8, int]]:
    """Rows u8[rows, bytes] of every form in which a crop may lie in memory, and bytes a pixel."""
    some = crops[:, ::ROWS_APART]
    grey = np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops])[:, ::ROWS_APART]
    pictures = [some, some[..., ::-1], *(some[..., channel] for channel in range(3)), grey]
    for picture in pictures:
        rows = np.ascontiguousarray(picture).reshape(-1, int(np.prod(picture.shape[2:])))
        for item_bytes, kind in ((1, np.uint8), (4, np.float32)):
            varied = rows[np.ptp(rows, axis=1) > 8]
            yield varied.astype(kind).view(np.uint8), item_bytes


def _keys(rows: U8, item_bytes: int) -> tuple[npt.NDArray[np.intp], U64]:
    """For each row its most varied place, and the keys u64[n, ways] from there on."""
    margin = MARGIN_BYTES[item_bytes]
    ways = KEY_BYTES // item_bytes
    items = rows if item_bytes == 1 else rows.view(np.float32)
    change = np.abs(np.diff(items.astype(np.float32), axis=1))
    window = 2 * KEY_BYTES // item_bytes
    sums = np.cumsum(change, axis=1)
    varied = sums[:, window:] - sums[:, :-window]
    low = -(-margin // item_bytes)
    high = items.shape[1] - (margin + 2 * KEY_BYTES) // item_bytes
    best = low + np.argmax(varied[:, low:high], axis=1)
    at = best * item_bytes
    columns = at[:, None] + np.arange(2 * KEY_BYTES)
    run = np.take_along_axis(rows, columns, axis=1)
    made = [
        np.ascontiguousarray(run[:, way * item_bytes :][:, :KEY_BYTES]).view(np.uint64)[:, 0]
        for way in range(ways)
    ]
    return at, np.stack(made, axis=1)


def _hashed(words: U64) -> U64:
    return (words * _HASH) >> np.uint64(64 - _TABLE_BITS)


class TemplateSearch:
    """Looks for vectors near to templates at every four-byte place.

    First only where bytes look like small floats. There every run of D floats is compared with a
    few templates, the examples, of which each other template has one within the angle NEAR: a
    vector within COSINE of a template is within the sum of both angles of an example. What passes
    is compared with every template.
    """

    NEAR = 0.6
    BLOCK = 64
    STRANGE = 4
    STRETCH = 1 << 15

    def __init__(self, templates: F32) -> None:
        self._templates = templates
        self._dim = templates.shape[1]
        assert self._dim >= 2 * self.BLOCK
        examples: list[F32] = []
        for template in templates:
            if not any(float(template @ example) >= self.NEAR for example in examples):
                examples.append(template)
        self._examples = np.ascontiguousarray(np.stack(examples).T)
        self._bar = float(np.cos(np.arccos(self.NEAR) + np.arccos(COSINE)))
        cosines = np.abs(templates.sum(axis=1)) / self._dim**0.5
        self._evenness = float(cosines.max()) + (2 - 2 * COSINE) ** 0.5

    def find(self, data: U8) -> list[int]:
        """Places in `data` (a multiple of four bytes) where a template begins."""
        words = data.view(np.uint32)
        exponent = (words >> np.uint32(23)) & np.uint32(0xFF)
        plain = (exponent > 127 - 40) & (exponent < 127 + 8)
        found: list[int] = []
        for begin, end in self._stretches(plain):
            values = np.where(plain[begin:end], words[begin:end].view(np.float32), np.float32(0))
            found.extend(4 * (begin + at) for at in self._search(values))
        return found

    def _stretches(self, plain: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
        """Where D floats in a row may lie: round every aligned block of plain floats."""
        count = len(plain) // self.BLOCK
        blocks = plain[: count * self.BLOCK].reshape(count, self.BLOCK)
        good = np.flatnonzero(blocks.sum(axis=1) >= self.BLOCK - self.STRANGE)
        if not len(good):
            return
        # A run of D covers each of its blocks: D before a good block and D after it is enough.
        gaps = np.flatnonzero(np.diff(good) * self.BLOCK > 2 * self._dim)
        firsts = good[np.concatenate([[0], gaps + 1])]
        lasts = good[np.concatenate([gaps, [len(good) - 1]])]
        for first, last in zip(firsts, lasts, strict=True):
            begin = max(0, int(first) * self.BLOCK - self._dim)
            yield begin, min(len(plain), (int(last) + 1) * self.BLOCK + self._dim)

    def _search(self, values: F32) -> list[int]:
        """Where templates begin in plain floats; smooth stretches are passed over at once.

        The mean of a unit vector, times the root of D, is its cosine with the vector of ones: for a
        vector near a template it is as near to the template's as the two are to each other.
        """
        if len(values) < self._dim:
            return []
        norms = np.sqrt(np.maximum(self._windows(np.square(values, dtype=np.float64)), 0))
        even = np.abs(self._windows(values.astype(np.float64))) / self._dim**0.5
        maybe = (norms > 1e-3) & (even <= self._evenness * norms)
        found = []
        for first in np.flatnonzero(_any_of_each(maybe, self.STRETCH)) * self.STRETCH:
            last = min(int(first) + self.STRETCH, len(norms))
            part = values[first : last + self._dim - 1]
            found.extend(int(first) + at for at in self._compare(part, norms[first:last]))
        return found

    def _windows(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The sum of each run of D values."""
        sums = np.concatenate([[0.0], np.cumsum(values)])
        return np.asarray(sums[self._dim :] - sums[: -self._dim])

    def _compare(self, values: F32, norms: npt.NDArray[np.float64]) -> list[int]:
        nearest = np.zeros(len(norms), np.float32)
        for shift in range(min(self._dim, len(norms))):
            rows = (len(values) - shift) // self._dim
            run = values[shift : shift + rows * self._dim].reshape(rows, self._dim)
            nearest[shift :: self._dim] = (run @ self._examples).max(axis=1)
        found = []
        for at in np.flatnonzero((norms > 1e-3) & (nearest >= self._bar * norms)):
            vector = values[at : at + self._dim] / norms[at]
            if float((self._templates @ vector).max()) >= COSINE:
                found.append(int(at))
        return found


def _any_of_each(flags: npt.NDArray[np.bool_], count: int) -> npt.NDArray[np.bool_]:
    """Whether any of each `count` flags in a row is set."""
    whole = np.concatenate([flags, np.zeros(-len(flags) % count, np.bool_)])
    return np.asarray(whole.reshape(-1, count).any(axis=1))


@dataclass(frozen=True, slots=True)
class Before:
    """What a process held before it saw a face: page numbers in order, and a hash of each."""

    pages: U64
    hashes: U64

    def changed(self, first_page: int, hashes: U64) -> npt.NDArray[np.bool_]:
        """Which pages are not as they were. A page that is as it was shows nothing new."""
        if not len(self.pages):
            return np.ones(len(hashes), np.bool_)
        wanted = np.uint64(first_page) + np.arange(len(hashes), dtype=np.uint64)
        at = np.minimum(np.searchsorted(self.pages, wanted), len(self.pages) - 1)
        return (self.pages[at] != wanted) | (self.hashes[at] != hashes)


NEVER = Before(np.zeros(0, np.uint64), np.zeros(0, np.uint64))


def look_before(pid: int) -> Before:
    """Take note of a process before it sees a face; stop it first."""
    pages, hashes = [], []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for _, begin, end in _regions(pid):
            for at, piece in _pieces(memory.fileno(), begin, end):
                found = _page_hashes(np.frombuffer(piece, np.uint8))
                hashes.append(found)
                pages.append(at // PAGE_BYTES + np.arange(len(found), dtype=np.uint64))
    every, first = np.unique(np.concatenate(pages), return_index=True)
    return Before(every, np.concatenate(hashes)[first])


class Witness:
    """Searches a process and folders for the faces it knows."""

    def __init__(self, faces: Faces) -> None:
        self._crops = CropSearch(faces.crops)
        self._templates = TemplateSearch(faces.templates)

    def search_process(
        self, pid: int, before: Before = NEVER, *, until_found: bool = False
    ) -> Hits:
        """All memory of a process that is not as it was `before`.

        Stop the process first to see it at one moment.
        """
        hits = NOTHING
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            for name, begin, end in _regions(pid):
                for at, piece in _pieces(memory.fileno(), begin, end):
                    data = np.frombuffer(piece, np.uint8)
                    hits += Hits(0, 0, len(data))
                    changed = before.changed(at // PAGE_BYTES, _page_hashes(data))
                    for first, last in _runs(changed):
                        part = data[first * PAGE_BYTES : last * PAGE_BYTES]
                        hits += self._search(part, f"{name} {at + first * PAGE_BYTES:x}")
                    if until_found and hits.total:
                        return hits
        return hits

    def search_folder(self, folder: Path) -> Hits:
        """The bytes of every file below a folder, as they are."""
        hits = NOTHING
        for path in sorted(folder.rglob("*")):
            if not path.is_file() or path.is_symlink():
                continue
            with path.open("rb", buffering=0) as file:
                for at, piece in _pieces(file.fileno(), 0, path.stat().st_size):
                    whole = piece + bytes(-len(piece) % KEY_BYTES)
                    found = self._search(np.frombuffer(whole, np.uint8), f"{path} {at:x}")
                    hits += found + Hits(0, 0, len(piece))
        return hits

    def _search(self, data: U8, where: str) -> Hits:
        if not data.any():
            return NOTHING
        crops, templates = self._crops.find(data), self._templates.find(data)
        places = [f"crop {where}+{at:x}" for at in crops[:5]]
        places += [f"template {where}+{at:x}" for at in templates[:5]]
        return Hits(len(crops), len(templates), 0, tuple(places))


def _page_hashes(data: U8) -> U64:
    """A hash of each page u64[pages]: a sum of its words, each times an odd number of its own."""
    words = data.view(np.uint64).reshape(-1, PAGE_BYTES // 8)
    return np.asarray((words * _PAGE_FACTORS).sum(axis=1, dtype=np.uint64))


def _runs(changed: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Begin and end of runs of changed pages, with a page on either side."""
    wide = changed.copy()
    wide[1:] |= changed[:-1]
    wide[:-1] |= changed[1:]
    edges = np.flatnonzero(np.diff(np.concatenate([[False], wide, [False]]).astype(np.int8)))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _regions(pid: int) -> list[tuple[str, int, int]]:
    """Name, begin and end of what a process may read and write, or has for itself."""
    regions = []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        span, rights, _, _, inode, *name = line.split(maxsplit=5)
        if not rights.startswith("r") or (name and name[0] in {"[vvar]", "[vsyscall]"}):
            continue
        if rights[1] == "w" or inode == "0":
            begin, end = (int(part, 16) for part in span.split("-"))
            regions.append((name[0] if name else "anonymous", begin, end))
    return regions


def _pieces(descriptor: int, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Pieces that overlap, so that nothing is missed where they meet."""
    at = begin
    while at < end:
        try:
            piece = os.pread(descriptor, min(CHUNK_BYTES, end - at), at)
        except OSError:  # a guard page, or memory given back meanwhile
            return
        if not piece:
            return
        yield at, piece
        if at + len(piece) >= end:
            return
        at += max(PAGE_BYTES, (len(piece) // PAGE_BYTES - 1) * PAGE_BYTES)


def main() -> int:
    """Print what was found as JSON; exit code 1 where something was."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--pid", type=int)
    parser.add_argument("--folder", type=Path, action="append", default=[])
    options = parser.parse_args()
    witness = Witness(asyncio.run(faces_of(options.clip)))
    hits = NOTHING
    if options.pid:
        hits += witness.search_process(options.pid)
    for folder in options.folder:
        hits += witness.search_folder(folder)
    print(json.dumps(asdict(hits)))
    return 1 if hits.total else 0


if __name__ == "__main__":
    sys.exit(main())
