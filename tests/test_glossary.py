"""The glossary names what the code has."""

import re

import pytest

from support.walks import PACKAGE, ROOT, names_in

TEXT = (ROOT / "docs" / "glossary.md").read_text()
ROW = re.compile(r"\| ([^|]+) \| ([^|]+\.) \| `(\w+(?:/\w+)*\.py)` `([\w.]+)` \|")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "| Word |" not in line]


@pytest.mark.parametrize("row", ROWS)
def test_each_word_is_said_in_one_sentence_and_names_its_code(row: str) -> None:
    found = ROW.fullmatch(row)
    assert found is not None, f"a word, a sentence, a file and a name: {row}"
    _, sentence, file, name = found.groups()
    assert ". " not in sentence
    assert name in names_in(PACKAGE / file), f"{file} has no {name}"


def test_no_word_is_said_twice() -> None:
    words = [word for row in ROWS for word in row.split("|")[1].strip().split(", ")]
    assert len(words) == len(set(words)) > 40
