import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.matching.gallery import Gallery, GalleryTemplate
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


def test_a_large_gallery_agrees_with_brute_force_too() -> None:
    """Above a few thousand rows only the blocks that can hold the best are looked at."""
    known = vectors(9_000)
    gallery = Gallery("digest", 32)
    gallery.add(
        GalleryTemplate(f"t{n}", f"e{n % 4_000:04}", f"p{n % 4_000}", known[n])
        for n in range(9_000)
    )
    probes = vectors(20, seed=9)
    scores = known @ probes.T
    for column, matches in enumerate(gallery.search(probes, k=5)):
        best: dict[str, float] = {}
        for n in np.argsort(-scores[:, column]):
            best.setdefault(f"e{n % 4_000:04}", float(scores[n, column]))
        assert [match.entry_id for match in matches] == list(best)[:5]
        assert [match.score for match in matches] == pytest.approx(
            list(best.values())[:5], abs=1e-6
        )


def test_ties_go_by_entry_id() -> None:
    gallery = Gallery("digest", 32)
    known = np.eye(32, dtype=np.float32)[0]  # its product with itself is 1 whatever the order
    gallery.add(GalleryTemplate(f"t{n}", f"e{n}", f"p{n}", known) for n in (3, 1, 2))
    assert [match.entry_id for match in gallery.search(known[None], k=2)[0]] == ["e1", "e2"]


@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.integers(0, 30), min_size=1, max_size=6)), max_size=25
    )
)
def test_any_order_of_changes_leaves_what_was_added_last(
    changes: list[tuple[bool, list[int]]],
) -> None:
    gallery, rows = Gallery("digest", 32), vectors(31)
    truth: dict[int, F32] = {}
    for step, (adding, numbers) in enumerate(changes):
        if adding:
            added = {n: rows[(n + step) % 31] for n in numbers}
            truth |= added
            gallery.add(
                GalleryTemplate(f"t{n}", f"e{n % 7}", f"p{n % 7}", row) for n, row in added.items()
            )
        else:
            gallery.remove(f"t{n}" for n in numbers)
            truth = {n: row for n, row in truth.items() if n not in numbers}
        assert len(gallery) == len(truth)
        assert gallery.entries == len({n % 7 for n in truth})
        assert not gallery._matrix[len(gallery) :].any(), "what went was overwritten"
    best: dict[str, float] = {}
    for n, row in truth.items():
        best[f"e{n % 7}"] = max(best.get(f"e{n % 7}", -1.0), float(row @ rows[0]))
    found = {match.entry_id: match.score for match in gallery.search(rows[:1], k=9)[0]}
    assert found == pytest.approx(best, abs=1e-6)


def test_it_takes_little_more_memory_than_its_vectors() -> None:
    gallery, known = Gallery("digest", 512), vectors(2_000, dim=512)
    name = "018f3c1e-7a55-7c3e-9d2b-0c1d2e3f4a"
    tracemalloc.start()
    try:
        for n in range(2_000):
            gallery.add(
                [GalleryTemplate(f"{name}{n:04}", f"{name}{n:04}", f"{name}{n:04}", known[n])]
            )
        gc.collect()
        held_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held_bytes <= 1.13 * known.nbytes
    assert len(gallery) == 2_000
