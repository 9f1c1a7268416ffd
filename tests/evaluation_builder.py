"""Evaluation reports as `lfrd evaluate` writes them, of made-up people. For tests."""

from pathlib import Path

import numpy as np

from lfrd.cli.evaluate import as_report, evaluate
from lfrd.config import Config
from lfrd.evaluate.labelled import Embedded, LabelledPhoto, numbered
from lfrd.types import F32
from lfrd.vision import packs
from lfrd.wire.evaluations import EvaluationReport

EVALUATED_AT_S = 1_000_000_000.0


class Options:
    """What was asked of `lfrd evaluate`."""

    def __init__(self, groups: Path | None = None) -> None:
        self.seed = 1
        self.list_size: int | None = 100
        self.target_fpir = 0.01
        self.pairs: Path | None = None
        self.folder = Path("/x")
        self.groups = groups


def crowd(count: int = 300, photos: int = 4, dim: int = 128) -> Embedded:
    """Random people whose photos lie close together, as a good model's templates do."""
    rng = np.random.default_rng(3)
    middle = _unit(rng.normal(size=(count, dim)).astype(np.float32))
    vectors = np.repeat(middle, photos, axis=0)
    spread = rng.normal(size=vectors.shape).astype(np.float32)
    named = tuple(
        LabelledPhoto(f"p{n:04}", Path(f"/x/p{n:04}/{k}.jpg"))
        for n in range(count) for k in range(photos)
    )  # fmt: skip
    return Embedded(named, numbered(named), _unit(vectors + 0.06 * spread))


def measured(groups: Path | None = None) -> EvaluationReport:
    """The report of the model that the tests compare with."""
    pack = packs.load("yunet-sface", packs.default_cache_dir())
    options = Options(groups)
    found = evaluate(crowd(), pack, frozenset(), options, Config())  # type: ignore[arg-type]  # the words it reads
    return as_report(found, options.seed, EVALUATED_AT_S)


def _unit(vectors: F32) -> F32:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
