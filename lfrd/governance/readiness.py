"""Whether a deployment may start now: the threshold it would have, and what the gate then says."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lfrd.cameras.fleet import Fleet
from lfrd.errors import Conflict, ModelError
from lfrd.governance import planning, two_person
from lfrd.governance.planning import ModelDigests
from lfrd.governance.profile import Policy, SitePolicies
from lfrd.governance.start_gate import Facts, Finding, ThresholdBasis, Verdict, gaps, judge
from lfrd.governance.timekeeping import SteadyClock
from lfrd.matching.live_search import Promise
from lfrd.matching.thresholds import Proposed, Thresholds
from lfrd.store.deployments import Deployment
from lfrd.store.transaction import Reader
from lfrd.vision.engine import Vision

log = logging.getLogger(__name__)

CLOCK_DOUBTED = "nothing vouches for the machine's clock: the site's health says how to mend it"


@dataclass(frozen=True, slots=True)
class Ready:
    """What a deployment would start with, as far as it does not hang on the moment."""

    proposed: Proposed | None
    basis: ThresholdBasis
    fault: Finding | None
    """Why no threshold can keep the promise, if so."""

    @property
    def promise(self) -> Promise | None:
        """What the threshold is derived again by when the lists grow."""
        return self.proposed.promise if self.proposed else None


class Readiness:
    """Gathers what the start gate judges by, and has it judged."""

    def __init__(
        self,
        clock: SteadyClock,
        fleet: Fleet,
        vision: Vision,
        thresholds: Thresholds,
        policies: SitePolicies,
    ) -> None:
        self._clock = clock
        self._fleet = fleet
        self._vision = vision
        self._thresholds = thresholds
        self._policies = policies

    @property
    def models(self) -> ModelDigests:
        """What faces are found and compared with now."""
        return ModelDigests(self._vision.detector_digest, self._vision.model_digest)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The enabled ones."""
        return tuple(camera.row.id for camera in self._fleet.cameras() if camera.row.enabled)

    async def of(self, policy: Policy, watchlist_ids: Sequence[str]) -> Ready:
        """The threshold for these lists as they are now, and where it comes from."""
        one_in = policy.rules.one_false_alert_in
        if self._clock.is_doubted:
            return Ready(None, ThresholdBasis.CONSTANT, Finding("clock", CLOCK_DOUBTED))
        if one_in is None:
            return Ready(None, ThresholdBasis.CONSTANT, None)
        try:
            proposed = await self._thresholds.propose(one_in, watchlist_ids)
        except ModelError as error:
            log.warning("the threshold stays a constant: %s", error)
            return Ready(None, ThresholdBasis.CONSTANT, None)
        except Conflict as error:
            return Ready(None, ThresholdBasis.CONSTANT, Finding("threshold", str(error)))
        derived = proposed.derived
        beyond = derived is not None and derived.extrapolated
        basis = ThresholdBasis.EXTRAPOLATED if beyond else ThresholdBasis.MEASURED
        return Ready(proposed, basis, None)

    def judge(
        self,
        reader: Reader,
        row: Deployment,
        ready: Ready,
        starter: str,
        now_s: float,
        *,
        street_team: bool = False,
    ) -> Verdict:
        """Everything that bars `starter` from starting it at `now_s`; they may say that a team is
        on the spot."""
        policy = self._policies.named(row.profile)
        threshold = ready.proposed.threshold if ready.proposed else row.threshold
        wants = two_person.wanted_by(reader, row, starter)
        facts = self._facts(reader, row, policy, wants, ready.basis, threshold, now_s)
        verdict = judge(row, policy, replace(facts, street_team=street_team))
        if ready.fault is not None:
            verdict = replace(verdict, missing=(*verdict.missing, ready.fault))
        return verdict

    def gaps(
        self, reader: Reader, row: Deployment, authoriser: str, now_s: float
    ) -> tuple[Finding, ...]:
        """What nothing but another plan mends."""
        policy, constant = self._policies.named(row.profile), ThresholdBasis.CONSTANT
        facts = self._facts(reader, row, policy, authoriser, constant, row.threshold, now_s)
        return gaps(row, policy, facts)

    def _facts(
        self,
        reader: Reader,
        row: Deployment,
        policy: Policy,
        starter: str,
        basis: ThresholdBasis,
        threshold: float,
        now_s: float,
    ) -> Facts:
        return planning.gather(
            reader,
            json.loads(row.watchlist_ids),
            starter=starter,
            models=self.models,
            cameras=len(self.cameras),
            policy=policy,
            basis=basis,
            threshold=threshold,
            now_s=now_s,
            end_s=row.planned_end_at_s or now_s,
        )
