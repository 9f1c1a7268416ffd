"""The glossary names what the code has."""

import ast
import re
from pathlib import Path

import pytest

from support.walks import PACKAGE, ROOT

TEXT = (ROOT / "docs" / "glossary.md").read_text()
ROW = re.compile(r"\| ([^|]+) \| ([^|]+\.) \| `(\w+(?:/\w+)*\.py)` `([\w.]+)` \|")
ROWS = [line for line in TEXT.splitlines() if line.startswith("| ") and "| Word |" not in line]


def names_in(path: Path) -> set[str]:
    """What a module defines, and what its classes do."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
            if isinstance(node, ast.ClassDef):
                found |= {
                    f"{node.name}.{inner.name}"
                    for inner in node.body
                    if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)
                }
        elif isinstance(node, ast.Assign):
            found |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return found


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
