"""What people decide about a deployment before, during and after it: plan, authorise, ratify."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.governance import two_person
from lfrd.governance.profile import LAB, Policy, Rules, SitePolicies
from lfrd.governance.start_gate import HOUR_S, Facts, ListFacts, ThresholdBasis, standing
from lfrd.store import deployments as stored
from lfrd.store import erasures, evaluations, templates, watchlists
from lfrd.store.deployments import Deployment, NewDeployment
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import DeploymentState, ErasureKind, Role


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody plans. `start_at_s` None is now. What is missing is said by the gate."""

    profile: str
    purpose: str
    use_case: str
    place: str
    watchlist_ids: tuple[str, ...]
    duration_s: float
    expectation: str = ""
    documents: tuple[str, ...] = ()
    start_at_s: float | None = None
    schedule_id: str | None = None


@dataclass(frozen=True, slots=True)
class Machine:
    """What this daemon compares with; a deployment is planned for one, and starts on it alone."""

    detector_digest: str
    embedder_digest: str
    threshold: float
    cameras: tuple[str, ...] = ()


def new_deployment(draft: Draft, policy: Policy, machine: Machine, now_s: float) -> NewDeployment:
    """The draft as it is stored, with the policy it is planned under."""
    start_s = now_s if draft.start_at_s is None else draft.start_at_s
    return NewDeployment(
        profile=policy.name,
        purpose=draft.purpose,
        use_case=draft.use_case,
        place=draft.place,
        threshold=machine.threshold,
        detector_digest=machine.detector_digest,
        embedder_digest=machine.embedder_digest,
        planned_end_at_s=start_s + draft.duration_s,
        policy=policy.as_json(),
        policy_digest=policy.digest,
        expectation=draft.expectation,
        documents=draft.documents,
        watchlist_ids=draft.watchlist_ids,
        planned_start_at_s=start_s,
        schedule_id=draft.schedule_id,
    )


@dataclass(frozen=True, slots=True)
class Amendment:
    """What somebody changes of a plan; what is None stays. `starts_now`: from the amendment on."""

    purpose: str | None = None
    use_case: str | None = None
    place: str | None = None
    watchlist_ids: tuple[str, ...] | None = None
    duration_s: float | None = None
    expectation: str | None = None
    documents: tuple[str, ...] | None = None
    start_at_s: float | None = None
    starts_now: bool = False

    def of(self, row: Deployment) -> Draft:
        """The plan as it is from now on."""
        begin_s, end_s = row.planned_start_at_s, row.planned_end_at_s
        lasts_s = end_s - begin_s if begin_s is not None and end_s is not None else HOUR_S
        moved_s = None if self.starts_now else begin_s
        lists, documents = self.watchlist_ids, self.documents
        return Draft(
            row.profile,
            row.purpose if self.purpose is None else self.purpose,
            row.use_case if self.use_case is None else self.use_case,
            row.place if self.place is None else self.place,
            tuple(json.loads(row.watchlist_ids)) if lists is None else lists,
            lasts_s if self.duration_s is None else self.duration_s,
            row.expectation if self.expectation is None else self.expectation,
            tuple(json.loads(row.documents)) if documents is None else documents,
            moved_s if self.start_at_s is None else self.start_at_s,
            row.schedule_id,
        )


def gather(
    reader: Reader,
    watchlist_ids: Sequence[str],
    starter: str,
    machine: Machine,
    policy: Policy,
    basis: ThresholdBasis,
    threshold: float,
    now_s: float,
) -> Facts:
    """The facts that the gate judges by; `threshold` is what it would start with."""
    running = stored.running(reader)
    digest = machine.embedder_digest
    lists = tuple(_list_facts(reader, name, digest, now_s) for name in watchlist_ids)
    references = sum(listed.templates for listed in lists)
    return Facts(
        now_s=now_s,
        starter=starter,
        lists=lists,
        cameras=len(machine.cameras),
        detector_digest=machine.detector_digest,
        embedder_digest=digest,
        policy_digest=policy.digest,
        running_id=running.id if running else None,
        threshold_basis=basis,
        evaluation=standing(evaluations.valid(reader), digest, threshold, references),
    )


def _list_facts(reader: Reader, watchlist_id: str, model_digest: str, now_s: float) -> ListFacts:
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
    )


def bar_to_resume(
    row: Deployment, policies: SitePolicies, machine: Machine, *, has_key: bool, now_s: float
) -> str | None:
    """Why a deployment that a restart cut off cannot go on, if so.

    It goes on inside its window only, under the rules and with the models it was authorised for.
    """
    if row.profile == LAB:
        return "the daemon was interrupted"
    known = {policy.digest for policy in (policies.own, policies.lab) if policy is not None}
    if row.policy_digest not in known:
        return "the site's rules were changed"
    planned = (row.detector_digest, row.embedder_digest)
    if planned != (machine.detector_digest, machine.embedder_digest):
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
    erasures.note_deleted(
        tx, ErasureKind.SNAPSHOT, row.id, "the deployment has ended", templates=compared
    )
    return stored.end(tx, row.id, reason=reason, summary=summary)


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


def ratify(tx: Transaction, deployment_id: str) -> Deployment:
    """Give an urgent start the authority it lacked, in time, by somebody else. Raises Conflict."""
    row = stored.get(tx, deployment_id)
    if row.urgent_reason is None:
        raise Conflict(f"deployment {deployment_id} was not started urgently")
    two_person.check_ratifier(row, tx.principal)
    if row.ratify_by_at_s is not None and tx.at_s >= row.ratify_by_at_s:
        raise Conflict("it is too late to ratify this urgent start: it is purged")
    return stored.ratify(tx, deployment_id)


def extend(tx: Transaction, deployment_id: str, until_s: float, rules: Rules) -> Deployment:
    """A new authorisation to last longer. Raises Conflict, BadInput.

    The whole deployment stays within the longest that the policy allows, and whoever extends it is
    somebody else than whoever started it, where the policy wants that of an authorisation.
    """
    row = stored.get(tx, deployment_id)
    if row.state is not DeploymentState.RUNNING:
        raise Conflict(f"deployment {deployment_id} is {row.state}: only a running one is extended")
    if row.urgent_reason is not None and row.ratified_at_s is None:
        raise Conflict("an urgent start is ratified before it is extended")
    two_person.check_extender(tx, row, rules, tx.principal)
    assert row.started_at_s is not None
    assert row.planned_end_at_s is not None
    if until_s <= row.planned_end_at_s:
        raise BadInput("an extension ends after the planned end; to end earlier, end it")
    if until_s - row.started_at_s > rules.max_deployment_h * HOUR_S + 1.0:
        raise BadInput(
            f"a deployment lasts at most {rules.max_deployment_h:g} hours under this policy: "
            "plan another one"
        )
    return stored.extend(tx, deployment_id, until_s)
