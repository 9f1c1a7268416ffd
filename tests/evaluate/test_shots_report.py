import re
from xml.etree import ElementTree

import numpy as np

from lfrd.evaluate.shots import Raised, Shot, score
from lfrd.evaluate.shots_figures import PlayedClip, Setting, Versions, figures
from lfrd.evaluate.shots_report import Crop, page, timeline

NASTY = "<script>&\"'"
SHOTS = (Shot(0, 50, ("anna",), ("ben",)), Shot(50, 100, ("ben",)))


def played(*raised: Raised) -> PlayedClip:
    return PlayedClip(
        NASTY, "shots.csv", np.arange(100) / 25, SHOTS, score(SHOTS, raised), (3, 4), 7, 1.0,
    )  # fmt: skip


RAISED = Raised(10, 0.4, "anna"), Raised(20, 0.8, "ben"), Raised(90, 3.6, "anna")


def test_the_timeline_tells_right_from_wrong_by_shape_and_colour() -> None:
    svg = timeline(played(*RAISED), ["anna", "ben"], "t")
    root = ElementTree.fromstring(svg)
    kinds = [(element.tag, element.get("class")) for element in root.iter()]
    assert kinds.count(("circle", "raised")) == 2
    assert kinds.count(("path", "wrong")) == 1
    assert kinds.count(("rect", "expected")) == 2
    assert kinds.count(("rect", "optional")) == 1
    assert root.get("role") == "img"
    for part in str(root.get("aria-labelledby")).split():
        assert root.find(f"*[@id='{part}']") is not None
    said = [element.text for element in root.iter("title")]
    assert "anna raised wrongly, frame 90, 3.60 s" in said
    assert "ben optional, frames 0-50" in said


def test_the_page_needs_nothing_else_and_escapes_names() -> None:
    clip = played(*RAISED)
    versions = Versions("0.1", "p", "d" * 64, "1.2")
    found = figures([clip], Setting(versions, 0.45, 2, None, None))
    text = page(found, [clip], ["anna", "ben"], [Crop(0, "anna", 10, b"jpeg")])
    assert "<script" not in text
    assert not re.search(r"(?:src|href)=\"(?!data:)", text)
    assert "prefers-color-scheme:dark" in text
    assert text.count("<img") == 1
    assert 'alt="The look kept of anna"' in text
    assert "anna raised wrongly at frame 90" in text
    assert "ben missed" in text


def test_a_long_name_is_cut_beside_the_timeline_only() -> None:
    name = "x" * 60
    svg = timeline(played(), [name], "t")
    assert "x" * 19 + "…" in svg
    assert "x" * 20 not in svg
