"""The words that are stored and said on the wire: none is changed or lost by a renaming."""

from enum import StrEnum

import pytest

from lfrd.vocabulary import (
    Category,
    DeploymentState,
    Engagement,
    ErasureKind,
    HoldKind,
    Identity,
    OutwardKind,
    Role,
    UseCase,
)

WORDS: dict[type[StrEnum], str] = {
    Category: "at-risk court-order excluded missing test wanted",
    DeploymentState: "authorised draft ended erased running",
    Engagement: "arrest no_action other safeguarding stopped",
    ErasureKind: "deployment entry episodes person photo snapshot watchlist",
    Identity: "other same",
    HoldKind: "deployment episode person watchlist",
    OutwardKind: (
        "camera.back camera.lost candidate.decided candidate.for_review deployment.began"
        " deployment.ended health.changed test"
    ),
    Role: "admin operator supervisor",
    UseCase: (
        "enforce-court-order enforce-exclusion find-missing locate-wanted protect-at-risk test"
    ),
}


@pytest.mark.parametrize("kind", WORDS, ids=lambda kind: kind.__name__)
def test_every_word_is_as_it_is_stored(kind: type[StrEnum]) -> None:
    assert " ".join(sorted(kind)) == WORDS[kind]
