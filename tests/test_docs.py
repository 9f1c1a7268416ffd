"""What the documents tell people to type is what the program understands."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from lfrd.__main__ import parser

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
BLOCK = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)


def commands(path: Path) -> Iterator[str]:
    """The command lines of a document's code blocks, continued lines joined."""
    for block in BLOCK.findall(path.read_text()):
        for line in block.replace("\\\n", " ").splitlines():
            text = line.split(" #")[0].strip().removeprefix("$ ").removeprefix("sudo ")
            yield from (part.strip() for part in text.split(" && "))


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_commands_parse(path: Path) -> None:
    for command in commands(path):
        words = shlex.split(command) if command.startswith((".venv/bin/lfrd", "lfrd ")) else []
        if words and words[0] in {"lfrd", ".venv/bin/lfrd"} and "--help" not in words:
            words = [word for word in words if word not in {"[...]", "..."}]
            parser().parse_args(words[1:])


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_make_targets_exist(path: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text()))
    for command in commands(path):
        if command.startswith("make "):
            assert command.split()[1] in targets, command


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / link).exists(), f"{name_of(path)} links to {link}"
