"""`lfrd evaluate CLIP ...` on labelled clips: all of it, and as a process that is told to end."""

import itertools
import json
import re
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from lfrd.demo.clip import LISTED
from support.program import Call, environment, refused
from support.video import clip, encode, moving_picture, shortened

HAMILTON = ("lin-manuel-miranda.png", "alex-lacamoire.png", "obama.jpg", "biden.jpg")
SHOTS = """start,end,present,optional
0,20,,lin-manuel-miranda;alex-lacamoire
20,82,,alex-lacamoire
82,150,lin-manuel-miranda,
"""
FRAMES = 150


def labels(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "shots.csv"
    path.write_text(text)
    return path


@pytest.mark.e2e
@pytest.mark.shared
def test_a_labelled_clip_is_measured_as_try_and_the_scorer_do(
    call: Call, monkeypatch: pytest.MonkeyPatch, shared: Path, tmp_path: Path
) -> None:
    media, table, known = shared / "media" / "hamilton", labels(tmp_path, SHOTS), tmp_path / "list"
    known.mkdir()
    for name in HAMILTON:
        (known / name).symlink_to(media / name)
    film = shortened(media / "short_hamilton_clip.mp4", tmp_path / "film.mp4", FRAMES)
    state = tmp_path / "state"
    page, out = tmp_path / "report.html", tmp_path / "out.json"
    state.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(state))
    ran = call(
        "evaluate", film, "--watchlist", known, "--labels", table, "--json", "--report", page,
        "--out", out, "--baseline", "--baseline-every", "8", "--require-raised", "1",
        "--require-wrong-at-most", "0",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert ran.err == "", "no terminal, no progress"
    found = json.loads(ran.out)
    assert json.loads(out.read_text()) == found
    totals, clip_ = found["totals"], found["clips"][0]
    assert (totals["expected"], totals["raised"], totals["wrong"]) == (1, 1, 0)
    assert clip_["frames"] == FRAMES
    assert clip_["templates_outside_shots"] == 0
    assert sum(shot["templates"] for shot in found["shots"]) == totals["templates"] > 0
    assert 0 <= totals["median_s"] < 5
    assert found["list_size"] == 4
    assert found["baseline"]["expected"] == 1
    assert found["baseline"]["templates"] > 0
    assert page.read_text().count("<img") >= 1
    assert stat.S_IMODE(page.stat().st_mode) == stat.S_IMODE(out.stat().st_mode) == 0o600
    assert not list(state.iterdir()), "the site and its faces are gone"

    tried = call("try", film, "--watchlist", known, "--every-frame", "--json")
    events = tmp_path / "events.jsonl"
    events.write_text(tried.out)
    command = [sys.executable, shared / "tools" / "score_shots.py", table, events]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30).stdout
    assert said.splitlines()[-1] == "1/1 person-shots raised, 0 wrong []"
    assert tried.lines[-1]["templates_made"] == totals["templates"]


@pytest.mark.slow
@pytest.mark.e2e
def test_nobody_who_was_raised_wrongly_is_drawn(
    call: Call, demo_clip: Path, tmp_path: Path, photos: Path
) -> None:
    """The astronaut passes twice, and the labels say that the second time it is somebody else."""
    page = tmp_path / "report.html"
    table = labels(tmp_path, f"40,260,{LISTED},\n260,600,,\n")
    ran = call(
        "evaluate", demo_clip, "--watchlist", photos, "--labels", table, "--report", page,
        "--json", "--require-wrong-at-most", "0", "--detect-hz", "8",
    )  # fmt: skip
    assert ran.code == 1
    assert "1 wrong identities, 0 are allowed" in ran.err
    found = json.loads(ran.out)
    assert (found["totals"]["raised"], found["totals"]["wrong"]) == (1, 1)
    assert page.read_text().count("<img") == 1
    assert page.read_text().count("raised wrongly at frame") == 1


@pytest.mark.slow
def test_a_clip_without_stamps_is_played_and_a_missed_bar_is_exit_code_1(
    call: Call, tmp_path: Path, photos: Path
) -> None:
    bare = encode(tmp_path / "bare.h264", moving_picture(frames=30))
    table = labels(tmp_path, f"0,20,{LISTED},\n20,30,,\n")
    ran = call("evaluate", bare, "--watchlist", photos, "--labels", table, "--require-raised", "1")
    assert ran.code == 1
    assert "Traceback" not in ran.err
    assert "bare.h264 does not say when" in ran.err
    assert "0 person-shots raised, 1 are required" in ran.err
    assert f"{LISTED} MISSED" in ran.out


@pytest.mark.slow
def test_two_clips_and_one_searched_less_often(call: Call, tmp_path: Path, photos: Path) -> None:
    films = [clip(tmp_path / name, frames=30) for name in ("a.mp4", "b #2?.mp4")]
    table = labels(tmp_path, f"5,20,,{LISTED}\n")
    ran = call(
        "evaluate", *films, "--watchlist", photos, "--labels", table, "--labels", table, "--json",
        "--detect-hz", "5",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert [item["frames"] for item in found["clips"]] == [30, 30]
    assert found["detect_hz"] == 5
    assert found["totals"]["median_s"] is None


def test_what_is_wrong_is_said_in_a_sentence_before_anything_plays(
    call: Call, tmp_path: Path, photos: Path
) -> None:
    film = clip(tmp_path / "a.mp4", frames=30)
    usual = (film, "--watchlist", photos, "--labels")
    table = labels(tmp_path, f"0,31,{LISTED},\n")
    refused(call("evaluate", *usual, table), "frame 31", "30 frames")
    refused(call("evaluate", *usual, tmp_path / "gone.csv"), "gone.csv")
    refused(call("evaluate", *usual, table, "--register"), "--register")


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = itertools.repeat(next(moving_picture()), 3000)
    return encode(tmp_path_factory.mktemp("long") / "a.mp4", pictures)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_nothing_behind(
    tmp_path: Path, photos: Path, long_film: Path, number: signal.Signals
) -> None:
    film, state = long_film, tmp_path / "state"
    state.mkdir()
    table = labels(tmp_path, "0,9,,\n")
    command = [sys.executable, "-m", "lfrd", "evaluate", film, "--watchlist", photos,
               "--labels", table]  # fmt: skip
    with subprocess.Popen(
        command, env=environment(TMPDIR=str(state)), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        end_s = time.monotonic() + 60
        while not list(state.glob("lfrd-lab-*/*.db")):
            assert time.monotonic() < end_s
            assert process.poll() is None
            time.sleep(0.05)
        time.sleep(1.0)
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert out == ""
    assert not re.search("Traceback|never retrieved", err), err
    assert not list(state.iterdir())
