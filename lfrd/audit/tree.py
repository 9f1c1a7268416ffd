"""Roots and proofs of a tree whose nodes lie elsewhere (RFC 6962, section 2.1).

Kept are the hashes of leaves, and of every 8th level above them: the root of each 256 leaves, of
each 65,536 and so on. What lies between is computed, from at most 255 hashes a level.
"""

import hashlib
from collections.abc import Callable, Sequence

from lfrd.audit.verify import node_hash

STEP = 8
"""Levels between those that are kept."""

Fetch = Callable[[int, int, int], Sequence[bytes]]
"""Gives the hashes of a kept level (0: leaves), from a position on, so many."""


def root(fetch: Fetch, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return _range_root(fetch, 0, size) if size else hashlib.sha256(b"").digest()


def inclusion(fetch: Fetch, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]): from the leaf's neighbour up."""
    assert 0 <= index < size
    path, low, high = [], 0, size
    while high - low > 1:
        middle = low + _largest_power_below(high - low)
        if index < middle:
            path.append(_range_root(fetch, middle, high))
            high = middle
        else:
            path.append(_range_root(fetch, low, middle))
            low = middle
    return path[::-1]


def consistency(fetch: Fetch, old: int, size: int) -> list[bytes]:
    """PROOF(old, D[size]), section 2.1.2; empty where there is nothing to prove."""
    assert 0 <= old <= size
    if old in (0, size):
        return []
    path, low, high, whole = [], 0, size, True
    while old != high:
        middle = low + _largest_power_below(high - low)
        if old <= middle:
            path.append(_range_root(fetch, middle, high))
            high = middle
        else:
            path.append(_range_root(fetch, low, middle))
            low, whole = middle, False
    if not whole:
        path.append(_range_root(fetch, low, high))
    return path[::-1]


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """The root over 2**n hashes of one level."""
    while len(hashes) > 1:
        hashes = [node_hash(*pair) for pair in zip(hashes[::2], hashes[1::2], strict=True)]
    return hashes[0]


def _range_root(fetch: Fetch, low: int, high: int) -> bytes:
    """The root over the leaves from `low` to before `high`, as they lie in the whole tree."""
    count = high - low
    if count & (count - 1):
        middle = low + _largest_power_below(count)
        return node_hash(_range_root(fetch, low, middle), _range_root(fetch, middle, high))
    level = count.bit_length() - 1
    kept = level - level % STEP
    return subtree_root(fetch(kept, low >> kept, count >> kept))


def _largest_power_below(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)
