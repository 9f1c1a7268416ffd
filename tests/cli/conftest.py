"""What several commands are given."""

from pathlib import Path

import pytest

from lfrd.demo.clip import LISTED, listed_photo


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with the photo of one person."""
    folder = tmp_path / "list"
    folder.mkdir()
    (folder / f"{LISTED}.jpg").write_bytes(listed_photo())
    return folder
