"""Each command of the administrator's page is done by `make boot-test`, or has a reason not to."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "administrator.md").read_text()


@pytest.fixture(scope="module")
def tried() -> ModuleType:
    spec = importlib.util.spec_from_file_location("tried", ROOT / "packaging" / "administrator.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["tried"] = module  # its dataclasses look for themselves
    spec.loader.exec_module(module)
    return module


def test_each_command_is_done_or_has_a_reason(tried: ModuleType) -> None:
    found = set(tried.commands(PAGE))
    assert len(found) > 30
    done = {text for text in found if tried.why_not(text) is None}
    assert done == tried.STEPS.keys()
    assert found >= tried.SKIPPED.keys()
    assert not tried.STEPS.keys() & tried.SKIPPED.keys()
    assert all(len(reason) > 20 for reason in tried.SKIPPED.values())


def test_the_site_is_taken_away_last(tried: ModuleType) -> None:
    order = tried.in_order(PAGE)
    assert sorted(order) == sorted(tried.commands(PAGE))
    assert order[-4:] == [
        "lfrd service install --uninstall --dry-run", "lfrd service install --uninstall",
        "rm -r /var/lib/lfrd /etc/lfrd /opt/lfrd", "userdel lfrd",
    ]  # fmt: skip
