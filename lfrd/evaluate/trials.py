"""Live trials with consenting test subjects: their passages, and the TPIR of each camera.

A passage is a mated recognition opportunity: it counts as identified if an episode of the right
entry was raised on that camera within `window_s` of the moment that was counted, before or after.
One episode answers for one passage only. TPIR = identified / passages (ISO/IEC 19795-1); a passage
in which no face was detected is a miss like any other. Whom else the person may have been taken for
is not counted: of the other episodes it is not known whose track it was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lfrd.clock import Clock
from lfrd.evaluate.groups import by_group
from lfrd.stats import Rate, bootstrap, wilson
from lfrd.store import trials as stored
from lfrd.store.database import Database
from lfrd.store.trials import NamedPassage, Raised, TrialPassage

WINDOW_S = 30.0
SEED = 1


@dataclass(frozen=True, slots=True)
class Rates:
    """Of the passages of `subjects` people. `tpir` and `not_compared` with Wilson's interval; by
    subject with the one that takes the passages of a person together, None where only one took
    part. `not_compared` are the failures to acquire, which are misses in `tpir` too."""

    subjects: int
    tpir: Rate
    by_subject: Rate | None
    not_compared: Rate
    not_compared_by_subject: Rate | None


@dataclass(frozen=True, slots=True)
class CameraTrial:
    """One camera."""

    camera_id: str
    rates: Rates


@dataclass(frozen=True, slots=True)
class GroupTrial:
    """One group over all cameras. `p_holm`: see lfrd.evaluate.groups."""

    group: str
    rates: Rates
    p_holm: float


@dataclass(frozen=True, slots=True)
class TrialResult:
    """`pending` passages are planned, or so recent that their episode may still come."""

    cameras: tuple[CameraTrial, ...]
    pending: int
    groups: tuple[GroupTrial, ...] = ()
    detectable: float | None = None
    """Of a test of this size between the two largest groups, the ratio of misses that it finds;
    None: it finds none."""


class Trials:
    """The passages of one site's live trials, and what they say."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(
        self,
        camera_id: str,
        entry_id: str,
        passed_at_s: float | None,
        group: str | None = None,
        *,
        not_compared: bool = False,
        principal: str,
    ) -> TrialPassage:
        """Count a passage in the running deployment, of now where no time is given; `group` as the
        person gave it. Raises NotFound, BadInput, Conflict."""
        at_s = self._clock.wall_s() if passed_at_s is None else passed_at_s
        return await self._database.write(
            lambda tx: stored.count(
                tx, camera_id, entry_id, at_s, group, not_compared=not_compared
            ),
            principal=principal,
        )

    async def take_back(self, passage_id: str, *, principal: str) -> None:
        """Count a passage no more. Raises NotFound."""
        await self._database.write(lambda tx: stored.take_back(tx, passage_id), principal=principal)

    async def passages(
        self, deployment_id: str, after: tuple[float, str] | None, limit: int
    ) -> list[NamedPassage]:
        """Passages that are counted in a deployment, newest first; `after`: time and id of the last
        one of the page before. Raises NotFound."""
        return await self._database.read(
            lambda reader: stored.named_passages(reader, deployment_id, after, limit)
        )

    async def result(self, deployment_id: str, window_s: float = WINDOW_S) -> TrialResult:
        """The result so far. Raises NotFound."""
        passages, raised = await self._database.read(
            lambda reader: (
                stored.passages(reader, deployment_id),
                stored.raised(reader, deployment_id),
            )
        )
        return evaluate(passages, raised, self._clock.wall_s(), window_s)


def evaluate(
    passages: Sequence[TrialPassage], raised: Sequence[Raised], now_s: float, window_s: float
) -> TrialResult:
    """The result so far. Pure."""
    over = [passage for passage in passages if passage.passed_at_s + window_s < now_s]
    found = identified(over, raised, window_s)
    cameras = []
    for camera_id in sorted({passage.camera_id for passage in over}):
        here = [passage for passage in over if passage.camera_id == camera_id]
        cameras.append(CameraTrial(camera_id, _rates(here, found)))
    groups, detectable = _by_group(over, found)
    return TrialResult(tuple(cameras), len(passages) - len(over), groups, detectable)


def _rates(here: Sequence[TrialPassage], found: frozenset[str]) -> Rates:
    """What was raised, and what was not compared: that an episode answers for was, whatever was
    noted."""
    _, subjects = np.unique([passage.entry_id for passage in here], return_inverse=True)
    hits = [passage.id in found for passage in here]
    failed = [passage.not_compared and passage.id not in found for passage in here]
    several = len(set(subjects.tolist()))

    def together(events: Sequence[bool]) -> Rate | None:
        return bootstrap(subjects, events, SEED) if several > 1 else None

    return Rates(
        several, wilson(sum(hits), len(hits)), together(hits),
        wilson(sum(failed), len(failed)), together(failed),
    )  # fmt: skip


def _by_group(
    over: Sequence[TrialPassage], found: frozenset[str]
) -> tuple[tuple[GroupTrial, ...], float | None]:
    """The rates of those groups that passages state. Misses are compared, as the rarer event."""
    of: dict[str, list[TrialPassage]] = {}
    for passage in over:
        if passage.subject_group is not None:
            of.setdefault(passage.subject_group, []).append(passage)
    if not of:
        return (), None
    misses = {group: [item.id not in found for item in here] for group, here in of.items()}
    compared = by_group(misses)
    p_holm = {item.group: item.p_holm for item in compared.groups}
    rows = tuple(GroupTrial(group, _rates(of[group], found), p_holm[group]) for group in sorted(of))
    several = len(of) > 1 and math.isfinite(compared.detectable)
    return rows, compared.detectable if several else None


def identified(
    passages: Sequence[TrialPassage], raised: Sequence[Raised], window_s: float
) -> frozenset[str]:
    """The ids of the passages that an episode answers for.

    Passages and episodes in the order of time: the earliest passage takes the earliest episode in
    its window, which leaves the most for the others, since all windows are equally long. Passages
    of which somebody noted that no face was compared come last.
    """
    free = list(raised)
    found = set()
    for passage in sorted(passages, key=lambda item: (item.not_compared, item.passed_at_s)):
        for episode in free:
            if (episode.camera_id, episode.entry_id) == (
                passage.camera_id,
                passage.entry_id,
            ) and abs(episode.raised_at_s - passage.passed_at_s) <= window_s:
                free.remove(episode)
                found.add(passage.id)
                break
    return frozenset(found)
