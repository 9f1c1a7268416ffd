"""An export appears whole or not at all, whatever comes and whoever else writes."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.audit.export import Head, export_folder, head_of, whole
from lfrd.audit.verify import BadLog, leaf_hash
from support.audit import KEY, checkpoint_of, leaves_of

LEAVES = leaves_of(5)
HEAD = Head(KEY.name, 5, (KEY.public.text,), (checkpoint_of(LEAVES, 5).note,))
TEXT = whole(HEAD, [(leaf, leaf_hash(leaf)) for leaf in LEAVES])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def take(folder: Path, text: bytes, step: int = 7) -> None:
    with export_folder(folder) as writer:
        for at in range(0, len(text), step):
            writer.feed(text[at : at + step])
        writer.finish()


@given(st.integers(1, 400))
def test_it_may_come_in_pieces_of_any_size(step: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        take(Path(folder) / "out", TEXT, step)
        assert names(Path(folder) / "out") == [
            "checkpoints", "hashes", "keys", "leaves.jsonl", "manifest.json",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "cut off"),
        (TEXT[:-4], "cut off: 5 of 5"),
        (TEXT[: len(TEXT) // 2], "cut off"),
        (TEXT + b"more\n", "after its end"),
        (b"hello\n" + TEXT, "no export"),
        (b"[1]\n", "no export"),
        (TEXT.replace(b'"n":"3"', b'"n":"4"'), "leaf 3 is not what was logged"),
        (TEXT.replace(leaf_hash(LEAVES[2]).hex().encode(), b"ab"), "has no hash"),
        (TEXT.replace(leaf_hash(LEAVES[2]).hex().encode(), b"z" * 64), "has no hash"),
        (TEXT.replace(b'"leaves": 5', b'"leaves": 6'), "cut off: 5 of 6"),
    ],
)
def test_what_is_no_whole_export_leaves_nothing(tmp_path: Path, text: bytes, says: str) -> None:
    with pytest.raises(BadLog, match=says):
        take(tmp_path / "out", text)
    assert names(tmp_path) == []


def take_late(folder: Path) -> None:
    """Somebody else makes the folder meanwhile."""
    with export_folder(folder) as writer:
        writer.feed(TEXT)
        writer.finish()
        folder.mkdir()
        (folder / "mine").write_text("kept")


def test_what_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("kept")
    with pytest.raises(FileExistsError):
        take(tmp_path / "out", TEXT)
    with pytest.raises(FileExistsError):
        take_late(tmp_path / "later")
    assert names(tmp_path) == ["later", "out"]
    assert names(tmp_path / "out") == names(tmp_path / "later") == ["mine"]


def test_a_head_says_itself() -> None:
    assert head_of(HEAD.line) == HEAD
