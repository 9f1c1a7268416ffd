"""The figures of a span of time, from what the daemon gave about it. Pure."""

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lfrd.wire.alerts import Alert, AlertState
from lfrd.wire.lists import CameraMinute, CameraReasons

SCORE_STEP = 0.02
TIMES_S = (5, 10, 20, 30, 60, 120, 300, 600)
"""The bounds of the bars of how long decisions took."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when, and how long a bar of it is."""

    name: str
    since_s: float
    until_s: float
    step_s: float

    @property
    def steps(self) -> int:
        return max(1, round((self.until_s - self.since_s) / self.step_s))

    def step_of(self, at_s: float) -> int | None:
        """Which bar a moment belongs to; None: to none."""
        step = int((at_s - self.since_s) // self.step_s)
        return step if 0 <= step < self.steps else None

    def labels(self) -> list[str]:
        """When each bar begins, local; with the day where they are days apart."""
        form = "%H:%M" if self.step_s < 86_400 else "%d.%m."
        starts = (self.since_s + n * self.step_s for n in range(self.steps))
        return [datetime.fromtimestamp(at_s).astimezone().strftime(form) for at_s in starts]


NICE_S = (60, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400, 604_800)
BARS_MAX = 26


def span_of(name: str, since_s: float, until_s: float) -> Span:
    """A span whose bars are of a usual length and not too many; it begins at a whole one."""
    long_s = max(60.0, until_s - since_s)
    step_s = next((s for s in NICE_S if long_s / s <= BARS_MAX), NICE_S[-1])
    begin_s = since_s - since_s % step_s
    end_s = begin_s + step_s * max(1, -(-(until_s - begin_s) // step_s))
    return Span(name, begin_s, end_s, float(step_s))


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known of a span. `minutes` and `reasons` by camera id, where a deployment runs there;
    `looked_through` says whether there were more candidates than are counted here."""

    span: Span
    alerts: tuple[Alert, ...] = ()
    minutes: dict[str, tuple[CameraMinute, ...]] = field(default_factory=dict)
    reasons: dict[str, CameraReasons] = field(default_factory=dict)
    more: bool = False

    def faces(self) -> list[int]:
        """Passing faces in each bar."""
        return self._summed("tracks")

    def dropped(self) -> list[int]:
        """Pictures that were dropped in each bar."""
        return self._summed("frames_dropped")

    def _summed(self, name: str) -> list[int]:
        bars = [0] * self.span.steps
        for minutes in self.minutes.values():
            for minute in minutes:
                if minute.at_s + minute.span_s <= self.span.since_s:
                    continue
                step = self.span.step_of(max(minute.at_s, self.span.since_s))
                if step is not None:
                    bars[step] += int(getattr(minute, name))
        return bars

    def candidates(self) -> list[int]:
        """Candidates raised in each bar."""
        found = Counter(self.span.step_of(alert.raised_at_s) for alert in self.real())
        return [found[step] for step in range(self.span.steps)]

    def real(self) -> Iterable[Alert]:
        """Without decoys, as far as they are known to be some."""
        return (alert for alert in self.alerts if not alert.decoy)

    def decisions(self) -> dict[str, int]:
        """What became of the candidates, as far as this viewer may know."""
        found = {"match": 0, "not a match": 0, "unsure": 0, "unresolved": 0}
        open_ones = closed = 0
        for alert in self.real():
            outcome = None if alert.revealed is None else alert.revealed.outcome
            if outcome is not None:
                found[outcome.value.replace("_", " ")] += 1
            elif alert.state is AlertState.OPEN:
                open_ones += 1
            else:
                closed += 1
        return found | {"to be decided": open_ones, "not shown to you": closed}

    def times_s(self) -> list[float]:
        """From each candidate's rise to each final decision that may be known."""
        return [
            review.submitted_at_s - alert.raised_at_s
            for alert in self.real()
            if alert.revealed is not None
            for review in alert.revealed.reviews
        ]

    def time_bars(self) -> tuple[list[str], list[int]]:
        """How many decisions took how long."""
        bars = [0] * (len(TIMES_S) + 1)
        for took_s in self.times_s():
            bars[sum(took_s > bound for bound in TIMES_S)] += 1
        labels = [f"≤{_time(bound)}" for bound in TIMES_S]
        return [*labels, f">{_time(TIMES_S[-1])}"], bars

    def scores(self) -> list[float]:
        """Of the candidates whose score this viewer may know."""
        return [alert.revealed.score for alert in self.real() if alert.revealed is not None]

    def score_bars(self) -> tuple[list[str], list[int]]:
        """How many candidates had which score."""
        scores = self.scores()
        if not scores:
            return [], []
        first, last = int(min(scores) // SCORE_STEP), int(max(scores) // SCORE_STEP)
        bars = Counter(int(score // SCORE_STEP) for score in scores)
        steps = range(first, last + 1)
        return [f"{step * SCORE_STEP:.2f}" for step in steps], [bars[step] for step in steps]


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return statistics.median(values) if values else None


def _time(seconds: int) -> str:
    return f"{seconds}s" if seconds < 60 else f"{seconds // 60}m"
