"""What all tests of the screen share: no time is spent on pictures that are not looked at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from textual._compositor import Compositor
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The drawing library's release for Python 3.11 uses a Pillow call that Pillow 14 will drop."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:Image.Image.getdata is deprecated"))


@pytest.fixture(scope="module", autouse=True)
def drawn_when_looked_at() -> Iterator[None]:
    """Without a terminal what Textual draws is thrown away, which is two fifths of such a test:
    here the screen is drawn by `text_of`, and once as a test ends."""

    def nothing(compositor: Compositor, *_: object, **__: object) -> None:
        compositor._dirty_regions.clear()

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Compositor, "render_update", nothing)
        yield


@pytest.fixture(scope="module", autouse=True)
def styles_are_read_once() -> Iterator[None]:
    """The same style sheets of the same variables are parsed for each app anew, a tenth of it."""
    known: dict[object, list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def once(sheet: Stylesheet, *given: Any, **named: Any) -> list[RuleSet]:
        key = tuple(sorted(sheet._variables.items())), given, tuple(sorted(named.items()))
        if key not in known:
            known[key] = parse(sheet, *given, **named)
        return known[key]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Stylesheet, "_parse_rules", once)
        yield
