"""The gate says what speaks against a photo, with its number."""

import dataclasses

import numpy as np
import pytest

from lfrd.lists.photo_gate import (
    Company,
    GateMode,
    GateRule,
    Neighbour,
    PhotoRefused,
    Weight,
    as_json,
    examine,
    from_json,
    refuse,
)
from lfrd.types import Quality, Texture
from lfrd.vision.quality import texture

GOOD = Quality(95.0, 2.0, 3.0, 200.0, 0.5, 0.93, 0.9)
RULE = GateRule()
PLAIN = Texture(60.0, 60.0, 60.0, 80.0)
"""Colourful, with texture everywhere."""


def codes(
    quality: Quality = GOOD, company: Company | None = None, of: Texture = PLAIN
) -> dict[str, Weight]:
    found = examine(quality, of, (), company or Company(), RULE)
    return {finding.code: finding.weight for finding in found}


def test_a_good_photo_has_nothing_against_it() -> None:
    assert codes() == {}


@pytest.mark.parametrize(("turned_deg", "words"), [(90, "on its side"), (180, "on its head")])
def test_that_a_photo_was_turned_is_for_people_to_look_at(turned_deg: int, words: str) -> None:
    (found,) = examine(GOOD, PLAIN, (), Company(), RULE, turned_deg=turned_deg)
    assert (found.code, found.weight, found.value) == ("photo-turned", Weight.WARN, turned_deg)
    assert words in found.message
    assert f"clockwise by {turned_deg} degrees" in found.message
    refuse((found,), GateMode.STRICT, "x")  # it is no fault of the face


@pytest.mark.parametrize(
    ("change", "code", "weight"),
    [
        ({"inter_eye_px": 59.0}, "small", Weight.AGAINST),
        ({"inter_eye_px": 89.0}, "small", Weight.WARN),
        ({"yaw_deg": -31.0}, "turned", Weight.AGAINST),
        ({"pitch_deg": 26.0}, "tilted", Weight.AGAINST),
        ({"sharpness": 10.0}, "blurred", Weight.AGAINST),
        ({"sharpness": 40.0}, "blurred", Weight.WARN),
        ({"exposure": 0.1}, "dark", Weight.AGAINST),
        ({"exposure": 0.9}, "bright", Weight.AGAINST),
        ({"detector_score": 0.6}, "unclear", Weight.WARN),
    ],
)
def test_each_measure_has_its_reason(change: dict[str, float], code: str, weight: Weight) -> None:
    assert codes(dataclasses.replace(GOOD, **change)) == {code: weight}


def test_greyscale_flat_and_covered_are_seen_in_the_pixels() -> None:
    crop = np.random.default_rng(5).integers(20, 235, (112, 112, 3), np.uint8)
    assert codes(of=texture(crop)) == {}
    grey = np.repeat(crop[..., :1], 3, axis=2)
    assert codes(of=texture(grey)) == {"greyscale": Weight.WARN}
    flat = (crop // 30 + 100).astype(np.uint8)
    assert codes(of=texture(flat))["flat"] is Weight.AGAINST
    mask = crop.copy()
    mask[70:, :] = (60, 90, 200)
    assert codes(of=texture(mask)) == {"covered": Weight.WARN}
    glasses = crop.copy()
    glasses[38:64, :] = (10, 12, 9)
    assert codes(of=texture(glasses))["covered"] is Weight.WARN


@pytest.mark.parametrize(
    ("company", "code", "weight"),
    [
        (Company(own=0.29), "unlike", Weight.AGAINST),
        (Company(own=0.40), "unlike", Weight.WARN),
        (Company(own=0.99), "same-picture", Weight.WARN),
        (Company(nearest=Neighbour("e", 0.43)), "look-alike", Weight.WARN),
        (Company(same_file_entry_id="e"), "same-file", Weight.AGAINST),
    ],
)
def test_what_a_photo_resembles(company: Company, code: str, weight: Weight) -> None:
    assert codes(company=company) == {code: weight}


def test_resembling_nobody_and_being_like_oneself_is_fine() -> None:
    assert codes(company=Company(own=0.6, nearest=Neighbour("e", 0.41))) == {}


def test_strict_refuses_what_warn_records() -> None:
    found = examine(
        dataclasses.replace(GOOD, inter_eye_px=40.0, exposure=0.1),
        PLAIN,
        ("rotated",),
        Company(),
        RULE,
    )
    refuse(found, GateMode.WARN, "x")
    with pytest.raises(PhotoRefused, match=r"photo x is refused: 40 px between the eyes.*too dark"):
        refuse(found, GateMode.STRICT, "x")
    only_warnings = examine(
        dataclasses.replace(GOOD, inter_eye_px=80.0), PLAIN, (), Company(), RULE
    )
    refuse(only_warnings, GateMode.STRICT, "x")


def test_findings_come_back_as_they_were_kept() -> None:
    found = examine(
        dataclasses.replace(GOOD, yaw_deg=40.0), PLAIN, ("reduced", "converted"),
        Company(0.2, Neighbour("e", 0.5)), RULE,
    )  # fmt: skip
    assert from_json(as_json(found)) == found
    assert {"read-reduced", "read-converted"} <= {finding.code for finding in found}
