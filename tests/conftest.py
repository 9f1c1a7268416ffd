"""Fixtures that hold every test to the rules of the house."""

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of test media and models; without it the test is skipped and says so."""
    folder = Path(os.environ.get("LFRD_SHARED", REPOSITORY.parent / "shared"))
    if not (folder / "media").is_dir():
        reason = f"no test media in {folder} (set LFRD_SHARED)"
        if os.environ.get("LFRD_REQUIRE_SHARED") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return folder
