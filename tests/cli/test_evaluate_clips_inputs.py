"""What is wrong with clips, labels and photos is said before anything plays."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lfrd.cli.evaluate_clips import Inputs, check_people, read_inputs
from lfrd.cli.evaluate_options import ClipOptions
from lfrd.cli.temporary import find_photos
from lfrd.errors import BadInput, UserError
from support.video import clip, encode, moving_picture


@pytest.fixture
def wanted(tmp_path: Path) -> ClipOptions:
    """A clip of 30 frames in which anna is expected, ben may be seen."""
    clip(tmp_path / "a.mp4", frames=30, width=64, height=48)
    (tmp_path / "a.csv").write_text("0,20,anna,ben\n20,30,,\n")
    (tmp_path / "list").mkdir()
    for name in ("anna", "ben"):
        (tmp_path / "list" / f"{name}.jpg").write_bytes(name.encode())
    return ClipOptions(
        (tmp_path / "a.mp4",), (tmp_path / "a.csv",), tmp_path / "list", None, None, None, None,
        False, None, None,
    )  # fmt: skip


async def refused(wanted: ClipOptions, words: str) -> None:
    with pytest.raises(UserError, match=words):
        await read_inputs(wanted)


def labelled(wanted: ClipOptions, text: str) -> ClipOptions:
    wanted.labels[0].write_text(text)
    return wanted


def filmed(wanted: ClipOptions, path: Path) -> ClipOptions:
    return replace(wanted, clips=(path,))


async def test_what_is_right_is_read(wanted: ClipOptions) -> None:
    found: Inputs = await read_inputs(wanted)
    assert [times.frames for times in found.times] == [30]
    assert [shot.end for shot in found.shots[0]] == [20, 30]
    assert list(found.photos.photos) == ["anna", "ben"]
    assert found.notes == ()


async def test_labels_that_do_not_fit_are_refused(wanted: ClipOptions) -> None:
    await refused(labelled(wanted, "0,31,anna,\n"), r"ends at frame 31, but .*a\.mp4 has 30 frames")
    await refused(labelled(wanted, "0,10,Anna,\n"), "not on the list: Anna; the list has anna, ben")
    await refused(labelled(wanted, ""), "no shots")
    wanted = replace(labelled(wanted, "0,10,anna;ben,\n"), require_raised=3)
    await refused(wanted, "--require-raised 3 cannot be met: the labels expect 2")


async def test_clips_that_cannot_be_used_are_refused(wanted: ClipOptions, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video\n" * 1000)
    await refused(filmed(wanted, text), r"notes\.mp4 is no video")
    single = encode(tmp_path / "one.mp4", moving_picture(64, 48, 1))
    await refused(filmed(labelled(wanted, "0,1,anna,\n"), single), r"one\.mp4 has a single picture")


async def test_a_clip_without_stamps_is_noted(wanted: ClipOptions, tmp_path: Path) -> None:
    bare = encode(tmp_path / "bare.h264", moving_picture(64, 48, 30))
    found = await read_inputs(filmed(wanted, bare))
    assert "bare.h264 does not say when its pictures are shown" in found.notes[0]


async def test_outputs_are_checked_first(wanted: ClipOptions, tmp_path: Path) -> None:
    await refused(replace(wanted, out=tmp_path / "no" / "x.json"), "there is no folder")
    await refused(replace(wanted, report=tmp_path), "is a folder")
    await refused(replace(wanted, report=wanted.clips[0]), "is one of the inputs")


def people(folder: Path, *files: str) -> list[str]:
    for file in files:
        path = folder / file
        path.parent.mkdir(exist_ok=True)
        path.write_text(file)
    return check_people(find_photos(folder).photos, folder)


def test_one_person_with_several_photos_is_fine_and_said_where_it_may_be_a_slip(
    tmp_path: Path,
) -> None:
    assert people(tmp_path, "anna/1.jpg", "anna/2.jpg", "ben.jpg") == []
    (note,) = people(tmp_path, "anna.jpg")
    assert re.search(r"anna has several photos .* one person's: anna/1.jpg.*anna.jpg", note)
    assert len(people(tmp_path, "ben.png")) == 2


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (("anna.jpg", "Anna.jpg"), "both Anna and anna"),
        (("zoë.jpg", "zoe\u0308.jpg"), "both"),
        (("anna.jpg", "anna /1.jpg"), "both"),
        (("anna;ben.jpg",), "semicolons"),
    ],
)
def test_names_that_labels_cannot_tell_apart_are_refused(
    tmp_path: Path, files: tuple[str, ...], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        people(tmp_path, *files)


def test_a_photo_under_two_names_is_noted(tmp_path: Path) -> None:
    for name in ("anna", "ben", "carl"):
        (tmp_path / f"{name}.jpg").write_text("other" if name == "carl" else "same")
    (note,) = check_people(find_photos(tmp_path).photos, tmp_path)
    assert re.match(r"anna and ben have the same photo: .*anna\.jpg and .*ben\.jpg", note)
    (tmp_path / "carl").mkdir()
    (tmp_path / "carl" / "1.jpg").write_text("other")
    with pytest.raises(BadInput, match=r"carl has the same photo twice, .*1\.jpg and .*carl\.jpg"):
        check_people(find_photos(tmp_path).photos, tmp_path)
