"""Reviewers' training: recorded with its end, asked for by the start gate and at each decision.

Only where the rules of a deployment want it (`training_required`).
"""

from lfrd.clock import Clock
from lfrd.errors import BadInput, Denied
from lfrd.governance import two_person
from lfrd.governance.profile import parse
from lfrd.store import deployments, episodes, trainings
from lfrd.store.database import Database
from lfrd.store.trainings import Training
from lfrd.store.transaction import Transaction

KIND = "user:"


class Trainings:
    """The trainings of one site's people."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def record(
        self, subject: str, what: str, valid_until_s: float, *, principal: str
    ) -> Training:
        """Note that a person was trained. Raises BadInput of oneself, or where it is over."""
        holder = subject if subject.startswith(KIND) else KIND + subject
        two_person.check_trainer(holder, principal)
        if valid_until_s <= self._clock.wall_s():
            raise BadInput("a training is recorded while it is valid")
        return await self._database.write(
            lambda tx: trainings.add(tx, holder, what, valid_until_s), principal=principal
        )

    async def page(self, after: tuple[str, str] | None, limit: int) -> list[Training]:
        """The last one of each person; `after`: person and id of the one that the page before ended
        with."""
        return await self._database.read(lambda reader: trainings.page(reader, after, limit))


def check_reviewer(tx: Transaction, episode_id: str) -> None:
    """Raises Denied where the rules want reviewers who are trained, and `tx.principal` is not."""
    row = deployments.get(tx, episodes.get(tx, episode_id).deployment_id)
    wanted = parse(row.policy).rules.training_required if row.policy_digest else False
    if wanted and not trainings.is_trained(tx, tx.principal, tx.at_s):
        raise Denied(
            "these rules want trained reviewers, and no training of yours is valid: a supervisor "
            "records it (`lfrd training add`)"
        )
