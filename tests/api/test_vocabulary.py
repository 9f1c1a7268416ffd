"""What the store may hold can be said on the wire, word for word."""

from enum import StrEnum

import pytest

from lfrd.api import schema, schema_governance, schema_review
from lfrd.store import deployments, erasures, holds, tokens, watchlists


@pytest.mark.parametrize(
    ("stored", "wire"),
    [
        (watchlists.Category, schema.Category),
        (deployments.DeploymentState, schema.DeploymentState),
        (deployments.UseCase, schema_governance.UseCase),
        (erasures.ErasureKind, schema_governance.ErasureKind),
        (holds.HoldKind, schema_governance.HoldKind),
        (tokens.Role, schema_review.Role),
    ],
)
def test_every_stored_word_has_its_wire_value(stored: type[StrEnum], wire: type[StrEnum]) -> None:
    assert {word.value for word in stored} == {word.value for word in wire}
