import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.matching.evidence import MeanTemplate
from lfrd.vision.pool import Buffer, Pool


def looks(count: int, seed: int = 1) -> tuple[Pool[np.float32], list[Buffer[np.float32]]]:
    pool = Pool(count, (8,), np.float32)
    rng = np.random.default_rng(seed)
    taken = []
    for _ in range(count):
        buffer = pool.take()
        assert buffer is not None
        vector = rng.normal(size=8) + 1
        buffer.array[:] = vector / np.linalg.norm(vector)
        taken.append(buffer)
    return pool, taken


NORMS = st.floats(0.5, 30.0)
"""As recognisers give them."""


@given(st.lists(NORMS, min_size=1, max_size=8), st.integers(0, 1000))
def test_each_look_then_holds_the_mean_of_all_so_far(norms: list[float], seed: int) -> None:
    _, taken = looks(len(norms), seed)
    plain = np.array([buffer.array.copy() for buffer in taken])
    mean = MeanTemplate()
    for number, (buffer, norm) in enumerate(zip(taken, norms, strict=True)):
        assert mean.add(buffer, norm) == (number > 0)
        if number:
            weights = (np.array(norms[: number + 1]) / norms[0]) ** 3
            total = weights @ plain[: number + 1]
            np.testing.assert_allclose(
                buffer.array, total / np.linalg.norm(total), rtol=1e-4, atol=1e-5
            )


def test_the_kept_buffer_is_overwritten_at_the_end() -> None:
    pool, (first, second) = looks(2)
    array = first.array
    mean = MeanTemplate()
    mean.add(first, 10.0)
    mean.add(second, 8.0)
    second.release()
    assert pool.counts().held == 1
    assert array.any()
    mean.close()
    mean.close()
    assert not array.any()
    assert pool.counts().held == 0


@pytest.mark.parametrize("norm", [0.0, 1.0, 17.0])
def test_opposite_looks_leave_the_second_as_it_is(norm: float) -> None:
    _, (first, second) = looks(2)
    second.array[:] = -first.array
    there = second.array.copy()
    mean = MeanTemplate()
    mean.add(first, norm)
    assert mean.add(second, norm)
    assert second.array.tolist() == pytest.approx(there.tolist())


def test_nothing_was_seen_and_nothing_is_given_back() -> None:
    MeanTemplate().close()


def unit(*numbers: float) -> np.ndarray:
    """A template in that direction."""
    vector = np.zeros(8, np.float32)
    vector[: len(numbers)] = numbers
    return vector / np.linalg.norm(vector)


def held(*vectors: np.ndarray) -> list[Buffer[np.float32]]:
    """Looks with these templates."""
    _, taken = looks(len(vectors))
    for buffer, vector in zip(taken, vectors, strict=True):
        buffer.array[:] = vector
    return taken


def mean_of(*seen: tuple[np.ndarray, float]) -> np.ndarray:
    """The mean of looks, each a template and its norm."""
    mean = MeanTemplate()
    taken = held(*(vector for vector, _ in seen))
    for buffer, (_, norm) in zip(taken, seen, strict=True):
        mean.add(buffer, norm)
    return taken[-1].array


@given(st.floats(0.01, 1000.0), st.integers(2, 6), st.integers(0, 1000))
def test_a_model_whose_vectors_are_of_one_length_weighs_looks_alike(
    norm: float, count: int, seed: int
) -> None:
    _, taken = looks(count, seed)
    plain = np.array([buffer.array.copy() for buffer in taken])
    mean = MeanTemplate()
    for buffer in taken:
        mean.add(buffer, norm)
    total = plain.sum(axis=0)
    np.testing.assert_allclose(taken[-1].array, total / np.linalg.norm(total), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("weak_first", [False, True])
def test_a_weak_look_moves_the_mean_little(weak_first: bool) -> None:
    clear, weak = (unit(1.0), 10.0), (unit(0.0, 1.0), 5.0)
    mean = mean_of(weak, clear) if weak_first else mean_of(clear, weak)
    assert mean[1] / mean[0] == pytest.approx(1 / 8, abs=1e-4), "half the norm, an eighth of a look"


def test_a_look_without_length_says_nothing() -> None:
    assert mean_of((unit(1.0), 10.0), (np.zeros(8, np.float32), 0.0)).tolist() == unit(1.0).tolist()
    assert mean_of((np.zeros(8, np.float32), 0.0), (unit(1.0), 10.0)).tolist() == unit(1.0).tolist()


def test_looks_that_share_one_count_for_one() -> None:
    mean = MeanTemplate()
    taken = held(unit(1.0), *[unit(0.0, 1.0)] * 3)
    mean.add(taken[0], 10.0)
    for buffer in taken[1:]:
        mean.add(buffer, 10.0, share=1 / 3)
    assert taken[-1].array == pytest.approx(unit(1.0, 1.0), abs=1e-5)


ANY_NORM = st.one_of(
    st.just(0.0), st.floats(0.0, 100.0), st.sampled_from([5e-324, 1e-300, 1e-12, 1e12, 1e300])
)


@given(st.lists(st.tuples(ANY_NORM, st.sampled_from([1.0, 1 / 3])), min_size=1, max_size=8),
       st.integers(0, 1000))  # fmt: skip
def test_the_mean_is_of_unit_norm_whatever_the_norms_are(
    seen: list[tuple[float, float]], seed: int
) -> None:
    _, taken = looks(len(seen), seed)
    mean = MeanTemplate()
    for buffer, (norm, share) in zip(taken, seen, strict=True):
        mean.add(buffer, norm, share)
        if buffer is not taken[0]:
            assert np.linalg.norm(buffer.array) == pytest.approx(1.0, abs=1e-4)


def at_likeness(likeness: float) -> np.ndarray:
    return unit(likeness, np.sqrt(1 - likeness**2))


@pytest.mark.parametrize(
    ("likeness", "norm", "doubtful", "expected"),
    [
        (0.41, 10.0, False, False),
        (0.39, 10.0, False, True),
        (0.39, 10.0, True, True),
        (0.21, 5.0, True, False),  # half as strong: half as much in common is enough
        (0.19, 5.0, True, True),
        (0.11, 5.0, False, False),  # and a quarter of it without a reason to doubt
        (0.09, 5.0, False, True),
        (0.21, 20.0, True, False),  # a look may be the stronger one too
        (0.19, 20.0, True, True),
        (0.01, 0.0, True, False),  # a look without length is no proof of anything
    ],
)
def test_a_look_contradicts_where_it_should_have_more_in_common(
    likeness: float, norm: float, doubtful: bool, expected: bool
) -> None:
    first, look = held(unit(1.0), at_likeness(likeness))
    mean = MeanTemplate()
    mean.add(first, 10.0)
    before = look.array.copy()
    assert mean.contradicted_by(look, norm, doubtful=doubtful) is expected
    assert look.array.tolist() == before.tolist(), "it is only asked"


def test_a_look_is_held_against_the_mean_and_against_the_strongest() -> None:
    first, second, look = held(unit(1.0), unit(0.0, 1.0), at_likeness(0.3))
    mean = MeanTemplate()
    mean.add(first, 10.0)
    assert mean.contradicted_by(look, 10.0, doubtful=True)
    mean.add(second, 10.0)  # likeness to the mean is now (0.3 + 0.954) / sqrt(2) = 0.887
    assert not mean.contradicted_by(look, 10.0, doubtful=True)


def test_nothing_contradicts_before_the_first_look_and_after_the_end() -> None:
    first, look = held(unit(1.0), unit(-1.0))
    mean = MeanTemplate()
    assert not mean.contradicted_by(look, 10.0, doubtful=True)
    mean.add(first, 10.0)
    assert mean.contradicted_by(look, 10.0, doubtful=False)
    mean.close()
    assert not mean.contradicted_by(look, 10.0, doubtful=True)


def test_looks_that_cancel_are_no_ground_to_contradict() -> None:
    first, opposite, look = held(unit(1.0), unit(-1.0), unit(0.0, 1.0))
    mean = MeanTemplate()
    mean.add(first, 10.0)
    mean.add(opposite, 10.0)
    assert not mean.contradicted_by(look, 10.0, doubtful=True)
