"""What people decide about a deployment before, during and after it: plan, authorise, ratify."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.governance import record, two_person
from lfrd.governance.profile import LAB, Policy, Rules, SitePolicies
from lfrd.governance.start_gate import HOUR_S, Facts, ListFacts, ThresholdBasis, standing
from lfrd.store import deployments as stored
from lfrd.store import (
    erasures,
    evaluations,
    independent_tests,
    reference_images,
    templates,
    trainings,
    watchlists,
)
from lfrd.store.deployments import Authority, Deployment, NewDeployment
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import DeploymentState, ErasureKind, Role

YEAR_S = 365.25 * 24 * HOUR_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a deployment is for, or each one of a schedule: the same words go into their records.

    One value, since it is what a person writes, is stored whole with a schedule, and is taken over
    whole by each deployment of it. What is missing is said by the gate.
    """

    profile: str
    purpose: str
    use_case: str
    place: str
    watchlist_ids: tuple[str, ...]
    expectation: str = ""
    documents: tuple[str, ...] = ()
    list_size_max: int | None = None
    """So many entries its lists may hold; None: the authority sets no limit."""

    def as_json(self) -> str:
        told = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(told, sort_keys=True)

    @staticmethod
    def parse(text: str) -> "Plan":
        kept = json.loads(text)
        kept["documents"] = tuple(kept["documents"])
        kept["watchlist_ids"] = tuple(kept["watchlist_ids"])
        return Plan(**kept)


@dataclass(frozen=True, slots=True)
class ModelDigests:
    """What faces are found and compared with. One value, since the two are compared whole: a
    deployment is planned for these models, and starts and goes on with them alone."""

    detector: str
    embedder: str


def new_deployment(
    plan: Plan,
    policy: Policy,
    models: ModelDigests,
    *,
    threshold: float,
    start_s: float,
    end_s: float,
    schedule_id: str | None = None,
) -> NewDeployment:
    """The plan as it is stored, with its window and the policy it is planned under."""
    return NewDeployment(
        profile=policy.name,
        purpose=plan.purpose,
        use_case=plan.use_case,
        place=plan.place,
        threshold=threshold,
        detector_digest=models.detector,
        embedder_digest=models.embedder,
        planned_end_at_s=end_s,
        policy=policy.as_json(),
        policy_digest=policy.digest,
        expectation=plan.expectation,
        documents=plan.documents,
        watchlist_ids=plan.watchlist_ids,
        planned_start_at_s=start_s,
        schedule_id=schedule_id,
        list_size_max=plan.list_size_max,
    )


@dataclass(frozen=True, slots=True)
class Amendment:
    """What a person changes of a plan; what is None stays. `starts_now`: from the amendment on."""

    purpose: str | None = None
    use_case: str | None = None
    place: str | None = None
    watchlist_ids: tuple[str, ...] | None = None
    duration_s: float | None = None
    expectation: str | None = None
    documents: tuple[str, ...] | None = None
    start_at_s: float | None = None
    list_size_max: int | None = None
    starts_now: bool = False

    def plan(self, row: Deployment) -> Plan:
        """What the deployment is for from now on."""
        lists, documents = self.watchlist_ids, self.documents
        return Plan(
            profile=row.profile,
            purpose=row.purpose if self.purpose is None else self.purpose,
            use_case=row.use_case if self.use_case is None else self.use_case,
            place=row.place if self.place is None else self.place,
            watchlist_ids=tuple(json.loads(row.watchlist_ids)) if lists is None else lists,
            expectation=row.expectation if self.expectation is None else self.expectation,
            documents=tuple(json.loads(row.documents)) if documents is None else documents,
            list_size_max=self.list_size_max or row.list_size_max,
        )

    def start_s(self, row: Deployment, now_s: float) -> float:
        """Its planned start from now on."""
        if self.start_at_s is not None:
            return self.start_at_s
        planned_s = row.planned_start_at_s
        return now_s if self.starts_now or planned_s is None else planned_s

    def lasts_s(self, row: Deployment) -> float:
        """How long it is planned to last from now on."""
        begin_s, end_s = row.planned_start_at_s, row.planned_end_at_s
        if self.duration_s is not None:
            return self.duration_s
        return end_s - begin_s if begin_s is not None and end_s is not None else HOUR_S


def gather(
    reader: Reader,
    watchlist_ids: Sequence[str],
    *,
    starter: str,
    models: ModelDigests,
    cameras: int,
    policy: Policy,
    basis: ThresholdBasis,
    threshold: float,
    now_s: float,
    end_s: float = 0.0,
) -> Facts:
    """The facts that the gate judges by; `threshold` is what it would start with, on so many
    `cameras`, until `end_s`."""
    running, digest = stored.running(reader), models.embedder
    years = policy.rules.photo_age_years
    taken_s = None if years is None else now_s - years * YEAR_S
    lists = tuple(_list_facts(reader, name, digest, now_s, taken_s) for name in watchlist_ids)
    references = sum(listed.templates for listed in lists)
    return Facts(
        now_s=now_s,
        starter=starter,
        lists=lists,
        cameras=cameras,
        detector_digest=models.detector,
        embedder_digest=digest,
        policy_digest=policy.digest,
        running_id=running.id if running else None,
        threshold_basis=basis,
        evaluation=standing(evaluations.valid(reader), digest, threshold, references),
        independent=bool(independent_tests.of_model(reader, digest)),
        trained=len(trainings.trained_until(reader, max(now_s, end_s))),
    )


def _list_facts(
    reader: Reader, watchlist_id: str, model_digest: str, now_s: float, taken_s: float | None
) -> ListFacts:
    row = watchlists.find(reader, watchlist_id)
    if row is None:
        return ListFacts(watchlist_id, "", 0.0, None, 0, 0, 0, key_missing=False)
    return ListFacts(
        watchlist_id,
        row.name,
        row.confirmed_at_s,
        row.expires_at_s,
        entries=watchlists.count_entries(reader, row.id),
        templates=templates.count_valid(reader, model_digest, (row.id,), now_s),
        unfounded=watchlists.count_unfounded(reader, row.id),
        key_missing=not reader.keys.has(watchlists.scope_of(row.id)),
        category=row.category.value,
        restored_from_s=row.restored_from_s,
        outdated=0 if taken_s is None else reference_images.count_older(reader, row.id, taken_s),
    )


def bar_to_resume(
    row: Deployment, policies: SitePolicies, models: ModelDigests, *, has_key: bool, now_s: float
) -> str | None:
    """Why a deployment that a restart cut off cannot go on, if so.

    It goes on inside its window only, under the rules and with the models it was authorised for.
    """
    if row.profile == LAB:
        return "the daemon was interrupted"
    known = {policy.digest for policy in (policies.own, policies.lab) if policy is not None}
    if row.policy_digest not in known:
        return "the site's rules were changed"
    if ModelDigests(row.detector_digest, row.embedder_digest) != models:
        return "the models were changed"
    if not has_key:
        return "its key is gone"
    if row.planned_end_at_s is None or now_s >= row.planned_end_at_s:
        return "its window passed while the daemon was down"
    return None


def lists_exist(reader: Reader, watchlist_ids: Sequence[str]) -> None:
    """Raises NotFound where one does not, or none is named."""
    if not watchlist_ids:
        raise NotFound("name at least one watchlist to compare with")
    for watchlist_id in watchlist_ids:
        watchlists.get(reader, watchlist_id)


def end(tx: Transaction, row: Deployment, reason: str, summary: str, compared: int) -> Deployment:
    """End a running deployment. Its snapshot of `compared` templates lived in memory only and is
    gone by now: its erasure needs nothing but the receipt."""
    record.note_lists(tx, row.id)
    erasures.note_deleted(
        tx, ErasureKind.SNAPSHOT, row.id, "the deployment has ended", templates=compared
    )
    facts = record.log_counts(tx, stored.get(tx, row.id))
    return stored.end(tx, row.id, reason=reason, summary=summary, facts=facts)


def declare_urgent(
    tx: Transaction, deployment_id: str, reason: str, rules: Rules, role: Role
) -> Deployment:
    """Let `tx.principal` start without an authorisation, for now. Raises Conflict, BadInput, or
    Denied where the rules erase the lists after use and `role` may not."""
    if rules.urgent_ratified_within_h is None:
        raise Conflict("this policy knows no urgent start: have it authorised")
    if rules.after_use == "erase_list":
        two_person.demand_take_off(role)
    if not reason.strip():
        raise BadInput("an urgent start needs a reason")
    ratify_by_s = tx.at_s + rules.urgent_ratified_within_h * HOUR_S
    return stored.declare_urgent(tx, deployment_id, reason.strip(), ratify_by_s)


def ratify(tx: Transaction, deployment_id: str, outside: Authority | None = None) -> Deployment:
    """Give an urgent start the authority it lacked, in time, by another person or from outside.
    Raises Conflict."""
    row = stored.get(tx, deployment_id)
    if row.urgent_reason is None:
        raise Conflict(f"deployment {deployment_id} was not started urgently")
    two_person.check_ratifier(row, outside.name if outside else tx.principal)
    if row.ratify_by_at_s is not None and tx.at_s >= row.ratify_by_at_s:
        raise Conflict("it is too late to ratify this urgent start: it is purged")
    return stored.ratify(tx, deployment_id, outside)


def extend(
    tx: Transaction,
    deployment_id: str,
    until_s: float,
    rules: Rules,
    outside: Authority | None = None,
) -> Deployment:
    """A new authorisation to last longer. Raises Conflict, BadInput.

    The whole deployment stays within the longest that the policy allows, and it is
    extended by another person than started it, where the policy wants that of an authorisation.
    """
    row = stored.get(tx, deployment_id)
    if row.state is not DeploymentState.RUNNING:
        raise Conflict(f"deployment {deployment_id} is {row.state}: only a running one is extended")
    if row.urgent_reason is not None and row.ratified_at_s is None:
        raise Conflict("an urgent start is ratified before it is extended")
    two_person.check_extender(tx, row, rules, outside.name if outside else tx.principal)
    assert row.started_at_s is not None
    assert row.planned_end_at_s is not None
    if until_s <= row.planned_end_at_s:
        raise BadInput("an extension ends after the planned end; to end earlier, end it")
    if until_s - row.started_at_s > rules.max_deployment_h * HOUR_S + 1.0:
        raise BadInput(
            f"a deployment lasts at most {rules.max_deployment_h:g} hours under this policy: "
            "plan another one"
        )
    return stored.extend(tx, deployment_id, until_s, outside)
