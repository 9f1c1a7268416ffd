"""A small part of `make fuzz-cameras`."""

from pathlib import Path

import pytest

from support.fuzz_cameras import fuzz


@pytest.mark.slow
@pytest.mark.e2e
async def test_hostile_cameras_end_nothing_and_no_password_is_shown(tmp_path: Path) -> None:
    found = await fuzz(tmp_path, cases=60, seed=3)
    assert found.is_well, str(found)
    assert found.cases == 60
