"""`lfrd try` on pictures that are not upright, square or progressive: as a camera of the daemon."""

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lfrd.cli.try_ import Trial, run
from lfrd.config import Config
from lfrd.demo.clip import LISTED
from lfrd.errors import SourceError
from lfrd.ingest import container
from support.photos import somebody_in_a_room
from support.program import Call, lfrd, refused
from support.video import encode

FRAMES, FPS = 12, 10


@pytest.mark.slow
@pytest.mark.e2e
def test_a_turned_picture_is_searched_upright_where_it_is_told(
    photos: Path, tmp_path: Path
) -> None:
    turned = encode(
        tmp_path / "turned.mp4",
        (np.rot90(somebody_in_a_room("astronaut", n), -1) for n in range(FRAMES)), fps=FPS,
    )  # fmt: skip
    words = ("try", turned, "--watchlist", photos, "--every-frame", "--json")
    assert [json.loads(line)["event"] for line in lfrd(*words).out.splitlines()] == ["summary"]
    upright = lfrd(*words, "--rotate", "270")
    assert upright.code == 0, upright.err
    assert upright.lines[0]["entry"] == LISTED


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--aspect", "wide", "aspect: write it WIDTH:HEIGHT"),
        ("--aspect", "9:1", "1:4 to 4:1"),
        ("--stream", "-1", "stream: must be at least 0"),
        ("--stream", "64", "stream: must be at most 63"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_opens(
    call: Call, photos: Path, tmp_path: Path, option: str, value: str, said: str
) -> None:
    clip = tmp_path / "gone.mp4"
    refused(call("try", clip, "--watchlist", photos, f"{option}={value}"), said)
    (tmp_path / "a.csv").write_text("0,2,,\n")
    clip.write_bytes(b"no video")
    labelled = ("--labels", tmp_path / "a.csv", "--watchlist", photos)
    refused(call("evaluate", clip, *labelled, f"{option}={value}"), said)


def test_photos_are_not_turned_by_it(call: Call, photos: Path) -> None:
    refused(call("evaluate", photos, "--rotate", "90"), "--rotate is for clips")


async def test_a_clip_that_breaks_off_is_said_after_what_was_found(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    clip = encode(
        tmp_path / "half.mp4", (somebody_in_a_room("astronaut", n) for n in range(FRAMES))
    )
    whole = container.Reading._decode
    left = [FRAMES // 2]

    def half(*arguments: Any) -> list[av.VideoFrame]:
        if not left[0]:
            raise SourceError(f"{clip} broke off")
        left[0] -= 1
        return whole(*arguments)

    monkeypatch.setattr(container.Reading, "_decode", half)
    trial = Trial(str(clip), photos, every_frame=True)
    with pytest.raises(SourceError, match="broke off: the rest was not searched"):
        await run(trial, Config(), as_lines=True)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["frames_decoded"] == FRAMES // 2
