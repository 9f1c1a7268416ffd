"""What is kept how long, and the sweeper that holds it: driven by the clock, safe in a crash.

Pure functions say what is due; `Retention.sweep` does it. Each step is complete in itself and is
found due again until it is done, so a crash costs nothing but time.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial

from lfrd.clock import Clock
from lfrd.errors import Conflict, LfrdError
from lfrd.governance import record
from lfrd.governance.erasure import Eraser
from lfrd.governance.profile import Policy, Rules, SitePolicies, parse
from lfrd.governance.two_person import MAY_ERASE
from lfrd.health import HealthBoard
from lfrd.store import absences, episodes, erasures, flows, holds, listings
from lfrd.store import deployments as stored
from lfrd.store.database import SYSTEM, Database
from lfrd.store.deployments import Deployment
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import Category, DeploymentState, ErasureKind

log = logging.getLogger(__name__)

HOUR_S = 3600.0
MONTH_S = 31 * 24 * HOUR_S
"""The longest month, so that N of these are never less than N of the calendar's."""

SWEEP_EVERY_S = 5.0
LEAVE_LIMIT_S = 4.0
"""The service manager waits 10 s for the whole daemon; what is not done is done at the start."""

COMPONENT = "retention"
DROP_LIMIT = 500
"""Episodes whose last traces go in one transaction; the rest is for the next sweep."""


def faces_due_at_s(raised_at_s: float, rules: Rules) -> float:
    """When the faces of an episode go."""
    return raised_at_s + rules.alert_face_data_h * HOUR_S


def log_due_at_s(raised_at_s: float, rules: Rules) -> float:
    """When what is left of an episode goes; never before its faces."""
    return max(faces_due_at_s(raised_at_s, rules), raised_at_s + rules.log_months * MONTH_S)


def key_due_at_s(ended_at_s: float, rules: Rules) -> float:
    """When the key of an ended deployment goes: no face under it can be due later."""
    return faces_due_at_s(ended_at_s, rules)


def list_due_at_s(ended_at_s: float, rules: Rules) -> float | None:
    """When a list goes that a deployment has used; None where it stays, or goes at exit."""
    if rules.after_use != "erase_list" or rules.after_use_within_h is None:
        return None
    return ended_at_s + rules.after_use_within_h * HOUR_S


def is_purge_due(deployment: Deployment, now_s: float) -> bool:
    """Whether an urgent start was not ratified in time."""
    return (
        deployment.ratify_by_at_s is not None
        and deployment.ratified_at_s is None
        and deployment.ratify_by_at_s <= now_s
        and deployment.state in (DeploymentState.RUNNING, DeploymentState.ENDED)
    )


def lists_due(uses: Sequence["Use"], now_s: float) -> list[str]:
    """The lists whose time after use is over: none of their uses is still going on, and the
    time that counts is that of the last one."""
    return sorted(name for name, due_s in due_after_use(uses).items() if due_s <= now_s)


def due_after_use(uses: Sequence["Use"]) -> dict[str, float]:
    """When lists go whose use is over, by list."""
    due_at_s: dict[str, float] = {}
    in_use = {use.watchlist_id for use in uses if use.ended_at_s is None}
    for use in uses:
        due_s = None if use.ended_at_s is None else list_due_at_s(use.ended_at_s, use.rules)
        if due_s is not None:
            due_at_s[use.watchlist_id] = max(due_s, due_at_s.get(use.watchlist_id, due_s))
    return {name: due_s for name, due_s in due_at_s.items() if name not in in_use}


def lists_due_at_exit(uses: Sequence["Use"]) -> list[str]:
    """The lists that were used under rules that want them gone when the daemon exits."""
    in_use = {use.watchlist_id for use in uses if use.ended_at_s is None}
    return sorted(
        {
            use.watchlist_id
            for use in uses
            if use.rules.after_use == "erase_list" and use.rules.after_use_within_h is None
        }
        - in_use
    )


@dataclass(frozen=True, slots=True)
class Use:
    """That a deployment compared with a list that still exists; no end while it runs."""

    watchlist_id: str
    ended_at_s: float | None
    rules: Rules


class Retention:
    """The sweeper of one site.

    `end_now` ends a running deployment and waits until it has; it belongs to the part that runs
    them.
    """

    def __init__(
        self,
        database: Database,
        eraser: Eraser,
        clock: Clock,
        health: HealthBoard,
        policies: SitePolicies,
        end_now: Callable[[str, str], Awaitable[None]],
    ) -> None:
        self._database = database
        self._eraser = eraser
        self._clock = clock
        self._health = health
        self._policies = policies
        self._end_now = end_now

    async def run(self) -> None:
        """Sweep every few seconds, until cancelled."""
        while True:
            await self.sweep()
            await asyncio.sleep(SWEEP_EVERY_S)

    async def sweep(self) -> None:
        """Do all that is due now. What fails turns health red and is due again next time."""
        failed: list[str] = []
        for step in (
            self._finish_open, self._purge_unratified, self._blank_faces, self._erase_deployments,
            self._erase_lists, self._drop_old, self._renew_escrow, self._finish_open,
        ):  # fmt: skip
            try:
                await step()
            except LfrdError as error:
                failed.append(str(error))
        if failed:
            self._health.fail(COMPONENT, f"what is due cannot be erased: {failed[0]}")
        else:
            self._health.clear(COMPONENT)

    async def close_faceless(self) -> None:
        """At the start: what an earlier lfrd erased and left open is closed."""
        await self._database.write(erasures.close_faceless, principal=SYSTEM)

    async def leave(self) -> None:
        """At exit, and at the start after a crash: the lists that the lab has used.

        What fails is tried again at the next start.
        """
        try:
            async with asyncio.timeout(LEAVE_LIMIT_S):
                for watchlist_id in lists_due_at_exit(await self._database.read(uses_of_lists)):
                    log.info("watchlist %s was used in the lab: erased at exit", watchlist_id)
                    await self._erase(ErasureKind.WATCHLIST, watchlist_id, "after use in the lab")
                await self._eraser.finish_open()
        except TimeoutError:
            log.warning("erasing what the lab used takes long: it goes on at the next start")
        except LfrdError as error:
            log.error("what the lab used cannot be erased now: %s", error)

    async def _finish_open(self) -> None:
        await self._eraser.finish_open()

    async def _renew_escrow(self) -> None:
        await asyncio.to_thread(self._database.keys.renew_escrow)

    async def _purge_unratified(self) -> None:
        """Rule 6: an urgent start that was not ratified leaves nothing but its record."""
        now_s = self._clock.wall_s()
        for deployment in await self._database.read(stored.unratified):
            if not is_purge_due(deployment, now_s):
                continue
            reason = "the urgent start was not ratified in time"
            if deployment.state is DeploymentState.RUNNING:
                await self._end_now(deployment.id, reason)
            if await self._erase(ErasureKind.DEPLOYMENT, deployment.id, reason):
                await self._drop_all(deployment.id)

    async def _drop_all(self, deployment_id: str) -> None:
        await self._database.write(
            lambda tx: self._drop(tx, episodes.ids_in(tx, deployment_id)), principal=SYSTEM
        )

    def _drop(self, tx: Transaction, episode_ids: Sequence[str]) -> None:
        """What is left of episodes goes; the records that they are counted in stay."""
        required = self._policies.own.rules.reviewers_required
        for deployment_id in episodes.deployments_of(tx, episode_ids):
            record.freeze(tx, deployment_id, required)
        erasures.drop_episodes(tx, episode_ids)

    async def _blank_faces(self) -> None:
        now_s = self._clock.wall_s()
        due = await self._database.read(lambda reader: self._faces_due(reader, now_s))

        def blank(tx: Transaction) -> None:
            for deployment_id, raised_before_s in due:
                erasures.blank_due(tx, deployment_id, raised_before_s)

        if due:
            await self._database.write(blank, principal=SYSTEM)

    def _faces_due(self, reader: Reader, now_s: float) -> list[tuple[str, float]]:
        """Deployments with faces past their time, and the time before which these were raised."""
        due = []
        for deployment_id, oldest_s in erasures.oldest_faces(reader).items():
            rules = self._rules(stored.get(reader, deployment_id))
            if faces_due_at_s(oldest_s, rules) <= now_s:
                due.append((deployment_id, now_s - rules.alert_face_data_h * HOUR_S))
        return due

    async def _erase_deployments(self) -> None:
        now_s = self._clock.wall_s()
        for deployment in await self._database.read(_ended_free):
            assert deployment.ended_at_s is not None
            if key_due_at_s(deployment.ended_at_s, self._rules(deployment)) <= now_s:
                await self._erase(
                    ErasureKind.DEPLOYMENT, deployment.id, "the time for face data is over"
                )

    async def _erase_lists(self) -> None:
        uses = await self._database.read(uses_of_lists)
        for watchlist_id in lists_due(uses, self._clock.wall_s()):
            await self._erase(ErasureKind.WATCHLIST, watchlist_id, "after use")

    async def _drop_old(self) -> None:
        """The long timer, and the links of the log itself."""
        now_s = self._clock.wall_s()
        due = await self._database.read(lambda reader: self._dropped(reader, now_s))
        if due:
            await self._database.write(lambda tx: self._drop(tx, due), principal=SYSTEM)
        months = self._policies.own.rules.log_months
        before_s = now_s - months * MONTH_S
        if months and await self._database.read(
            lambda reader: erasures.has_links_before(reader, before_s)
        ):
            await self._database.write(
                lambda tx: erasures.forget_links_before(tx, before_s), principal=SYSTEM
            )
        if months and await self._database.read(lambda r: erasures.has_words_before(r, before_s)):
            await self._database.write(
                lambda tx: erasures.forget_words_before(tx, before_s), principal=SYSTEM
            )
        for rows in (absences, listings, flows):
            if months and await self._database.read(partial(rows.has_before, before_s=before_s)):
                drop = partial(rows.drop_before, before_s=before_s)
                await self._database.write(drop, principal=SYSTEM)

    def _dropped(self, reader: Reader, now_s: float) -> list[str]:
        due: list[str] = []
        for deployment in erasures.deployments_without_faces(reader):
            before_s = now_s - log_due_at_s(0.0, self._rules(deployment))
            due += erasures.droppable(reader, deployment.id, before_s, DROP_LIMIT)
        return due[:DROP_LIMIT]

    async def _erase(self, kind: ErasureKind, subject_id: str, reason: str) -> bool:
        """False where it is on legal hold: then it waits for the hold's release."""
        try:
            await self._eraser.erase(kind, subject_id, reason, principal=SYSTEM, role=MAY_ERASE)
        except Conflict as error:
            log.info("%s %s is due and stays: %s", kind, subject_id, error)
            return False
        return True

    def _rules(self, deployment: Deployment) -> Rules:
        return rules_of(deployment, self._policies)


def rules_of(deployment: Deployment, policies: SitePolicies) -> Rules:
    """The rules that a deployment was planned under; the site's own where none were recorded."""
    return policy_of(deployment, policies).rules


def policy_of(deployment: Deployment, policies: SitePolicies) -> Policy:
    """The policy that a deployment was planned under."""
    return parse(deployment.policy) if deployment.policy_digest else policies.own


def _ended_free(reader: Reader) -> list[Deployment]:
    """Ended deployments of which nothing is on hold."""
    return [row for row in stored.ended(reader) if not holds.on_deployment(reader, row.id)]


def uses_of_lists(reader: Reader) -> list[Use]:
    """The uses of the lists that still exist. What the lab used is erased where it was made for
    tests: an earlier lfrd let it use any list."""
    uses = []
    for used in stored.list_uses(reader):
        row = stored.get(reader, used.deployment_id)
        if not row.policy_digest:
            continue
        policy = parse(row.policy)
        if policy.is_lab and used.category is not Category.TEST:
            continue
        ended_at_s = None if row.state is DeploymentState.RUNNING else row.ended_at_s
        uses.append(Use(used.watchlist_id, ended_at_s, policy.rules))
    return uses
