"""`lfrd evaluate` measures photos or clips: which options go with which, and what it says."""

from pathlib import Path

import pytest

from lfrd.__main__ import parser
from lfrd.cli.evaluate_options import ClipOptions, clips_of, folder_of, means_clips
from lfrd.errors import BadInput, NotFound


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    path = tmp_path / "a.mp4"
    path.touch()
    return path


def asked(*words: str | Path) -> ClipOptions:
    options = parser().parse_args(["evaluate", *map(str, words)])
    assert means_clips(options)
    return clips_of(options)


def test_a_folder_means_photos(tmp_path: Path) -> None:
    options = parser().parse_args(["evaluate", str(tmp_path), "--seed", "3"])
    assert not means_clips(options)
    assert folder_of(options) == tmp_path
    gone = parser().parse_args(["evaluate", str(tmp_path / "gone")])
    assert not means_clips(gone), "as before: there is no such folder"


@pytest.mark.parametrize(
    "words",
    [["--watchlist", "x"], ["--baseline"], ["--detect-hz", "8"], ["--require-wrong-at-most", "0"]],
)
def test_options_of_clips_do_not_go_with_photos(tmp_path: Path, words: list[str]) -> None:
    options = parser().parse_args(["evaluate", str(tmp_path), *words])
    assert not means_clips(options)
    with pytest.raises(BadInput, match=f"{words[0]} is for clips"):
        folder_of(options)


def test_clips_with_their_labels_are_taken_in_order(tmp_path: Path, clip: Path) -> None:
    other = tmp_path / "b.mp4"
    other.touch()
    found = asked(
        clip, other, "--watchlist", tmp_path, "--labels", "a.csv", "--labels", "b.csv", "--json",
        "--require-wrong-at-most", "0", "--require-raised", "3",
    )  # fmt: skip
    assert found.clips == (clip, other)
    assert found.labels == (Path("a.csv"), Path("b.csv"))
    assert (found.require_raised, found.require_wrong_at_most) == (3, 0)
    assert (found.as_json, found.baseline_every, found.detect_hz) == (True, None, None)
    assert asked(clip, "--watchlist", "w", "--labels", "a", "--baseline").baseline_every == 1
    every = asked(clip, "--watchlist", "w", "--labels", "a", "--baseline", "--baseline-every", "4")
    assert every.baseline_every == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--watchlist", "w"], "clips need --labels"),
        (["--labels", "a.csv"], "clips need --watchlist"),
        (["--labels", "a", "--labels", "b", "--watchlist", "w"], "2 labels files for 1 clips"),
        (["--labels", "a", "--watchlist", "w", "--register"], "--register is for a folder"),
        (["--labels", "a", "--watchlist", "w", "--seed", "2"], "--seed is for a folder"),
        (["--labels", "a", "--watchlist", "w", "--list-size", "9"], "--list-size is for a folder"),
        (["--labels", "a", "--watchlist", "w", "--baseline-every", "4"], "needs --baseline"),
    ],
)
def test_what_does_not_go_together_is_refused(clip: Path, words: list[str], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        asked(clip, *words)


def test_a_clip_is_a_file_that_is_there_and_named_once(tmp_path: Path, clip: Path) -> None:
    usual = ("--labels", "a", "--watchlist", "w")
    with pytest.raises(NotFound, match=r"no clip .*gone\.mp4"):
        asked(tmp_path / "gone.mp4", *usual)
    with pytest.raises(NotFound, match=r"no clip .*gone\.mp4"):
        asked(tmp_path / "gone.mp4", "--watchlist", "w")
    with pytest.raises(BadInput, match="is a folder"):
        asked(tmp_path, *usual)
    with pytest.raises(BadInput, match="no file that can be read twice"):
        asked("/dev/null", *usual)
    with pytest.raises(BadInput, match="live stream") as refused:
        asked("rtsp://anna:geheim@door/1", *usual)
    assert "geheim" not in str(refused.value)
    with pytest.raises(BadInput, match="named twice"):
        asked(clip, tmp_path / "." / "a.mp4", *usual, "--labels", "b")


@pytest.mark.parametrize(
    "words",
    [
        ["--detect-hz", "0"], ["--detect-hz", "nan"], ["--detect-hz", "much"],
        ["--baseline-every", "0"], ["--baseline-every", "1.5"], ["--require-raised", "0"],
        ["--require-raised", "-1"], ["--require-wrong-at-most", "-1"],
    ],
)  # fmt: skip
def test_numbers_are_checked(
    clip: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parser().parse_args(["evaluate", str(clip), *words])
    assert refused.value.code == 2
    assert words[0] in capsys.readouterr().err
