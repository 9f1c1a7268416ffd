"""`lfrd bench`: figures of this machine, and one sentence for what cannot be measured."""

import json
from pathlib import Path

import pytest

from lfrd.__main__ import main
from lfrd.cli import bench
from lfrd.cli.bench import Bench, Figures, Measured, Wanted
from lfrd.config import Config
from lfrd.demo.clip import Shape
from lfrd.errors import BadInput
from lfrd.evaluate import capacity
from lfrd.evaluate.capacity import Decoded, Load, Looked, cost_of
from lfrd.vision.providers import Settled
from support.photos import somebody_in_a_room
from support.program import Call, refused
from support.video import clip, encode, moving_picture

COST = {"rate_hz", "cameras", "processors_a_camera", "searches_a_s", "templates_a_s", "limit",
        "parts"}  # fmt: skip
EVERY = {"pictures_a_s", "ms", "decoding_ms", "detection_ms", "template_ms", "templates_a_picture"}


def found(template_ms: float | None = 20.0, notes: tuple[str, ...] = ()) -> Bench:
    looked = Looked(10.0, template_ms, 0.0 if template_ms is None else 2.5)
    decoded = Decoded(6.0, 5.0, 1920, 1080, 25.0, "h264", ())
    target = cost_of(Load(6.0, 4.0, 500, 160, 40), 25.0, 5.0, looked)
    floor = cost_of(Load(4.0, 4.0, 500, 40, 20), 25.0, 5.0, looked)
    large = Measured(Shape(1920, 1080, 25.0), decoded, looked, target, floor, 1.0)
    small = Measured(Shape(640, 360, 25.0), decoded, looked, floor, floor, 1.0)
    settled = Settled("cpu-int8", None, "for a frame and a face cpu-int8 8.1 ms, cpu 11.9 ms")
    figures = Figures(Load(10.0, 5.0, 500, 500, 50), large, small, notes)
    return Bench("a.mp4", settled, "yunet-sface", 2, bench.rules_of(Config()), figures)


def test_the_figures_are_said_to_people() -> None:
    said = bench.text(found(notes=("something else runs",)))
    assert "100 pictures a second are searched at full speed" in said
    assert "20.0 ms of a processor: decoding 6.0, detection 10.0, templates 2.0 (0.10 of" in said
    assert "5 cameras at 25 pictures a second, each searched 8 times a second; 7 at 2 times" in said
    assert "limited by decoding: decoding 42%, detection 27%, templates 13%" in said
    assert "cpu-int8 8.1 ms, cpu 11.9 ms" in said
    assert "7 cameras that send 640x360 to look at and 1920x1080 to compare" in said
    assert said.splitlines()[-1] == "          note  something else runs"
    assert "templates not measured" in bench.text(found(template_ms=None))


def test_the_contract_of_json() -> None:
    told = json.loads(json.dumps(bench.as_dict(found())))
    assert told.keys() == {
        "lfrd", "processor", "processors", "pack", "provider", "provider_why", "clip",
        "every_picture", "cameras", "two_streams", "notes",
    }  # fmt: skip
    assert told["every_picture"].keys() == EVERY
    large, small = told["cameras"]
    assert large.keys() == small.keys() == {
        "width_px", "height_px", "fps", "faces_a_picture", "target", "floor"
    }  # fmt: skip
    assert large["target"].keys() == large["floor"].keys() == COST
    assert large["target"]["parts"].keys() == {
        "decoding", "detection", "templates", "everything else"
    }  # fmt: skip
    assert (large["target"]["cameras"], large["floor"]["cameras"]) == (5, 7)
    assert told["two_streams"] == {
        "people_share": 0.2, "cameras": 7, "processors_a_camera": 0.2
    }  # fmt: skip
    assert bench.as_dict(found(template_ms=None))["every_picture"]["template_ms"] is None


@pytest.mark.parametrize(
    ("given", "size"),
    [("1080p", (1920, 1080)), ("4K", (3840, 2160)), ("640x361", (640, 360)), ("64x64", (64, 64))],
)
def test_a_size_is_a_name_or_two_numbers(given: str, size: tuple[int, int]) -> None:
    assert bench.size_of(given) == size


@pytest.mark.parametrize("given", ["", "big", "1080", "63x64", "9999x64", "1920*1080", "-1x64"])
def test_anything_else_is_no_size(given: str) -> None:
    with pytest.raises(BadInput, match="size"):
        bench.size_of(given)


def test_what_cannot_be_measured_is_refused_in_one_sentence(call: Call, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video\n" * 999)
    refused(call("bench", tmp_path / "gone.mp4"), "gone.mp4", "does not exist")
    refused(call("bench", tmp_path), "is a folder")
    refused(call("bench", "rtsp://anna:geheim@192.0.2.1/x"), "record some seconds")
    assert "geheim" not in call("bench", "rtsp://anna:geheim@192.0.2.1/x").err
    refused(call("bench", tmp_path / "notes.mp4", "--size", "huge"), "a size is one of")


@pytest.mark.parametrize("words", [("--seconds", "5"), ("--fps", "0"), ("--fps", "nan")])
def test_numbers_out_of_range_are_refused(
    words: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["bench", *words])
    assert end.value.code == 2
    assert f"argument {words[0]}: must be" in capsys.readouterr().err


def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "WARM_UP_S", 0.3)


@pytest.mark.e2e
async def test_somebodys_own_clip_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hurried(monkeypatch)
    own = encode(
        tmp_path / "own.mp4", (somebody_in_a_room("astronaut", n) for n in range(20)), fps=10
    )
    assert await bench.run(Wanted(own, None, None, 5.0), Config(), as_json=True) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    large, small = told["cameras"]
    assert (large["width_px"], large["height_px"], large["fps"]) == (1280, 720, 10.0)
    assert (small["width_px"], small["height_px"], small["fps"]) == (640, 360, 10.0)
    assert large["target"]["cameras"] >= 1
    assert small["target"]["cameras"] >= 0.5 * large["target"]["cameras"], "other programs run too"
    assert told["every_picture"]["pictures_a_s"] > 1
    assert told["every_picture"]["template_ms"] > 0
    assert large["faces_a_picture"] == 1.0
    assert told["clip"] == str(own)
    assert err.splitlines()[-1].startswith(f"{bench.STEPS} of {bench.STEPS}: ")


@pytest.mark.slow
@pytest.mark.e2e
async def test_without_faces_it_says_that_templates_are_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hurried(monkeypatch)
    empty = clip(tmp_path / "empty.mp4", frames=20)
    assert await bench.run(Wanted(empty, "480p", 12.0, 5.0), Config(), as_json=False) == 0
    said = capsys.readouterr().out
    assert "no face that is large enough: templates are not measured" in said
    assert "736x552 at 12 a second, as H.264" in said


@pytest.mark.slow
async def test_a_single_picture_is_refused(tmp_path: Path) -> None:
    single = encode(tmp_path / "one.mp4", moving_picture(320, 240, 1))
    with pytest.raises(BadInput, match="single picture"):
        await bench.run(Wanted(single, None, None, 5.0), Config(), as_json=True)
