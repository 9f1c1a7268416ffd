import numpy as np
import pytest

from lfrd.identity.gallery import Gallery, GalleryTemplate
from lfrd.types import F32


def vectors(count: int, dim: int = 32, seed: int = 7) -> F32:
    found = np.random.default_rng(seed).normal(size=(count, dim)).astype(np.float32)
    unit: F32 = found / np.linalg.norm(found, axis=1, keepdims=True)
    return unit


def filled(count: int = 60, per_entry: int = 3) -> tuple[Gallery, F32]:
    gallery = Gallery("digest", 32)
    known = vectors(count)
    gallery.add(
        GalleryTemplate(f"t{n:03}", f"e{n // per_entry:03}", f"p{n // per_entry:03}", known[n])
        for n in range(count)
    )
    return gallery, known


def test_the_best_of_an_entrys_references_counts() -> None:
    gallery, known = filled()
    found = gallery.search(known[[4, 59]], k=3)
    assert [matches[0].entry_id for matches in found] == ["e001", "e019"]
    assert found[0][0].score == pytest.approx(1.0, abs=1e-5)
    assert gallery.entries == 20


def test_it_agrees_with_brute_force() -> None:
    gallery, known = filled()
    probes = vectors(50, seed=8)
    best = (known @ probes.T).reshape(20, 3, 50).max(axis=1)
    for column, matches in enumerate(gallery.search(probes, k=5)):
        order = np.argsort(-best[:, column], kind="stable")[:5]
        assert [match.entry_id for match in matches] == [f"e{row:03}" for row in order]


def test_removing_and_replacing() -> None:
    gallery, known = filled()
    gallery.remove([f"t{n:03}" for n in (3, 4, 5)] + ["unknown"])
    assert gallery.search(known[[4]])[0][0].entry_id != "e001"
    assert len(gallery) == 57
    gallery.add([GalleryTemplate("t000", "e000", "p000", known[4])])
    assert gallery.search(known[[4]])[0][0].entry_id == "e000"
    assert len(gallery) == 57


def test_a_cleared_gallery_is_overwritten_and_finds_nobody() -> None:
    gallery, known = filled()
    matrix = gallery._matrix
    gallery.clear()
    assert not matrix.any()
    assert gallery.search(known[[0]]) == [()]
