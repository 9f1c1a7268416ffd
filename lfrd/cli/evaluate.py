"""`lfrd evaluate DIR`: verification and open-set identification on people who are known.

The threshold is the one that the pack's curve gives for the list and the target; where the pack
has no curve, one is made of half the people and the rates are of the other half. The JSON
`{verification, threshold, fpir: {k, n, lo, hi}, fnir: {k, n, lo, hi}}` is a contract.
"""

import argparse
import json
import time
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path

import numpy as np

from lfrd import __version__
from lfrd.cli.reach import socket_of, token_of
from lfrd.cli.terminal import note, say, warn
from lfrd.client import Client
from lfrd.config import Config
from lfrd.errors import BadInput, ModelError, UserError
from lfrd.evaluate import calibrate, openset, plots
from lfrd.evaluate.calibrate import Errata
from lfrd.evaluate.groups import ByGroup, by_group, read_groups
from lfrd.evaluate.labelled import Embedded, embed, find_people, left_out, read_errata
from lfrd.evaluate.openset import Measured, Opportunities, Verification
from lfrd.matching import curve
from lfrd.matching.curve import Curve
from lfrd.matching.evidence import EvidenceRule
from lfrd.matching.threshold import Risk, derive
from lfrd.stats import Rate
from lfrd.vision import packs
from lfrd.vision.packs import Pack
from lfrd.vision.providers import vision
from lfrd.wire.evaluations import EvaluationReport, GroupFalseAlerts, OperatingPoint, Verified
from lfrd.wire.evaluations import Rate as WireRate

LARGEST_LIST = 320
THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.01), 2)
"""At which a registered report states its rates: from where every face is raised to where none
is."""
PHOTOS_WANTED = 4
"""The list is drawn among people with so many photos, if there are enough: they are passages."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything that was measured; `missed_photos` had no face that was found."""

    pack: str
    model_digest: str
    people: int
    photos: int
    missed_photos: int
    target_fpir: float
    verification: Verification
    found: Opportunities
    measured: Measured
    groups: ByGroup | None


async def run(options: argparse.Namespace, config: Config) -> int:
    """Measure, print, and write the report if asked."""
    if not 0 < options.target_fpir < 1:
        raise BadInput("--target-fpir is a rate between 0 and 1")
    photos = find_people(options.folder)
    errata = read_errata(options.errata) if options.errata else frozenset()
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    pack = packs.load(config.models.pack, cache_dir)
    threads = config.models.threads or 2
    async with vision(pack, config.models.provider, cache_dir, threads=threads) as opened:
        embedded = await embed(opened, photos)
    for line in left_out(options.folder, embedded.missed):
        note(f"left out: {line}")
    result = evaluate(embedded, pack, errata, options, config)
    if options.report is not None:
        _write(options.report, report(result))
    figures = as_report(result, options.seed, time.time())
    if options.out is not None:
        _write(options.out, figures.model_dump_json(indent=1) + "\n")
    if options.register:
        socket = socket_of(options, config)
        async with Client.over_socket(socket, token_of(options)) as client:
            made = await client.governance.add_evaluation(figures)
        warn(f"registered as evaluation {made.id}")
    say(json.dumps(contract(result)) if options.json else "\n".join(text(result)))
    return 0


def evaluate(
    embedded: Embedded, pack: Pack, errata: Errata, options: argparse.Namespace, config: Config
) -> Evaluation:
    """The measures on photos that are embedded already."""
    rule = EvidenceRule()
    people = len({photo.person for photo in embedded.photos})
    fitted, tested = _curve(embedded, pack, errata, options.seed, config)
    photos_of = sorted((len(rows) for rows in tested.rows_by_person()), reverse=True)
    size = options.list_size or min(LARGEST_LIST, sum(n > 1 for n in photos_of) // 2)
    least = min(PHOTOS_WANTED, photos_of[size - 1]) if size <= len(photos_of) else 2
    found = openset.draw(tested, size, 1, rule, errata, options.seed, least_photos=max(2, least))
    risk = Risk(1 / options.target_fpir, 1.0)
    derived = derive(fitted, risk, references=size, looks=1)
    pairs = (
        openset.read_pairs(options.pairs, options.folder)
        if options.pairs
        else openset.drawn_pairs(embedded, options.seed)
    )
    return Evaluation(
        pack.name,
        pack.model_digest,
        people,
        len(embedded),
        len(embedded.missed),
        options.target_fpir,
        openset.verify(embedded, pairs),
        found,
        openset.measure(found, derived.threshold),
        _groups(tested, found, derived.threshold, options.groups) if options.groups else None,
    )


def contract(result: Evaluation) -> dict[str, object]:
    """The JSON that others rely on."""
    verified = result.verification
    return {
        "verification": {
            "accuracy": round(verified.accuracy, 6),
            "standard_error": round(verified.standard_error, 6),
            "threshold": round(verified.threshold, 6),
            "pairs": verified.pairs,
        },
        "threshold": round(result.measured.threshold, 6),
        "fpir": asdict(result.measured.fpir),
        "fnir": asdict(result.measured.fnir),
    }


def as_report(result: Evaluation, seed: int, at_s: float) -> EvaluationReport:
    """The figures that a site registers, at thresholds so dense that any other lies between two."""
    verified, measured = result.verification, result.measured
    points = (openset.measure(result.found, float(threshold)) for threshold in THRESHOLDS)
    groups = result.groups.groups if result.groups else ()
    return EvaluationReport(
        pack=result.pack,
        model_digest=result.model_digest,
        software=f"lfrd {__version__}",
        evaluated_at_s=at_s,
        people=result.people,
        photos=result.photos,
        missed_photos=result.missed_photos,
        list_size=result.found.entries,
        looks=1,
        seed=seed,
        target_fpir=result.target_fpir,
        threshold=round(measured.threshold, 6),
        fpir=_wire(measured.fpir),
        fnir=_wire(measured.fnir),
        misidentified=measured.misidentified,
        verification=Verified(
            accuracy=verified.accuracy,
            standard_error=verified.standard_error,
            threshold=verified.threshold,
            pairs=verified.pairs,
        ),
        points=tuple(
            OperatingPoint(threshold=at.threshold, fpir=_wire(at.fpir), fnir=_wire(at.fnir))
            for at in points
        ),
        groups=tuple(
            GroupFalseAlerts(group=item.group, fpir=_wire(item.rate), p_holm=item.p_holm)
            for item in groups
        ),
    )


def _wire(rate: Rate) -> WireRate:
    return WireRate(k=rate.k, n=rate.n, lo=round(rate.lo, 8), hi=round(rate.hi, 8))


def text(result: Evaluation) -> list[str]:
    """The same for people; zero errors are an upper bound, never a 0."""
    verified, measured = result.verification, result.measured
    lines = [
        f"{result.people} people, {result.photos} photos ({result.missed_photos} more without a "
        f"face), model {result.pack} {result.model_digest[:12]}",
        f"verification: {verified.accuracy:.2%} of {verified.pairs} pairs "
        f"(standard error {verified.standard_error:.2%}), best threshold {verified.threshold:.3f}",
        f"open set, list of {result.found.entries}, one look, threshold {measured.threshold:.3f} "
        f"for a target FPIR of {result.target_fpir:g}",
        f"  FPIR {_rate(measured.fpir)}",
        f"  FNIR {_rate(measured.fnir)}, {measured.misidentified} taken for another person",
        f"  FNIR, a person's passages taken together: 95 % {measured.fnir_by_subject.lo:.3%} to "
        f"{measured.fnir_by_subject.hi:.3%}",
        f"  closed set, right person first: {_rate(measured.rank_one)}",
    ]
    if result.groups is not None:
        lines += _group_lines(result.groups)
    return lines


def report(result: Evaluation) -> str:
    """A page that needs nothing else: the text, the charts, and the numbers as JSON."""
    points = openset.det(result.found)
    charts = (
        plots.det_chart(points, f"DET, list of {result.found.entries}"),
        plots.histogram(
            (
                ("strangers, best of the list", plots.RED, result.found.non_mated.tolist()),
                ("the right entry", plots.BLUE, result.found.mated.tolist()),
            ),
            "Scores",
        ),
    )
    body = "".join(f"<p>{escape(line)}</p>" for line in text(result))
    numbers = escape(json.dumps(contract(result), indent=1))
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Accuracy report</title>'
        '<body style="font-family:sans-serif;max-width:50em;margin:2em auto">'
        f"<h1>Accuracy report</h1>{body}{''.join(charts)}<pre>{numbers}</pre></body></html>"
    )


def _curve(
    embedded: Embedded, pack: Pack, errata: Errata, seed: int, config: Config
) -> tuple[Curve, Embedded]:
    """The pack's curve and all people; without one, a curve of half the people and the others."""
    rule = EvidenceRule()
    try:
        folder = config.site.state_dir / "curves"
        return curve.find(pack.model_digest, folder, rule), embedded
    except ModelError:
        fitting, testing = calibrate.halves_of(embedded, seed)
        return calibrate.fit(fitting, pack.model_digest, rule, errata, "this folder"), testing


def _groups(tested: Embedded, found: Opportunities, threshold: float, path: Path) -> ByGroup:
    """False alerts among strangers, by the group of the passer-by."""
    group_of = read_groups(path)
    names = sorted({photo.person for photo in tested.photos})
    events: dict[str, list[bool]] = {}
    for person, score in zip(found.strangers, found.non_mated, strict=True):
        group = group_of.get(names[person])
        if group is not None:
            events.setdefault(group, []).append(bool(score >= threshold))
    if len(events) < 2:
        raise BadInput(f"{path} names fewer than two groups among these people")
    return by_group(events)


def _group_lines(found: ByGroup) -> list[str]:
    lines = [
        f"  group {item.group}: FPIR {_rate(item.rate)}, differs from the rest with p = "
        f"{item.p_holm:.3g} (Fisher, Holm)"
        for item in found.groups
    ]
    if found.max_over_min is not None:
        lines.append(
            f"  largest over smallest {found.max_over_min:.2f}, over the geometric mean "
            f"{found.max_over_mean:.2f}"
        )
    return [*lines, f"  power: only a ratio of {found.detectable:.1f} or more would be noticed"]


def _rate(rate: Rate) -> str:
    if rate.k == 0:
        return f"at most {3 / max(1, rate.n):.2g} (0 of {rate.n}, rule of three)"
    return f"{rate.value:.3%} ({rate.k} of {rate.n}, 95 % {rate.lo:.3%} to {rate.hi:.3%})"


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise UserError(f"the report {path} cannot be written: {error.strerror}") from None
