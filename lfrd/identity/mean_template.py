"""The mean template of the looks at one track, in a buffer of the pool of probes.

Averaged and brought to unit length again, the templates of several looks are nearer to the person
than any one of them: what varies between looks cancels (the average of the encodings of a set,
Crosswhite et al., Template Adaptation for Face Verification and Identification, IEEE FG 2017;
AvePool in Yang et al., Neural Aggregation Network, CVPR 2017). It is a template of a passer-by like
any other: it lives as long as the track and is overwritten then.
"""

import math
from typing import Protocol

import numpy as np

from lfrd.types import F32


class Held(Protocol):
    """A template f32[D] of unit norm in a pooled buffer (see lfrd.vision.pool)."""

    array: F32

    def release(self) -> None: ...


class MeanTemplate:
    """Owns the buffer of the track's first look, and adds the others to it, until `close`."""

    def __init__(self) -> None:
        self._sum: Held | None = None

    def add(self, look: Held) -> bool:
        """Take a look in. The first one is kept, and False is returned: it is the mean. Any other
        stays the caller's: its array now holds the mean of all looks, and True is returned."""
        if self._sum is None:
            self._sum = look
            return False
        total = self._sum.array
        np.add(total, look.array, out=total)
        length = math.sqrt(float(np.dot(total, total)))
        if length > 0.0:  # opposite looks cancel: then this look stands for itself
            np.divide(total, length, out=look.array)
        return True

    def close(self) -> None:
        """Overwrite and give back; safe to call twice."""
        kept, self._sum = self._sum, None
        if kept is not None:
            kept.release()
