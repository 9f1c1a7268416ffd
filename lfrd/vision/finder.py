"""A detector with its arrays: pictures in, `Found` out."""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lfrd.types import F32, U8, Colour, Detections, Planes
from lfrd.vision.detector import Found, InputSize, decode, margins, output_shapes
from lfrd.vision.packs import DetectorFile
from lfrd.vision.planes import scaled_into
from lfrd.vision.session import Session

CUDA_BATCH_LIMIT = 16
"""Pictures a run. On a CPU it is one: two together cost 8 % more than one after the other, and each
thread 30 MB; OpenVINO is compiled for each number of pictures."""

_SIZES_LIMIT = 6
"""Input sizes whose arrays are kept; the one not used for longest is overwritten and dropped."""


@dataclass(slots=True)
class _Arrays:
    """Input and outputs for one input size, what a picture is scaled through, and what a session is
    given for each batch size that was run with them. All are kept: memory that is asked for anew
    for each picture costs the kernel 0.3 ms."""

    feed: U8
    scratch: U8
    outputs: tuple[F32, ...]
    lent: dict[int, tuple[U8, list[F32]]]


class Finder:
    """Runs a detector on planes; belongs to one thread."""

    def __init__(self, session: Session, model: DetectorFile, limit: int | None = None) -> None:
        """`limit`: pictures a run, where it is not to be `batch_limit`."""
        self._session = session
        self._model = model
        self._limit = limit or batch_limit(model, session.provider)
        self._kept: OrderedDict[InputSize, _Arrays] = OrderedDict()

    @property
    def colour(self) -> Colour:
        """How the channels of a patch are to be ordered."""
        return self._model.colour

    @property
    def takes_patches(self) -> bool:
        """Whether a small picture may be searched at its own size (see `find_in_patch`)."""
        return self._model.fixed_size is None

    def find(self, pictures: Sequence[Planes], size: InputSize) -> list[Found]:
        """Faces of each picture, all of which are scaled to `size`; at most `batch_limit`."""
        arrays = self._arrays(size)
        for picture, feed in zip(pictures, arrays.feed[: len(pictures)], strict=True):
            shown = feed[: size.picture_height_px, : size.picture_width_px]
            left_out = margins(picture.width_px, picture.height_px, size)
            scaled_into(picture.without(*left_out), shown, self._model.colour, arrays.scratch)
        self._run(arrays, len(pictures))
        return [
            decode(
                self._model.family,
                [output[index] for output in arrays.outputs],
                size,
                (picture.width_px, picture.height_px),
            )
            for index, picture in enumerate(pictures)
        ]

    def find_in_patch(self, patch: U8) -> Detections:
        """Faces of a small picture u8[h, w, 3], sides multiples of 32, that shows one face large.

        Nothing of it is kept: such a picture shows more of a person than a frame does.
        """
        height, width = patch.shape[:2]
        size = InputSize(width, height, width, height)
        arrays = self._arrays(size)
        try:
            np.copyto(arrays.feed[0], patch)
            self._run(arrays, 1)
            outputs = [output[0] for output in arrays.outputs]
            return decode(self._model.family, outputs, size, (width, height)).detections
        finally:
            arrays.feed[0].fill(0)
            for output in arrays.outputs:
                output[0].fill(0)

    def drain(self) -> None:
        """Overwrite and forget all arrays, and the session's own memory with a run of zeros."""
        while self._kept:
            self._forget(self._kept.popitem()[1])

    def _arrays(self, size: InputSize) -> _Arrays:
        if size not in self._kept:
            while len(self._kept) >= _SIZES_LIMIT:
                self._forget(self._kept.popitem(last=False)[1])
            self._kept[size] = self._make(size)
        self._kept.move_to_end(size)
        return self._kept[size]

    def _make(self, size: InputSize) -> _Arrays:
        shapes = output_shapes(self._model.family, self._limit, size)
        return _Arrays(
            feed=np.zeros((self._limit, size.height_px, size.width_px, 3), np.uint8),
            scratch=np.zeros((2, 3, size.picture_height_px, size.picture_width_px), np.uint8),
            outputs=tuple(np.zeros(shape, np.float32) for shape in shapes),
            lent={},
        )

    def _run(self, arrays: _Arrays, count: int) -> None:
        if count not in arrays.lent:
            # Some detectors take one picture only, and their outputs then have no batch axis.
            results = [
                output[:count] if len(spec.shape) >= 3 else output[0]
                for spec, output in zip(self._session.outputs, arrays.outputs, strict=True)
            ]
            arrays.lent[count] = arrays.feed[:count], results
        self._session.run(*arrays.lent[count])

    def _forget(self, arrays: _Arrays) -> None:
        arrays.feed.fill(0)
        arrays.scratch.fill(0)
        for count in sorted(arrays.lent):
            self._run(arrays, count)
        for output in arrays.outputs:
            output.fill(0)


def batch_limit(model: DetectorFile, provider: str = "cpu") -> int:
    """Pictures that may be searched together."""
    return CUDA_BATCH_LIMIT if provider == "cuda" and not model.fixed_batch else 1
