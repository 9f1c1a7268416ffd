from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from lfrd.cli import trial
from lfrd.cli.trial import passage_text, read_plan, trial_text
from lfrd.client import Client
from lfrd.errors import BadInput
from lfrd.evaluate.trials import evaluate, identified
from lfrd.store.trials import Raised, TrialPassage
from lfrd.wire.trials import GroupTrial, Passage, PassageCount, Share, Trial
from support.program import Call

NONE = Share(k=0, n=10, lo=0.0, hi=0.28)


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
    assert (door.camera_id, door.rates.tpir.k, door.rates.tpir.n, door.rates.by_subject) == (
        "door",
        0,
        1,
        None,
    )
    assert (gate.rates.subjects, gate.rates.tpir.k, gate.rates.tpir.n) == (2, 9, 10)
    assert gate.rates.tpir.lo < 0.9 < gate.rates.tpir.hi
    assert gate.rates.by_subject is not None


def test_a_schedule_is_read_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    table = tmp_path / "plan.csv"
    table.write_text(
        "reference,camera,at\na,gate,2027-01-15T08:00:00\nb,gate,2027-01-15T09:00+01:00\n"
    )
    assert read_plan(table) == [
        ("a", "gate", 1_800_000_000.0, None, False),
        ("b", "gate", 1_800_000_000.0, None, False),
    ]
    table.write_bytes(
        "sep=;\r\nReference;Camera;AT;\r\nb\xe4;gate;15.01.2027 08:00;\r\n;;;\r\n".encode("cp1252")
    )
    assert read_plan(table) == [("b\xe4", "gate", 1_800_000_000.0, None, False)]
    for text, words in (
        ("reference,camera\na,gate\n", "columns"),
        ("reference,camera,at\na,gate,soon\n", "row 1"),
        ("reference,camera,at\n,gate,2027-01-15T08:00:00\n", "row 1"),
        ("reference,camera,at\n", "no rows"),
        ("reference,camera,at,not_compared\na,gate,2027-01-15,maybe\n", "yes, no or nothing"),
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
    camera = CameraTrial(camera_id="gate", subjects=1, tpir=share, by_subject=None,
                         not_compared=NONE, not_compared_by_subject=None)  # fmt: skip
    text = trial_text(Trial(deployment_id="d", window_s=30, cameras=(camera,), pending=2))
    assert "90.0% (95 % 60.0% to 98.0%)" in text
    assert "2 passages cannot be judged yet" in text


def test_groups_that_people_gave_have_rates_with_intervals_and_a_test() -> None:
    passages = [
        replace(passage(n, 100.0 * n, f"person-{n}"), subject_group="one" if n < 60 else "two")
        for n in range(120)
    ]
    passages.append(passage(500, 90_000.0, "no-group"))
    raised_ones = [
        raised(n, 100.0 * n, f"person-{n}") for n in range(120) if n % 10 or (n >= 60 and n % 2)
    ]
    raised_ones = [item for item in raised_ones if not (item.raised_at_s >= 6000 and
                   int(item.raised_at_s / 100) % 2)]  # fmt: skip
    found = evaluate(passages, raised_ones, now_s=1e6, window_s=30.0)
    one, two = found.groups
    assert (one.group, one.rates.subjects, one.rates.tpir.k, one.rates.tpir.n) == (
        "one",
        60,
        54,
        60,
    )
    assert (two.group, two.rates.tpir.k, two.rates.tpir.n) == ("two", 24, 60)
    assert one.rates.tpir.lo > two.rates.tpir.hi
    assert one.p_holm == two.p_holm < 1e-6
    assert found.detectable is not None
    text = trial_text(Trial(
        deployment_id="d", window_s=30.0, cameras=(), pending=0, detectable=None,
        groups=(GroupTrial(group="one", subjects=60, tpir=Share(k=54, n=60, lo=0.8, hi=0.95),
                           by_subject=None, not_compared=NONE,
                           not_compared_by_subject=None, p_holm=0.01),) * 2,
    ))  # fmt: skip
    assert "group one: 54 of 60 passages of 60 people raised, TPIR 90.0% (95 % 80.0% to" in text
    assert "no difference would be noticed" in text


def test_without_groups_none_are_shown() -> None:
    found = evaluate([passage(1, 100.0)], [], now_s=1e6, window_s=30.0)
    assert (found.groups, found.detectable) == ((), None)


def test_how_many_volunteers_is_said_without_a_daemon(call: Call) -> None:
    ran = call("trial", "plan", "--power", "--rate", "0.9", "--difference", "0.1")
    assert ran.code == 0, ran.err
    assert "141 volunteers in each group (282 in all)" in ran.out
    assert "219 volunteers in each group (438 in all)" in ran.out
    four = call("trial", "plan", "--power", "--groups", "4", "--passages", "4")
    assert "6 comparison(s)" in four.out
    assert "each passes 4 times" in four.out
    assert call("trial", "plan", "--power", "--rate", "1.5").code == 2
    assert call("trial", "plan").code == 2


def test_failures_to_acquire_have_rates_with_intervals_by_group() -> None:
    passages = [
        replace(passage(n, 100.0 * n, f"person-{n}"), subject_group="one" if n < 20 else "two",
                not_compared=n in (0, 1, 2, 30))
        for n in range(40)
    ]  # fmt: skip
    answers = [raised(n, 100.0 * n, f"person-{n}") for n in range(2, 30)]
    found = evaluate(passages, answers, now_s=1e6, window_s=30.0)
    one, two = (item.rates for item in found.groups)
    assert (one.not_compared.k, one.not_compared.n) == (2, 20), "one of the three was raised"
    assert (one.tpir.k, two.not_compared.k) == (18, 1)
    assert one.not_compared.lo < 0.1 < one.not_compared.hi
    assert one.not_compared_by_subject is not None
    assert found.cameras[0].rates.not_compared.k == 3
    groups = tuple(
        GroupTrial(group=name, subjects=20, tpir=NONE, by_subject=None, p_holm=1.0,
                   not_compared=Share(k=k, n=20, lo=0.03, hi=0.3), not_compared_by_subject=NONE)
        for name, k in (("one", 2), ("two", 0))
    )  # fmt: skip
    of_two = Trial(deployment_id="d", window_s=30.0, cameras=(), pending=0, groups=groups)
    text = trial_text(of_two)
    assert (
        "group one: 2 of 20 passages not compared, failure to acquire 10.0% (95 % 3.0% to 30.0%; "
        "a person's passages together 0.0% to 28.0%)" in text
    )
    assert "nobody noted" in trial_text(of_two.model_copy(update={"groups": groups[1:]}))


def test_an_episode_is_first_of_a_passage_that_was_compared() -> None:
    missed = replace(passage(1, 100.0), not_compared=True)
    assert identified([missed, passage(2, 110.0)], [raised(1, 105.0)], 30.0) == {"p2"}


async def test_a_counted_passage_is_told_by_its_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    async def entries(_client: Client, _name: str) -> dict[str, str]:
        return {"t07": "e7"}

    async def count(_: Client, new: PassageCount) -> Passage:
        return Passage(
            id="p1", deployment_id="d", camera_id=new.camera_id, entry_id=new.entry_id, at_s=0.0,
            counted_by="user:ada", not_compared=new.not_compared,
        )  # fmt: skip

    monkeypatch.setattr(trial, "_entries", entries)
    monkeypatch.setattr(Client, "count_passage", count)
    options = Namespace(trial="count", list="Testers", reference="t07", camera="gate",
                        group=None, not_compared=True)  # fmt: skip
    (passage,) = await trial.run(Client.over_socket(Path("/none")), options)
    assert isinstance(passage, Passage)
    assert passage_text(passage).endswith("t07 at gate, counted by user:ada, not compared")
