import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from lfrd.errors import BadInput, NotFound
from lfrd.evaluate.shots import (
    LATE_FRAMES,
    Raised,
    Shot,
    by_shot,
    check_length,
    check_names,
    fits,
    read_labels,
    score,
)

LIST = ("anna", "ben", "zoë")


def labels(folder: Path, text: str) -> Path:
    path = folder / "shots.csv"
    path.write_text(text, encoding="utf-8")
    return path


def raised(frame: int, entry: str) -> Raised:
    return Raised(frame, frame / 25, entry)


def test_labels_are_read_with_or_without_a_header(tmp_path: Path) -> None:
    bare = "# cuts by eye\n0,100,,\n\n100,150,anna;ben\n160,200, zoë ,anna\n"
    expected = (
        Shot(0, 100, ()),
        Shot(100, 150, ("anna", "ben")),
        Shot(160, 200, ("zoë",), ("anna",)),
    )
    assert read_labels(labels(tmp_path, bare)) == expected
    assert read_labels(labels(tmp_path, "start,end,present,optional\n" + bare)) == expected
    turned = "\ufeffnotes,Present,START,end\n160 is dark,ben,5,9\n"
    assert read_labels(labels(tmp_path, turned)) == (Shot(5, 9, ("ben",)),)


def test_shots_are_put_in_order(tmp_path: Path) -> None:
    found = read_labels(labels(tmp_path, "50,90,ben,\n0,50,anna,\n"))
    assert [shot.start for shot in found] == [0, 50]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no shots"),
        ("# nothing\nstart,end,present,optional\n", "no shots"),
        ("0,50,anna,\n49,80,ben,\n", "lines 1 and 2 overlap: 0-50 and 49-80"),
        ("0,50,anna,\n0,50,ben,\n", "overlap"),
        ("50,50,anna,\n", "line 1: the shot starts at frame 50 and ends at 50"),
        ("80,50,anna,\n", "line 1: the shot starts"),
        ("0,end?,anna,\n", "line 1: end is a frame's number"),
        ("start,end,present\n-5,10,anna\n", "line 2: start is a frame's number, 0 or more"),
        ("1.5,10,anna,\n", "start is a frame's number"),
        ("٣,10,anna,\n", "start is a frame's number"),
        ("0,99999999999,anna,\n", "end is a frame's number"),
        ("0;50;anna;\n", "1 columns instead of 4"),
        ("0,50,anna,ben,zoë\n", "5 columns instead of 4"),
        ("0,50,anna,ben;anna\n", "both present and optional: anna"),
        ("0,50,anna;ben;anna,\n", "named twice: anna"),
        ("start,end,present,optinal\n0,50,anna,\n", "the columns are start,end,present"),
        ("start,present\n0,anna\n", "the columns are start,end,present"),
        ("0,50," + "a" * 200_000 + ",\n", "line 1 cannot be read"),
    ],
)
def test_labels_that_make_no_sense_name_the_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(BadInput, match=r"shots\.csv") as refused:
        read_labels(labels(tmp_path, text))
    assert words in str(refused.value)
    assert len(str(refused.value)) < 500


def test_labels_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no labels"):
        read_labels(tmp_path / "none.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        read_labels(tmp_path)
    sheet = tmp_path / "shots.xlsx"
    sheet.write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(BadInput, match="UTF-8"):
        read_labels(sheet)
    sheet.write_bytes(b"#" * 10_000_001)
    with pytest.raises(BadInput, match="too long"):
        read_labels(sheet)


def test_names_must_be_on_the_list_however_accents_are_written(tmp_path: Path) -> None:
    path = tmp_path / "shots.csv"
    apart = "zoe\u0308"
    found = check_names((Shot(0, 5, ("zoë",), ("anna",)),), ("anna", apart), path)
    assert found == (Shot(0, 5, (apart,), ("anna",)),)
    with pytest.raises(BadInput, match=r"not on the list: Ben, carl; the list has anna, ben, zoë"):
        check_names((Shot(0, 5, ("carl",), ("Ben",)),), LIST, path)
    many = [f"p{n:02}" for n in range(50)]
    with pytest.raises(BadInput, match=r"p19 and 30 more$"):
        check_names((Shot(0, 5, ("carl",)),), many, path)


def test_labels_must_fit_the_clip(tmp_path: Path) -> None:
    shots = (Shot(0, 100, ()), Shot(100, 276, ("anna",)))
    check_length(shots, 276, tmp_path / "shots.csv", tmp_path / "clip.mp4")
    with pytest.raises(BadInput, match=r"ends at frame 276, but .*clip.mp4 has 275 frames"):
        check_length(shots, 275, tmp_path / "shots.csv", tmp_path / "clip.mp4")


def test_a_raise_counts_for_its_shot_and_soon_after_it() -> None:
    shots = (Shot(0, 100, ("anna",), ("ben",)), Shot(100, 200, ("zoë",)), Shot(300, 400, ("ben",)))
    late, too_late = 99 + LATE_FRAMES, 100 + LATE_FRAMES
    found = score(shots, [raised(late, "anna"), raised(150, "zoë"), raised(350, "ben")])
    assert (found.raised, found.wrong) == (3, ())
    found = score(shots, [raised(too_late, "anna"), raised(50, "zoë"), raised(late, "ben")])
    assert found.raised == 0
    assert [one.entry for one in found.wrong] == ["zoë", "anna"]
    assert [one.entry for one in found.optional] == ["ben"]
    found = score(shots, [raised(250, "anna"), raised(450, "ben")])
    assert len(found.wrong) == 2, "in no shot nobody is expected"


def test_a_raise_after_a_cut_counts_for_both_shots_and_the_first_raise_is_kept() -> None:
    shots = (Shot(0, 100, ("anna",)), Shot(100, 200, ("anna",)))
    found = score(shots, [raised(180, "anna"), raised(105, "anna")])
    assert [[one.frame for one in shot] for shot in found.by_shot] == [[105], [105]]
    assert len(found.right) == 2


def test_a_look_fits_where_the_person_may_be_seen() -> None:
    shots = (Shot(0, 100, ("anna",), ("ben",)),)
    assert fits(shots, raised(5, "anna"))
    assert fits(shots, raised(105, "ben"))
    assert not fits(shots, raised(5, "zoë"))
    assert not fits(shots, raised(120, "anna"))


def test_templates_are_counted_where_they_were_made() -> None:
    shots = (Shot(10, 20, ()), Shot(20, 30, ()))
    assert by_shot(shots, {9: 1, 10: 2, 19: 3, 20: 4, 29: 5, 30: 6}) == ([5, 9], 7)


def _drawn(seed: int) -> tuple[list[Shot], list[Raised]]:
    """Shots with and without gaps, many of them short, and raises all over them."""
    rng = random.Random(seed)
    shots, at = [], rng.randrange(10)
    for _ in range(12):
        end = at + rng.randrange(1, 40)
        names = rng.sample(LIST, rng.randrange(4))
        cut = rng.randrange(len(names) + 1)
        shots.append(Shot(at, end, tuple(names[:cut]), tuple(names[cut:])))
        at = end + rng.choice((0, 0, 5, 30))
    frames = (rng.randrange(at + 40) for _ in range(40))
    return shots, [raised(frame, rng.choice(LIST)) for frame in frames]


@pytest.mark.shared
@pytest.mark.parametrize("seed", range(12))
def test_the_score_is_that_of_the_scorer_of_record(shared: Path, tmp_path: Path, seed: int) -> None:
    shots, events = _drawn(seed)
    rows = (f"{s.start},{s.end},{';'.join(s.present)},{';'.join(s.optional)}" for s in shots)
    table = labels(tmp_path, "# drawn\nstart,end,present,optional\n" + "\n".join(rows) + "\n")
    lines = [{"event": "candidate", "frame": one.frame, "entry": one.entry} for one in events]
    lines += [{"event": "update", "frame": 3, "entry": "anna"}, {"event": "summary"}]
    log = tmp_path / "events.jsonl"
    log.write_text("\n".join(map(json.dumps, lines)))
    command = [sys.executable, shared / "tools" / "score_shots.py", table, log]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert read_labels(table) == tuple(shots)
    found = score(shots, events)
    expected = sum(len(shot.present) for shot in shots)
    last = f"{found.raised}/{expected} person-shots raised, {len(found.wrong)} wrong"
    assert ran.stdout.splitlines()[-1].startswith(last), ran.stdout + ran.stderr
    assert ran.returncode == bool(found.wrong)
    for shot, names, line in zip(shots, found.by_shot, ran.stdout.splitlines(), strict=False):
        words = f"{shot.start} {shot.end} present {sorted(shot.present)} raised "
        assert line == words + str(sorted(one.entry for one in names))
