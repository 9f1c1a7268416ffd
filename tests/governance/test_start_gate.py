"""The start gate: everything that is missing at once, and nothing that is not."""

import dataclasses
import json

import pytest

from lfrd.governance import planning, profile
from lfrd.governance.planning import ModelDigests, Plan
from lfrd.governance.start_gate import Facts, ListFacts, Standing, ThresholdBasis, judge, standing
from lfrd.store.deployments import Deployment
from lfrd.store.evaluations import Evaluation
from lfrd.vocabulary import DeploymentState

NOW_S = 1_700_000_000.0
HOUR_S = 3600.0
LIST = ListFacts("list-1", "wanted", NOW_S - 60, None, 3, 3, 0, key_missing=False)
NONE = Standing("there is no evaluation report")
PLAN = Plan(
    profile="uk-police", purpose="to find", use_case="locate-wanted", place="the station",
    watchlist_ids=("list-1",), expectation="seen there on Friday",
    documents=("impact-assessment: DPIA 7", "notice: sign at the door"),
)  # fmt: skip


def row(plan: Plan = PLAN, hours: float = 4, **changes: object) -> Deployment:
    new = planning.new_deployment(
        plan, profile.load(plan.profile), ModelDigests("detector", "embedder"), threshold=0.5,
        start_s=NOW_S, end_s=NOW_S + hours * HOUR_S,
    )  # fmt: skip
    fields = {field.name: None for field in dataclasses.fields(Deployment)}
    given = {field.name: getattr(new, field.name) for field in dataclasses.fields(new)}
    given["documents"] = json.dumps(list(new.documents))
    given["watchlist_ids"] = json.dumps(list(new.watchlist_ids))
    kept = {**fields, **given, "id": "d", "state": DeploymentState.AUTHORISED,
            "authorised_by": "user:chief", "camera_ids": "[]", **changes}  # fmt: skip
    return Deployment(**kept)  # type: ignore[arg-type]  # every field is given by name


def facts(**changes: object) -> Facts:
    plain = Facts(
        NOW_S + 60, "user:ada", (LIST,), 1, "detector", "embedder",
        profile.load("uk-police").digest, None, ThresholdBasis.MEASURED, Standing(),
        independent=True,
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]  # as above


POLICE = profile.load("uk-police")


def keys(deployment: Deployment, given: Facts, policy: profile.Policy = POLICE) -> set[str]:
    return {finding.key for finding in judge(deployment, policy, given).missing}


def test_a_whole_plan_passes() -> None:
    assert judge(row(), POLICE, facts()).is_open


def test_everything_is_listed_at_once() -> None:
    bare = row(
        Plan(profile="uk-police", purpose=" ", use_case="because", place="", watchlist_ids=()),
        hours=30,
        state=DeploymentState.DRAFT,
    )
    given = facts(cameras=0, running_id="other", threshold_basis=ThresholdBasis.CONSTANT,
                  evaluation=NONE, policy_digest="x", embedder_digest="y", lists=())  # fmt: skip
    assert keys(bare, given) == {
        "purpose", "place", "use_case", "expectation", "watchlists", "duration", "authority",
        "document.impact-assessment", "document.notice", "running", "model", "policy", "cameras",
        "threshold", "evaluation",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"confirmed_at_s": NOW_S - 25 * HOUR_S}, "not confirmed within 24 h"),
        ({"expires_at_s": NOW_S}, "has expired"),
        ({"key_missing": True}, "lost its key"),
        ({"templates": 0}, "no entry that the present model"),
        ({"unfounded": 2}, "2 entries without a legal basis"),
        ({"name": ""}, "there is no watchlist"),
    ],
)
def test_each_fault_of_a_list_is_said(change: dict[str, object], said: str) -> None:
    listed = dataclasses.replace(LIST, **change)  # type: ignore[arg-type]  # by name
    verdict = judge(row(), POLICE, facts(lists=(listed,)))
    assert [said in finding.text for finding in verdict.missing] == [True]


def test_the_starter_may_not_be_the_authoriser_where_the_profile_says_so() -> None:
    assert keys(row(authorised_by="user:ada"), facts()) == {"authoriser"}
    urgent = row(authorised_by="user:ada", urgent_reason="a child is missing")
    assert judge(urgent, POLICE, facts()).is_open
    standard = profile.load("standard")
    own = row(dataclasses.replace(PLAN, profile="standard"), authorised_by="user:ada")
    assert judge(own, standard, facts(policy_digest=standard.digest)).is_open


def test_an_authorisation_holds_inside_its_window_only() -> None:
    assert keys(row(), facts(now_s=NOW_S - 1)) == {"too_early"}
    assert keys(row(), facts(now_s=NOW_S + 4 * HOUR_S)) == {"too_late"}
    assert not keys(row(), facts(now_s=NOW_S + 4 * HOUR_S - 1))


def test_what_the_standard_profile_only_warns_of() -> None:
    standard = profile.load("standard")
    given = facts(policy_digest=standard.digest, threshold_basis=ThresholdBasis.EXTRAPOLATED,
                  evaluation=NONE)  # fmt: skip
    verdict = judge(row(dataclasses.replace(PLAN, profile="standard")), standard, given)
    assert verdict.is_open
    assert {finding.key for finding in verdict.warnings} == {"threshold", "evaluation"}
    assert keys(row(), facts(threshold_basis=ThresholdBasis.EXTRAPOLATED)) == {"threshold"}


def test_the_lab_wants_little() -> None:
    lab = profile.load("lab")
    plan = Plan(profile="lab", purpose="a test", use_case="test", place="lab",
                watchlist_ids=("list-1",))  # fmt: skip
    bare = row(plan, hours=0.1)
    old = dataclasses.replace(LIST, confirmed_at_s=0.0, templates=0, unfounded=3, category="test")
    given = facts(now_s=NOW_S, lists=(old,), cameras=0, policy_digest=lab.digest,
                  threshold_basis=ThresholdBasis.CONSTANT, evaluation=NONE)  # fmt: skip
    verdict = judge(bare, lab, given)
    assert verdict.is_open
    assert not verdict.warnings


def report(digest: str = "m", size: int = 320, low: float = 0.1, high: float = 0.9) -> Evaluation:
    return Evaluation(
        id="e", pack="pack", model_digest=digest, evaluated_at_s=NOW_S, list_size=size,
        threshold=0.5, threshold_low=low, threshold_high=high, report="{}",
        report_sha256="f" * 64, registered_at_s=NOW_S, principal="user:ada",
    )  # fmt: skip


def test_training_a_team_the_age_of_photos_and_the_list_s_size_are_asked_for() -> None:
    strict = profile.load(
        "uk-police",
        {"training_required": True, "street_team_required": True, "photo_age_years": 10},
    )
    old = dataclasses.replace(LIST, outdated=2)
    given = facts(lists=(old,), policy_digest=strict.digest)
    deployment = row(policy=strict.as_json(), policy_digest=strict.digest, list_size_max=2)
    assert keys(deployment, given, strict) == {
        "training", "street_team", "watchlist.list-1", "list_size",
    }  # fmt: skip
    sure = dataclasses.replace(given, lists=(LIST,), trained=1, street_team=True)
    assert keys(dataclasses.replace(deployment, list_size_max=3), sure, strict) == set()
    assert keys(row(), facts(lists=(old,))) == set(), "the profile as it is shipped wants none"


def test_the_references_of_the_ai_act_are_asked_for_and_an_urgent_start_registers_later() -> None:
    union = profile.load("uk-police", {"references_required": True})
    given = facts(policy_digest=union.digest)
    plain = row(policy=union.as_json(), policy_digest=union.digest)
    assert keys(plain, given, union) == {"document.fundamental-rights", "document.registration"}
    urgent = dataclasses.replace(plain, urgent_reason="a child is missing")
    assert keys(urgent, given, union) == {"document.fundamental-rights"}
    assert {found.key for found in judge(urgent, union, given).warnings} == {
        "document.registration"
    }
    told = [*PLAN.documents, "fundamental-rights: FRIA 3", "registration: EU-DB 4711"]
    whole = dataclasses.replace(plain, documents=json.dumps(told))
    assert keys(whole, given, union) == set()
    assert profile.load("eu-law-enforcement").rules.references_required


def test_where_a_team_is_to_give_signs_the_first_one_is_at_the_start() -> None:
    signs = profile.load("uk-police", {"street_team_min": 15})
    given = facts(policy_digest=signs.digest)
    deployment = row(policy=signs.as_json(), policy_digest=signs.digest)
    assert keys(deployment, given, signs) == {"street_team"}
    assert keys(deployment, dataclasses.replace(given, street_team=True), signs) == set()


def test_the_profile_of_the_ai_act_wants_trained_reviewers() -> None:
    """26(2): competence, training and authority."""
    union = profile.load("eu-law-enforcement")
    assert union.rules.training_required
    given = facts(policy_digest=union.digest, trained=1)
    deployment = row(policy=union.as_json(), policy_digest=union.digest)
    assert "training" in keys(deployment, given, union), "two reviewers are wanted"
    assert "training" not in keys(deployment, dataclasses.replace(given, trained=2), union)


def test_an_independent_test_is_asked_for_where_the_rules_want_it() -> None:
    strict = profile.load("uk-police", {"independent_test": "required"})
    given = facts(policy_digest=strict.digest, independent=False)
    deployment = row(policy=strict.as_json(), policy_digest=strict.digest)
    assert keys(deployment, given, strict) == {"independent_test"}
    assert judge(row(), POLICE, facts(independent=False)).warnings[0].key == "independent_test"


def test_a_report_counts_for_its_own_model_threshold_and_list_only() -> None:
    assert standing([report()], "m", 0.5, 320) == Standing(report_id="e")
    for reports, word in (
        ([], "no evaluation report"),
        ([report("n")], "was changed"),
        ([report(low=0.55)], "other thresholds"),
        ([report(high=0.45)], "other thresholds"),
    ):
        found = standing(reports, "m", 0.5, 10)
        assert found.fault is not None
        assert word in found.fault
        assert "0.5" not in found.fault, "a threshold is nothing for a reviewer's eyes"
    longer = standing([report(size=10), report(size=300)], "m", 0.5, 301)
    assert longer.fault is None
    assert longer.note is not None
    assert "300" in longer.note
    verdict = judge(row(), POLICE, facts(evaluation=longer))
    assert verdict.is_open
    assert [finding.key for finding in verdict.warnings] == ["evaluation.list"]
    assert verdict.evaluation_id == "e"
