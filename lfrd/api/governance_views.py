"""From the governance's nouns to the wire's: one pure function a noun."""

import json

from lfrd.governance import schedules
from lfrd.governance.profile import Policy, SitePolicies, parse
from lfrd.governance.start_gate import Finding, Verdict
from lfrd.store.deployments import Deployment
from lfrd.store.erasures import Erasure
from lfrd.store.holds import Hold
from lfrd.store.schedules import Schedule
from lfrd.vocabulary import ErasureKind, HoldKind
from lfrd.wire import deployments as wire


def policy_brief(policy: Policy) -> wire.PolicyBrief:
    return wire.PolicyBrief(
        name=policy.name,
        version=policy.version,
        title=policy.title,
        digest=policy.digest,
        is_lab=policy.is_lab,
    )


def policy(item: Policy) -> wire.Policy:
    return wire.Policy(
        **policy_brief(item).model_dump(), values=item.values(), changed=item.changed
    )


def site_policies(item: SitePolicies) -> wire.SitePolicies:
    return wire.SitePolicies(own=policy(item.own), lab=policy(item.lab) if item.lab else None)


def policy_of(row: Deployment) -> wire.PolicyBrief | None:
    """The rules that a deployment was planned under; None for one from before they were kept."""
    return policy_brief(parse(row.policy)) if row.policy_digest else None


def verdict(item: Verdict) -> wire.GateVerdict:
    return wire.GateVerdict(
        open=item.is_open,
        missing=tuple(_finding(finding) for finding in item.missing),
        warnings=tuple(_finding(finding) for finding in item.warnings),
        erases=tuple(_finding(finding) for finding in item.erases),
    )


def _finding(item: Finding) -> wire.GateFinding:
    return wire.GateFinding(key=item.key, text=item.text)


def schedule_view(row: Schedule) -> wire.Schedule:
    plan = schedules.Plan.parse(row.plan)
    return wire.Schedule(
        id=row.id,
        profile=plan.profile,
        purpose=plan.purpose,
        use_case=plan.use_case,
        place=plan.place,
        watchlist_ids=plan.watchlist_ids,
        windows=tuple(wire.Window(**kept) for kept in json.loads(row.windows)),
        timezone=row.timezone,
        created_by=row.principal,
        expires_at_s=row.expires_at_s,
        authorised_by=row.authorised_by,
        authorised_at_s=row.authorised_at_s,
        revoked_by=row.revoked_by,
        revoked_at_s=row.revoked_at_s,
    )


def hold(row: Hold) -> wire.Hold:
    return wire.Hold(
        id=row.id,
        kind=HoldKind(row.kind.value),
        subject_id=row.subject_id,
        reason=row.reason,
        asked_by=row.principal,
        asked_at_s=row.asked_at_s,
        confirmed_by=row.confirmed_by,
        confirmed_at_s=row.confirmed_at_s,
        released_by=row.released_by,
        released_at_s=row.released_at_s,
        release_reason=row.release_reason,
    )


def erasure(row: Erasure) -> wire.Erasure:
    return wire.Erasure(
        id=row.id,
        kind=ErasureKind(row.kind.value),
        subject_id=row.subject_id,
        reason=row.reason,
        asked_by=row.principal,
        asked_at_s=row.asked_at_s,
        done_at_s=row.done_at_s,
        entries=row.entries,
        templates=row.templates,
        images=row.images,
        episodes=row.episodes,
        leaf_id=row.leaf_id,
    )
