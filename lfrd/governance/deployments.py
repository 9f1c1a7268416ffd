"""Deployments: the only state in which faces are compared. At most one runs at a time.

People plan and authorise one (lfrd.governance.planning); the gate says whether it may start
(lfrd.governance.readiness); here it is started, taken up again after a restart, and ended;
lfrd.deployment.runner carries it out.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lfrd.clock import Clock
from lfrd.deployment.run import DeploymentRun
from lfrd.deployment.runner import DeploymentRunner
from lfrd.errors import Conflict, LfrdError
from lfrd.governance import planning, record
from lfrd.governance.absences import prepare
from lfrd.governance.outside_authority import HOW, Authorities, request_text
from lfrd.governance.planning import Amendment, Plan
from lfrd.governance.profile import LAB, Policy, SitePolicies
from lfrd.governance.readiness import Readiness
from lfrd.governance.retention import policy_of
from lfrd.governance.start_gate import HOUR_S, Verdict
from lfrd.matching.thresholds import Thresholds
from lfrd.store import absences, decoys, flows, reviews, tallies, watchlists
from lfrd.store import deployments as stored
from lfrd.store.database import SYSTEM, Database
from lfrd.store.deployments import Authority, Deployment, NewDeployment, Snapshot
from lfrd.store.flows import CameraFlow
from lfrd.store.schedules import Schedule
from lfrd.store.tallies import Tallies
from lfrd.store.transaction import Reader, Transaction
from lfrd.summary import SummaryLine
from lfrd.vocabulary import DeploymentState, Role, UseCase

log = logging.getLogger(__name__)

LAB_LIMIT_S = 4 * HOUR_S

GetAuthorised = Callable[[Transaction], Deployment]
"""Gives an authorised deployment, planned before or made in this very transaction."""


@dataclass(frozen=True, slots=True)
class SeenDeployment:
    """A deployment as one person may see it.

    `threshold` is None while they have yet to decide about one of its candidates; `decoys` they
    have yet to decide about count as candidates for them.
    """

    row: Deployment
    watchlist_ids: tuple[str, ...]
    threshold: float | None
    decoys: int


NO_AUTHORITIES = Authorities()


class DeploymentService:
    """Plans, starts, ends and lists deployments. `runner` carries out the running one."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        thresholds: Thresholds,
        policies: SitePolicies,
        readiness: Readiness,
        runner: DeploymentRunner,
        authorities: Authorities = NO_AUTHORITIES,
    ) -> None:
        self.policies = policies
        self._authorities = authorities
        self.runner = runner
        self._database = database
        self._clock = clock
        self._thresholds = thresholds
        self._readiness = readiness
        self._starting = asyncio.Lock()
        self._beginning: Deployment | None = None

    @property
    def current(self) -> Deployment | None:
        """The running deployment, if any: from the commit of its start on, of which an event tells
        while its lists are still being read."""
        return self._running.deployment if self._running else self._beginning

    @property
    def last(self) -> SummaryLine | None:
        """The counts of the last deployment that ended."""
        return self.runner.last

    @property
    def paused(self) -> bool:
        """Whether matching pauses: no operator is there, or somebody asked for it."""
        return self._running is not None and self._running.paused

    def progress(self) -> SummaryLine | None:
        """The counts of the running deployment so far."""
        return self._running.summary() if self._running else None

    async def pause(self, *, on: bool, principal: str) -> Deployment:
        """Pause matching in the running deployment, or let it go on: who asked is logged. Raises
        Conflict where none runs."""
        running = await self._begun()
        if running is None:
            raise Conflict("no deployment is running")
        await running.pause(principal, on=on)
        return running.deployment

    @property
    def team_away(self) -> bool:
        """Whether the team on the spot, which the rules want, gives no sign."""
        return self._running is not None and self._running.team_away

    async def present(self, *, street_team: bool = False) -> Deployment:
        """An operator is there, or says that the team on the spot is. Raises Conflict where no
        deployment runs."""
        running = await self._begun()
        if running is None:
            raise Conflict("no deployment is running")
        running.operator_seen()
        if street_team:
            running.team_seen()
        return running.deployment

    async def page(self, before_id: str | None = None, limit: int = 100) -> list[Deployment]:
        """Deployments, newest first; `before_id` is the last one of the page before."""
        return await self._database.read(lambda reader: stored.page(reader, before_id, limit))

    async def flow(
        self, camera_id: str, deployment_id: str | None, since_s: float, until_s: float
    ) -> list[CameraFlow]:
        """What a camera counted in deployments, by five minutes, oldest first."""
        return await self._database.read(
            lambda reader: flows.between(reader, camera_id, deployment_id, since_s, until_s)
        )

    async def tallies(self, deployment_id: str) -> Tallies:
        """What a deployment counted in all. Raises NotFound."""

        def read(reader: Reader) -> Tallies:
            stored.get(reader, deployment_id)
            return tallies.of(reader, deployment_id)

        return await self._database.read(read)

    async def get(self, deployment_id: str) -> Deployment:
        """Raises NotFound."""
        return await self._database.read(lambda reader: stored.get(reader, deployment_id))

    async def seen_by(self, viewer: str, rows: Sequence[Deployment]) -> tuple[SeenDeployment, ...]:
        """These deployments with the lists they compare with, as `viewer` may see them."""

        def read(reader: Reader) -> tuple[SeenDeployment, ...]:
            undecided = reviews.undecided_in(reader, viewer)
            hidden = decoys.undecided_in(reader, viewer)
            return tuple(
                SeenDeployment(
                    row,
                    _lists_of(reader, row),
                    None if row.id in undecided else row.threshold,
                    hidden.get(row.id, 0),
                )
                for row in rows
            )

        return await self._database.read(read)

    async def snapshots(self, deployment_id: str) -> list[Snapshot]:
        """The lists that a deployment compares with."""
        return await self._database.read(lambda reader: stored.snapshots(reader, deployment_id))

    async def draft(
        self, plan: Plan, duration_s: float, start_at_s: float | None = None, *, principal: str
    ) -> Deployment:
        """Plan one; without a `start_at_s` for now. Raises BadInput for a policy that is not this
        site's. What is missing is said by the gate."""
        start_s = self._clock.wall_s() if start_at_s is None else start_at_s
        new = self._new(plan, start_s, start_s + duration_s)
        return await self._database.write(lambda tx: stored.add(tx, new), principal=principal)

    async def authority_request(self, deployment_id: str, until_s: float | None) -> str:
        """What an authority from outside is to sign; `until_s` for an extension."""
        return await self._database.read(
            lambda reader: request_text(reader, stored.get(reader, deployment_id), until_s)
        )

    def _outside(
        self, reader: Reader, row: Deployment, signed: str | None, until_s: float | None = None
    ) -> Authority | None:
        """The authority from outside that was brought. Raises BadInput, and Conflict where the
        rules want one and there is none, or it is of another plan."""
        if signed is not None:
            return self._authorities.given(request_text(reader, row, until_s), signed)
        if self._policy(row).rules.outside_authority:
            raise Conflict(HOW)
        return None

    async def authorise(
        self, deployment_id: str, authority: str | None = None, *, principal: str
    ) -> Deployment:
        """Give it written authority until its planned end: the caller's, or one from outside.

        Raises NotFound, BadInput, or Conflict, with everything that is missing and nothing but
        another plan mends: what can never start is not authorised.
        """

        def write(tx: Transaction) -> Deployment:
            row = stored.get(tx, deployment_id)
            found = self._readiness.gaps(tx, row, tx.principal, tx.at_s)
            if found and row.state is DeploymentState.DRAFT:
                missing = "; ".join(gap.text for gap in found)
                raise Conflict(f"it cannot be authorised: {missing}: amend it, or discard it")
            return stored.authorise(tx, deployment_id, self._outside(tx, row, authority))

        return await self._database.write(write, principal=principal)

    async def amend(
        self, deployment_id: str, amendment: Amendment, *, principal: str
    ) -> Deployment:
        """Change a plan that has not begun, under the rules and models as they are now; authority
        that it had is gone. Raises NotFound, Conflict where it has begun."""

        def write(tx: Transaction) -> Deployment:
            row = stored.get(tx, deployment_id)
            plan, start_s = amendment.plan(row), amendment.start_s(row, tx.at_s)
            new = self._new(plan, start_s, start_s + amendment.lasts_s(row), row.schedule_id)
            return stored.amend(tx, deployment_id, new)

        return await self._database.write(write, principal=principal)

    async def ratify(
        self, deployment_id: str, authority: str | None = None, *, principal: str
    ) -> Deployment:
        """Give an urgent start the authority it lacked. Raises NotFound, Conflict, BadInput."""

        def write(tx: Transaction) -> Deployment:
            outside = self._outside(tx, stored.get(tx, deployment_id), authority)
            return planning.ratify(tx, deployment_id, outside)

        row = await self._database.write(write, principal=principal)
        self._refresh(row)
        return row

    async def extend(
        self,
        deployment_id: str,
        until_s: float,
        authority: str | None = None,
        *,
        principal: str,
    ) -> Deployment:
        """A new authorisation to last longer. Raises NotFound, Conflict, BadInput."""
        rules = self._policy(await self.get(deployment_id)).rules

        def write(tx: Transaction) -> Deployment:
            outside = self._outside(tx, stored.get(tx, deployment_id), authority, until_s)
            return planning.extend(tx, deployment_id, until_s, rules, outside)

        row = await self._database.write(write, principal=principal)
        self._refresh(row)
        return row

    async def verdict(self, deployment_id: str, *, principal: str) -> Verdict:
        """Everything that bars `principal` from starting it now. Raises NotFound."""
        row = await self.get(deployment_id)
        ready = await self._readiness.of(self._policy(row), json.loads(row.watchlist_ids))
        return await self._database.read(
            lambda reader: self._readiness.judge(
                reader, row, ready, principal, self._clock.wall_s()
            )
        )

    async def start(
        self,
        profile: str,
        purpose: str,
        place: str,
        watchlist_ids: tuple[str, ...],
        duration_s: float,
        *,
        principal: str,
    ) -> Deployment:
        """Plan, authorise and start a deployment of the lab in one go, for consenting people.

        Raises Conflict with everything that is missing, NotFound, BadInput.
        """
        policy = self.policies.named(profile)
        if not policy.is_lab:
            raise Conflict(f"a deployment of {profile} is planned and authorised before it starts")
        await self._database.read(lambda r: planning.lists_exist(r, watchlist_ids))
        plan = Plan(
            profile=LAB, purpose=purpose, use_case=UseCase.TEST, place=place,
            watchlist_ids=watchlist_ids,
        )  # fmt: skip
        now_s = self._clock.wall_s()
        new = self._new(plan, now_s, now_s + duration_s)

        def get(tx: Transaction) -> Deployment:
            return stored.authorise(tx, stored.add(tx, new).id)

        return await self._start(get, policy, watchlist_ids, principal=principal)

    async def start_planned(
        self, deployment_id: str, *, street_team: bool = False, principal: str
    ) -> Deployment:
        """Start an authorised deployment; the starter may say that a team is on the spot. Raises
        Conflict with everything that is missing."""
        row = await self.get(deployment_id)
        return await self._start(
            lambda tx: stored.get(tx, deployment_id),
            self._policy(row),
            json.loads(row.watchlist_ids),
            street_team=street_team,
            principal=principal,
        )

    async def start_urgent(
        self,
        deployment_id: str,
        reason: str,
        role: Role,
        *,
        street_team: bool = False,
        principal: str,
    ) -> Deployment:
        """Start a draft on the starter's own word; another person ratifies it, or it is purged.

        Raises Denied where its rules erase the lists after use, and `role` may not.
        """
        row = await self.get(deployment_id)
        policy = self._policy(row)
        return await self._start(
            lambda tx: planning.declare_urgent(tx, deployment_id, reason, policy.rules, role),
            policy,
            json.loads(row.watchlist_ids),
            street_team=street_team,
            principal=principal,
        )

    async def start_scheduled(self, schedule: Schedule, start_s: float, end_s: float) -> Deployment:
        """Start the deployment of a schedule's window, under its standing authorisation; the
        deployment and its steps in the log name who gave that."""
        authoriser, plan = schedule.authorised_by, Plan.parse(schedule.plan)
        assert authoriser is not None
        new = self._new(plan, start_s, end_s, schedule.id)

        def get(tx: Transaction) -> Deployment:
            return stored.authorise_under(tx, stored.add(tx, new).id, authoriser)

        policy = self.policies.named(plan.profile)
        row = await self._start(get, policy, plan.watchlist_ids, principal=SYSTEM)
        log.info("deployment %s started under the authority of %s", row.id, authoriser)
        return row

    async def end(self, deployment_id: str, reason: str, *, principal: str) -> Deployment:
        """End a deployment and wait until it has; one that never ran is called off.

        Raises NotFound, or Conflict where it has ended.
        """
        running = await self._begun()
        if running is not None and running.deployment.id == deployment_id:
            await self.runner.end(running, reason, principal)
            return await self.get(deployment_id)
        found = await self.get(deployment_id)
        if found.state is DeploymentState.RUNNING:
            raise Conflict(f"deployment {found.id} is ending already")
        if found.state not in (DeploymentState.DRAFT, DeploymentState.AUTHORISED):
            raise Conflict(f"deployment {found.id} is {found.state}, not running")
        return await self._database.write(
            lambda tx: stored.end(tx, deployment_id, reason=reason, summary="{}"),
            principal=principal,
        )

    async def end_now(self, deployment_id: str, reason: str) -> None:
        """End a running deployment because the rules want it, and wait until it has."""
        if self.current is not None and self.current.id == deployment_id:
            await self.end(deployment_id, reason, principal=SYSTEM)

    def ask_to_end(self, reason: str, principal: str) -> None:
        """Have the running deployment, if any, end soon; for those who cannot wait for it."""
        if self._running is not None:
            self._running.ask_to_end(reason, principal)

    async def until_over(self) -> None:
        """Wait until no deployment runs."""
        await self.runner.until_over()

    async def recover(self) -> None:
        """At start-up: take a deployment up again that a restart cut off, or end it.

        It goes on inside its window, under the rules and with the models it was authorised for.
        """
        row = await self._database.read(stored.running)
        if row is None:
            return
        policy = self._policy(row)
        reason = planning.bar_to_resume(
            row,
            self.policies,
            self._readiness.models,
            has_key=self._database.keys.has(stored.scope_of(row.id)),
            now_s=self._clock.wall_s(),
        )
        lists: Sequence[str] = json.loads(row.watchlist_ids)
        if reason is None and await self._database.read(
            lambda reader: watchlists.any_restored(reader, lists)
        ):
            reason = "it compares with a list that was restored from a backup"
        ready = await self._readiness.of(policy, lists) if not reason else None
        if ready is not None and ready.fault is not None:
            reason = ready.fault.text
        if reason is not None or ready is None:
            await self._database.write(
                lambda tx: planning.end(tx, row, reason or "", row.summary or "{}", 0),
                principal=SYSTEM,
            )
            log.warning("deployment %s was interrupted and has been ended: %s", row.id, reason)
            return
        await self._database.write(lambda tx: stored.note(tx, row.id, "resume"), principal=SYSTEM)
        await self.runner.take_up(row, policy, ready.promise)
        log.warning("deployment %s was interrupted and goes on", row.id)

    async def _start(
        self,
        get: GetAuthorised,
        policy: Policy,
        watchlist_ids: Sequence[str],
        *,
        street_team: bool = False,
        principal: str,
    ) -> Deployment:
        """Make ready what `get` gives, pass the gate, and begin; all of it or nothing."""
        async with self._starting:
            if self._running is not None:
                raise Conflict(f"deployment {self._running.deployment.id} is running: end it first")
            ready = await self._readiness.of(policy, watchlist_ids)
            if not policy.is_lab:
                await prepare(self._database, watchlist_ids)

            def start(tx: Transaction) -> Deployment:
                row = get(tx)
                verdict = self._readiness.judge(
                    tx, row, ready, principal, tx.at_s, street_team=street_team
                )
                if not verdict.is_open:
                    raise Conflict(f"it cannot start: {verdict.sentence()}")
                for watchlist_id in json.loads(row.watchlist_ids):
                    stored.take_snapshot(tx, row.id, watchlist_id)
                    if not policy.is_lab:
                        absences.commit(tx, watchlist_id, row.id)
                record.note_lists(tx, row.id)
                threshold = ready.proposed.threshold if ready.proposed else row.threshold
                cameras = self._readiness.cameras
                return stored.start(
                    tx, row.id, cameras, threshold, verdict.evaluation_id, street_team=street_team
                )

            row = self._beginning = await self._database.write(start, principal=principal)
            try:
                if ready.proposed and ready.proposed.derived:
                    await self._thresholds.note(row.id, ready.proposed.derived, principal=principal)
                await self.runner.take_up(row, self._policy(row), ready.promise)
            except LfrdError as error:
                self._beginning = None
                reason = f"it could not begin: {error}"
                await self._database.write(
                    lambda tx: planning.end(tx, row, reason, "{}", 0), principal=SYSTEM
                )
                raise
            finally:
                self._beginning = None
            log.info("deployment %s started by %s", row.id, principal)
            return row

    @property
    def _running(self) -> DeploymentRun | None:
        return self.runner.running

    async def _begun(self) -> DeploymentRun | None:
        """The running one; one that is just beginning is waited for."""
        if self._beginning is not None:
            async with self._starting:
                pass
        return self._running

    def _new(
        self, plan: Plan, start_s: float, end_s: float, schedule_id: str | None = None
    ) -> NewDeployment:
        """What is planned, for the models and under the rules of now. Raises BadInput."""
        return planning.new_deployment(
            plan,
            self.policies.named(plan.profile),
            self._readiness.models,
            threshold=self._thresholds.constant,
            start_s=start_s,
            end_s=end_s,
            schedule_id=schedule_id,
        )

    def _policy(self, row: Deployment) -> Policy:
        return policy_of(row, self.policies)

    def _refresh(self, row: Deployment) -> None:
        if self._running is not None and self._running.deployment.id == row.id:
            self._running.deployment = row


def _lists_of(reader: Reader, row: Deployment) -> tuple[str, ...]:
    """The lists a deployment compares with, or will, before it has begun."""
    snapshots = stored.snapshots(reader, row.id)
    return tuple(item.watchlist_id for item in snapshots) or tuple(json.loads(row.watchlist_ids))
