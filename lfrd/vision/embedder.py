"""Aligned crops in, unit vectors out."""

from collections.abc import Sequence

import numpy as np

from lfrd.types import CROP_SIDE_PX, F32, U8
from lfrd.vision.packs import RecogniserFile
from lfrd.vision.session import Session, Shape

CUDA_BATCH_LIMIT = 32
"""Faces a run. On a CPU it is one: two together cost 4 % more than one after the other, and 12 MB;
OpenVINO is compiled for each number of faces, with 67 MB of weights."""


class Embedder:
    """A recogniser with its own input and output arrays; belongs to one thread at a time."""

    def __init__(self, session: Session, model: RecogniserFile, limit: int | None = None) -> None:
        """`limit`: faces a run, where it is not to be `batch_limit`."""
        self._session = session
        self._model = model
        limit = limit or batch_limit(model, session.provider)
        self._feed = np.zeros((limit, CROP_SIDE_PX, CROP_SIDE_PX, 3), np.uint8)
        self._vectors = np.zeros((limit, model.dim), np.float32)
        self._batches: set[int] = set()

    def embed(self, crops: Sequence[U8], templates: Sequence[F32]) -> list[float]:
        """Write the template of each crop, u8[112, 112, 3] RGB, into its f32[D], of unit norm, and
        return the norms that the model's own vectors had.

        At most `batch_limit` at once. What the arrays held of the faces is overwritten.
        """
        count = len(crops)
        self._make_room(count)
        try:
            for crop, feed in zip(crops, self._feed[:count], strict=True):
                np.copyto(feed, crop if self._model.colour == "rgb" else crop[..., ::-1])
            self._session.run(self._feed[:count], [self._vectors[:count]])
            norms = []
            for vector, template in zip(self._vectors[:count], templates, strict=True):
                norm = float(np.linalg.norm(vector))
                np.divide(vector, norm or 1.0, out=template)
                norms.append(norm)
            return norms
        finally:
            self._feed[:count].fill(0)
            self._vectors[:count].fill(0)

    def _make_room(self, count: int) -> None:
        """Let the session find its memory for this batch size on zeros, before it sees a face.

        A session takes memory piece by piece on the first run of a shape and as one planned block
        from then on: `drain` would overwrite the block and not the pieces.
        """
        if count not in self._batches:
            self._session.run(self._feed[:count], [self._vectors[:count]])
            self._batches.add(count)

    def drain(self) -> None:
        """Run zeros in every batch size used, so that the session's own memory shows no face."""
        for count in sorted(self._batches):
            self._session.run(self._feed[:count], [self._vectors[:count]])
        self._vectors.fill(0)


def batch_limit(model: RecogniserFile, provider: str = "cpu") -> int:
    """Faces that may be embedded together."""
    return CUDA_BATCH_LIMIT if provider == "cuda" and not model.fixed_batch else 1


def input_shapes(model: RecogniserFile, provider: str = "cpu") -> tuple[Shape, ...]:
    """Every input shape that an `Embedder` runs; none where the model's own batch is fixed."""
    if model.fixed_batch:
        return ()
    batches = range(1, batch_limit(model, provider) + 1)
    return tuple((batch, CROP_SIDE_PX, CROP_SIDE_PX, 3) for batch in batches)
