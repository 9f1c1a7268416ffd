"""What the store may hold can be said on the wire, word for word."""

from enum import StrEnum

import pytest

from lfrd.vocabulary import Category, DeploymentState, ErasureKind, HoldKind, Role, UseCase


@pytest.mark.parametrize(
    ("stored", "wire"),
    [
        (Category, Category),
        (DeploymentState, DeploymentState),
        (UseCase, UseCase),
        (ErasureKind, ErasureKind),
        (HoldKind, HoldKind),
        (Role, Role),
    ],
)
def test_every_stored_word_has_its_wire_value(stored: type[StrEnum], wire: type[StrEnum]) -> None:
    assert {word.value for word in stored} == {word.value for word in wire}
