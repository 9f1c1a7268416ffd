"""The tree: published vectors of RFC 6962, and proofs of every leaf at every size."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfrd.audit import tree
from lfrd.audit.verify import (
    BadLog,
    Tree,
    check_consistency,
    leaf_hash,
    node_hash,
    root_of_inclusion,
)
from support.audit import fetch_of

INPUTS = [
    bytes.fromhex(text)
    for text in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""The reference tree of Certificate Transparency (`merkletree` of its own tests)."""


def hashes(count: int) -> list[bytes]:
    return [leaf_hash(b"%d" % n) for n in range(count)]


def test_the_published_tree_has_its_roots() -> None:
    grown, fetch = Tree(), fetch_of([leaf_hash(data) for data in INPUTS])
    assert grown.root.hex() == hashlib.sha256(b"").hexdigest()
    for size, (data, expected) in enumerate(zip(INPUTS, ROOTS, strict=True), start=1):
        grown.append(leaf_hash(data))
        assert grown.root.hex() == expected
        assert tree.root(fetch, size).hex() == expected


def by_definition(leaves: Sequence[bytes]) -> bytes:
    """MTH(D[n]) as RFC 6962 writes it."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return node_hash(by_definition(leaves[:half]), by_definition(leaves[half:]))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 511, 512, 600])
def test_both_ways_to_a_root_are_the_definition(size: int) -> None:
    leaves, grown = hashes(size), Tree()
    for hashed in leaves:
        grown.append(hashed)
    assert grown.root == by_definition(leaves) == tree.root(fetch_of(leaves), size)


def test_every_leaf_of_every_small_tree_is_proved_and_no_other() -> None:
    leaves = hashes(18)
    fetch = fetch_of(leaves)
    for size in range(1, 19):
        root = tree.root(fetch, size)
        for index in range(size):
            path = tree.inclusion(fetch, index, size)
            assert root_of_inclusion(index, size, leaves[index], path) == root
            assert leads_elsewhere(index, size, leaf_hash(b"other"), path, root)
            for cut in ([*path, root], path[1:])[: 1 + bool(path)]:
                assert leads_elsewhere(index, size, leaves[index], cut, root)
    with pytest.raises(BadLog):
        root_of_inclusion(3, 3, leaves[0], [])


def leads_elsewhere(
    index: int, size: int, hashed: bytes, path: Sequence[bytes], root: bytes
) -> bool:
    try:
        return root_of_inclusion(index, size, hashed, path) != root
    except BadLog:
        return True


def test_every_small_tree_begins_with_each_smaller_one() -> None:
    fetch, other = fetch_of(hashes(18)), fetch_of([leaf_hash(b"x"), *hashes(17)])
    for size in range(1, 19):
        new = size, tree.root(fetch, size)
        for old in range(size + 1):
            path = tree.consistency(fetch, old, size)
            check_consistency((old, tree.root(fetch, old)), new, path)
            if old:
                with pytest.raises(BadLog, match="does not begin"):
                    check_consistency((old, tree.root(other, old)), new, path)
            if path:
                with pytest.raises(BadLog):
                    check_consistency((old, tree.root(fetch, old)), new, path[:-1])
        with pytest.raises(BadLog):
            check_consistency((size + 1, b"\0" * 32), new, [])


@settings(max_examples=60)
@given(st.data())
def test_proofs_over_kept_levels(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 1_400))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(0, size))
    leaves = hashes(size)
    fetch = fetch_of(leaves)
    root = tree.root(fetch, size)
    path = tree.inclusion(fetch, index, size)
    assert root_of_inclusion(index, size, leaves[index], path) == root
    between = tree.consistency(fetch, old, size)
    check_consistency((old, tree.root(fetch, old)), (size, root), between)


def test_the_vectors_of_consistency_are_those_of_the_rfc() -> None:
    """RFC 6962, section 2.1.3, over seven leaves: PROOF(3, D[7]) = [c, d, g, l]."""
    leaves = hashes(7)
    c, d = leaves[2], leaves[3]
    g = node_hash(leaves[0], leaves[1])
    ell = by_definition(leaves[4:])
    fetch = fetch_of(leaves)
    assert tree.consistency(fetch, 3, 7) == [c, d, g, ell]
    assert tree.consistency(fetch, 4, 7) == [ell]
    assert tree.inclusion(fetch, 0, 7) == [leaves[1], node_hash(c, d), ell]
