"""A provider is used only where its results are the CPU's, and what it is is said."""

import json
from pathlib import Path

import numpy as np
import pytest

from lfrd.errors import InferenceFailed
from lfrd.types import F32
from lfrd.vision import packs, providers
from lfrd.vision.packs import Pack
from lfrd.vision.session import Session


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    return packs.load(packs.DEFAULT_PACK, tmp_path_factory.mktemp("cache"))


def test_the_cpu_needs_no_trial(pack: Pack, tmp_path: Path) -> None:
    assert providers.settle("cpu", pack, tmp_path) == "cpu"
    assert not list(tmp_path.iterdir())


def test_a_provider_that_is_not_there_ends_the_start(pack: Pack, tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA")
    with pytest.raises(InferenceFailed, match=r"install lfrd\[cuda\]"):
        providers.settle("cuda", pack, tmp_path)


def test_other_results_than_the_cpus_are_refused(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stands for a provider with a fault: its templates are turned a little."""
    pytest.importorskip("openvino", reason="the extra lfrd[openvino] is not installed")
    monkeypatch.setattr(providers, "_Runner", _Crooked)
    with pytest.raises(InferenceFailed, match="openvino-f32 differs from the CPU"):
        providers.settle("openvino-f32", pack, tmp_path)
    assert not list(tmp_path.rglob("*.json"))


class _Crooked(providers._Runner):
    def __init__(self, provider: str, pack: Pack) -> None:
        super().__init__("cpu", pack)
        self._turned = provider != "cpu"

    def template(self, crop: np.ndarray) -> F32:
        vector = super().template(crop)
        return np.roll(vector, 1) if self._turned else vector


@pytest.mark.slow
def test_openvino_is_measured_once_and_remembered(pack: Pack, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    chosen = providers.settle("openvino", pack, tmp_path)
    assert chosen in ("openvino-f32", "openvino-bf16")
    kept = next((tmp_path / "providers").iterdir())
    assert json.loads(kept.read_text()) == {"provider": chosen}
    kept.write_text(json.dumps({"provider": "openvino-f32"}))  # so we see that it is read
    assert providers.settle("openvino", pack, tmp_path) == "openvino-f32"


def test_openvino_runs_on_our_own_arrays_and_says_what_fails(pack: Pack) -> None:
    pytest.importorskip("openvino")
    content = pack.read(pack.recogniser)
    faces = np.random.default_rng(1).integers(0, 256, (2, 112, 112, 3), np.uint8)
    results = {}
    for provider in ("cpu", "openvino-f32"):
        session = Session(content, label="sface", provider=provider)
        results[provider] = np.zeros((2, 128), np.float32)
        session.run(faces, [results[provider]])
        single = np.zeros((1, 128), np.float32)
        session.run(faces[1:], [single])
        assert np.allclose(single[0], results[provider][1], atol=1e-3)
        with pytest.raises(InferenceFailed, match=f"sface failed on provider {provider}"):
            session.run(np.zeros((1, 50, 112, 3), np.uint8), [single])
        session.run(faces[1:], [single])
    assert np.allclose(results["cpu"], results["openvino-f32"], atol=1e-3)
