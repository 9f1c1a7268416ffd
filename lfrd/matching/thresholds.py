"""The threshold of a deployment that is about to start, and of one that runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lfrd.clock import Clock
from lfrd.errors import Conflict
from lfrd.matching import curve
from lfrd.matching.evidence import EvidenceRule
from lfrd.matching.live_search import Promise
from lfrd.matching.threshold import Derived, Risk, check_reachable, demographic_factor
from lfrd.store import evaluations, templates, thresholds
from lfrd.store.database import Database
from lfrd.store.thresholds import ThresholdRow


@dataclass(frozen=True, slots=True)
class Proposed:
    """A threshold to start with; `promise` and `derived` are None where it is a stated constant."""

    threshold: float
    promise: Promise | None = None
    derived: Derived | None = None


class Thresholds:
    """Derives, checks and records thresholds.

    `constant` is the lab's, and of a model without a curve; `looks` and `curves`, the folder of
    measured curves, derive all others. `demographic_factor` counts until a labelled evaluation
    report of the model replaces it.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        model_digest: str,
        *,
        constant: float,
        looks: int,
        demographic_factor: float,
        curves: Path,
    ) -> None:
        self.constant = constant
        self._database = database
        self._clock = clock
        self._model_digest = model_digest
        self._looks = looks
        self._demographic_factor = demographic_factor
        self._curves = curves

    async def promise(self, one_in: float) -> Promise:
        """At most one false alert in `one_in` passing faces. Raises ModelError without a curve."""
        digest = self._model_digest
        measured = curve.find(digest, self._curves, EvidenceRule())
        valid = await self._database.read(lambda reader: evaluations.of_model(reader, digest))
        factor = demographic_factor(valid, self._demographic_factor)
        return Promise(measured, Risk(one_in, factor), self._looks)

    async def propose(
        self, one_in: float | None, watchlist_ids: Sequence[str], *, extrapolated: bool = True
    ) -> Proposed:
        """The threshold for these lists as they are now; `one_in` None is the stated constant.

        Raises Unreachable where the model cannot keep the promise, Conflict where only an
        extrapolated threshold would and `extrapolated` does not allow one, ModelError.
        """
        if one_in is None:
            return Proposed(self.constant)
        promise = await self.promise(one_in)
        derived = promise.kept_by(await self.references(watchlist_ids))
        check_reachable(derived, promise.risk)
        if derived.extrapolated and not extrapolated:
            raise Conflict(
                f"the promise of one false alert in {one_in:,.0f} passing faces on "
                f"{derived.references:,} reference photos is rarer than the "
                f"{promise.curve.pairs:,} measured pairs support, and this profile allows no "
                "extrapolation: measure more people with `lfrd models calibrate`, or shorten the "
                "list"
            )
        return Proposed(derived.threshold, promise, derived)

    async def references(self, watchlist_ids: Sequence[str]) -> int:
        """How many reference photos these lists have for the model, N x R."""
        now_s = self._clock.wall_s()
        return await self._database.read(
            lambda reader: templates.count_valid(reader, self._model_digest, watchlist_ids, now_s)
        )

    async def note(self, deployment_id: str, derived: Derived, *, principal: str) -> None:
        """Write a threshold into the history of a deployment."""

        await self._database.write(
            lambda tx: thresholds.note(tx, _row(deployment_id, derived, tx.at_s, principal)),
            principal=principal,
        )

    async def history(self, deployment_id: str) -> list[ThresholdRow]:
        """The thresholds that a deployment had."""
        return await self._database.read(lambda reader: thresholds.history(reader, deployment_id))


def _row(deployment_id: str, derived: Derived, at_s: float, principal: str) -> ThresholdRow:
    return ThresholdRow(
        deployment_id=deployment_id,
        at_s=at_s,
        threshold=derived.threshold,
        reference_count=derived.references,
        looks=derived.looks,
        looks_effective=derived.looks_effective,
        demographic_factor=derived.demographic_factor,
        fpir=derived.fpir,
        fpir_low=derived.fpir_low,
        fpir_high=derived.fpir_high,
        extrapolated=derived.extrapolated,
        principal=principal,
    )
