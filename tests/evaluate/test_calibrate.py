"""Curves and rates on made-up people, of whom everything is known."""

import functools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import BadInput
from lfrd.evaluate import calibrate, openset
from lfrd.evaluate.groups import by_group, fisher_exact, holm, read_groups
from lfrd.evaluate.labelled import Embedded, read_errata
from lfrd.evaluate.plots import det_chart, histogram
from lfrd.matching.curve import Curve
from lfrd.matching.evidence import EvidenceRule
from lfrd.matching.threshold import Risk, derive
from lfrd.types import Scored
from support.evaluation import crowd, unit

RULE = EvidenceRule()
NOBODY: calibrate.Errata = frozenset()


people = functools.partial(crowd, dim=16, seed=1, spread=0.08)
"""Few dimensions, so that some people look alike."""


@pytest.fixture(scope="module")
def everybody() -> Embedded:
    return people(800)


@pytest.fixture(scope="module")
def fitted(everybody: Embedded) -> Curve:
    """The curve of the one half, which is not tested yet."""
    return calibrate.fit(calibrate.halves_of(everybody, 1)[0], "m" * 64, RULE, NOBODY, "made up")


def test_a_curve_counts_the_pairs_of_strangers(everybody: Embedded, fitted: Curve) -> None:
    fit, test = calibrate.halves_of(everybody, 1)
    found = fitted
    assert found.identities == 400
    assert found.pairs == 400 * 399 // 2
    first = fit.vectors[calibrate.first_rows(fit)]
    scores = (first @ first.T)[np.triu_indices(400, 1)]
    for rate in (1e-1, 1e-2, 1e-3):
        assert float((scores >= found.score_at(rate)).mean()) == pytest.approx(rate, rel=0.1)
    assert not {photo.person for photo in fit.photos} & {photo.person for photo in test.photos}


def test_the_promise_holds_for_people_the_curve_never_saw(
    everybody: Embedded, fitted: Curve
) -> None:
    _, test = calibrate.halves_of(everybody, 1)
    tested = calibrate.test(fitted, test, RULE, NOBODY, 1)
    assert tested.tests
    for result in tested.tests:
        assert result.tracks > 1000
        assert result.upper_95 <= 2.5 * result.target, result


def test_known_double_names_are_no_strangers() -> None:
    doubled = people(400)
    vectors = doubled.vectors.copy()
    vectors[4:8] = vectors[0:4]  # the second person is the first one again
    same = Embedded(doubled.photos, doubled.people, vectors)
    wrong = calibrate.fit(same, "m" * 64, RULE, NOBODY, "made up")
    right = calibrate.fit(
        same, "m" * 64, RULE, frozenset({frozenset({"p0000", "p0001"})}), "made up"
    )
    assert wrong.pairs == right.pairs + 1
    assert wrong.points[0].score >= right.points[0].score


def test_too_few_people_measure_nothing() -> None:
    with pytest.raises(BadInput, match="too few"):
        calibrate.halves_of(people(100), 1)


@given(st.integers(1, 8), st.integers(0, 10_000))
def test_many_references_at_once_fuse_like_one_after_the_other(count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    looks, references = unit(rng.normal(size=(count, 6))), unit(rng.normal(size=(3, 6)))
    together = calibrate.fused_full_looks(looks, references, RULE)
    for column, reference in enumerate(references):
        track = []
        for number in range(count):
            mean = unit(looks[: number + 1].sum(axis=0, keepdims=True))[0]
            track.append(
                Scored(float(mean @ reference), float(looks[number] @ reference), number * 1.0)
            )
        assert together[column] == pytest.approx(RULE.fused(track), abs=1e-5)


def test_open_set_rates_of_people_who_are_far_apart(everybody: Embedded) -> None:
    found = openset.draw(everybody, 100, 1, RULE, NOBODY, 1)
    assert len(found.mated) == 300
    assert len(found.non_mated) == 700 * 4
    at = openset.measure(found, openset.threshold_for(found, 0.01))
    assert at.fpir.k <= 28
    assert at.fnir.value < 0.5
    assert at.rank_one.value > 0.9
    never = openset.measure(found, 1.1)
    assert (never.fpir.k, never.fnir.value) == (0, 1.0)
    assert never.fpir.hi > 0
    with pytest.raises(BadInput, match="list of 900"):
        openset.draw(everybody, 900, 1, RULE, NOBODY, 1)


def test_a_listed_person_taken_for_another_is_missed_and_counted() -> None:
    few = people(40, photos=2)
    vectors = few.vectors.copy()
    rows = few.rows_by_person()
    vectors[rows[0][1]] = vectors[rows[1][0]]  # passes by looking like somebody else
    found = openset.draw(Embedded(few.photos, few.people, vectors), 39, 1, RULE, NOBODY, seed=3)
    at = openset.measure(found, 0.9)
    assert at.misidentified == 1
    assert at.fnir.k >= 1


def test_verification_of_pairs(everybody: Embedded) -> None:
    verified = openset.verify(everybody, openset.drawn_pairs(everybody, 1))
    assert verified.pairs == 1600
    assert verified.accuracy > 0.95


def test_a_derived_threshold_is_where_the_curve_says(everybody: Embedded) -> None:
    found = calibrate.fit(everybody, "m" * 64, RULE, NOBODY, "made up")
    derived = derive(found, Risk(100, 1.0), references=50, looks=1)
    assert found.rate_at(derived.threshold) == pytest.approx(1 - 0.99 ** (1 / 50), rel=0.05)


def test_errata_are_read_and_twins_stay(shared: Path) -> None:
    known = read_errata(Path(__file__).parents[1] / "data" / "lfw_errata.txt")
    assert len(known) == 13
    assert not any("James_Phelps" in pair for pair in known)
    folder = shared / "media" / "lfw"
    assert all((folder / name).is_dir() for pair in known for name in pair)


def test_a_broken_errata_file_names_its_line(tmp_path: Path) -> None:
    path = tmp_path / "e.txt"
    path.write_text("# fine\nA\tB\t0.9\tsame\nA B 0.9 same\n")
    with pytest.raises(BadInput, match="line 3"):
        read_errata(path)


def test_fisher_and_holm_give_published_values() -> None:
    assert fisher_exact(1, 9, 11, 3) == pytest.approx(0.002759456, rel=1e-5)
    assert fisher_exact(5, 5, 5, 5) == pytest.approx(1.0)
    adjusted = holm({"a": 0.01, "b": 0.04, "c": 0.03})
    assert adjusted == {
        "a": pytest.approx(0.03),
        "c": pytest.approx(0.06),
        "b": pytest.approx(0.06),
    }


def test_groups_are_read_from_a_table_however_it_was_saved(tmp_path: Path) -> None:
    path = tmp_path / "groups.csv"
    path.write_bytes("Person;Group;Note\r\nann;east;x\r\nbob;west;\r\n;;\r\n".encode("utf-16"))
    assert read_groups(path) == {"ann": "east", "bob": "west"}
    for text, said in (
        ("person\nann\n", "needs the columns person, group"),
        ("person,group\nann,\n", "row 1: person or group is missing"),
        ("person,group\nann,east\nann,west\n", "row 2: 'ann' is of another group"),
    ):
        path.write_text(text)
        with pytest.raises(BadInput, match=said):
            read_groups(path)


def test_groups_show_their_difference_and_their_power() -> None:
    found = by_group({"x": [True] * 30 + [False] * 970, "y": [True] * 3 + [False] * 997})
    assert found.max_over_min == pytest.approx(10)
    assert found.groups[0].p_holm < 0.001
    assert 1 < found.detectable < 3
    silent = by_group({"x": [False] * 10, "y": [False] * 10})
    assert silent.max_over_min is None
    assert silent.detectable == float("inf")


def test_charts_are_whole_svg() -> None:
    from xml.etree import ElementTree

    points = [(0.001, 0.1), (0.01, 0.03), (0.1, 0.01), (0.0, 0.5)]
    for chart in (
        det_chart(points, "a < b"),
        histogram((("a", "#000", [0.1, 0.5]), ("b", "#111", [])), "scores"),
        det_chart([], "empty"),
    ):
        assert ElementTree.fromstring(chart).tag.endswith("svg")
