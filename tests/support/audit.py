"""Logs made by hand: leaves, a key of their own, checkpoints where one wants them, an export."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lfrd.audit import signing, tree
from lfrd.audit.export import Head, export_folder, whole
from lfrd.audit.signing import PrivateKey
from lfrd.audit.verify import ED25519, Checkpoint, Proof, Verdict, leaf_hash

KEY = PrivateKey("lfrd/test", ED25519, bytes(range(32)))


def fetch_of(leaf_hashes: Sequence[bytes]) -> tree.Fetch:
    """The kept levels over some leaves, as the database has them."""
    levels = [list(leaf_hashes)]
    while len(levels[-1]) >= 256:
        below = levels[-1]
        whole_nodes = len(below) // 256
        levels.append(
            [tree.subtree_root(below[n * 256 : n * 256 + 256]) for n in range(whole_nodes)]
        )
    return lambda level, first, count: levels[level // tree.STEP][first : first + count]


def leaves_of(count: int, extra: Callable[[int], str] = str) -> list[bytes]:
    """Leaves that differ."""
    return [b'{"action":"test","n":"%s"}' % extra(n).encode() for n in range(count)]


def checkpoint_of(leaves: Sequence[bytes], size: int, key: PrivateKey = KEY) -> Checkpoint:
    root = tree.root(fetch_of([leaf_hash(leaf) for leaf in leaves]), size)
    return signing.checkpoint(key, size, root, 1_700_000_000)


def proved(leaves: Sequence[bytes], index: int, size: int) -> Proof:
    """A proof of one leaf."""
    path = tree.inclusion(fetch_of([leaf_hash(leaf) for leaf in leaves]), index, size)
    return Proof(index, leaves[index], tuple(path), checkpoint_of(leaves, size))


def write(
    folder: Path,
    leaves: Sequence[bytes],
    sizes: Sequence[int],
    keys: Sequence[PrivateKey] = (KEY,),
    signers: Sequence[PrivateKey] = (),
) -> Verdict:
    """An export with checkpoints at `sizes`; `signers`: of each, where not the first key."""
    notes = tuple(
        checkpoint_of(leaves, size, signers[n] if signers else keys[0]).note
        for n, size in enumerate(sizes)
    )
    head = Head(keys[0].name, len(leaves), tuple(key.public.text for key in keys), notes)
    with export_folder(folder) as writer:
        writer.feed(whole(head, [(leaf, leaf_hash(leaf)) for leaf in leaves]))
        return writer.finish()
