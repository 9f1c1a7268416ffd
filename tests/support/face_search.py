"""Finds faces in bytes: pieces of crops in every form in which one may lie, and templates.

Told nothing by the program that is searched: what is looked for is computed from the clip.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from lfrd.types import F32, U8

U64 = npt.NDArray[np.uint64]

COSINE = 0.98
ROWS_APART = 4
KEY_BYTES = 8
MARGIN_BYTES = {1: 16, 4: 32}
"""Compared on either side of a key, for pixels of one and of four bytes."""
AGREEING = 0.9
"""The share of the compared values that has to be the same."""
BENDS = 0.4
DISTINCT = {1: 12, 4: 8}
DISTINCT_IN_KEY = {1: 4, 4: 2}
"""What makes a piece of a row recognisable as one: such a share of its values do not go on as the
two before them, and so many are different ones. White, black, ramps and dithers lie in any memory;
a piece like that is not looked for, so whatever agrees with one in AGREEING is no accident."""
_HASH = np.uint64(0x9E3779B97F4A7C15)
_TABLE_BITS = 26


@dataclass(frozen=True, slots=True)
class Faces:
    """What a clip shows: crops u8[n, 112, 112, 3] RGB and templates f32[n, D] of unit norm."""

    crops: U8
    templates: F32


class CropSearch:
    """Looks for pieces of crops in bytes, by keys of eight bytes at eight-byte places.

    A row may lie at any byte, so each piece has a key for each of the ways in which it may fall
    onto the places that are looked at.
    """

    def __init__(self, crops: U8) -> None:
        pieces = [_pieces(rows) for rows in _forms(crops)]
        self._known = [
            _Known(np.concatenate([found for found in pieces if found.dtype == kind]))
            for kind in (np.uint8, np.float32)
        ]
        self.pieces = sum(len(found) for found in pieces)
        """How many are looked for: one of a row, where a row has one."""
        self._table = np.zeros(1 << _TABLE_BITS, np.bool_)
        for known in self._known:
            self._table[_hashed(known.keys)] = True

    def find(self, data: U8) -> list[int]:
        """Places in `data` (a multiple of eight bytes) where a piece of a crop lies."""
        words = data.view(np.uint64)
        used = np.flatnonzero(words)
        maybe = used[self._table[_hashed(words[used])]]
        return sorted({at for known in self._known for at in known.find(data, words, maybe)})


class _Known:
    """Pieces [n, width of a piece and of the ways to it], all u8 or all f32, with their keys."""

    def __init__(self, pieces: U8 | F32) -> None:
        size = pieces.itemsize
        self._kind, self._margin_bytes = pieces.dtype, MARGIN_BYTES[size]
        key, width = KEY_BYTES // size, (KEY_BYTES + 2 * MARGIN_BYTES[size]) // size
        ways = np.concatenate([pieces[:, way : way + width] for way in range(key)])
        middle = MARGIN_BYTES[size] // size
        keys = np.ascontiguousarray(ways[:, middle : middle + key]).view(np.uint64)[:, 0]
        order = np.argsort(keys, kind="stable")
        self.keys: U64 = keys[order]
        self._wanted = ways[order]

    def find(self, data: U8, words: U64, maybe: npt.NDArray[np.intp]) -> list[int]:
        """Of the places `maybe`, in words, those where a piece lies; as places in bytes."""
        margin = self._margin_bytes
        inside = (maybe * 8 >= margin) & (maybe * 8 + KEY_BYTES + margin <= len(data))
        places = maybe[inside]
        begin = np.searchsorted(self.keys, words[places], "left")
        end = np.searchsorted(self.keys, words[places], "right")
        found = []
        for place, low, high in zip(places, begin, end, strict=True):
            if low == high:
                continue
            at = int(place) * 8
            seen = data[at - margin : at + KEY_BYTES + margin].view(self._kind)
            # By value and not by byte: of two whole numbers as f32 three bytes in four are alike.
            agree = np.count_nonzero(self._wanted[low:high] == seen, axis=1)
            if agree.max() >= AGREEING * len(seen):
                found.append(at)
        return found


def _forms(crops: U8) -> Iterator[U8 | F32]:
    """Rows [rows, values] of every form in which a crop may lie in memory."""
    some = crops[:, ::ROWS_APART]
    grey = np.stack([cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY) for crop in crops])[:, ::ROWS_APART]
    pictures = [some, some[..., ::-1], *(some[..., channel] for channel in range(3)), grey]
    for picture in pictures:
        rows = np.ascontiguousarray(picture).reshape(-1, int(np.prod(picture.shape[2:])))
        yield rows
        yield rows.astype(np.float32)


def _pieces(rows: U8 | F32) -> U8 | F32:
    """Of each row the most structured piece, where one has enough of it in every way to see it."""
    size = rows.itemsize
    key, width = KEY_BYTES // size, (KEY_BYTES + 2 * MARGIN_BYTES[size]) // size
    whole = width + key - 1
    bends = np.zeros(rows.shape, np.int32)
    bends[:, 1:-1] = np.abs(np.diff(rows.astype(np.int32), n=2, axis=1))
    begin = np.argmax(_sums(np.minimum(bends, 16), whole), axis=1)
    columns = begin[:, None] + np.arange(whole)
    pieces = np.take_along_axis(rows, columns, axis=1)
    bent = np.take_along_axis(bends, columns, axis=1) != 0
    middle = MARGIN_BYTES[size] // size
    good = np.ones(len(rows), np.bool_)
    for way in range(key):
        good &= np.count_nonzero(bent[:, way : way + width], axis=1) >= BENDS * width
        good &= _distinct(pieces[:, way : way + width]) >= DISTINCT[size]
        good &= _distinct(pieces[:, middle + way :][:, :key]) >= DISTINCT_IN_KEY[size]
    return np.asarray(pieces[good])


def _distinct(values: U8 | F32) -> npt.NDArray[np.intp]:
    """How many different values each row has."""
    return 1 + np.count_nonzero(np.diff(np.sort(values, axis=1), axis=1), axis=1)


def _sums(values: npt.NDArray[np.int32], width: int) -> npt.NDArray[np.int64]:
    """The sum of each run of `width` values in a row."""
    sums = np.cumsum(np.pad(values, ((0, 0), (1, 0))), axis=1, dtype=np.int64)
    return np.asarray(sums[:, width:] - sums[:, :-width])


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
