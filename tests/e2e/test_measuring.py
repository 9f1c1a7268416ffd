"""`lfrd models calibrate` and `lfrd evaluate` as an operator runs them, on a small cohort."""

import itertools
import json
from pathlib import Path

import pytest

from lfrd.evaluate.calibrate import LEAST_PEOPLE
from lfrd.matching import curve
from lfrd.matching.evidence import EvidenceRule
from lfrd.matching.threshold import Risk, derive
from lfrd.vision import packs
from support.program import lfrd

pytestmark = [pytest.mark.e2e, pytest.mark.shared]


@pytest.fixture(scope="module")
def cohort(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two photos each of as many people as a calibration needs at least."""
    folder = tmp_path_factory.mktemp("cohort")
    several = (
        person
        for person in sorted((shared / "media" / "lfw").iterdir())
        if person.is_dir() and len(list(person.iterdir())) > 1
    )
    for person in itertools.islice(several, 2 * LEAST_PEOPLE):
        (folder / person.name).mkdir()
        for photo in sorted(person.iterdir())[:2]:
            (folder / person.name / photo.name).symlink_to(photo)
    return folder


def test_a_curve_is_measured_kept_and_used(cohort: Path, tmp_path: Path) -> None:
    digest = packs.load(packs.DEFAULT_PACK, packs.default_cache_dir()).model_digest
    state = tmp_path / "state"
    ran = lfrd("models", "calibrate", cohort, "--seed", "2", LFRD_SITE__STATE_DIR=str(state))
    assert ran.code == 0, ran.err
    assert "strangers reach" in ran.out
    own = curve.find(digest, state / "curves", EvidenceRule())
    assert own.identities == LEAST_PEOPLE
    assert own.pairs == LEAST_PEOPLE * (LEAST_PEOPLE - 1) // 2
    shipped = curve.find(digest, None, EvidenceRule())
    for rate in (1e-2, 1e-3):  # some thousand pairs tell these rates, and LFW's are LFW's
        assert own.score_at(rate) == pytest.approx(shipped.score_at(rate), abs=0.03)
    rare = derive(own, Risk(1000), references=50, looks=3)
    assert rare.extrapolated, "so few pairs support no such promise"


def test_an_evaluation_keeps_its_contract(cohort: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    ran = lfrd(
        "evaluate", cohort, "--list-size", "100", "--target-fpir", "0.01", "--report", report,
        "--json", LFRD_SITE__STATE_DIR=str(tmp_path / "state"),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["verification"]["accuracy"] > 0.97
    assert 0.3 < found["threshold"] < 0.6
    for name, most in (("fpir", 0.03), ("fnir", 0.1)):
        rate = found[name]
        assert rate["lo"] <= rate["k"] / rate["n"] <= rate["hi"]
        assert rate["k"] / rate["n"] < most, (name, rate)
    assert found["fnir"]["n"] == 100
    page = report.read_text()
    assert page.count("<svg") == 2
    assert "http://" not in page.replace("http://www.w3.org", "")
