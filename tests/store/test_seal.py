"""What is sealed opens only as what it is, where it is."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import StateError
from lfrd.store.seal import DataKey, Label

KEY = DataKey(bytes(range(32)))
LABEL = Label("template", "row-1", "model-a")


@given(st.binary(max_size=4096))
def test_it_opens_as_it_was_and_never_seals_the_same_way_twice(plain: bytes) -> None:
    sealed = KEY.seal(LABEL, plain)
    assert KEY.open(LABEL, sealed) == plain
    assert len(sealed) == len(plain) + 28
    assert KEY.seal(LABEL, plain) != sealed
    assert len(plain) < 16 or plain not in sealed


@pytest.mark.parametrize(
    "other",
    [
        Label("template", "row-2", "model-a"),
        Label("template", "row-1", "model-b"),
        Label("reference-crop", "row-1", "model-a"),
        Label("template", "row-1"),
    ],
)
def test_elsewhere_it_does_not_open(other: Label) -> None:
    sealed = KEY.seal(LABEL, b"face")
    with pytest.raises(StateError, match="altered"):
        KEY.open(other, sealed)


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(StateError):
        DataKey(os.urandom(32)).open(LABEL, KEY.seal(LABEL, b"face"))


@given(st.integers(min_value=0, max_value=(12 + 4 + 16) * 8 - 1))
def test_a_flipped_bit_is_noticed(bit: int) -> None:
    sealed = bytearray(KEY.seal(LABEL, b"face"))
    sealed[bit // 8] ^= 1 << bit % 8
    with pytest.raises(StateError):
        KEY.open(LABEL, bytes(sealed))


@given(st.binary(max_size=40))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(StateError):
        KEY.open(LABEL, noise)
