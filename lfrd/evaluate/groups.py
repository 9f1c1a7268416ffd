"""Accuracy by group, where labels are given (from consenting test cohorts): with its power."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lfrd.errors import BadInput
from lfrd.stats import NORMAL_95, Rate, clopper_pearson
from lfrd.tables import open_table

log = logging.getLogger(__name__)

NORMAL_80 = 0.8416212335729143
"""The 0.8 quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class GroupRate:
    """One group's rate; `p_holm` is of Fisher's exact test against all others, after Holm."""

    group: str
    rate: Rate
    p_holm: float


@dataclass(frozen=True, slots=True)
class ByGroup:
    """`max_over_min` and `max_over_mean` (geometric) are None where a group had no event.

    `detectable` is the ratio of rates between the two largest groups that a test of this size
    would find with a power of 0.8; infinite says that no difference would be noticed.
    """

    groups: tuple[GroupRate, ...]
    max_over_min: float | None
    max_over_mean: float | None
    detectable: float


def read_groups(path: Path) -> dict[str, str]:
    """The group of each person: a CSV with the columns person and group. Raises BadInput."""
    found: dict[str, str] = {}
    table = open_table(path, ("person", "group"), others=True)
    for note in table.notes:
        log.warning("%s", note)
    for line in table:
        person, group = line.cells["person"], line.cells["group"]
        if not person or not group:
            raise BadInput(f"{path} {line.place}: person or group is missing")
        if found.setdefault(person, group) != group:
            raise BadInput(f"{path} {line.place}: {person!r} is of another group before")
    return found


def by_group(events: Mapping[str, Sequence[bool]]) -> ByGroup:
    """Rates of an event (a false alert, a miss) among the opportunities of each group."""
    counts = {group: (sum(seen), len(seen)) for group, seen in events.items() if len(seen)}
    total_k, total_n = (sum(part) for part in zip(*counts.values(), strict=True))
    raw = {
        group: fisher_exact(k, n - k, total_k - k, total_n - n - (total_k - k))
        for group, (k, n) in counts.items()
    }
    adjusted = holm(raw)
    rates = {group: clopper_pearson(k, n) for group, (k, n) in counts.items()}
    values = [rate.value for rate in rates.values()]
    some = all(value > 0 for value in values)
    mean = math.exp(sum(map(math.log, values)) / len(values)) if some else 0.0
    return ByGroup(
        tuple(GroupRate(group, rates[group], adjusted[group]) for group in sorted(rates)),
        max(values) / min(values) if some else None,
        max(values) / mean if some else None,
        _detectable(total_k / total_n, sorted((n for _, n in counts.values()), reverse=True)),
    )


def fisher_exact(a: int, b: int, c: int, d: int) -> float:
    """Two-sided p of the table [[a, b], [c, d]]: the sum of all tables no likelier than it."""
    row, column, total = a + b, a + c, a + b + c + d

    def log_p(x: int) -> float:
        return (
            _log_choose(column, x) + _log_choose(total - column, row - x) - _log_choose(total, row)
        )

    seen = log_p(a)
    low, high = max(0, row + column - total), min(row, column)
    likely = (log_p(x) for x in range(low, high + 1))
    return min(1.0, sum(math.exp(value) for value in likely if value <= seen + 1e-9))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment (Scandinavian Journal of Statistics 6, 1979)."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    adjusted: dict[str, float] = {}
    running = 0.0
    for place, name in enumerate(ordered):
        running = max(running, min(1.0, (len(ordered) - place) * p_values[name]))
        adjusted[name] = running
    return adjusted


def _detectable(rate: float, sizes: Sequence[int]) -> float:
    """The smallest ratio of rates that two groups of these sizes would show (normal
    approximation of the difference of two proportions)."""
    if len(sizes) < 2 or rate <= 0:
        return math.inf
    spread = math.sqrt(rate * (1 - rate) * (1 / sizes[0] + 1 / sizes[1]))
    gap = (NORMAL_95 + NORMAL_80) * spread
    return (rate + gap) / rate if rate + gap < 1 else math.inf


def _log_choose(n: int, k: int) -> float:
    if not 0 <= k <= n:
        return -math.inf
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
