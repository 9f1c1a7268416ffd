"""Decoys come at moments of a seed, never more than one a slot, of pictures that can be used."""

import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.deployment.decoys import LabPerson, next_moment, pair_of, people_in
from lfrd.errors import ConfigError

STARTED_S, EVERY_S = 1_700_000_000.0, 1800.0


def moments(seed: str, hours: float, deployment_id: str = "d") -> list[float]:
    """When decoys are due in a deployment of so many hours."""
    found, now_s = [], STARTED_S
    while now_s < STARTED_S + hours * 3600:
        now_s = next_moment(seed, deployment_id, STARTED_S, EVERY_S, now_s).at_s
        found.append(now_s)
    return found[:-1]


def test_the_same_seed_gives_the_same_moments_and_another_does_not() -> None:
    assert moments("a", 12) == moments("a", 12)
    assert moments("a", 12) != moments("b", 12)
    assert moments("a", 12) != moments("a", 12, "another deployment")


@given(st.text(max_size=8), st.floats(0.5, 24))
def test_there_is_one_moment_in_each_slot(seed: str, hours: float) -> None:
    slots = [int((at_s - STARTED_S) // EVERY_S) for at_s in moments(seed, hours)]
    assert slots == list(range(len(slots)))
    assert abs(len(slots) - hours * 3600 / EVERY_S) <= 1


@given(st.text(max_size=8), st.floats(0, 86_400))
def test_after_a_restart_the_moments_are_those_that_were_left(seed: str, after_s: float) -> None:
    """What was missed is left out and not made up for."""
    found = next_moment(seed, "d", STARTED_S, EVERY_S, STARTED_S + after_s)
    left = [at_s for at_s in moments(seed, 26) if at_s > STARTED_S + after_s]
    assert found.at_s == left[0]


def lab(folder: Path, **photos: int) -> Path:
    for name, count in photos.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            (folder / name / f"{number}.jpg").write_bytes(b"x")
    return folder


def test_half_are_of_one_person_and_no_picture_is_shown_beside_itself() -> None:
    people = tuple(
        LabPerson(name, tuple(Path(name) / str(n) for n in range(3))) for name in ("a", "b", "c")
    )
    pairs = [pair_of(people, random.Random(seed)) for seed in range(400)]
    for pair in pairs:
        assert pair.reference != pair.probe
        assert pair.reference.parent.name == pair.name
        assert (pair.probe.parent == pair.reference.parent) is pair.mated
    assert 160 < sum(pair.mated for pair in pairs) < 240


def test_the_folder_is_read_and_every_fault_in_it_is_named(tmp_path: Path) -> None:
    good = lab(tmp_path / "good", a=2, b=3)
    (good / "b" / "notes.txt").write_text("no picture")
    assert [(p.name, len(p.photos)) for p in people_in(good)] == [("a", 2), ("b", 3)]
    with pytest.raises(ConfigError) as caught:
        people_in(lab(tmp_path / "bad", lonely=1))
    message = str(caught.value)
    assert "decoys_folder" in message
    assert "lonely has 1 picture(s)" in message
    assert "the folders of 1 people" in message
    with pytest.raises(ConfigError, match=r"cannot read .*nowhere"):
        people_in(tmp_path / "nowhere")
