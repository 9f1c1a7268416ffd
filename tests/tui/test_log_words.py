"""What the audit log's entries and the reviewers' figures are called on the screen."""

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

import lfrd
from lfrd.vocabulary import AuditClass
from lfrd.wire.alerts import ReviewerFigures
from tui.log_words import ACTIONS, CLASSES, action_text, class_of
from tui.screens.statistics import reviewers_content

CODE = Path(lfrd.__file__).parent
PARTS = ("audit", "backup", "cameras", "deployment", "governance", "lists", "outward", "store")
NO_ACTIONS = {"deployment.changed", "deployment.ending", "camera.changed", "watchlist.changed",
              "evaluation.list", "subject.json", "backup.json", "audit.key", "keys.db"}  # fmt: skip
"""Kinds of events, findings of the start gate, files."""


def test_every_action_that_is_logged_has_words() -> None:
    nouns = "|".join({action.partition(".")[0] for action in ACTIONS})
    literal = re.compile(rf'"((?:{nouns})\.[a-z]+(?:[.-][a-z]+)*)"')
    code = "".join(path.read_text() for part in PARTS for path in (CODE / part).rglob("*.py"))
    found = set(literal.findall(code)) - NO_ACTIONS
    assert len(found) > 60
    assert sorted(found - ACTIONS.keys()) == []
    assert action_text("episode.raise") == "a candidate was raised"
    assert action_text("thing.not-heard-of") == "thing not heard of"


def test_a_class_is_found_by_both_of_its_names() -> None:
    assert set(CLASSES) == set(AuditClass)
    assert class_of("decision") is class_of("Decided") is AuditClass.DECISION
    assert class_of("in-use") is AuditClass.PERIOD_OF_USE
    assert class_of("anna") is None


@pytest.mark.parametrize("width", [20, 34, 46, 53, 66, 120])
def test_the_figures_of_reviewers_fit_any_window(width: int) -> None:
    names = ("user:anna", "user:" + "b" * 60, "user:门卫门卫门卫门卫")
    found = tuple(
        ReviewerFigures(
            principal=name, matches=1234, not_matches=0, unsure=17, compared=1200, agreed=1100,
            median_s=7200.0, decoys_shown=12, decoys_right=11,
        )
        for name in names
    )  # fmt: skip
    lines = reviewers_content(found, width).plain.splitlines()
    said = [line for line in lines if not line.startswith("agreed:")]
    assert all(cell_len(line) <= width for line in said), said
    assert "1100/1200" in " ".join(lines)
    assert "11/12" in " ".join(lines)
    assert any(line.startswith("anna") for line in lines)
