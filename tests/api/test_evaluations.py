"""Evaluation reports: measured, registered, relied on by the start gate, withdrawn."""

import argparse
import json
from hashlib import sha256
from pathlib import Path

import pytest
from pydantic import ValidationError

from lfrd.audit.signing import PrivateKey
from lfrd.audit.verify import ED25519
from lfrd.cli import remote
from lfrd.errors import BadInput, Conflict, UserError
from lfrd.governance.outside_authority import Authorities
from lfrd.governance.start_gate import Verdict
from lfrd.site import Site
from lfrd.store import evaluations
from lfrd.vocabulary import Category
from lfrd.wire.evaluations import EvaluationReport
from support.evaluation import measured
from support.site import (
    HOUR_S,
    Served,
    SettableClock,
    deploy,
    governed,
    make_list,
    plan_of,
    serve,
    train,
)

ADA = "user:ada"


@pytest.fixture(scope="module")
def report() -> EvaluationReport:
    return measured()


async def register(site: Site, report: EvaluationReport) -> str:
    """As the route does, for a site without its server."""
    text = report.model_dump_json()
    new = evaluations.NewEvaluation(
        pack=report.pack, model_digest=report.model_digest, evaluated_at_s=report.evaluated_at_s,
        list_size=report.list_size, threshold=report.threshold,
        threshold_low=report.points[0].threshold, threshold_high=report.points[-1].threshold,
        report=text, report_sha256=sha256(text.encode()).hexdigest(),
    )  # fmt: skip
    return (await site.database.write(lambda tx: evaluations.add(tx, new), principal=ADA)).id


def test_a_report_holds_figures_and_nobody(report: EvaluationReport) -> None:
    assert report.points[0].fpir.k == report.points[0].fpir.n
    assert report.points[-1].fpir.k == 0
    assert [point.fpir.k for point in report.points] == sorted(
        (point.fpir.k for point in report.points), reverse=True
    )
    text = report.model_dump_json()
    assert "p0001" not in text
    assert len(text) < 60_000, "a body holds 64 KiB"


@pytest.mark.parametrize(
    "change",
    [
        {"model_digest": "x"},
        {"list_size": 0},
        {"threshold": 0.99},
        {"points": []},
        {"fpir": {"k": 5, "n": 4, "lo": 0.0, "hi": 1.0}},
        {"fpir": {"k": 1, "n": 4, "lo": 0.5, "hi": 1.0}},
        {"vectors": [0.1, 0.2]},
        {"format": "lfrd-evaluation-2"},
    ],
)
def test_what_is_no_report_is_refused(report: EvaluationReport, change: dict[str, object]) -> None:
    given = json.loads(report.model_dump_json())
    with pytest.raises(ValidationError):
        EvaluationReport.model_validate_json(json.dumps({**given, **change}))


async def test_registered_listed_withdrawn_and_each_in_the_log(
    tmp_path: Path, report: EvaluationReport
) -> None:
    async with serve(tmp_path) as served:
        calls = served.client.governance
        made = await calls.add_evaluation(report)
        assert made.report == report
        assert made.in_use
        with pytest.raises(Conflict, match="already"):
            await calls.add_evaluation(report)
        other = report.model_copy(update={"model_digest": "0" * 64})
        assert not (await calls.add_evaluation(other)).in_use
        ahead = report.model_copy(update={"evaluated_at_s": 3.2e10})
        with pytest.raises(BadInput, match="future"):
            await calls.add_evaluation(ahead)
        gone = await calls.withdraw_evaluation(made.id, "the labels were wrong")
        assert (gone.in_use, gone.withdraw_reason) == (False, "the labels were wrong")
        with pytest.raises(Conflict, match="already"):
            await calls.withdraw_evaluation(made.id, "again")
        assert [item.id for item in await calls.evaluations()][-1] == made.id
        assert await logged(served) == [
            "evaluation.register", "evaluation.register", "evaluation.withdraw",
        ]  # fmt: skip


async def logged(served: Served) -> list[str]:
    return await served.site.database.read(
        lambda reader: reader.column(
            "SELECT action FROM audit_leaf WHERE action LIKE 'evaluation.%'"
        )
    )


async def test_the_command_line_registers_what_evaluate_wrote(
    tmp_path: Path, report: EvaluationReport, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    file.write_text(report.model_dump_json(indent=1))

    def options(action: str, **more: object) -> argparse.Namespace:
        return argparse.Namespace(noun="evaluation", action=action, json=False, **more)

    async with serve(tmp_path / "state") as served:
        await remote.run(options("add", file=file), served.socket)
        await remote.run(options("list"), served.socket)
        assert capsys.readouterr().out.count("in use") == 2
        file.write_text("{}")
        with pytest.raises(BadInput, match="no report of"):
            await remote.run(options("add", file=file), served.socket)
        with pytest.raises(UserError, match="cannot be read"):
            await remote.run(options("add", file=tmp_path / "none"), served.socket)


COURT = PrivateKey("court.example/authority", ED25519, bytes(range(32)))


async def verdict(site: Site, watchlist_id: str, profile: str) -> Verdict:
    row = await site.deployments.draft(plan_of(watchlist_id, profile), 4 * HOUR_S, principal=ADA)
    signed = None
    if site.deployments.policies.named(profile).rules.outside_authority:
        text = await site.deployments.authority_request(row.id, None)
        signed = f"{text}\n{COURT.sign(text).line}"
    await site.deployments.authorise(row.id, signed, principal="user:bo")
    return await site.deployments.verdict(row.id, principal=ADA)


@pytest.mark.parametrize("profile", ["uk-police", "eu-law-enforcement"])
async def test_the_police_profiles_want_a_report_of_this_very_model(
    tmp_path: Path, report: EvaluationReport, profile: str
) -> None:
    async with governed(tmp_path, SettableClock(), profile=profile) as site:
        site.deployments._authorities = Authorities((COURT.public,))
        listed = await make_list(site)
        await train(site, "ben", "clara")
        found = await verdict(site, listed, profile)
        assert [finding.key for finding in found.missing] == ["evaluation"]
        await register(site, report.model_copy(update={"model_digest": "0" * 64}))
        (finding,) = (await verdict(site, listed, profile)).missing
        assert "other models" in finding.text
        evaluation_id = await register(site, report)
        found = await verdict(site, listed, profile)
        assert [finding.key for finding in found.warnings] == ["independent_test"]
        await site.evaluations.tested(
            site.vision.model_digest, "NPL", 1e9, "report MS 43", principal=ADA
        )
        found = await verdict(site, listed, profile)
        assert (found.missing, found.warnings) == ((), ())
        await site.database.write(
            lambda tx: evaluations.withdraw(tx, evaluation_id, "wrong labels"), principal=ADA
        )
        found = await verdict(site, listed, profile)
        assert [finding.key for finding in found.missing] == ["evaluation"]


async def test_the_standard_profile_warns_and_the_lab_wants_none(
    tmp_path: Path, report: EvaluationReport
) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        found = await verdict(site, listed, "standard")
        assert found.is_open
        assert "evaluation" in {finding.key for finding in found.warnings}
        cohort = await make_list(site, "cohort", category=Category.TEST)
        found = await verdict(site, cohort, "lab")
        assert "evaluation" not in {finding.key for finding in (*found.missing, *found.warnings)}
        await register(site, report)
        found = await verdict(site, listed, "standard")
        assert "evaluation" not in {finding.key for finding in found.warnings}


async def test_the_log_of_a_start_names_the_report_that_was_relied_on(
    tmp_path: Path, report: EvaluationReport
) -> None:
    async with governed(tmp_path, SettableClock(), profile="uk-police") as site:
        evaluation_id = await register(site, report)
        await deploy(site, await make_list(site))
        payload = await site.database.read(
            lambda reader: reader.value(
                "SELECT payload FROM audit_leaf WHERE action = 'deployment.start'"
            )
        )
        assert json.loads(str(payload))["evaluation"] == evaluation_id
