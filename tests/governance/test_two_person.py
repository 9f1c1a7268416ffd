"""Who may come second: pure checks over rows and principals."""

import dataclasses

import pytest

from lfrd.errors import Conflict
from lfrd.governance import profile, two_person
from lfrd.governance.profile import Policy
from lfrd.store.deployments import Deployment
from lfrd.vocabulary import DeploymentState

POLICE, STANDARD = profile.load("uk-police"), profile.load("standard")


def row(**changes: object) -> Deployment:
    empty = {field.name: None for field in dataclasses.fields(Deployment)}
    return Deployment(**{**empty, "id": "d", "state": DeploymentState.AUTHORISED, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "changes", "barred"),
    [
        (POLICE, {"authorised_by": "user:ada"}, True),
        (POLICE, {"authorised_by": "user:bo"}, False),
        (POLICE, {"authorised_by": "user:ada", "urgent_reason": "a child"}, False),
        (POLICE, {"authorised_by": "user:ada", "schedule_id": "s"}, True),
        (STANDARD, {"authorised_by": "user:ada"}, False),
    ],
)
def test_who_authorised_it_may_not_start_it(
    policy: Policy, changes: dict[str, object], barred: bool
) -> None:
    text = two_person.bar_to_start(row(**changes), policy, "user:ada")
    assert (text is not None) == barred
    if text and "schedule_id" in changes:
        assert "planned its schedule" in text


@pytest.mark.parametrize("first", ["started_by", "authorised_by"])
def test_an_urgent_start_is_ratified_by_a_third(first: str) -> None:
    started = row(started_by="user:x", authorised_by="user:y")
    with pytest.raises(Conflict, match="another person"):
        two_person.check_ratifier(dataclasses.replace(started, **{first: "user:ada"}), "user:ada")  # type: ignore[arg-type]
    two_person.check_ratifier(started, "user:ada")
