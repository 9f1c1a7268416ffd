"""The start gate: may this deployment start now? Pure: facts in, everything that is missing out.

All of it at once, so that one need not mend one thing to be told of the next. A warning is
what the profile wants to be told and does not insist on.
"""

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from lfrd.clock import stamp
from lfrd.governance import two_person
from lfrd.governance.profile import Policy
from lfrd.store.deployments import OUTSIDE, Deployment
from lfrd.store.evaluations import Evaluation
from lfrd.vocabulary import Category, DeploymentState, UseCase


@dataclass(frozen=True, slots=True)
class Standing:
    """`fault`: why no report counts; None where one does, `report_id`. `note`: what is to be known
    about it."""

    fault: str | None = None
    note: str | None = None
    report_id: str | None = None


def standing(
    valid: Sequence[Evaluation], model_digest: str, threshold: float, references: int
) -> Standing:
    """What the registered reports, newest first, say for a deployment. No figure of its threshold
    is in the answer: who reads it may have candidates to decide about.

    A report counts for the model whose digest it names, at thresholds between the lowest and the
    highest at which its rates were measured. False alerts grow with the list, so a report of a
    shorter list than the deployment's says too little, and that is said.
    """
    if not valid:
        return Standing("there is no evaluation report (`lfrd evaluate DIR --register`)")
    ours = [item for item in valid if item.model_digest == model_digest]
    if not ours:
        return Standing(
            "the evaluation reports are of other models than the one in use, which was changed: "
            "evaluate it (`lfrd evaluate DIR --register`)"
        )
    fitting = [item for item in ours if item.threshold_low <= threshold <= item.threshold_high]
    if not fitting:
        return Standing(
            "the evaluation reports of this model measured other thresholds than the one that "
            "these lists need: evaluate it with a list like them"
        )
    best = max(fitting, key=lambda item: item.list_size)
    note = (
        f"the evaluation measured a list of {best.list_size:,}, and these lists hold "
        f"{references:,} photos: false alerts grow with the list"
    )
    return Standing(None, note if best.list_size < references else None, best.id)


DOCUMENTS = ("impact-assessment", "notice")
"""The documents that a deployment outside the lab refers to: what it may do to people was weighed
beforehand, and people are told of it on the spot."""

REFERENCES = {
    "fundamental-rights": "the fundamental rights impact assessment (EU AI Act, 27)",
    "registration": "the registration in the EU database (EU AI Act, 49)",
}
"""What a deployment refers to besides where the rules want it. An urgent one may be registered
afterwards (5(2)): then it is a warning."""
LATER_IF_URGENT = "registration"

HOUR_S = 3600.0


class ThresholdBasis(enum.StrEnum):
    """Where a threshold comes from: a stated constant, the measured curve, or beyond its end."""

    CONSTANT = "constant"
    MEASURED = "measured"
    EXTRAPOLATED = "extrapolated"


@dataclass(frozen=True, slots=True)
class ListFacts:
    """One list that a deployment wants to compare with; `name` is empty where there is none."""

    watchlist_id: str
    name: str
    confirmed_at_s: float
    expires_at_s: float | None
    entries: int
    templates: int
    unfounded: int
    """Entries without a legal basis, a source or a reviewer."""
    key_missing: bool
    """Its key is gone: it has records and no faces."""
    category: str = ""
    restored_from_s: float | None = None
    """When the backup was made that it was restored from, while no supervisor vouches for it."""
    outdated: int = 0
    """Photos that are older than the policy allows, or of unknown age."""

    @property
    def exists(self) -> bool:
        return bool(self.name)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gate looks at, besides the deployment itself."""

    now_s: float
    starter: str
    """Who wants it to run (see lfrd.governance.two_person)."""
    lists: tuple[ListFacts, ...]
    cameras: int
    detector_digest: str
    embedder_digest: str
    policy_digest: str
    running_id: str | None
    threshold_basis: ThresholdBasis
    evaluation: Standing
    """What the registered evaluation reports say for this very model and threshold."""
    independent: bool = False
    """Whether somebody who does not run this site has tested the model in use, as was recorded."""
    trained: int = 0
    """People whose training as reviewers is valid until the planned end."""
    street_team: bool = False
    """Whether the starter says that a team is on the spot."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`key` is stable, for programs; `text` says what is missing and how to mend it."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What bars the start, and what is only to be known."""

    missing: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    evaluation_id: str | None = None
    """The evaluation report that is relied on, if any: the log of the start names it."""
    erases: tuple[Finding, ...] = ()
    """What the rules erase after use."""

    @property
    def is_open(self) -> bool:
        return not self.missing

    def sentence(self) -> str:
        """Everything that is missing, for one message."""
        return "; ".join(finding.text for finding in self.missing)


def judge(deployment: Deployment, policy: Policy, facts: Facts) -> Verdict:
    """May `facts.starter` start this deployment at `facts.now_s`?"""
    missing = [
        *_plan(deployment, policy),
        *_documents(deployment, policy),
        *_lists(deployment, policy, facts),
        *_authority(deployment, policy, facts),
        *_machine(deployment, facts, policy),
        *_people(policy, facts),
    ]
    owed = [found for found in missing if _may_follow(deployment, found)]
    missing = [found for found in missing if found not in owed]
    warnings: list[Finding] = owed
    asked = (_threshold(policy, facts), _evaluation(policy, facts), _tested(policy, facts))
    for finding, wanted in asked:
        if finding is not None:
            (missing if wanted == "required" else warnings).append(finding)
    return Verdict(
        tuple(missing), tuple(warnings), facts.evaluation.report_id, _erased_after(policy, facts)
    )


def gaps(deployment: Deployment, policy: Policy, facts: Facts) -> tuple[Finding, ...]:
    """What nothing but another plan mends: under an authority that is given nevertheless, it could
    never start. What may mend itself until the start (a list to be confirmed, a camera, a report)
    is the gate's alone."""
    lasting = (*_unusable(policy, facts), *_changed(deployment, facts))
    late = [found for found in _time(deployment, facts) if found.key == "too_late"]
    return (*_plan(deployment, policy), *_documents(deployment, policy), *lasting, *late)


def _may_follow(deployment: Deployment, found: Finding) -> bool:
    """Whether an urgent start may make up for it afterwards."""
    return deployment.urgent_reason is not None and found.key == f"document.{LATER_IF_URGENT}"


def _unusable(policy: Policy, facts: Facts) -> list[Finding]:
    return [
        Finding(f"watchlist.{listed.watchlist_id}", text)
        for listed in facts.lists
        if (text := _why_unusable(listed, policy)) is not None
    ]


def _why_unusable(listed: ListFacts, policy: Policy) -> str | None:
    if not listed.exists:
        return f"there is no watchlist {listed.watchlist_id}"
    if listed.key_missing:
        return (
            f"watchlist {listed.name!r} has lost its key: its faces cannot be opened; make a new "
            "list"
        )
    if policy.is_lab and listed.category != Category.TEST:
        return (
            f"watchlist {listed.name!r} is of category {listed.category!r}: a deployment of the "
            f"lab erases its lists after use, and takes those of category {Category.TEST.value!r} "
            "alone"
        )
    return None


def _erased_after(policy: Policy, facts: Facts) -> tuple[Finding, ...]:
    if policy.rules.after_use != "erase_list":
        return ()
    within_h = policy.rules.after_use_within_h
    when = "at the daemon's next stop" if within_h is None else f"{within_h:g} h after its end"
    return tuple(
        Finding(
            f"watchlist.{listed.watchlist_id}",
            f"watchlist {listed.name!r} and its {listed.entries} entries are erased {when}",
        )
        for listed in facts.lists
        if listed.exists
    )


def _plan(deployment: Deployment, policy: Policy) -> list[Finding]:
    found = [
        Finding(key, f"{what} is missing")
        for key, what, value in (
            ("purpose", "the purpose", deployment.purpose),
            ("place", "the place", deployment.place),
        )
        if not value.strip()
    ]
    if deployment.use_case not in set(UseCase):
        found.append(Finding("use_case", f"the use case must be one of {', '.join(UseCase)}"))
    if not policy.is_lab and not deployment.expectation.strip():
        found.append(
            Finding("expectation", "a written reason why listed people are expected at this place "
                                   "is missing")
        )  # fmt: skip
    if not json.loads(deployment.watchlist_ids):
        found.append(Finding("watchlists", "name at least one watchlist to compare with"))
    return found + _window(deployment, policy)


def _window(deployment: Deployment, policy: Policy) -> list[Finding]:
    begin_s, end_s = deployment.planned_start_at_s, deployment.planned_end_at_s
    if begin_s is None or end_s is None or end_s <= begin_s:
        return [Finding("window", "a planned start, and a planned end after it, are missing")]
    hours, most = (end_s - begin_s) / HOUR_S, policy.rules.max_deployment_h
    if hours > most + 1e-6:
        return [
            Finding("duration", f"it is planned for {hours:g} h; {policy.name} allows {most:g} h")
        ]
    return []


def _documents(deployment: Deployment, policy: Policy) -> list[Finding]:
    rules, wanted = policy.rules, dict[str, str]()
    if rules.documents_required:
        wanted |= {kind: f"the {kind.replace('-', ' ')}" for kind in DOCUMENTS}
    if rules.references_required:
        wanted |= REFERENCES
    pairs = (text.partition(":") for text in json.loads(deployment.documents))
    given = {kind.strip(): reference.strip() for kind, _, reference in pairs}
    return [
        Finding(f"document.{kind}",
                f'a reference to {what} is missing (document "{kind}: WHERE IT IS")')
        for kind, what in wanted.items()
        if not given.get(kind)
    ]  # fmt: skip


def _lists(deployment: Deployment, policy: Policy, facts: Facts) -> list[Finding]:
    found = _unusable(policy, facts)
    total, most = sum(listed.entries for listed in facts.lists), deployment.list_size_max
    if most is not None and total > most:
        found.append(
            Finding("list_size", f"its lists hold {total} entries; its authority allows {most}")
        )
    for listed in facts.lists:
        if not listed.exists:
            continue
        found += [
            Finding(f"watchlist.{listed.watchlist_id}", f"watchlist {listed.name!r} {text}")
            for text in _list_faults(listed, policy, facts.now_s)
        ]
    return found


def _list_faults(listed: ListFacts, policy: Policy, now_s: float) -> list[str]:
    faults = []
    if listed.restored_from_s is not None:
        faults.append(
            f"was restored from a backup of {stamp(listed.restored_from_s)}, and may hold people "
            "who were taken off since: a supervisor looks it over and confirms it"
        )
    if listed.expires_at_s is not None and listed.expires_at_s <= now_s:
        faults.append("has expired")
    within_h = policy.rules.list_confirmed_within_h
    if within_h is not None and now_s - listed.confirmed_at_s > within_h * HOUR_S:
        faults.append(f"was not confirmed within {within_h:g} h: look it over and confirm it")
    years = policy.rules.photo_age_years
    if years is not None and listed.outdated:
        faults.append(
            f"has {listed.outdated} photos that are older than {years:g} years, or of no known date"
        )
    if policy.is_lab:
        return faults
    if not listed.templates:
        faults.append("has no entry that the present model can compare with")
    if listed.unfounded:
        faults.append(
            f"has {listed.unfounded} entries without a legal basis, a source or a reviewer"
        )
    return faults


def _authority(deployment: Deployment, policy: Policy, facts: Facts) -> list[Finding]:
    if deployment.state is not DeploymentState.AUTHORISED:
        return [Finding("authority", f"it is {deployment.state}: it must be authorised first")]
    found = []
    barred = two_person.bar_to_start(deployment, policy, facts.starter)
    if barred is not None:
        found.append(Finding("authoriser", barred))
    outside = (deployment.authorised_by or "").startswith(OUTSIDE)
    if policy.rules.outside_authority and not outside and deployment.urgent_reason is None:
        found.append(Finding("authority.outside", "the rules want it authorised from outside"))
    return found + _time(deployment, facts)


def _time(deployment: Deployment, facts: Facts) -> list[Finding]:
    found = []
    begin_s, end_s = deployment.planned_start_at_s, deployment.planned_end_at_s
    if begin_s is not None and facts.now_s < begin_s:
        found.append(Finding("too_early", "its planned start has not come yet"))
    if end_s is not None and facts.now_s >= end_s:
        found.append(Finding("too_late", "its planned end has passed: plan it anew"))
    return found


def _machine(deployment: Deployment, facts: Facts, policy: Policy) -> list[Finding]:
    found = []
    if facts.running_id is not None:
        found.append(Finding("running", f"deployment {facts.running_id} is running: end it first"))
    found += _changed(deployment, facts)
    if not facts.cameras and not policy.is_lab:
        found.append(Finding("cameras", "no camera is enabled"))
    return found


def _people(policy: Policy, facts: Facts) -> list[Finding]:
    rules, found = policy.rules, []
    if rules.training_required and facts.trained < rules.reviewers_required:
        found.append(
            Finding(
                "training",
                f"{facts.trained} people have a training as reviewers that is valid until its "
                f"planned end; {rules.reviewers_required} are needed (`lfrd training add`)",
            )
        )
    wanted = rules.street_team_required or rules.street_team_min is not None
    if wanted and not facts.street_team:
        found.append(
            Finding("street_team", "say at the start that a team is on the spot (--street-team)")
        )
    return found


def _changed(deployment: Deployment, facts: Facts) -> list[Finding]:
    found = []
    authorised = (deployment.detector_digest, deployment.embedder_digest)
    if authorised != (facts.detector_digest, facts.embedder_digest):
        found.append(Finding("model", "the models were changed since it was planned: plan it anew"))
    if deployment.policy_digest != facts.policy_digest:
        found.append(
            Finding("policy", "the site's rules were changed since it was planned: plan it anew")
        )
    return found


Wanted = Literal["required", "warn", "no"]


def _threshold(policy: Policy, facts: Facts) -> tuple[Finding | None, Wanted]:
    one_in, basis = policy.rules.one_false_alert_in, facts.threshold_basis
    if one_in is None or basis is ThresholdBasis.MEASURED:
        return None, "no"
    text = {
        ThresholdBasis.CONSTANT: "the threshold is a constant: it was not derived from the lists",
        ThresholdBasis.EXTRAPOLATED: "the threshold lies beyond what the measured pairs support",
    }[basis]
    wanted: Wanted = "required" if policy.rules.extrapolated_threshold == "refused" else "warn"
    return Finding("threshold", f"{text} (at most one false alert in {one_in:,} faces)"), wanted


def _evaluation(policy: Policy, facts: Facts) -> tuple[Finding | None, Wanted]:
    wanted, found = policy.rules.evaluation_report, facts.evaluation
    if wanted == "no":
        return None, "no"
    if found.fault is not None:
        return Finding("evaluation", found.fault), wanted
    return Finding("evaluation.list", found.note) if found.note else None, "warn"


def _tested(policy: Policy, facts: Facts) -> tuple[Finding | None, Wanted]:
    """Whether the model in use was tested independently, where the rules ask."""
    wanted = policy.rules.independent_test
    if wanted == "no" or facts.independent:
        return None, "no"
    text = (
        "no independent test of the model in use is recorded (`lfrd evaluation tested`): who "
        "tested it, when, and where that can be read"
    )
    return Finding("independent_test", text), wanted
