"""What the store may hold can be said on the wire, word for word."""

from enum import StrEnum

import pytest

from lfrd.store import deployments, erasures, holds, tokens, watchlists
from lfrd.wire import deployments as wire_deployments
from lfrd.wire import lists as wire_lists
from lfrd.wire import people as wire_people


@pytest.mark.parametrize(
    ("stored", "wire"),
    [
        (watchlists.Category, wire_lists.Category),
        (deployments.DeploymentState, wire_deployments.DeploymentState),
        (deployments.UseCase, wire_deployments.UseCase),
        (erasures.ErasureKind, wire_deployments.ErasureKind),
        (holds.HoldKind, wire_deployments.HoldKind),
        (tokens.Role, wire_people.Role),
    ],
)
def test_every_stored_word_has_its_wire_value(stored: type[StrEnum], wire: type[StrEnum]) -> None:
    assert {word.value for word in stored} == {word.value for word in wire}
