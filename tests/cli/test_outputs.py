import stat
from pathlib import Path

import pytest

from lfrd.cli.outputs import check_output, write_private
from lfrd.errors import BadInput, UserError


def test_nobody_else_may_read_what_is_written(tmp_path: Path) -> None:
    new, old = tmp_path / "new.html", tmp_path / "old.html"
    old.write_text("much longer than what comes")
    old.chmod(0o644)
    for path in (new, old):
        check_output(path, ())
        write_private(path, "zoë")
        assert path.read_text(encoding="utf-8") == "zoë"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"):
        write_private(tmp_path / "no" / "x", "")
    for path, words in ((tmp_path, "is a folder"), (tmp_path / "no" / "x", "no folder")):
        with pytest.raises(BadInput, match=words):
            check_output(path, ())
    kept = tmp_path / "clip.mp4"
    kept.touch()
    with pytest.raises(BadInput, match="one of the inputs"):
        check_output(kept, (tmp_path / "gone", kept))
