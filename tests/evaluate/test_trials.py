from pathlib import Path

import pytest

from lfrd.cli.trial import read_plan, trial_text
from lfrd.errors import BadInput
from lfrd.evaluate.trials import evaluate, identified
from lfrd.store.trials import Raised, TrialPassage


def passage(number: int, at_s: float, entry: str = "a", camera: str = "gate") -> TrialPassage:
    return TrialPassage(
        id=f"p{number}", deployment_id="d", camera_id=camera, entry_id=entry, passed_at_s=at_s,
        counted_at_s=at_s, principal="ada",
    )  # fmt: skip


def raised(number: int, at_s: float, entry: str = "a", camera: str = "gate") -> Raised:
    return Raised(f"e{number}", camera, entry, at_s)


def test_an_episode_answers_for_one_passage_only() -> None:
    passages = [passage(1, 100.0), passage(2, 110.0)]
    assert identified(passages, [raised(1, 105.0)], 30.0) == {"p1"}
    both = [raised(1, 105.0), raised(2, 131.0)]
    assert identified(passages, both, 30.0) == {"p1", "p2"}
    late_first = [raised(1, 135.0), raised(2, 75.0)]
    assert identified(passages, late_first, 30.0) == {"p1", "p2"}


@pytest.mark.parametrize(
    "other", [raised(1, 100.0, camera="door"), raised(1, 100.0, entry="b"), raised(1, 131.0)]
)
def test_another_camera_entry_or_time_is_no_answer(other: Raised) -> None:
    assert identified([passage(1, 100.0)], [other], 30.0) == frozenset()


def test_each_camera_has_its_rate_and_what_is_not_over_waits() -> None:
    passages = [passage(n, 100.0 * n, "ab"[n % 2]) for n in range(10)]
    passages += [passage(20, 100.0, "a", "door"), passage(21, 5000.0)]
    answers = [raised(n, 100.0 * n + 3, "ab"[n % 2]) for n in range(9)]
    found = evaluate(passages, answers, now_s=2000.0, window_s=30.0)
    assert found.pending == 1
    door, gate = found.cameras
    assert (door.camera_id, door.tpir.k, door.tpir.n, door.by_subject) == ("door", 0, 1, None)
    assert (gate.subjects, gate.tpir.k, gate.tpir.n) == (2, 9, 10)
    assert gate.tpir.lo < 0.9 < gate.tpir.hi
    assert gate.by_subject is not None


def test_a_schedule_is_read_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    table = tmp_path / "plan.csv"
    table.write_text(
        "reference,camera,at\na,gate,2027-01-15T08:00:00\nb,gate,2027-01-15T09:00+01:00\n"
    )
    assert read_plan(table) == [("a", "gate", 1_800_000_000.0), ("b", "gate", 1_800_000_000.0)]
    table.write_bytes(
        "sep=;\r\nReference;Camera;AT;\r\nb\xe4;gate;15.01.2027 08:00;\r\n;;;\r\n".encode("cp1252")
    )
    assert read_plan(table) == [("b\xe4", "gate", 1_800_000_000.0)]
    for text, words in (
        ("reference,camera\na,gate\n", "columns"),
        ("reference,camera,at\na,gate,soon\n", "row 1"),
        ("reference,camera,at\n,gate,2027-01-15T08:00:00\n", "row 1"),
        ("reference,camera,at\n", "no rows"),
    ):
        table.write_text(text)
        with pytest.raises(BadInput, match=words):
            read_plan(table)
    with pytest.raises(BadInput, match="cannot be read"):
        read_plan(tmp_path / "none.csv")


def test_a_report_says_what_is_not_known() -> None:
    from lfrd.wire.trials import CameraTrial, Share, Trial

    nothing = Trial(deployment_id="d", window_s=30, cameras=(), pending=0)
    assert trial_text(nothing) == "no passage was counted"
    share = Share(k=9, n=10, lo=0.6, hi=0.98)
    camera = CameraTrial(camera_id="gate", subjects=1, tpir=share, by_subject=None)
    text = trial_text(Trial(deployment_id="d", window_s=30, cameras=(camera,), pending=2))
    assert "90.0% (95 % 60.0% to 98.0%)" in text
    assert "2 passages cannot be judged yet" in text
