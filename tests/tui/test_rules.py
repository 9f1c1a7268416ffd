"""What the rules of a deployment bar a person from, before they are asked anything."""

import pytest

from lfrd.governance import profile
from lfrd.wire.deployments import Policy, SitePolicies
from lfrd.wire.health import Me
from support.terminal import deployment
from tui.rules import bar_to_extend, bar_to_urgent, rules_of

ADA = Me(principal="user:ada", role="supervisor")


def policy(name: str) -> Policy:
    """A profile as it comes over the wire."""
    found = profile.load(name)
    return Policy(
        name=name, version=found.version, title=found.title, digest=found.digest,
        is_lab=found.is_lab, values=found.values(), changed=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "supervises", "bar"),
    [
        ("standard", True, "these rules know no urgent start"),
        ("uk-police", True, None),
        ("uk-police", False, "a supervisor may start it urgently"),
    ],
)
def test_an_urgent_start(name: str, supervises: bool, bar: str | None) -> None:
    said = bar_to_urgent(policy(name), is_supervisor=supervises)
    assert said is None if bar is None else bar in (said or "")


@pytest.mark.parametrize(
    ("name", "starter", "bar"),
    [
        ("standard", "user:ada", None),
        ("uk-police", "user:ada", "another supervisor may extend it"),
        ("uk-police", "user:bo", None),
        ("eu-law-enforcement", "user:bo", "--authority"),
    ],
)
def test_an_extension(name: str, starter: str, bar: str | None) -> None:
    running = deployment().model_copy(update={"started_by": starter})
    said = bar_to_extend(running, policy(name), ADA)
    assert said is None if bar is None else bar in (said or "")


def test_the_rules_are_those_that_it_was_planned_under() -> None:
    own, lab = policy("standard"), policy("lab")
    here = SitePolicies(own=own, lab=lab)
    assert rules_of(here, deployment("lab")) is lab
    assert rules_of(here, deployment("standard")) is own
    assert rules_of(SitePolicies(own=own, lab=None), deployment("lab")) is own
