"""The demographic factor: ten until measured, and no less than what a small group leaves open."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.matching.threshold import demographic_factor, factor_of
from lfrd.stats import clopper_pearson
from lfrd.store import evaluations
from lfrd.store.evaluations import NewEvaluation
from lfrd.wire.evaluations import EvaluationReport
from support.evaluation import crowd, measured
from support.site import SettableClock, governed, make_list


def report(*groups: tuple[int, int], target: float = 0.01) -> str:
    """A report's text as far as it counts here: k of n false alerts for each group."""
    shown = [{"group": str(n), "fpir": {"k": k, "n": n}} for k, n in groups]
    return json.dumps({"target_fpir": target, "groups": shown})


def test_without_labels_nothing_is_measured() -> None:
    assert factor_of(report()) is None
    assert factor_of(report((3, 1000))) is None, "one group alone is no comparison"


def test_the_worst_off_group_counts_with_its_upper_bound() -> None:
    found = factor_of(report((10, 1000), (30, 1000)))
    assert found == pytest.approx(clopper_pearson(30, 1000).hi / 0.01)
    assert found is not None
    assert 3.0 < found < 4.5
    assert factor_of(report((0, 10_000), (1, 10_000))) == 1.0, "it never relaxes a threshold"


@given(st.integers(0, 20), st.integers(1, 50))
def test_a_small_group_lowers_nothing(k: int, times: int) -> None:
    small, large = (1, 20), (k, 1000)
    assert (factor_of(report(large, small)) or 0.0) >= clopper_pearson(1, 20).hi / 0.01 > 10
    more = factor_of(report((k * times, 1000 * times), (k * times, 1000 * times)))
    assert more is not None
    assert more <= (factor_of(report(large, large)) or 0.0) + 1e-9


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> tuple[EvaluationReport, EvaluationReport]:
    """One with labels and one without."""
    labels = tmp_path_factory.mktemp("labels") / "groups.csv"
    names = sorted({photo.person for photo in crowd().photos})
    rows = [f"{name},{'east' if number % 2 else 'west'}" for number, name in enumerate(names)]
    labels.write_text("\n".join(["person,group", *rows]) + "\n")
    return measured(labels), measured()


async def test_a_labelled_report_of_this_model_takes_the_place_of_ten(
    tmp_path: Path, reports: tuple[EvaluationReport, EvaluationReport]
) -> None:
    labelled, plain = reports
    assert {group.group for group in labelled.groups} == {"east", "west"}
    async with governed(tmp_path / "state", SettableClock()) as site:
        listed = await make_list(site)

        async def proposed() -> tuple[float, float]:
            derived = (await site.thresholds.propose(1000, [listed])).derived
            assert derived is not None
            return derived.demographic_factor, derived.threshold

        async def register(text: str, digest: str, known_by: str) -> str:
            new = NewEvaluation(
                pack="p", model_digest=digest, evaluated_at_s=1.0, list_size=100, threshold=0.5,
                threshold_low=0.05, threshold_high=0.95, report=text, report_sha256=known_by * 64,
            )  # fmt: skip
            made = await site.database.write(
                lambda tx: evaluations.add(tx, new), principal="user:ada"
            )
            return made.id

        before = await proposed()
        assert before[0] == 10.0
        await register(labelled.model_dump_json(), "0" * 64, "a")
        await register(plain.model_dump_json(), plain.model_digest, "b")
        assert await proposed() == before, "another model's, and one without labels"
        made = await register(labelled.model_dump_json(), labelled.model_digest, "c")
        factor, threshold = await proposed()
        assert factor == factor_of(labelled.model_dump_json())
        assert factor < 10.0
        assert threshold < before[1]
        await site.database.write(
            lambda tx: evaluations.withdraw(tx, made, "wrong labels"), principal="user:ada"
        )
        assert await proposed() == before


def test_the_newest_labelled_report_counts() -> None:
    def row(text: str) -> evaluations.Evaluation:
        return evaluations.Evaluation(
            id="e", pack="p", model_digest="m", evaluated_at_s=1.0, list_size=9, threshold=0.5,
            threshold_low=0.1, threshold_high=0.9, report=text, report_sha256="f" * 64,
            registered_at_s=1.0, principal="user:ada",
        )  # fmt: skip

    newest_first = [
        row(report()),
        row(report((5, 1000), (9, 1000))),
        row(report((900, 1000), (9, 1000))),
    ]
    assert demographic_factor(newest_first, 10.0) == factor_of(report((5, 1000), (9, 1000)))
    assert demographic_factor([row(report())], 10.0) == 10.0
