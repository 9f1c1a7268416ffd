import json
from dataclasses import replace

import numpy as np
import pytest

from lfrd.evaluate.naive import Naive
from lfrd.evaluate.shots import LATE_FRAMES, Raised, Shot, score
from lfrd.evaluate.shots_figures import Figures, PlayedClip, Setting, Versions, figures, text
from lfrd.stats import wilson

SHOTS = (Shot(0, 50, ("anna", "ben")), Shot(50, 100, (), ("zoe",)), Shot(150, 200, ("anna",)))
NAIVE = Naive(
    tuple(Raised(frame, frame / 25, name) for frame, name in (
        (2, "anna"), (3, "anna"), (4, "ben"), (60, "zoe"),
        (70, "ben"), (71, "ben"), (155, "ben"), (120, "ben"), (121, "ben"),
    )), faces=(4, 8, 60, 160), frames=50, templates=75, wall_s=3.0,
)  # fmt: skip


def played(*raised: Raised, naive: Naive | None = None, name: str = "clip.mp4") -> PlayedClip:
    return PlayedClip(
        clip=name, labels="shots.csv", at_s=np.arange(200) / 25, shots=SHOTS,
        score=score(SHOTS, raised),
        templates_by_shot=(5, 3, 2), templates=12, wall_s=2.5, naive=naive,
    )  # fmt: skip


def summed(*clips: PlayedClip, every: int | None = None) -> Figures:
    return figures(clips, Setting(Versions("0.1", "p", "d" * 64, "1.2"), 0.45, 3, None, every))


def test_totals_add_up_over_clips() -> None:
    one = played(Raised(10, 0.4, "anna", 0.51239), Raised(160, 6.4, "anna"), Raised(60, 2.4, "ben"))
    found = summed(one, played(Raised(25, 1.0, "ben"), name="b.mp4"))
    totals = found.totals
    rate = wilson(4, 6)
    assert (totals.expected, totals.raised, totals.wrong, totals.templates) == (6, 4, 0, 24)
    assert totals.lo == pytest.approx(rate.lo, abs=1e-5)
    assert totals.hi == pytest.approx(rate.hi, abs=1e-5)
    assert totals.median_s == pytest.approx(0.7), "0.4, 0.4, 1.0, 2.4; the last after a cut"
    assert [shot.clip for shot in found.shots] == [0, 0, 0, 1, 1, 1]
    first = found.shots[0]
    assert [(item.entry, item.after_s, item.score) for item in first.raised] == [
        ("anna", 0.4, 0.5124), ("ben", 2.4, 0.0),
    ]  # fmt: skip
    assert found.shots[3].missed == ("anna",)
    assert [clip.templates_outside_shots for clip in found.clips] == [2, 2]


def test_wrong_identities_say_where_they_were() -> None:
    found = summed(played(), played(Raised(70, 2.8, "ben"), Raised(120, 4.8, "anna")))
    assert [(item.clip, item.entry, item.frame) for item in found.wrong] == [
        (1, "ben", 70), (1, "anna", 120),
    ]  # fmt: skip
    assert found.totals.wrong == 2
    assert found.totals.median_s is None


def test_the_naive_loop_counts_a_wrong_person_once_a_shot() -> None:
    loop = summed(played(naive=NAIVE), every=4).baseline
    assert loop is not None
    assert (loop.raised, loop.expected, loop.every, loop.templates) == (2, 3, 4, 75)
    assert loop.wrong_looks == 5
    assert loop.wrong == 3, "in the second shot, in the third, and outside of any"
    assert loop.median_s == pytest.approx(0.12)


def test_time_runs_from_the_first_face_too_where_the_loop_saw_it() -> None:
    raised = Raised(10, 0.4, "anna"), Raised(2, 0.08, "ben"), Raised(155, 6.2, "anna")
    found = summed(played(*raised, naive=NAIVE), every=4)
    seen = [(one.after_s, one.after_face_s) for shot in found.shots for one in shot.raised]
    assert seen == [(0.08, 0.0), (0.4, 0.24), (0.2, 0.0)], "never before it was there"
    assert found.totals.median_after_face_s == 0.0
    assert found.baseline is not None
    assert found.baseline.median_after_face_s == 0.0
    blind = replace(NAIVE, faces=(120,))
    found = summed(played(*raised, naive=blind), every=4)
    assert found.totals.median_after_face_s is None
    assert summed(played(*raised)).totals.median_after_face_s is None


def test_the_json_is_a_contract() -> None:
    found = json.loads(summed(played(naive=NAIVE), every=1).as_json())
    assert list(found) == [
        "clips", "shots", "wrong", "totals", "baseline", "versions", "threshold", "list_size",
        "detect_hz", "late_frames",
    ]  # fmt: skip
    assert found["late_frames"] == LATE_FRAMES == 12
    totals = {"expected", "raised", "lo", "hi", "wrong", "templates", "median_s",
              "median_after_face_s", "wall_s"}  # fmt: skip
    assert set(found["totals"]) == totals
    assert set(found["baseline"]) == totals | {"every", "wrong_looks"}
    assert set(found["versions"]) == {"lfrd", "pack", "model", "onnxruntime"}
    assert set(found["clips"][0]) == {
        "clip", "labels", "frames", "seconds", "templates", "templates_outside_shots", "wall_s",
    }  # fmt: skip
    assert set(found["shots"][0]) == {
        "clip", "start", "end", "start_s", "end_s", "expected", "optional", "raised", "missed",
        "templates",
    }  # fmt: skip
    assert json.loads(summed(played()).as_json())["baseline"] is None


def test_the_text_says_the_same() -> None:
    lines = "\n".join(
        text(summed(played(Raised(10, 0.4, "anna"), Raised(70, 2.8, "ben"), naive=NAIVE), every=3))
    )
    assert "anna 0.40 s, ben MISSED" in lines
    assert "wrong: ben at frame 70 (2.80 s)" in lines
    assert "raised: 1 of 3, 33.3% (95 %: 6.1% to 79.2%) of person-shots" in lines
    assert "wrong identities: 1 in 3 shots" in lines
    assert "2 templates in frames outside any shot" in lines
    assert "naive loop, every 3rd frame: 2 of 3" in lines


def test_where_nobody_is_expected_no_rate_is_claimed() -> None:
    clip = PlayedClip(
        "c", "l", np.arange(50) / 25, (Shot(0, 50, ()),), score((Shot(0, 50, ()),), ()), (0,), 0,
        1.0,
    )  # fmt: skip
    found = summed(clip)
    assert (found.totals.lo, found.totals.hi) == (0.0, 1.0)
    assert "no person was expected" in "\n".join(text(found))
