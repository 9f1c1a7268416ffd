"""The mean template of the looks at one track, in a buffer of the pool of probes.

Averaged and brought to unit length again, the templates of several looks are nearer to the person
than any one of them: what varies between looks cancels (the average of the encodings of a set,
Crosswhite et al., Template Adaptation for Face Verification and Identification, IEEE FG 2017;
AvePool in Yang et al., Neural Aggregation Network, CVPR 2017). It is a template of a passer-by like
any other: it lives as long as the track and is overwritten then.

Looks do not weigh alike. A recogniser makes a short vector of a face that is small, blurred or
turned away and a long one of a clear face, and the length says better than size or pose how well
such a look tells people apart (Meng et al., MagFace, CVPR 2021, make a loss of it; SFace does it by
itself: docs/accuracy.md). A look weighs by the third power of its norm. A recogniser whose vectors
are all of one length weighs all looks alike.
"""

import math
from typing import Protocol

import numpy as np

from lfrd.types import F32

WEIGHT_POWER = 3
LONGEST = 1000.0
"""A look's vector is taken to be at most so many times as long as the first one's: longer ones are
no faces, and must not overflow."""

SAME_PERSON = 0.40
"""Two clear looks at one passer-by are at least so alike (99 of 100), those at two people are not
(99 of 100)."""


class Held(Protocol):
    """A template f32[D] of unit norm in a pooled buffer (see lfrd.vision.pool)."""

    @property
    def array(self) -> F32: ...

    def release(self) -> None: ...


class MeanTemplate:
    """Owns the buffer of the track's first look, and adds the others to it, until `close`."""

    def __init__(self) -> None:
        self._sum: Held | None = None
        self._first_norm = 0.0
        self._strongest = 0.0

    def add(self, look: Held, norm: float, share: float = 1.0) -> bool:
        """Take a look in; `norm` is the length of its vector before it was brought to unit length,
        `share` what part of a look it counts for. The first one is kept, and False is returned: it
        is the mean. Any other stays the caller's: its array now holds the mean of all looks, and
        True is returned."""
        self._strongest = max(self._strongest, norm)
        if self._sum is None:
            self._sum, self._first_norm = look, norm
            return False
        longer = min(norm / self._first_norm, LONGEST) if self._first_norm else 1.0
        weight = share * longer**WEIGHT_POWER
        total = self._sum.array
        np.multiply(look.array, weight, out=look.array)
        np.add(total, look.array, out=total)
        length = math.sqrt(float(np.dot(total, total)))
        if length > 0.0:
            np.divide(total, length, out=look.array)
        elif weight > 0.0:  # opposite looks cancel: then this look stands for itself
            np.divide(look.array, weight, out=look.array)
        return True

    def contradicted_by(self, look: Held, norm: float, *, doubtful: bool) -> bool:
        """Whether this look shows somebody else than the looks so far.

        What two looks must have in common falls with how much weaker one of them is than the
        strongest: a weak look says little either way. It falls less where there is reason to
        doubt that it is the same face (`doubtful`), since then staying together needs a proof.
        """
        if self._sum is None:
            return False
        total = self._sum.array
        length = math.sqrt(float(np.dot(total, total)))
        if length == 0.0:
            return False
        likeness = float(np.dot(total, look.array)) / length
        weaker, stronger = sorted((norm, self._strongest))
        share = weaker / stronger if stronger > 0.0 else 1.0
        return likeness < SAME_PERSON * (share if doubtful else share**2)

    def close(self) -> None:
        """Overwrite and give back; safe to call twice."""
        kept, self._sum = self._sum, None
        if kept is not None:
            kept.release()
