"""The drawing library's release for Python 3.11 uses a Pillow call that Pillow 14 will drop."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated"))
