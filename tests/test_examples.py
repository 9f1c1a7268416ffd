"""The plain suite tries the same examples, whatever ran before in its process."""

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

RARE = 424_242_424_242


@pytest.mark.skipif(not settings().derandomize, reason="new examples are asked for")
def test_a_module_that_is_loaded_changes_no_example(tmp_path: Path) -> None:
    """The module lies outside a folder of tests: Hypothesis leaves those out anyway."""
    tried: list[int] = []

    @given(st.integers())
    def collect(number: int) -> None:
        tried.append(number)

    collect()
    before, tried = tried, []
    source = tmp_path / "rare.py"
    source.write_text(f"NUMBER = {RARE}\n")
    spec = importlib.util.spec_from_file_location("rare", source)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rare"] = module
    try:
        spec.loader.exec_module(module)
        collect()
    finally:
        del sys.modules["rare"]
    assert tried == before
    assert len(set(before)) > 20
