"""Deployments: the only state in which faces are compared. At most one runs at a time.

People plan and authorise one (lfrd.governance.planning); the gate says whether it may start; here
it is started, carried out, taken up again after a restart, and ended.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from lfrd.deployment.run import DeploymentRun, RunContext
from lfrd.errors import Conflict, LfrdError, ModelError
from lfrd.governance import planning, two_person
from lfrd.governance.planning import Amendment, Draft, Machine
from lfrd.governance.profile import LAB, Policy, SitePolicies
from lfrd.governance.retention import policy_of
from lfrd.governance.start_gate import HOUR_S, Finding, ThresholdBasis, Verdict, gaps, judge
from lfrd.matching.live_search import LiveGallery, LiveSearch, open_search
from lfrd.matching.thresholds import Proposed
from lfrd.store import deployments as stored
from lfrd.store.database import SYSTEM
from lfrd.store.deployments import Deployment, Snapshot
from lfrd.store.transaction import Reader, Transaction
from lfrd.summary import SummaryLine, as_summary_json, from_summary_json
from lfrd.vocabulary import DeploymentState, Role, UseCase

log = logging.getLogger(__name__)

LAB_LIMIT_S = 4 * HOUR_S
CLOCK_DOUBTED = "nothing vouches for the machine's clock: the site's health says how to mend it"

Plan = Callable[[Transaction], Deployment]
"""Gives an authorised deployment, planned before or made in this very transaction."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """What a deployment would start with, as far as it does not hang on the moment."""

    proposed: Proposed | None
    basis: ThresholdBasis
    fault: Finding | None
    """Why no threshold can keep the promise, if so."""


class DeploymentService:
    """Starts, ends and lists deployments; `run` carries them out and is owned by the daemon."""

    def __init__(self, context: RunContext, live: LiveGallery, policies: SitePolicies) -> None:
        self.policies = policies
        self._context = context
        self._live = live
        self._running: DeploymentRun | None = None
        self._starting = asyncio.Lock()
        self._begin = asyncio.Event()
        self._over = asyncio.Event()
        self.last: SummaryLine | None = None

    @property
    def current(self) -> Deployment | None:
        """The running deployment, if any."""
        return self._running.deployment if self._running else None

    @property
    def paused(self) -> bool:
        """Whether matching pauses because no operator is present."""
        return self._running is not None and self._running.paused

    def progress(self) -> SummaryLine | None:
        """The counts of the running deployment so far."""
        return self._running.summary() if self._running else None

    def present(self) -> Deployment:
        """An operator is there. Raises Conflict where no deployment runs."""
        if self._running is None:
            raise Conflict("no deployment is running")
        self._running.operator_seen()
        return self._running.deployment

    async def list_all(self) -> list[Deployment]:
        """The newest deployments, newest first."""
        return await self._context.database.read(stored.list_all)

    async def get(self, deployment_id: str) -> Deployment:
        """Raises NotFound."""
        return await self._context.database.read(lambda reader: stored.get(reader, deployment_id))

    async def snapshots(self, deployment_id: str) -> list[Snapshot]:
        """The lists that a deployment compares with."""
        return await self._context.database.read(
            lambda reader: stored.snapshots(reader, deployment_id)
        )

    async def draft(self, draft: Draft, *, principal: str) -> Deployment:
        """Plan one. Raises BadInput for a policy that is not this site's."""
        policy = self.policies.named(draft.profile)
        now_s = self._context.clock.wall_s()
        new = planning.new_deployment(draft, policy, self._machine(), now_s)
        return await self._context.database.write(
            lambda tx: stored.add(tx, new), principal=principal
        )

    async def authorise(self, deployment_id: str, *, principal: str) -> Deployment:
        """Give it written authority until its planned end.

        Raises NotFound, or Conflict, with everything that is missing and nothing but another plan
        mends: what can never start is not authorised.
        """
        row = await self.get(deployment_id)
        policy = self.policies.named(row.profile)

        def write(tx: Transaction) -> Deployment:
            row = stored.get(tx, deployment_id)
            facts = planning.gather(
                tx, json.loads(row.watchlist_ids), tx.principal, self._machine(), policy,
                ThresholdBasis.CONSTANT, row.threshold, tx.at_s,
            )  # fmt: skip
            found = gaps(row, policy, facts)
            if found and row.state is DeploymentState.DRAFT:
                missing = "; ".join(gap.text for gap in found)
                raise Conflict(f"it cannot be authorised: {missing}: amend it, or discard it")
            return stored.authorise(tx, deployment_id)

        return await self._context.database.write(write, principal=principal)

    async def amend(
        self, deployment_id: str, amendment: Amendment, *, principal: str
    ) -> Deployment:
        """Change a plan that has not begun, under the rules and models as they are now; authority
        that it had is gone. Raises NotFound, Conflict where it has begun."""
        policy = self.policies.named((await self.get(deployment_id)).profile)

        def write(tx: Transaction) -> Deployment:
            draft = amendment.of(stored.get(tx, deployment_id))
            new = planning.new_deployment(draft, policy, self._machine(), tx.at_s)
            return stored.amend(tx, deployment_id, new)

        return await self._context.database.write(write, principal=principal)

    async def ratify(self, deployment_id: str, *, principal: str) -> Deployment:
        """Give an urgent start the authority it lacked. Raises NotFound, Conflict."""
        row = await self._context.database.write(
            lambda tx: planning.ratify(tx, deployment_id), principal=principal
        )
        self._refresh(row)
        return row

    async def extend(self, deployment_id: str, until_s: float, *, principal: str) -> Deployment:
        """A new authorisation to last longer. Raises NotFound, Conflict, BadInput."""
        rules = self._policy(await self.get(deployment_id)).rules
        row = await self._context.database.write(
            lambda tx: planning.extend(tx, deployment_id, until_s, rules), principal=principal
        )
        self._refresh(row)
        return row

    async def verdict(self, deployment_id: str, *, principal: str) -> Verdict:
        """Everything that bars `principal` from starting it now. Raises NotFound."""
        row = await self.get(deployment_id)
        ready = await self._ready(self._policy(row), json.loads(row.watchlist_ids))
        return await self._context.database.read(
            lambda reader: self._judge(reader, row, ready, principal, self._context.clock.wall_s())
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
        await self._context.database.read(lambda r: planning.lists_exist(r, watchlist_ids))
        draft = Draft(LAB, purpose, UseCase.TEST, place, watchlist_ids, duration_s)
        new = planning.new_deployment(draft, policy, self._machine(), self._context.clock.wall_s())

        def plan(tx: Transaction) -> Deployment:
            return stored.authorise(tx, stored.add(tx, new).id)

        return await self._start(plan, policy, watchlist_ids, principal=principal)

    async def start_planned(self, deployment_id: str, *, principal: str) -> Deployment:
        """Start an authorised deployment. Raises Conflict with everything that is missing."""
        row = await self.get(deployment_id)
        return await self._start(
            lambda tx: stored.get(tx, deployment_id),
            self._policy(row),
            json.loads(row.watchlist_ids),
            principal=principal,
        )

    async def start_urgent(
        self, deployment_id: str, reason: str, role: Role, *, principal: str
    ) -> Deployment:
        """Start a draft on the starter's own word; somebody else ratifies it, or it is purged.

        Raises Denied where its rules erase the lists after use, and `role` may not.
        """
        row = await self.get(deployment_id)
        policy = self._policy(row)
        return await self._start(
            lambda tx: planning.declare_urgent(tx, deployment_id, reason, policy.rules, role),
            policy,
            json.loads(row.watchlist_ids),
            principal=principal,
        )

    async def start_scheduled(self, draft: Draft, authoriser: str) -> Deployment:
        """Start one under the standing authorisation that `authoriser` gave its schedule; the
        deployment and its steps in the log name them."""
        policy = self.policies.named(draft.profile)
        new = planning.new_deployment(draft, policy, self._machine(), self._context.clock.wall_s())

        def plan(tx: Transaction) -> Deployment:
            return stored.authorise_under(tx, stored.add(tx, new).id, authoriser)

        row = await self._start(plan, policy, draft.watchlist_ids, principal=SYSTEM)
        log.info("deployment %s started under the authority of %s", row.id, authoriser)
        return row

    async def end(self, deployment_id: str, reason: str, *, principal: str) -> Deployment:
        """End a deployment and wait until it has; one that never ran is called off.

        Raises NotFound, or Conflict where it has ended.
        """
        running = self._running
        if running is not None and running.deployment.id == deployment_id:
            running.ask_to_end(reason, principal)
            await self._over.wait()
            return await self.get(deployment_id)
        found = await self.get(deployment_id)
        if found.state not in (DeploymentState.DRAFT, DeploymentState.AUTHORISED):
            raise Conflict(f"deployment {found.id} is {found.state}, not running")
        return await self._context.database.write(
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
        while self._running is not None:
            await self._over.wait()

    async def recover(self) -> None:
        """At start-up: take a deployment up again that a restart cut off, or end it.

        It goes on inside its window, under the rules and with the models it was authorised for.
        """
        row = await self._context.database.read(stored.running)
        if row is None:
            return
        policy = self._policy(row)
        reason = planning.bar_to_resume(
            row,
            self.policies,
            self._machine(),
            has_key=self._context.database.keys.has(stored.scope_of(row.id)),
            now_s=self._context.clock.wall_s(),
        )
        ready = await self._ready(policy, json.loads(row.watchlist_ids)) if not reason else None
        if ready is not None and ready.fault is not None:
            reason = ready.fault.text
        if reason is not None or ready is None:
            await self._context.database.write(
                lambda tx: planning.end(tx, row, reason or "", row.summary or "{}", 0),
                principal=SYSTEM,
            )
            log.warning("deployment %s was interrupted and has been ended: %s", row.id, reason)
            return
        await self._context.database.write(
            lambda tx: stored.note(tx, row.id, "resume"), principal=SYSTEM
        )
        await self._take_up(row, ready)
        log.warning("deployment %s was interrupted and goes on", row.id)

    async def run(self, stop: asyncio.Event) -> None:
        """Carry out deployments one after the other until `stop` is set."""
        async with asyncio.TaskGroup() as tasks:
            stopping = tasks.create_task(stop.wait())
            while not stop.is_set():
                beginning = tasks.create_task(self._begin.wait())
                await asyncio.wait({stopping, beginning}, return_when=asyncio.FIRST_COMPLETED)
                beginning.cancel()
                if self._running is not None:
                    await self._carry_out(self._running, stopping)

    async def _carry_out(self, running: DeploymentRun, stopping: "asyncio.Task[bool]") -> None:
        self._begin.clear()
        stopping.add_done_callback(lambda _: running.leave())
        try:
            self.last = await running.run()
        except BaseException as error:
            running.fail(f"interrupted by {type(error).__name__}")
            raise
        finally:
            compared = len(self._live)
            self._live.close()
            self._running = None
            await self._close(running, compared)
            self._over.set()

    async def _close(self, running: DeploymentRun, compared: int) -> None:
        """Write how it ended; or that the daemon leaves, and it waits for the next one."""
        row, summary = running.deployment, as_summary_json(running.summary())
        if running.suspended:
            await self._context.database.write(
                lambda tx: stored.note(tx, row.id, "suspend", summary=summary), principal=SYSTEM
            )
            log.info("deployment %s waits for the daemon to come back", row.id)
            return
        await self._context.database.write(
            lambda tx: planning.end(tx, row, running.end_reason, summary, compared),
            principal=running.ended_by or SYSTEM,
        )
        log.info("deployment %s ended: %s", row.id, running.end_reason)

    async def _start(
        self, plan: Plan, policy: Policy, watchlist_ids: Sequence[str], *, principal: str
    ) -> Deployment:
        """Make ready what `plan` gives, pass the gate, and begin; all of it or nothing."""
        async with self._starting:
            if self._running is not None:
                raise Conflict(f"deployment {self._running.deployment.id} is running: end it first")
            context = self._context
            ready = await self._ready(policy, watchlist_ids)

            def start(tx: Transaction) -> Deployment:
                row = plan(tx)
                verdict = self._judge(tx, row, ready, principal, tx.at_s)
                if not verdict.is_open:
                    raise Conflict(f"it cannot start: {verdict.sentence()}")
                for watchlist_id in json.loads(row.watchlist_ids):
                    stored.take_snapshot(tx, row.id, watchlist_id)
                threshold = ready.proposed.threshold if ready.proposed else row.threshold
                cameras = self._machine().cameras
                return stored.start(tx, row.id, cameras, threshold, verdict.evaluation_id)

            row = await context.database.write(start, principal=principal)
            try:
                if ready.proposed and ready.proposed.derived:
                    await context.thresholds.note(
                        row.id, ready.proposed.derived, principal=principal
                    )
                await self._take_up(row, ready)
            except LfrdError as error:
                reason = f"it could not begin: {error}"
                await context.database.write(
                    lambda tx: planning.end(tx, row, reason, "{}", 0), principal=SYSTEM
                )
                raise
            log.info("deployment %s started by %s", row.id, principal)
            return row

    async def _take_up(self, row: Deployment, ready: _Ready) -> None:
        """Open the search and have `run` carry it out."""
        search = await self._open_search(row, ready)
        self._running = DeploymentRun(
            row, search, self._context, self._policy(row), from_summary_json(row.summary)
        )
        self._over.clear()
        self._begin.set()

    async def _ready(self, policy: Policy, watchlist_ids: Sequence[str]) -> _Ready:
        """The threshold for these lists as they are now, and where it comes from."""
        one_in, context = policy.rules.one_false_alert_in, self._context
        if context.clock.is_doubted:
            return _Ready(None, ThresholdBasis.CONSTANT, Finding("clock", CLOCK_DOUBTED))
        if one_in is None:
            return _Ready(None, ThresholdBasis.CONSTANT, None)
        try:
            proposed = await context.thresholds.propose(one_in, watchlist_ids)
        except ModelError as error:
            log.warning("the threshold stays a constant: %s", error)
            return _Ready(None, ThresholdBasis.CONSTANT, None)
        except Conflict as error:
            return _Ready(None, ThresholdBasis.CONSTANT, Finding("threshold", str(error)))
        derived = proposed.derived
        beyond = derived is not None and derived.extrapolated
        basis = ThresholdBasis.EXTRAPOLATED if beyond else ThresholdBasis.MEASURED
        return _Ready(proposed, basis, None)

    def _judge(
        self, reader: Reader, row: Deployment, ready: _Ready, starter: str, now_s: float
    ) -> Verdict:
        policy = self.policies.named(row.profile)
        threshold = ready.proposed.threshold if ready.proposed else row.threshold
        wants = two_person.wanted_by(reader, row, starter)
        facts = planning.gather(
            reader, json.loads(row.watchlist_ids), wants, self._machine(), policy, ready.basis,
            threshold, now_s,
        )  # fmt: skip
        verdict = judge(row, policy, facts)
        if ready.fault is not None:
            verdict = replace(verdict, missing=(*verdict.missing, ready.fault))
        return verdict

    async def _open_search(self, row: Deployment, ready: _Ready) -> LiveSearch:
        context, vision = self._context, self._context.vision
        promise = ready.proposed.promise if ready.proposed else None
        search = LiveSearch(row.id, vision.model_digest, vision.dim, row.threshold, promise)
        lists: Sequence[str] = json.loads(row.watchlist_ids)
        await open_search(context.database, context.clock, self._live, search, lists)
        return search

    def _machine(self) -> Machine:
        context = self._context
        enabled = tuple(camera.row.id for camera in context.fleet.cameras() if camera.row.enabled)
        return Machine(
            context.vision.detector_digest,
            context.vision.model_digest,
            context.config.matching.threshold,
            enabled,
        )

    def _policy(self, row: Deployment) -> Policy:
        return policy_of(row, self.policies)

    def _refresh(self, row: Deployment) -> None:
        if self._running is not None and self._running.deployment.id == row.id:
            self._running.deployment = row
