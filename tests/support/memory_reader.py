"""Looks for faces in another process's memory and in files: the witness against lfrd.

It is told nothing: it computes the crops and templates of a clip by itself and then searches

- for crops: u8 and f32, interleaved (HWC) and in planes (CHW), RGB and BGR, and the grey picture;
  one row in four is looked for, at any byte; 40 pixels' values that agree (18 of f32) are a hit, so
  a small remnant of a crop is one too;
- for templates: any 4-byte-aligned run of f32 with a cosine of 0.98 or more to one of them,
  whatever its length.

    python tests/support/memory_reader.py CLIP --pid PID --folder DIR
"""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lfrd.clock import SystemClock
from lfrd.counters import CameraCounters
from lfrd.ingest.camera import Camera
from lfrd.ingest.settings import CameraSettings
from lfrd.types import F32, U8
from lfrd.vision import packs
from lfrd.vision.engine import Vision
from support.face_search import KEY_BYTES, U64, CropSearch, Faces, TemplateSearch

PAGE_BYTES = 4096
CHUNK_BYTES = 16 << 20
_PAGE_FACTORS = np.random.default_rng(1).integers(0, 2**63, PAGE_BYTES // 8, np.uint64) * 2 + 1


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

    def search_process(self, pid: int, before: Before = NEVER) -> Hits:
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
