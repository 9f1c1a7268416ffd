"""Evaluation reports as `lfrd evaluate` writes them, of made-up people. For tests."""

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from lfrd.cli.evaluate import as_report, evaluate
from lfrd.config import Config
from lfrd.evaluate.labelled import Embedded, LabelledPhoto, numbered
from lfrd.types import F32
from lfrd.vision import packs
from lfrd.wire.evaluations import EvaluationReport

EVALUATED_AT_S = 1_000_000_000.0


def unit(vectors: npt.NDArray[np.floating]) -> F32:
    """Each row brought to length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


class Options:
    """What was asked of `lfrd evaluate`."""

    def __init__(self, groups: Path | None = None) -> None:
        self.seed = 1
        self.list_size: int | None = 100
        self.target_fpir = 0.01
        self.pairs: Path | None = None
        self.folder = Path("/x")
        self.groups = groups


def crowd(
    count: int = 300, photos: int = 4, dim: int = 128, *, seed: int = 3, spread: float = 0.06
) -> Embedded:
    """Random people whose photos lie close together, as a good model's templates do."""
    rng = np.random.default_rng(seed)
    middle = unit(rng.normal(size=(count, dim)))
    vectors = np.repeat(middle, photos, axis=0)
    vectors = unit(vectors + spread * rng.normal(size=vectors.shape))
    named = tuple(
        LabelledPhoto(f"p{n:04}", Path(f"/x/p{n:04}/p{n:04}_{k + 1:04}.jpg"))
        for n in range(count) for k in range(photos)
    )  # fmt: skip
    return Embedded(named, numbered(named), vectors)


@functools.cache
def measured(groups: Path | None = None) -> EvaluationReport:
    """The report of the model that the tests compare with."""
    pack = packs.load("yunet-sface", packs.default_cache_dir())
    options = Options(groups)
    found = evaluate(crowd(), pack, frozenset(), options, Config())  # type: ignore[arg-type]  # the words it reads
    return as_report(found, options.seed, EVALUATED_AT_S)
