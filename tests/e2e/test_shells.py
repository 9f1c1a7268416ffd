"""Shells take our completion, and a checker of man pages our pages."""

import shutil
import subprocess
from pathlib import Path

import pytest

from support.program import Call

pytestmark = pytest.mark.e2e


def run(*words: str | Path, given: str | None = None) -> subprocess.CompletedProcess[str]:
    if shutil.which(str(words[0])) is None:
        pytest.skip(f"{words[0]} is not installed")
    return subprocess.run(
        list(map(str, words)), input=given, capture_output=True, text=True, timeout=60
    )


def test_fish_completes(call: Call, tmp_path: Path) -> None:
    script = tmp_path / "lfrd.fish"
    script.write_text(call("completion", "fish").out)
    done = run("fish", "-c", f"source {script}; complete -C 'lfrd alert rev'")
    found = {line.split("\t")[0] for line in done.stdout.splitlines()}
    assert found == {"review", "reviewers"}, done.stderr


def test_zsh_reads_it(call: Call, tmp_path: Path) -> None:
    script = tmp_path / "_lfrd"
    script.write_text(call("completion", "zsh").out)
    done = run(
        "zsh",
        "-f",
        "-c",
        f"autoload -U compinit; compinit -u -D; source {script}; whence -w _shtab_lfrd",
    )
    assert done.stdout.strip() == "_shtab_lfrd: function", done.stderr


def test_the_pages_are_in_order(call: Call, tmp_path: Path) -> None:
    assert call("man", "--all", tmp_path).code == 0
    for page in sorted(tmp_path.glob("*.1")):
        checked = run("mandoc", "-T", "lint", "-W", "warning", page)
        assert (checked.returncode, checked.stdout) == (0, ""), page.name


def test_man_shows_them_without_a_warning(call: Call, tmp_path: Path) -> None:
    assert call("man", "--all", tmp_path).code == 0
    for page in sorted(tmp_path.glob("*.1")):
        shown = run("man", "--warnings", "-l", page)
        assert (shown.returncode, shown.stderr) == (0, ""), page.name
        assert "lfrd manual" in shown.stdout
