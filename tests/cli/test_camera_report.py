"""A camera test as the command prints it."""

import pytest

from lfrd.cli.remote import report_text
from support.terminal import ADVICE, check_report


def test_the_angle_of_faces_is_printed() -> None:
    text = report_text(check_report())
    expected = "camera height +31 degrees to eye level, faces turned 12 degrees in the middle, 5%"
    assert expected in text
    assert text.endswith(f"- {ADVICE}")


@pytest.mark.parametrize("above_deg", [-0.3, 0.2])
def test_eye_level_has_one_sign(above_deg: float) -> None:
    report = check_report().model_copy(update={"elevation_median_deg": above_deg})
    assert "camera height +0 degrees" in report_text(report)


def test_what_is_not_known_is_said() -> None:
    unknown = {"elevation_median_deg": None, "yaw_median_deg": None, "share_turned": None}
    text = report_text(check_report().model_copy(update=unknown))
    assert "angle  unknown: too few faces tell" in text
    turned = check_report().model_copy(update={"elevation_median_deg": None, "share_turned": 0.8})
    assert "camera height unknown, faces turned 12 degrees in the middle, 80%" in report_text(
        turned
    )
