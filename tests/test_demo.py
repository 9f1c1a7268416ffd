"""The demo and `try`, as somebody who just cloned the project runs them: no test media needed."""

from pathlib import Path

import numpy as np
import pytest

from lfrd.demo.clip import LISTED, listed_photo
from support.photos import somebody_in_a_room
from support.program import Call, Ran, lfrd
from support.video import encode, shortened

CANDIDATE_KEYS = {"event", "entry", "camera", "frame", "at_s", "score", "threshold", "latency_ms"}
SUMMARY_KEYS = {
    "event", "frames_decoded", "frames_detected", "frames_dropped", "tracks", "candidates",
    "templates_made", "templates_destroyed", "templates_enrolled", "startup_s", "wall_s", "cpu_s",
    "deployment_id", "tracks_split",
}  # fmt: skip
CLIP_FRAMES = 600
FIRST_PASS_FRAMES = 150


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A list of one person with one photo, in a folder of its own as several photos would be."""
    folder = tmp_path_factory.mktemp("list")
    (folder / LISTED).mkdir()
    (folder / LISTED / "official.jpg").write_bytes(listed_photo())
    (folder / ".hidden").write_text("ignored")
    return folder


@pytest.fixture(scope="module")
def every_frame(demo_clip: Path, photos: Path) -> Ran:
    return lfrd("try", demo_clip, "--watchlist", photos, "--every-frame", "--json")


@pytest.mark.slow
@pytest.mark.e2e
def test_every_frame_is_searched_and_only_the_listed_person_is_raised(every_frame: Ran) -> None:
    assert every_frame.code == 0, every_frame.err
    *events, summary = every_frame.lines
    assert set(summary) >= SUMMARY_KEYS
    assert summary["event"] == "summary"
    assert summary["frames_decoded"] == summary["frames_detected"] == CLIP_FRAMES
    assert summary["frames_dropped"] == 0
    assert summary["templates_made"] == summary["templates_destroyed"] > 0
    assert summary["templates_enrolled"] == 1
    raised = [event for event in events if event["event"] == "candidate"]
    assert summary["candidates"] == len(raised) == 2, "the astronaut passes twice"
    assert {event["entry"] for event in events} == {LISTED}
    assert summary["tracks_split"] == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cut", "split"), [(False, 1), (True, 0)], ids=["in the same room", "after a cut"]
)
def test_a_person_in_the_place_of_another_is_a_passing_face_of_their_own(
    call: Call, tmp_path: Path, photos: Path, cut: bool, split: int
) -> None:
    pictures = [
        *(somebody_in_a_room("other", number) for number in range(15)),
        *(somebody_in_a_room("astronaut", number) for number in range(15)),
    ]
    lamp = np.full((720, 1280, 1), 255, np.uint8)
    for number, picture in enumerate(pictures):  # it hangs at the right, after a cut at the left
        side = slice(0, 450) if cut and number >= 15 else slice(750, 1280)
        picture[:, side] = lamp[:, side]
    film = encode(tmp_path / "film.mp4", pictures, fps=10)
    ran = call("try", film, "--watchlist", photos, "--every-frame", "--json")
    assert ran.code == 0, ran.err
    *events, summary = ran.lines
    assert (summary["tracks"], summary["tracks_split"]) == (2, split)
    assert {(event["entry"], event["track"]) for event in events} == {(LISTED, 2)}
    assert summary["candidates"] == 1
    assert min(event["frame"] for event in events) >= 15
    assert summary["templates_made"] == summary["templates_destroyed"] > 0


@pytest.mark.slow
@pytest.mark.e2e
def test_the_lines_keep_their_contract(every_frame: Ran) -> None:
    *events, _ = every_frame.lines
    for event in events:
        assert set(event) >= CANDIDATE_KEYS
        assert event["event"] in {"candidate", "update"}
        assert event["latency_ms"] is None
        assert event["score"] >= event["threshold"] == 0.45
        assert event["at_s"] == pytest.approx(event["frame"] / 25, abs=0.05)
    first_of_track = {event["track"]: event["event"] for event in reversed(events)}
    assert set(first_of_track.values()) == {"candidate"}
    raised = [event["track"] for event in events if event["event"] == "candidate"]
    assert len(raised) == len(set(raised)), "one candidate line for each track and entry"


@pytest.mark.slow
@pytest.mark.e2e
def test_full_speed_by_media_time_is_repeatable(
    call: Call, demo_clip: Path, photos: Path, tmp_path: Path
) -> None:
    """Until the listed person has been raised."""
    film = shortened(demo_clip, tmp_path / "film.mp4", FIRST_PASS_FRAMES)
    runs = [call("try", film, "--watchlist", photos, "--detect-hz", "8", "--json") for _ in "ab"]
    first, second = ([event for event in run.lines if event["event"] != "summary"] for run in runs)
    assert first
    assert first == second
    summary = runs[0].lines[-1]
    assert summary["frames_decoded"] == FIRST_PASS_FRAMES
    assert summary["frames_detected"] == pytest.approx(FIRST_PASS_FRAMES / 25 * 8, abs=3)
    assert summary["frames_dropped"] == 0


@pytest.mark.slow
@pytest.mark.e2e
def test_the_demo_raises_the_astronaut_and_nobody_else_over_rtsp() -> None:
    ran = lfrd("demo", "--headless", "--seconds", "6")
    assert ran.code == 0, ran.err
    *events, summary = ran.lines
    assert {event["entry"] for event in events} == {LISTED}
    assert all(event["latency_ms"] > 0 for event in events)
    assert summary["templates_made"] == summary["templates_destroyed"] > 0
    assert summary["tracks"] >= 3
