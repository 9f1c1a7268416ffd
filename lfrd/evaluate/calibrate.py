"""Measure a model's false match curve on people who are known, and prove it on others.

The curve is fitted on one half of the people and tested on the other: the promise of a threshold
is about faces that the curve never saw. Pairs are of one photo a person, the tracks are made of
the people's further photos, each a full look: on the street looks resemble each other more and
count for less, so what is measured here errs towards a stricter threshold.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from lfrd.errors import BadInput
from lfrd.evaluate.labelled import Embedded
from lfrd.matching.curve import (
    SUPPORT_PAIRS,
    TAIL_FIT_PAIRS,
    Curve,
    CurveTest,
    LooksPoint,
    MissPoint,
    Point,
    rule_name,
)
from lfrd.matching.evidence import WEIGHT_POWER, EvidenceRule
from lfrd.matching.threshold import DEMOGRAPHIC_FACTOR, Risk, derive
from lfrd.stats import bootstrap, upper_bound
from lfrd.types import F32

Errata = frozenset[frozenset[str]]

BINS = 200_000
"""Scores are counted in bins of 1e-5, which bounds the memory whatever the number of pairs."""

BLOCK = 512
LOOKS = (1, 2, 3, 4, 8, 16)
LOOKS_SUPPORT = 100
"""So many tracks over a score are needed before the score says what looks are worth."""

LEAST_PEOPLE = 200
MISSES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)
TEST_LISTS = (50, 320, 1000)
TEST_TARGETS = (0.01, 0.001)
TEST_LOOKS = 3
TEST_DRAWS = 20
"""Lists drawn for each size: every person who is not on a drawn list passes it once."""


@dataclass(frozen=True, slots=True)
class Halves:
    """People split by a seed: names of those who fit the curve, and of those who test it."""

    fit: tuple[str, ...]
    test: tuple[str, ...]


def split(embedded: Embedded, seed: int) -> Halves:
    """Half the people each. Raises BadInput where there are too few."""
    names = sorted({photo.person for photo in embedded.photos})
    if len(names) < 2 * LEAST_PEOPLE:
        raise BadInput(
            f"{len(names)} people with a face are too few to measure rare false matches on: "
            f"{2 * LEAST_PEOPLE} are needed, thousands are better"
        )
    order = np.random.default_rng(seed).permutation(len(names))
    middle = len(names) // 2
    return Halves(
        tuple(sorted(names[n] for n in order[:middle])),
        tuple(sorted(names[n] for n in order[middle:])),
    )


def fit(
    embedded: Embedded, model_digest: str, rule: EvidenceRule, errata: Errata, measured_on: str
) -> Curve:
    """The curve of these people."""
    first = first_rows(embedded)
    known = known_pairs(embedded, errata)
    counts = np.zeros(BINS, np.int64)
    pairs = 0
    for start in range(0, len(first), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(first)))
        scores = embedded.vectors[first[rows]] @ embedded.vectors[first].T
        keep = np.arange(len(first))[None, :] > rows[:, None]
        keep &= ~known[rows]
        counts += _histogram(scores[keep])
        pairs += int(keep.sum())
    points = _points(counts, pairs)
    return Curve(
        version=1,
        model_digest=model_digest,
        rule=rule_name(rule),
        measured_on=measured_on,
        identities=len(first),
        pairs=pairs,
        points=points,
        tail_scale=_tail_scale(counts),
        looks=_looks_points(embedded, first, rule, known),
        misses=_miss_points(embedded, first),
    )


def test(curve: Curve, embedded: Embedded, rule: EvidenceRule, errata: Errata, seed: int) -> Curve:
    """The curve with its tests: lists drawn of these people, all others passing by.

    With the demographic factor 1 the bare curve is on trial, with the default the daemon's promise.
    """
    first = first_rows(embedded)
    known = known_pairs(embedded, errata)
    fused = np.stack(list(_fused_tracks(embedded, first, rule, TEST_LOOKS)))
    fused[known] = -1.0  # one person under two names is no stranger
    rng = np.random.default_rng(seed)
    tests = []
    for entries in TEST_LISTS:
        if entries > 0.75 * len(first):
            continue
        highest, people = _highest_of_draws(fused, entries, rng)
        for target, factor in itertools.product(TEST_TARGETS, (1.0, DEMOGRAPHIC_FACTOR)):
            risk = Risk(1 / target, factor)
            derived = derive(curve, risk, references=entries, looks=TEST_LOOKS)
            false = highest >= derived.threshold
            tests.append(
                CurveTest(
                    entries,
                    target,
                    factor,
                    round(derived.threshold, 4),
                    int(false.sum()),
                    len(highest),
                    _upper_95(people, false, seed),
                )
            )
    return replace(curve, tests=tuple(tests))


def first_rows(embedded: Embedded) -> npt.NDArray[np.intp]:
    """The first photo of each person, in the order of the people's numbers."""
    return np.array([rows[0] for rows in embedded.rows_by_person()], np.intp)


def fused_full_looks(
    looks: F32, references: F32, rule: EvidenceRule, norms: F32 | None = None
) -> F32:
    """Fused scores f32[m] of a track whose looks f32[L, D], in the order of time, are all far
    enough apart to count full, with references f32[m, D]. `norms` f32[L] of the looks.

    The same as `EvidenceRule.fused` of looks `apart_s` apart, over many references at once.
    """
    weighed = looks if norms is None else looks * norms[:, None] ** WEIGHT_POWER
    means = weighed.cumsum(axis=0)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    handicaps = np.array([rule.handicap(count + 1.0) for count in range(len(looks))], np.float32)
    mean = (means @ references.T - handicaps[:, None]).max(axis=0)
    alone = (looks @ references.T).max(axis=0) - handicaps[0]
    return np.asarray(np.maximum(mean, alone), np.float32)


def _fused_tracks(
    embedded: Embedded, first: npt.NDArray[np.intp], rule: EvidenceRule, looks: int
) -> Iterator[F32]:
    """For each person as a passer-by: the fused score against each person's first photo.

    Who has fewer photos than looks stands still: the looks they have are seen again.
    """
    references = embedded.vectors[first]
    for rows in embedded.rows_by_person():
        seen = np.resize(rows, looks)
        yield fused_full_looks(embedded.vectors[seen], references, rule, embedded.norms_of(seen))


def _highest_of_draws(
    fused: F32, entries: int, rng: np.random.Generator
) -> tuple[F32, npt.NDArray[np.intp]]:
    """The best score of every track of a person who is not listed, over all drawn lists, and
    whose."""
    found, people = [], []
    for _ in range(TEST_DRAWS):
        listed = rng.permutation(len(fused))[:entries]
        others = np.setdiff1d(np.arange(len(fused)), listed)
        found.append(fused[np.ix_(others, listed)].max(axis=1))
        people.append(others)
    return np.concatenate(found), np.concatenate(people)


def _upper_95(people: npt.NDArray[np.intp], false: npt.NDArray[np.bool_], seed: int) -> float:
    """The upper end of the 95 % interval: the larger of the exact one of single tracks, and of the
    one that takes the tracks of one person together, since each passes many of the lists."""
    alone = upper_bound(int(false.sum()), len(false), 0.975)
    return max(alone, bootstrap(people, false, seed).hi)


def _histogram(scores: F32) -> npt.NDArray[np.int64]:
    bins = np.clip((scores + 1.0) * (BINS / 2), 0, BINS - 1).astype(np.int64)
    return np.bincount(bins, minlength=BINS)


def _points(counts: npt.NDArray[np.int64], pairs: int) -> tuple[Point, ...]:
    """About six points a decade, from the rarest supported rate up to half of all pairs."""
    above = counts[::-1].cumsum()
    wanted = SUPPORT_PAIRS * 10 ** (np.arange(200) / 6)
    points = []
    for number in wanted[wanted < pairs / 2]:
        place = int(np.searchsorted(above, math.ceil(number)))
        score = 1.0 - 2.0 * (place + 1) / BINS
        points.append(Point(round(score, 5), int(above[place])))
    unique = {point.score: point for point in points}  # equal scores: the larger count stays
    return tuple(unique.values())


def _tail_scale(counts: npt.NDArray[np.int64]) -> float:
    """Mean excess of the best TAIL_FIT_PAIRS scores: the likeliest scale of an exponential tail."""
    above = counts[::-1].cumsum()
    place = int(np.searchsorted(above, TAIL_FIT_PAIRS))
    scores = 1.0 - 2.0 * np.arange(place + 1) / BINS
    best = counts[::-1][: place + 1]
    return float((best * (scores - scores[-1])).sum() / best.sum())


def _looks_points(
    embedded: Embedded,
    first: npt.NDArray[np.intp],
    rule: EvidenceRule,
    known: npt.NDArray[np.bool_],
) -> tuple[LooksPoint, ...]:
    """L_eff by number of looks: at least 1 (a person who stands still), never falling."""
    found: list[LooksPoint] = []
    references = embedded.vectors[first]
    for looks in LOOKS:
        tracks, singles = np.zeros(BINS, np.int64), np.zeros(BINS, np.int64)
        for person, rows in enumerate(embedded.rows_by_person()):
            if len(rows) < max(looks, 2):
                continue
            strangers = ~known[person]
            strangers[person] = False
            seen, norms = embedded.vectors[rows[:looks]], embedded.norms_of(rows[:looks])
            fused = fused_full_looks(seen, references[strangers], rule, norms)
            tracks += _histogram(fused)
            singles += _histogram((seen @ references[strangers].T).ravel())
        worth = _most_effective(tracks, singles)
        if worth is None:
            break
        floor = found[-1].effective if found else 1.0
        found.append(LooksPoint(looks, round(max(floor, worth), 3), int(tracks.sum())))
    if not found:
        raise BadInput("no person has enough photos to measure what several looks are worth")
    return tuple(found)


def _most_effective(tracks: npt.NDArray[np.int64], singles: npt.NDArray[np.int64]) -> float | None:
    """The largest log(1-F_tracks) / log(1-F_singles) at scores that enough tracks reach."""
    if not tracks.sum():
        return None
    over, single = tracks[::-1].cumsum(), singles[::-1].cumsum()
    enough = (over >= LOOKS_SUPPORT) & (over <= 0.01 * over[-1]) & (single > 0)
    if not enough.any():
        return None
    ratio = np.log1p(-over[enough] / over[-1]) / np.log1p(-single[enough] / single[-1])
    return float(ratio.max())


def _miss_points(embedded: Embedded, first: npt.NDArray[np.intp]) -> tuple[MissPoint, ...]:
    """Scores of single looks at listed people, as quantiles."""
    scores = [
        embedded.vectors[rows[1:]] @ embedded.vectors[reference]
        for rows, reference in zip(embedded.rows_by_person(), first, strict=True)
        if len(rows) > 1
    ]
    if not scores:
        raise BadInput("no person has two photos: nothing says how well people are recognised")
    together = np.concatenate(scores)
    values = np.quantile(together, MISSES)
    return tuple(
        MissPoint(missed, round(float(score), 4))
        for missed, score in zip(MISSES, values, strict=True)
    )


def known_pairs(embedded: Embedded, errata: Errata) -> npt.NDArray[np.bool_]:
    """bool[people, people]: true where two names are known to be one person."""
    names = sorted({photo.person for photo in embedded.photos})
    number = {name: n for n, name in enumerate(names)}
    known = np.zeros((len(names), len(names)), bool)
    for pair in errata:
        first, second = sorted(pair)
        if first in number and second in number:
            known[number[first], number[second]] = known[number[second], number[first]] = True
    return known


def halves_of(embedded: Embedded, seed: int) -> tuple[Embedded, Embedded]:
    """The photos of those who fit the curve, and of those who test it."""
    halves = split(embedded, seed)
    return embedded.of(halves.fit), embedded.of(halves.test)


def describe(curve: Curve) -> Sequence[str]:
    """What was measured, as lines for people."""
    lines = [
        f"measured on {curve.measured_on}: {curve.identities:,} people, {curve.pairs:,} pairs",
        "strangers reach " + ", ".join(
            f"{curve.score_at(rate):.3f} once in {1 / rate:,.0f}" for rate in (1e-3, 1e-4, 1e-5)
        ),
        f"rarer than once in {curve.pairs / SUPPORT_PAIRS:,.0f} is extrapolated",
        "looks are worth " + ", ".join(f"{p.looks}: {p.effective:g}" for p in curve.looks),
    ]  # fmt: skip
    lines += [
        f"test, list of {test.entries}, promise 1 in {1 / test.target:,.0f}: threshold "
        f"{test.threshold:.3f} (factor {test.demographic_factor:g}), "
        f"{test.false_alerts} false alerts in {test.tracks:,} tracks "
        f"(upper 95 % bound 1 in {1 / test.upper_95:,.0f})"
        for test in curve.tests
    ]
    return lines
