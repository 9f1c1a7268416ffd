"""Deployments: the only state in which faces are compared. Their rules come from a profile; here
is what was decided, by whom, and which steps follow which.

    draft → authorised → running → ended → erased
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from lfrd.audit import verify
from lfrd.errors import Conflict
from lfrd.events import EventKind
from lfrd.ids import new_id
from lfrd.store import absences, independent_tests, watchlists
from lfrd.store.audit import AuditClass, Fact
from lfrd.store.keys import Scope
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Category, DeploymentState


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One use of the machine.

    `summary` is JSON text of the counts, written now and then and at the end. `policy` is the JSON
    of the rules that were in force when it was planned, and stay its rules. `documents`,
    `watchlist_ids` and `camera_ids` are JSON lists. A deployment with an `urgent_reason` was
    started without authority; another person ratifies it by `ratify_by_at_s`, or it is purged.
    """

    TABLE: ClassVar[str] = "deployment"

    id: str
    profile: str
    state: DeploymentState
    purpose: str
    use_case: str
    place: str
    threshold: float
    detector_digest: str
    embedder_digest: str
    created_at_s: float
    planned_end_at_s: float | None
    authorised_at_s: float | None
    authorised_by: str | None
    started_at_s: float | None
    started_by: str | None
    ended_at_s: float | None
    ended_by: str | None
    end_reason: str | None
    erased_at_s: float | None
    summary: str | None
    principal: str
    policy: str
    policy_digest: str
    expectation: str
    documents: str
    watchlist_ids: str
    camera_ids: str
    planned_start_at_s: float | None
    urgent_reason: str | None
    ratify_by_at_s: float | None
    ratified_at_s: float | None
    ratified_by: str | None
    schedule_id: str | None
    list_size_max: int | None = None
    street_team_at_s: float | None = None
    authorised_lists: str | None = None
    """JSON list of texts: what its lists held when it was authorised."""
    authority: str | None = None
    """What an authority from outside signed, with its signature."""
    independent_tests: str | None = None
    """JSON list of texts: who had tested the model independently when it started."""


OUTSIDE = verify.OUTSIDE


@dataclass(frozen=True, slots=True)
class Authority:
    """Given from outside: `name` stands where a principal would, `signed` is the whole note."""

    name: str
    signed: str
    sha256: str


@dataclass(frozen=True, slots=True)
class NewDeployment:
    """A plan, as a person makes it. `documents` are `kind: reference` texts."""

    profile: str
    purpose: str
    use_case: str
    place: str
    threshold: float
    detector_digest: str
    embedder_digest: str
    planned_end_at_s: float | None = None
    policy: str = "{}"
    policy_digest: str = ""
    expectation: str = ""
    documents: tuple[str, ...] = ()
    watchlist_ids: tuple[str, ...] = ()
    planned_start_at_s: float | None = None
    schedule_id: str | None = None
    list_size_max: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Which list, in which state, a deployment compares with. `composition` is what it was made of,
    as JSON text of numbers (see lfrd.governance.record)."""

    TABLE: ClassVar[str] = "deployment_watchlist"

    deployment_id: str
    watchlist_id: str
    entry_count: int
    snapshot_hash: str
    taken_at_s: float
    principal: str
    changes: int = 0
    changed_at_s: float | None = None
    composition: str | None = None


def scope_of(deployment_id: str) -> Scope:
    """Whose key seals the faces of this deployment's episodes."""
    return Scope("deployment", deployment_id)


def add(tx: Transaction, new: NewDeployment) -> Deployment:
    """Make a draft and its key."""
    deployment = Deployment(
        id=new_id(),
        profile=new.profile,
        state=DeploymentState.DRAFT,
        purpose=new.purpose,
        use_case=new.use_case,
        place=new.place,
        threshold=new.threshold,
        detector_digest=new.detector_digest,
        embedder_digest=new.embedder_digest,
        created_at_s=tx.at_s,
        planned_end_at_s=new.planned_end_at_s,
        authorised_at_s=None,
        authorised_by=None,
        started_at_s=None,
        started_by=None,
        ended_at_s=None,
        ended_by=None,
        end_reason=None,
        erased_at_s=None,
        summary=None,
        principal=tx.principal,
        policy=new.policy,
        policy_digest=new.policy_digest,
        expectation=new.expectation,
        documents=json.dumps(list(new.documents)),
        watchlist_ids=json.dumps(list(dict.fromkeys(new.watchlist_ids))),
        camera_ids="[]",
        planned_start_at_s=new.planned_start_at_s,
        urgent_reason=None,
        ratify_by_at_s=None,
        ratified_at_s=None,
        ratified_by=None,
        schedule_id=new.schedule_id,
        list_size_max=new.list_size_max,
    )
    tx.insert(deployment)
    tx.keys.create(scope_of(deployment.id))
    _log(
        tx, deployment.id, "deployment.add",
        {"policy": new.policy_digest, "profile": new.profile, "use_case": new.use_case},
    )  # fmt: skip
    return deployment


def get(reader: Reader, deployment_id: str) -> Deployment:
    """Raises NotFound."""
    return reader.get(Deployment, deployment_id)


def find(reader: Reader, deployment_id: str) -> Deployment | None:
    """None where there is none."""
    return reader.first(Deployment, "WHERE id = ?", (deployment_id,))


def page(reader: Reader, before_id: str | None = None, limit: int = 100) -> list[Deployment]:
    """Deployments, newest first; `before_id` is the last one of the page before."""
    if before_id is None:
        return reader.find(Deployment, "ORDER BY id DESC LIMIT ?", (limit,))
    return reader.find(Deployment, "WHERE id < ? ORDER BY id DESC LIMIT ?", (before_id, limit))


def running(reader: Reader) -> Deployment | None:
    """The one that runs, if any."""
    return reader.first(Deployment, "WHERE state = 'running'")


def ended(reader: Reader) -> list[Deployment]:
    """Those that have ended and are not erased, oldest first."""
    return reader.find(Deployment, "WHERE state = 'ended' ORDER BY id")


def started_between(reader: Reader, begin_s: float, end_s: float) -> list[str]:
    """The ids of those that started in a span of time, the first one first."""
    return reader.column(
        "SELECT id FROM deployment WHERE started_at_s >= ? AND started_at_s < ?"
        " ORDER BY started_at_s, id", (begin_s, end_s),
    )  # fmt: skip


def unratified(reader: Reader) -> list[Deployment]:
    """Those that were started urgently and are not ratified yet."""
    return reader.find(Deployment, "WHERE ratify_by_at_s IS NOT NULL AND ratified_at_s IS NULL")


def amend(tx: Transaction, deployment_id: str, new: NewDeployment) -> Deployment:
    """draft or authorised → draft, with another plan, which is to be authorised anew."""
    _step(
        tx, deployment_id, "deployment.amend", "UPDATE deployment SET state = 'draft',"
        " authorised_at_s = NULL, authorised_by = NULL, authority = NULL,"
        " authorised_lists = NULL, purpose = ?, use_case = ?, place = ?,"
        " threshold = ?, detector_digest = ?, embedder_digest = ?, planned_start_at_s = ?,"
        " planned_end_at_s = ?, policy = ?, policy_digest = ?, expectation = ?, documents = ?,"
        " watchlist_ids = ?, list_size_max = ? WHERE id = ? AND state IN ('draft', 'authorised')",
        (
            new.purpose, new.use_case, new.place, new.threshold, new.detector_digest,
            new.embedder_digest, new.planned_start_at_s, new.planned_end_at_s, new.policy,
            new.policy_digest, new.expectation, json.dumps(list(new.documents)),
            json.dumps(list(dict.fromkeys(new.watchlist_ids))), new.list_size_max, deployment_id,
        ),
        {"policy": new.policy_digest, "use_case": new.use_case},
    )  # fmt: skip
    return get(tx, deployment_id)


def authorise(tx: Transaction, deployment_id: str, outside: Authority | None = None) -> Deployment:
    """draft → authorised, by `tx.principal`, or by an authority whose note they brought."""
    by = tx.principal if outside is None else outside.name
    return _authorise(tx, deployment_id, by, "deployment.authorise", outside)


def authorise_under(tx: Transaction, deployment_id: str, authoriser: str) -> Deployment:
    """draft → authorised by the standing authorisation that `authoriser` gave a schedule."""
    return _authorise(tx, deployment_id, authoriser, "deployment.authorise-standing")


def _authorise(
    tx: Transaction,
    deployment_id: str,
    authoriser: str,
    action: str,
    outside: Authority | None = None,
) -> Deployment:
    before = get(tx, deployment_id)
    lists = _composed(tx, before)
    _step(
        tx, deployment_id, action, "UPDATE deployment SET state = 'authorised',"
        " authorised_at_s = ?, authorised_by = ?, authorised_lists = ?, authority = ?"
        " WHERE id = ? AND state = 'draft'",
        (tx.at_s, authoriser, json.dumps(lists), outside.signed if outside else None,
         deployment_id),
        {"until_s": _whole_s(before.planned_end_at_s), "lists": lists, **_told_of(outside),
         **_standing(before.schedule_id, authoriser)},
    )  # fmt: skip
    return get(tx, deployment_id)


def declare_urgent(
    tx: Transaction, deployment_id: str, reason: str, ratify_by_at_s: float
) -> Deployment:
    """draft → authorised by `tx.principal`, who starts it, until another person ratifies it."""
    before = get(tx, deployment_id)
    lists = _composed(tx, before)
    _step(
        tx, deployment_id, "deployment.urgent", "UPDATE deployment SET state = 'authorised',"
        " authorised_at_s = ?, authorised_by = ?, urgent_reason = ?, ratify_by_at_s = ?,"
        " authorised_lists = ? WHERE id = ? AND state = 'draft'",
        (tx.at_s, tx.principal, reason, ratify_by_at_s, json.dumps(lists), deployment_id),
        {"until_s": _whole_s(before.planned_end_at_s), "lists": lists},
    )  # fmt: skip
    return get(tx, deployment_id)


def ratify(tx: Transaction, deployment_id: str, outside: Authority | None = None) -> Deployment:
    """Give an urgent start the authority it lacked. Raises Conflict where there is none to give."""
    _step(
        tx, deployment_id, "deployment.ratify", "UPDATE deployment SET ratified_at_s = ?,"
        " ratified_by = ?, authority = ? WHERE id = ? AND urgent_reason IS NOT NULL"
        " AND ratified_at_s IS NULL AND state IN ('running', 'ended')",
        (tx.at_s, outside.name if outside else tx.principal, outside.signed if outside else None,
         deployment_id),
        _told_of(outside),
    )  # fmt: skip
    return get(tx, deployment_id)


def extend(
    tx: Transaction, deployment_id: str, planned_end_at_s: float, outside: Authority | None = None
) -> Deployment:
    """A new authorisation, by `tx.principal` or from outside, for it to last longer."""
    _step(
        tx, deployment_id, "deployment.extend",
        "UPDATE deployment SET planned_end_at_s = ? WHERE id = ? AND state = 'running'",
        (planned_end_at_s, deployment_id),
        {"until_s": round(planned_end_at_s), **_told_of(outside)},
    )  # fmt: skip
    return get(tx, deployment_id)


def start(
    tx: Transaction,
    deployment_id: str,
    camera_ids: Sequence[str] = (),
    threshold: float | None = None,
    evaluation_id: str | None = None,
    *,
    street_team: bool = False,
) -> Deployment:
    """authorised → running, with the threshold that fits its lists now (None: as planned).

    The log names the evaluation report that was relied on, who had tested the model independently,
    and that `tx.principal` said that a team is on the spot. Raises Conflict where another one runs.
    """
    other = running(tx)
    if other is not None:
        raise Conflict(f"deployment {other.id} is running: end it first")
    before = get(tx, deployment_id)
    tested = [test.text for test in independent_tests.of_model(tx, before.embedder_digest)]
    _step(
        tx, deployment_id, "deployment.start", "UPDATE deployment SET state = 'running',"
        " started_at_s = ?, started_by = ?, camera_ids = ?, threshold = coalesce(?, threshold),"
        " street_team_at_s = ?, independent_tests = ? WHERE id = ? AND state = 'authorised'",
        (tx.at_s, tx.principal, json.dumps(list(camera_ids)), threshold,
         tx.at_s if street_team else None, json.dumps(tested), deployment_id),
        {"cameras": list(camera_ids), "evaluation": evaluation_id, "plan": plan_digest(before),
         "reviewers": json.loads(before.policy).get("values", {}).get("reviewers_required"),
         "list_size_max": before.list_size_max,
         **({"street_team": True} if street_team else {}),
         **({"tested": tested} if tested else {}),
         **_standing(before.schedule_id, before.authorised_by)},
    )  # fmt: skip
    return get(tx, deployment_id)


def note(tx: Transaction, deployment_id: str, action: str, *, summary: str | None = None) -> None:
    """Log that a running deployment was paused, resumed, or continued after a restart; keep its
    counts."""
    if summary is not None:
        tx.execute(
            "UPDATE deployment SET summary = ? WHERE id = ? AND state = 'running'",
            (summary, deployment_id),
        )
    _log(tx, deployment_id, f"deployment.{action}")


def keep_counts(tx: Transaction, deployment_id: str, summary: str) -> None:
    """The counts so far of a running deployment, so that a crash loses at most the last minute."""
    tx.execute(
        "UPDATE deployment SET summary = ? WHERE id = ? AND state = 'running'",
        (summary, deployment_id),
    )


def end(
    tx: Transaction,
    deployment_id: str,
    *,
    reason: str,
    summary: str,
    facts: Mapping[str, Fact] | None = None,
) -> Deployment:
    """running → ended; `summary` is JSON text of counts. Also for one that was never started.
    `facts` are what the log says besides."""
    _step(
        tx, deployment_id, "deployment.end", "UPDATE deployment SET state = 'ended',"
        " ended_at_s = ?, ended_by = ?, end_reason = ?, summary = ?"
        " WHERE id = ? AND state IN ('draft', 'authorised', 'running')",
        (tx.at_s, tx.principal, reason, summary, deployment_id),
        {"reason": reason, **(facts or {})},
    )  # fmt: skip
    return get(tx, deployment_id)


def plan_digest(row: Deployment) -> str:
    """SHA-256 of what was decided beforehand and is published as it is: the texts, the documents,
    the models and rules (see `lfrd.audit.verify.plan_digest`)."""
    return verify.plan_digest({
        "place": row.place, "purpose": row.purpose, "use_case": row.use_case,
        "profile": row.profile, "policy_sha256": row.policy_digest,
        "documents": json.loads(row.documents), "detector_sha256": row.detector_digest,
        "recogniser_sha256": row.embedder_digest, "planned_start_at_s": row.planned_start_at_s,
    })  # fmt: skip


def mark_erased(tx: Transaction, deployment_id: str) -> Deployment:
    """ended → erased: its key and the faces of its episodes are gone; the record stays."""
    _step(
        tx, deployment_id, "deployment.erase",
        "UPDATE deployment SET state = 'erased', erased_at_s = ? WHERE id = ? AND state = 'ended'",
        (tx.at_s, deployment_id),
    )  # fmt: skip
    return get(tx, deployment_id)


def _told_of(outside: Authority | None) -> dict[str, Fact]:
    """What the log says of an authority from outside."""
    if outside is None:
        return {}
    return {"authorised_by": outside.name, "authority": outside.sha256}


def _composed(reader: Reader, row: Deployment) -> list[str]:
    """What its lists hold now, in words that name no list and nobody."""
    found = []
    for watchlist_id in json.loads(row.watchlist_ids):
        listed = watchlists.find(reader, watchlist_id)
        if listed is not None:
            entries = watchlists.count_entries(reader, watchlist_id)
            young = watchlists.count_under_18(reader, watchlist_id)
            found.append(f"{listed.category}: {entries} entries, {young} under 18")
    return found


def _whole_s(at_s: float | None) -> int | None:
    return None if at_s is None else round(at_s)


def _standing(schedule_id: str | None, authoriser: str | None) -> dict[str, Fact]:
    """What the log says besides of a step that is taken under a schedule's authorisation."""
    if schedule_id is None:
        return {}
    return {"authorised_by": authoriser, "schedule": schedule_id}


def take_snapshot(tx: Transaction, deployment_id: str, watchlist_id: str) -> Snapshot:
    """Record which entries and photos of a list the deployment compares with."""
    watchlists.get(tx, watchlist_id)
    rows = tx.rows(
        "SELECT entry.id AS entry_id, person_id, reference, sha256 FROM entry"
        " LEFT JOIN reference_image ON entry_id = entry.id WHERE watchlist_id = ?"
        " ORDER BY entry.id, reference_image.id",
        (watchlist_id,),
    )
    digest = hashlib.sha256()
    entry_ids = set()
    for row in rows:
        entry_ids.add(row.text("entry_id"))
        held = (row["entry_id"], row["person_id"], row["reference"], row["sha256"])
        digest.update(repr(held).encode())
    snapshot = Snapshot(
        deployment_id=deployment_id,
        watchlist_id=watchlist_id,
        entry_count=len(entry_ids),
        snapshot_hash=digest.hexdigest(),
        taken_at_s=tx.at_s,
        principal=tx.principal,
    )
    tx.insert(snapshot)
    tx.audit(
        AuditClass.PERIOD_OF_USE, "deployment.snapshot", (deployment_id, watchlist_id),
        {"entries": snapshot.entry_count, "hash": snapshot.snapshot_hash,
         "deployment": deployment_id, "list": watchlist_id},
    )  # fmt: skip
    return snapshot


def follow_lists(tx: Transaction) -> None:
    """Change the running deployment's snapshots as this very transaction changed their lists.

    The writer calls it at the end of every action, so no list changes under a deployment without
    this step in the log: its hash is SHA-256(hash before ‖ hashes of what the action logged).
    Raises Conflict where its lists would grow beyond what its authority allows.
    """
    changed = {event.subject_id for event in tx.events if event.kind is EventKind.WATCHLIST_CHANGED}
    row = running(tx) if changed else None
    if row is None:
        return
    logged, grew = b"".join(tx.leaf_hashes), False
    for old in snapshots(tx, row.id):
        if old.watchlist_id not in changed:
            continue
        digest = hashlib.sha256(bytes.fromhex(old.snapshot_hash) + logged).hexdigest()
        count = watchlists.count_entries(tx, old.watchlist_id)
        grew = grew or count > old.entry_count
        tx.execute(
            "UPDATE deployment_watchlist SET entry_count = ?, snapshot_hash = ?,"
            " changes = changes + 1, changed_at_s = ? WHERE deployment_id = ? AND watchlist_id = ?",
            (count, digest, tx.at_s, row.id, old.watchlist_id),
        )
        tx.audit(
            AuditClass.PERIOD_OF_USE, "deployment.snapshot-change", (row.id, old.watchlist_id),
            {"entries": count, "entries_before": old.entry_count, "hash": digest,
             "hash_before": old.snapshot_hash, "deployment": row.id, "list": old.watchlist_id},
        )  # fmt: skip
        absences.follow(tx, row.id, old.watchlist_id)
        tx.event(EventKind.DEPLOYMENT_CHANGED, row.id)
    total = sum(item.entry_count for item in snapshots(tx, row.id))
    if grew and row.list_size_max is not None and total > row.list_size_max:
        raise Conflict(
            f"the running deployment was authorised with {row.list_size_max} entries at most: take "
            "somebody off, or end it"
        )


def snapshots(reader: Reader, deployment_id: str) -> list[Snapshot]:
    """The lists that a deployment compares with."""
    return reader.find(Snapshot, "WHERE deployment_id = ? ORDER BY watchlist_id", (deployment_id,))


def keep_composition(
    tx: Transaction, deployment_id: str, watchlist_id: str, composition: str
) -> None:
    """Note what a list was made of, for when it is erased."""
    tx.execute(
        "UPDATE deployment_watchlist SET composition = ? WHERE deployment_id = ?"
        " AND watchlist_id = ?",
        (composition, deployment_id, watchlist_id),
    )
    tx.audit(
        AuditClass.PERIOD_OF_USE, "deployment.list", (deployment_id, watchlist_id),
        {"deployment": deployment_id, "list": watchlist_id, "composition": composition},
    )  # fmt: skip


def log_counts(tx: Transaction, deployment_id: str, facts: Mapping[str, Fact]) -> None:
    """Put what one camera counted over a deployment into the log."""
    tx.audit(
        AuditClass.PERIOD_OF_USE, "deployment.counts", (deployment_id,),
        {"deployment": deployment_id, **facts},
    )  # fmt: skip


def logged(reader: Reader, deployment_id: str, action: str) -> list[int]:
    """The numbers of the log's entries in which this was done to a deployment, first one first;
    none once the log says no longer whom its entries are about."""
    rows = reader.rows(
        "SELECT leaf_id FROM audit_link JOIN audit_leaf ON audit_leaf.id = leaf_id"
        " WHERE subject_id = ? AND action = ? ORDER BY leaf_id",
        (deployment_id, action),
    )
    return [row.whole("leaf_id") for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRecord:
    """The record of a deployment as it was when what it was made of came to the end of its time;
    `record` is JSON text."""

    TABLE: ClassVar[str] = "deployment_record"

    deployment_id: str
    kept_at_s: float
    record: str


def keep_record(tx: Transaction, deployment_id: str, record: str) -> None:
    """Once: the first one was made while everything was there."""
    if kept_record(tx, deployment_id) is None:
        tx.insert(KeptRecord(deployment_id=deployment_id, kept_at_s=tx.at_s, record=record))


def kept_record(reader: Reader, deployment_id: str) -> str | None:
    """JSON text, if it was kept."""
    kept = reader.first(KeptRecord, "WHERE deployment_id = ?", (deployment_id,))
    return kept.record if kept else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUse:
    """That a deployment has compared with a list that still exists."""

    watchlist_id: str
    deployment_id: str
    category: Category


def list_uses(reader: Reader) -> list[ListUse]:
    """Every use of every list that still exists."""
    return reader.query(
        ListUse,
        "SELECT watchlist_id, deployment_id, category FROM deployment_watchlist"
        " JOIN watchlist ON watchlist.id = watchlist_id",
    )


def _step(
    tx: Transaction,
    deployment_id: str,
    action: str,
    sql: str,
    values: tuple[str | float | None, ...],
    facts: Mapping[str, Fact] | None = None,
) -> None:
    """Move a deployment on, or raise Conflict where its state does not allow it."""
    before = get(tx, deployment_id)
    if not tx.execute(sql, values):
        raise Conflict(f"{action}: deployment {deployment_id} is {before.state}")
    _log(tx, deployment_id, action, facts)


def _log(
    tx: Transaction, deployment_id: str, action: str, facts: Mapping[str, Fact] | None = None
) -> None:
    told = {**(facts or {}), "deployment": deployment_id}
    tx.audit(AuditClass.PERIOD_OF_USE, action, (deployment_id,), told)
    tx.event(EventKind.DEPLOYMENT_CHANGED, deployment_id)
