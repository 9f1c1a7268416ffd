"""The tree that proves who is *not* on a list; `lfrd.audit.verify` checks it.

A sparse Merkle tree over positions that nobody can compute who lacks the private key. The position
of a reference comes from its signature (RSA, PKCS 1 v1.5), of which there is one only: so the
daemon cannot pick another position, and who holds a proof cannot try the references of others.

Nodes in the uppermost eight levels are always there; below them a subtree of one position is that
position's leaf. Kept are the 256 roots below the uppermost levels, so that a proof reads one 256th
of the positions.
"""

import functools
import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_private_key,
)

from lfrd.audit.verify import (
    ABSENCE_EXPONENT,
    ABSENCE_HASH,
    ABSENCE_KEY_BITS,
    ABSENCE_PADDING,
    ABSENT,
    HASH_BYTES,
    absence_text,
    bit_of,
    leaf_hash,
    node_hash,
)

TOP = 8
"""Levels that are always there."""
BUCKETS = 1 << TOP


def new_key() -> bytes:
    """A private key as DER."""
    key = rsa.generate_private_key(ABSENCE_EXPONENT, ABSENCE_KEY_BITS)
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def public_of(private: bytes) -> bytes:
    """Its public key as DER."""
    return (
        _opened(private).public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    )


def digest_of(public: bytes) -> str:
    """By which the log names a public key."""
    return hashlib.sha256(public).hexdigest()


def sign(private: bytes, list_id: str, reference: str) -> bytes:
    """The one signature from which a reference's position follows. Under a millisecond."""
    return _opened(private).sign(
        absence_text(list_id, reference), ABSENCE_PADDING(), ABSENCE_HASH()
    )


@functools.lru_cache(maxsize=2)
def _opened(private: bytes) -> rsa.RSAPrivateKey:
    key = load_der_private_key(private, None, unsafe_skip_rsa_key_validation=True)
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def bucket_of(position: bytes) -> int:
    """Which of the subtrees below the uppermost levels a position is in."""
    return position[0]


def bucket_root(positions: Sequence[bytes]) -> bytes:
    """The root of one of them, of its positions in order."""
    return _root(positions, TOP)


def root(roots: Sequence[bytes]) -> bytes:
    """The root of the tree, of those of all its buckets."""
    level = list(roots)
    assert len(level) == BUCKETS
    while len(level) > 1:
        level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def path_of(
    position: bytes, roots: Sequence[bytes], positions: Sequence[bytes]
) -> tuple[list[bytes], bytes]:
    """How a position is shown not to be in the tree: the neighbours from the root down, and what is
    where it would be: nothing, or another position. `positions` are those of its bucket, in order.
    """
    path: list[bytes] = []
    level, place = list(roots), bucket_of(position)
    while len(level) > 1:
        path.insert(0, level[place ^ 1])
        level = [node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=True)]
        place >>= 1
    depth, here = TOP, positions
    while len(here) > 1:
        left, right = _split(here, depth)
        here, other = (right, left) if bit_of(position, depth) else (left, right)
        depth += 1
        path.append(_root(other, depth))
    return path, here[0] if here else b""


def _root(positions: Sequence[bytes], depth: int) -> bytes:
    if not positions:
        return ABSENT
    if len(positions) == 1:
        return leaf_hash(positions[0])
    left, right = _split(positions, depth)
    return node_hash(_root(left, depth + 1), _root(right, depth + 1))


def _split(positions: Sequence[bytes], depth: int) -> tuple[Sequence[bytes], Sequence[bytes]]:
    """Those whose bit at this depth is 0, and the others; they lie in order."""
    low, high = 0, len(positions)
    while low < high:
        middle = (low + high) // 2
        if bit_of(positions[middle], depth):
            high = middle
        else:
            low = middle + 1
    return positions[:low], positions[low:]


def packed(roots: Sequence[bytes]) -> bytes:
    """The roots of all buckets as they are stored: one after the other."""
    assert len(roots) == BUCKETS
    return b"".join(roots)


def unpacked(roots: bytes) -> list[bytes]:
    """The roots of all buckets, from how they are stored."""
    assert len(roots) == BUCKETS * HASH_BYTES
    return [roots[at : at + HASH_BYTES] for at in range(0, len(roots), HASH_BYTES)]
