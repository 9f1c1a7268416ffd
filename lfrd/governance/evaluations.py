"""Evaluation reports as people register and withdraw them."""

from lfrd.clock import Clock
from lfrd.errors import BadInput
from lfrd.store import evaluations as stored
from lfrd.store import independent_tests
from lfrd.store.database import Database
from lfrd.store.evaluations import Evaluation, NewEvaluation
from lfrd.store.independent_tests import IndependentTest

AHEAD_S = 300.0
"""How far another machine's clock may be ahead of ours."""


class Evaluations:
    """The evaluation reports of one site."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(self, after: str | None, limit: int) -> list[Evaluation]:
        """Newest first, withdrawn ones included; `after` is the id of the last one of the page
        before."""
        return await self._database.read(lambda reader: stored.page(reader, after, limit))

    async def register(self, new: NewEvaluation, *, principal: str) -> Evaluation:
        """Raises BadInput where it was measured in the future, Conflict where it is registered."""
        if new.evaluated_at_s > self._clock.wall_s() + AHEAD_S:
            raise BadInput("evaluated_at_s lies in the future")
        return await self._database.write(lambda tx: stored.add(tx, new), principal=principal)

    async def withdraw(self, evaluation_id: str, reason: str, *, principal: str) -> Evaluation:
        """Rely on it no more. Raises NotFound, BadInput, Conflict."""
        return await self._database.write(
            lambda tx: stored.withdraw(tx, evaluation_id, reason), principal=principal
        )

    async def tested(
        self,
        model_digest: str,
        tested_by: str,
        tested_at_s: float,
        reference: str,
        *,
        principal: str,
    ) -> IndependentTest:
        """Record who tested a model independently. Raises BadInput where that lies ahead."""
        if tested_at_s > self._clock.wall_s() + AHEAD_S:
            raise BadInput("the test lies in the future")
        return await self._database.write(
            lambda tx: independent_tests.add(tx, model_digest, tested_by, tested_at_s, reference),
            principal=principal,
        )

    async def independent_tests(
        self, after: tuple[float, str] | None, limit: int
    ) -> list[IndependentTest]:
        """Independent tests, the newest first; `after`: when the last one of the page before was
        done, and its id."""
        return await self._database.read(
            lambda reader: independent_tests.page(reader, after, limit)
        )
