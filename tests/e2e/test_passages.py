"""Faces walking through a rendered scene, by way of the whole program."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lfrd.evaluate.labelled import enlarged
from lfrd.matching import curve
from lfrd.matching.evidence import EvidenceRule
from lfrd.matching.threshold import Risk, derive
from lfrd.vision import packs
from support.lfw_clip import passage_at, plan, render
from support.program import lfrd

pytestmark = [pytest.mark.e2e, pytest.mark.shared]

LISTED = ("Ariel_Sharon", "Colin_Powell", "Gerhard_Schroeder", "Hugo_Chavez")
STRANGERS = ("Jacques_Chirac", "Junichiro_Koizumi", "Vladimir_Putin", "Tony_Blair")
PASSAGES = 3
ONE_IN, LOOKS = 1000, 16


def test_who_is_listed_is_raised_at_the_derived_threshold_and_nobody_else(
    shared: Path, tmp_path: Path
) -> None:
    """24 passages, none of them with the reference photo; see `make accuracy` for the rates."""
    people = {
        name: sorted((shared / "media" / "lfw" / name).iterdir()) for name in LISTED + STRANGERS
    }
    planned = plan({name: photos[1:13] for name, photos in people.items()}, PASSAGES, seed=3)
    clip = render(tmp_path / "walk.mp4", planned)
    (tmp_path / "list").mkdir()
    for name in LISTED:
        rgb = np.asarray(Image.open(people[name][0]).convert("RGB"), np.uint8)
        Image.fromarray(enlarged(rgb)).save(tmp_path / "list" / f"{name}.png")
    ran = lfrd(
        "try", clip, "--watchlist", tmp_path / "list", "--every-frame", "--json",
        LFRD_MATCHING__THRESHOLD=str(threshold()),
    )  # fmt: skip
    assert ran.code == 0, ran.err
    candidates = [line for line in ran.lines if line["event"] == "candidate"]
    found = {passage_at(planned, line["entry"], line["at_s"]) for line in candidates}
    assert None not in found, "somebody was raised who was not there"
    missed = {passage for passage in planned if passage.person in LISTED} - found
    assert len(missed) <= 1, missed
    assert json.loads(ran.out.splitlines()[-1])["tracks"] >= len(planned)


def threshold() -> float:
    """What the daemon would derive for this list."""
    digest = packs.load(packs.DEFAULT_PACK, packs.default_cache_dir()).model_digest
    shipped = curve.find(digest, None, EvidenceRule())
    return derive(shipped, Risk(ONE_IN), references=len(LISTED), looks=LOOKS).threshold
