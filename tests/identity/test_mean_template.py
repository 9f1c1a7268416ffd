import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.identity.mean_template import MeanTemplate
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


@given(st.integers(1, 8), st.integers(0, 1000))
def test_each_look_then_holds_the_mean_of_all_so_far(count: int, seed: int) -> None:
    _, taken = looks(count, seed)
    plain = np.array([buffer.array.copy() for buffer in taken])
    mean = MeanTemplate()
    for number, buffer in enumerate(taken):
        assert mean.add(buffer) == (number > 0)
        if number:
            total = plain[: number + 1].sum(axis=0)
            np.testing.assert_allclose(
                buffer.array, total / np.linalg.norm(total), rtol=1e-4, atol=1e-5
            )


def test_the_kept_buffer_is_overwritten_at_the_end() -> None:
    pool, (first, second) = looks(2)
    array = first.array
    mean = MeanTemplate()
    mean.add(first)
    mean.add(second)
    second.release()
    assert pool.counts().held == 1
    assert array.any()
    mean.close()
    mean.close()
    assert not array.any()
    assert pool.counts().held == 0


def test_opposite_looks_leave_the_second_as_it_is() -> None:
    _, (first, second) = looks(2)
    second.array[:] = -first.array
    there = second.array.copy()
    mean = MeanTemplate()
    mean.add(first)
    assert mean.add(second)
    assert second.array.tolist() == pytest.approx(there.tolist())


def test_nothing_was_seen_and_nothing_is_given_back() -> None:
    MeanTemplate().close()
