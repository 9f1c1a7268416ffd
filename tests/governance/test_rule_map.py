"""docs/governance.md says of every rule where it is enforced and by which test it is held."""

import re

import pytest

from support.walks import ROOT, names_in

RULES = range(1, 18)
TEXT = (ROOT / "docs" / "governance.md").read_text()
SECTION = TEXT.split("## The rules, where they are enforced, and their tests\n")[1].split("\n## ")[
    0
]
ROWS = {int(row[1]): row for row in re.finditer(r"(?m)^\| (\d+) \|.*\|$", SECTION)}
NAMED = re.compile(r"`((?:lfrd|tui|tests)/[\w/]+\.py)` `([\w.]+)`")


def test_every_rule_has_its_row() -> None:
    assert list(ROWS) == list(RULES)


@pytest.mark.parametrize("number", RULES)
def test_what_a_row_names_is_there(number: int) -> None:
    _, _, rule, enforced, tested, _ = ROWS[number][0].split("|")
    assert len(rule.split()) > 5
    for column, is_test in ((enforced, False), (tested, True)):
        found = NAMED.findall(column)
        assert found, f"rule {number} names nothing"
        assert NAMED.sub("", column).replace("·", "").strip() == "", f"rule {number}: {column}"
        for file, name in found:
            assert name in names_in(ROOT / file), f"rule {number}: {file} has no {name}"
            assert name.startswith("test_") == is_test
            assert file.startswith("tests/") == is_test
