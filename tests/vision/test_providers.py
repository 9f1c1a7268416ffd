"""A provider is used only where its results are the CPU's, and what it is is said."""

import json
from pathlib import Path

import numpy as np
import pytest

from lfrd.errors import InferenceFailed
from lfrd.types import F32
from lfrd.vision import providers
from lfrd.vision.packs import Pack
from lfrd.vision.providers import Settled
from lfrd.vision.session import Session

VNNI = "flags : avx512_vnni"
AVX2 = "flags : sse2 avx2"


@pytest.mark.parametrize("wanted", ["cpu", "cpu-f32"])
def test_a_processor_that_multiplies_no_bytes_needs_no_trial(
    wanted: str, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "_processor", lambda: "flags : sse2 avx")
    assert providers.settle(wanted, pack, tmp_path) == Settled("cpu")
    assert not list(tmp_path.iterdir())
    why = providers.settle(wanted, pack, tmp_path).why
    assert why == {"cpu": "this processor has no instructions for eight bits (AVX2)",
                   "cpu-f32": "the configuration asks for it"}[wanted]  # fmt: skip


@pytest.mark.parametrize("flags", [VNNI, AVX2, "flags : avx_vnni"])
def test_processors_that_multiply_bytes_are_tried(
    flags: str, pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "_processor", lambda: flags)
    monkeypatch.setattr(providers, "_trials", _refuse)
    with pytest.raises(AssertionError, match="tried again"):
        providers.settle("cpu", pack, tmp_path)


@pytest.fixture(scope="module")
def tried(pack: Pack, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Settled]:
    """A cache after the first start on a processor that multiplies bytes, and what runs then."""
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(providers, "_processor", lambda: VNNI)
        _as_fast_as_it_takes(patched)
        return cache, providers.settle("cpu", pack, cache)


@pytest.mark.slow
@pytest.mark.e2e
def test_eight_bits_are_tried_once_and_remembered(
    pack: Pack, tried: tuple[Path, Settled], monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, settled = tried
    assert settled.provider == "cpu-int8"
    model = settled.recogniser
    assert model is not None
    assert len(model) < 0.4 * len(pack.read(pack.recogniser))
    monkeypatch.setattr(providers, "_processor", lambda: VNNI)
    monkeypatch.setattr(providers, "_trials", _refuse)
    again = providers.settle("cpu", pack, cache)
    assert again == settled
    assert again.why == settled.why == "for a frame and a face cpu-int8 1.0 ms, cpu 2.0 ms"
    assert providers.settle("cpu-f32", pack, cache) == Settled("cpu")

    (kept,) = (cache / "providers").glob("*.onnx")
    kept.write_bytes(model[:-1] + b"x")  # a damaged file is not run
    with pytest.raises(AssertionError, match="tried again"):
        providers.settle("cpu", pack, cache)


@pytest.mark.slow
@pytest.mark.e2e
def test_eight_bits_that_are_another_face_are_not_taken(
    pack: Pack, tried: tuple[Path, Settled], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The model in eight bits is the one that was made before: only its templates are turned."""
    monkeypatch.setattr(providers, "_processor", lambda: VNNI)
    monkeypatch.setattr(providers, "quantised", lambda *_, **__: tried[1].recogniser)
    monkeypatch.setattr(providers, "_Runner", _Crooked)
    settled = providers.settle("cpu", pack, tmp_path)
    assert settled == Settled("cpu")
    assert settled.why.endswith(" ms; cpu-int8 gives other faces or cannot be had")


def test_a_model_that_cannot_be_rounded_runs_in_f32(
    pack: Pack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> bytes:
        raise RuntimeError("no such operator\nmore")

    monkeypatch.setattr(providers, "_processor", lambda: VNNI)
    monkeypatch.setattr(providers, "quantised", fail)
    assert providers.settle("cpu", pack, tmp_path) == Settled("cpu")
    assert "no such operator" in caplog.text
    assert "more" not in caplog.text


def _as_fast_as_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer bits are the faster ones, whatever else runs on this machine."""
    monkeypatch.setattr(
        providers._Runner, "time_ms", lambda runner, *_: 1.0 if runner.rounded else 2.0
    )


def _refuse(*_: object) -> None:
    raise AssertionError("tried again")


def test_a_provider_that_is_not_there_ends_the_start(pack: Pack, tmp_path: Path) -> None:
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has CUDA")
    with pytest.raises(InferenceFailed, match="lfrd doctor"):
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
    def __init__(self, provider: str, pack: Pack, recogniser: bytes | None = None) -> None:
        super().__init__("cpu", pack, recogniser)
        self._turned = provider != "cpu"

    def template(self, crop: np.ndarray) -> F32:
        vector = super().template(crop)
        return np.roll(vector, 1) if self._turned else vector


@pytest.mark.slow
def test_openvino_is_measured_once_and_remembered(pack: Pack, tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    chosen = providers.settle("openvino", pack, tmp_path).provider
    assert chosen in ("openvino-f32", "openvino-bf16", "cpu-int8")
    kept = next((tmp_path / "providers").glob("*.json"))
    assert json.loads(kept.read_text())["provider"] == chosen
    kept.write_text(json.dumps({"provider": "openvino-f32"}))  # so we see that it is read
    assert providers.settle("openvino", pack, tmp_path) == Settled("openvino-f32")


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
