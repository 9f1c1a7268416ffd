"""Closed- and open-set identification and verification, in the terms of ISO/IEC 19795-1 and NIST.

A recognition opportunity is one passage: all looks together. A mated one counts as missed unless
the *right* entry reaches the threshold; a non-mated one counts as a false alert if any entry does.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lfrd.errors import BadInput
from lfrd.evaluate.calibrate import Errata, fused_full_looks, known_pairs
from lfrd.evaluate.labelled import Embedded
from lfrd.matching.evidence import EvidenceRule
from lfrd.stats import Rate, bootstrap, clopper_pearson, wilson
from lfrd.types import F32, F64

FOLDS = 10


@dataclass(frozen=True, slots=True)
class Opportunities:
    """Scores of passages: `mated` of the right entry, `impostor` the best wrong one of the same
    passages, `non_mated` the best of any entry for people who are not listed. `subjects` and
    `strangers` are the numbers of the people behind the mated and the non-mated ones."""

    entries: int
    mated: F32
    impostor: F32
    non_mated: F32
    subjects: npt.NDArray[np.intp]
    strangers: npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Measured:
    """FPIR and FNIR at one threshold, and how many listed people were taken for another.

    `fnir_by_subject` has the interval that takes the passages of one person together."""

    threshold: float
    fpir: Rate
    fnir: Rate
    fnir_by_subject: Rate
    misidentified: int
    rank_one: Rate


@dataclass(frozen=True, slots=True)
class Verification:
    """Ten-fold accuracy on pairs: each fold at the threshold that is best on the other nine."""

    accuracy: float
    standard_error: float
    threshold: float
    pairs: int


def draw(
    embedded: Embedded,
    list_size: int,
    looks: int,
    rule: EvidenceRule,
    errata: Errata,
    seed: int,
    least_photos: int = 2,
) -> Opportunities:
    """Draw a list of people with `least_photos`, one reference photo each, and let all people pass.

    With one look every further photo of a listed person is a passage; with more, all of them
    together make passages of so many looks. Raises BadInput where the people are too few.
    """
    by_person = embedded.rows_by_person()
    least = max(least_photos, looks + 1)
    able = [n for n, rows in enumerate(by_person) if len(rows) >= least]
    if list_size > len(able) or list_size >= len(by_person):
        raise BadInput(
            f"a list of {list_size} needs as many people with {least} photos and others who "
            f"are not on it; there are {len(able)} of {len(by_person)} people"
        )
    rng = np.random.default_rng(seed)
    listed = np.sort(rng.permutation(len(able))[:list_size])
    people = np.array(able)[listed]
    references = embedded.vectors[[by_person[n][0] for n in people]]
    known = known_pairs(embedded, errata)
    mated, impostor, subjects = [], [], []
    for column, person in enumerate(people):
        for rows in _passages(by_person[person][1:], looks):
            fused = _scores(embedded, rows, references, rule)
            mated.append(fused[column])
            fused[column] = -1.0
            fused[known[person][people]] = -1.0
            impostor.append(fused.max())
            subjects.append(person)
    others = np.setdiff1d(np.arange(len(by_person)), people)
    non_mated, strangers = [], []
    for person in others:
        for rows in _stranger_passages(by_person[person], looks):
            fused = _scores(embedded, rows, references, rule)
            fused[known[person][people]] = -1.0
            non_mated.append(fused.max())
            strangers.append(person)
    return Opportunities(
        list_size,
        np.array(mated, np.float32),
        np.array(impostor, np.float32),
        np.array(non_mated, np.float32),
        np.array(subjects, np.intp),
        np.array(strangers, np.intp),
    )


def measure(found: Opportunities, threshold: float, seed: int = 1) -> Measured:
    """The rates at a threshold. Intervals: Clopper-Pearson for FPIR, Wilson for FNIR, and a
    bootstrap by subject beside it."""
    missed = found.mated < threshold
    wrong = int(((found.impostor >= threshold) & (found.impostor > found.mated)).sum())
    false = int((found.non_mated >= threshold).sum())
    first = int((found.mated > found.impostor).sum())
    return Measured(
        threshold,
        clopper_pearson(false, len(found.non_mated)),
        wilson(int(missed.sum()), len(found.mated)),
        bootstrap(found.subjects, missed, seed),
        wrong,
        wilson(first, len(found.mated)),
    )


def threshold_for(found: Opportunities, target: float) -> float:
    """The lowest threshold at which no more than the target share of these strangers is raised."""
    ordered = np.sort(found.non_mated)[::-1]
    allowed = int(target * len(ordered))
    return float(np.nextafter(ordered[min(allowed, len(ordered) - 1)], np.float32(2)))


def det(found: Opportunities, points: int = 200) -> list[tuple[float, float]]:
    """(FPIR, FNIR) over all thresholds of interest."""
    low, high = float(found.non_mated.min()), float(found.mated.max())
    return [
        (float((found.non_mated >= t).mean()), float((found.mated < t).mean()))
        for t in np.linspace(low, high, points)
    ]


def read_pairs(path: Path, folder: Path) -> list[tuple[Path, Path, bool]]:
    """Pairs of a TSV with the columns name1, num1, name2, num2, same. Raises BadInput."""

    def photo(name: str, number: str) -> Path:
        return folder / name / f"{name}_{int(number):04}.jpg"

    try:
        with path.open(encoding="utf-8", newline="") as lines:
            return [
                (photo(row["name1"], row["num1"]), photo(row["name2"], row["num2"]),
                 row["same"] == "1")
                for row in csv.DictReader(lines, delimiter="\t")
            ]  # fmt: skip
    except (OSError, KeyError, TypeError, ValueError, UnicodeDecodeError) as error:
        raise BadInput(
            f"{path} is no table of pairs (name1 num1 name2 num2 same): {error}"
        ) from None


def drawn_pairs(embedded: Embedded, seed: int) -> list[tuple[Path, Path, bool]]:
    """Pairs where none are given: for each person with two photos one that matches, one not."""
    rng = np.random.default_rng(seed)
    by_person = embedded.rows_by_person()
    pairs = []
    for person, rows in enumerate(by_person):
        if len(rows) < 2:
            continue
        other = int(rng.integers(len(by_person) - 1))
        stranger = by_person[other + (other >= person)][0]
        first, second = embedded.photos[rows[0]].path, embedded.photos[rows[1]].path
        pairs += [(first, second, True), (first, embedded.photos[stranger].path, False)]
    return pairs


def verify(embedded: Embedded, pairs: Sequence[tuple[Path, Path, bool]]) -> Verification:
    """Ten-fold accuracy. A photo without a face scores 0 against every other. Raises BadInput."""
    if len(pairs) < 2 * FOLDS:
        raise BadInput(f"{len(pairs)} pairs are too few for ten folds")
    rows = {photo.path: row for row, photo in enumerate(embedded.photos)}
    zero = np.zeros(embedded.vectors.shape[1], np.float32)

    def vector(path: Path) -> F32:
        return embedded.vectors[rows[path]] if path in rows else zero

    scores = np.array([float(vector(a) @ vector(b)) for a, b, _ in pairs])
    same = np.array([matched for _, _, matched in pairs])
    fold = np.empty(len(pairs), int)  # matched and unmatched pairs are spread evenly
    fold[np.argsort(same, kind="stable")] = np.arange(len(pairs)) % FOLDS
    results = []
    for held_out in range(FOLDS):
        inside = fold == held_out
        threshold = _best_threshold(scores[~inside], same[~inside])
        results.append(float(np.mean((scores[inside] >= threshold) == same[inside])))
    error = float(np.std(results, ddof=1) / np.sqrt(FOLDS))
    return Verification(float(np.mean(results)), error, _best_threshold(scores, same), len(pairs))


def _best_threshold(scores: F64, same: npt.NDArray[np.bool_]) -> float:
    """The score from which on "same" is right most often; the middle of the best gap."""
    order = np.argsort(scores)
    ordered, truth = scores[order], same[order]
    right = (
        np.concatenate([[0], np.cumsum(~truth)])
        + truth.sum()
        - np.concatenate([[0], np.cumsum(truth)])
    )
    best = int(np.argmax(right))
    edges = np.concatenate([[ordered[0] - 1e-3], ordered, [ordered[-1] + 1e-3]])
    return float((edges[best] + edges[best + 1]) / 2)


def _scores(
    embedded: Embedded, rows: npt.NDArray[np.intp], references: F32, rule: EvidenceRule
) -> F32:
    """Scores f32[m] of a passage: one look as it is, the classic comparison; several fused."""
    seen = embedded.vectors[rows]
    if len(seen) == 1:
        return np.asarray(seen[0] @ references.T)
    return fused_full_looks(seen, references, rule, embedded.norms_of(rows))


def _passages(rows: npt.NDArray[np.intp], looks: int) -> list[npt.NDArray[np.intp]]:
    """Each photo by itself, or as many full passages as the photos make."""
    return [rows[n : n + looks] for n in range(0, len(rows) - looks + 1, looks)]


def _stranger_passages(rows: npt.NDArray[np.intp], looks: int) -> list[npt.NDArray[np.intp]]:
    """Who has fewer photos than looks stands still: the looks they have are seen again."""
    if len(rows) < looks:
        return [np.resize(rows, looks)]
    return _passages(rows, looks)
