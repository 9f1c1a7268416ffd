from pathlib import Path

import pytest

from lfrd.__main__ import main
from lfrd.cli.mistakes import mistakes_said
from lfrd.errors import BadInput
from lfrd.wire.deployments import DeploymentStart
from lfrd.wire.lists import WatchlistCreate
from support.program import Call, refused


def test_a_traceback_is_no_answer(call: Call) -> None:
    refused(call("camera", "add", "Main entrance", "rtsp://anna:geheim@192.0.2.1/x"), "id: write")


ADD = ["watchlist", "add", "x", "--category", "test", "--purpose", "p", "--owner", "o"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["camera", "add", "Main entrance", "rtsp://192.0.2.1/x"],
         ["id: write lower-case letters, digits and hyphens, at most 63, such as main-entrance"]),
        ([*ADD, "--margin", "5"], ["margin: must be at most 0.5"]),
        ([*ADD, "--margin", "-1", "--colour", "red"],
         ["colour: write a colour as #rrggbb in lower case, such as #d13438",
          "margin: must be at least 0"]),
        (["erasure", "erase", "person", "x", "--reason", " "], ["reason: must not be empty"]),
        (["hold", "release", "x", "--reason", ""], ["reason: must not be empty"]),
        (["token", "create", "--principal", ""], ["principal: must not be empty"]),
        (["token", "create", "--principal", "x" * 300],
         ["principal: must have at most 195 characters"]),
        (["camera", "test", "door", "--seconds", "-5"], ["seconds: must be at least 1"]),
        (["token", "create", "--principal", "\udcff"], ["principal: "]),
    ],
)  # fmt: skip
def test_one_sentence_for_each_field_and_exit_code_2(
    words: list[str], said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--socket", str(tmp_path / "api.sock")]) == 2
    lines = capsys.readouterr().err.removeprefix("lfrd: ").splitlines()
    assert len(lines) == len(said)
    for line, start in zip(lines, said, strict=True):
        assert line.startswith(start)


def test_hours_are_said_in_hours(call: Call) -> None:
    with pytest.raises(BadInput, match=r"^hours: must be at most 4$"), mistakes_said():
        DeploymentStart(
            profile="lab", purpose="p", place="p", watchlist_ids=("x",), duration_s=99 * 3600.0
        )


def test_no_value_is_repeated() -> None:
    with pytest.raises(BadInput) as found, mistakes_said():
        WatchlistCreate(name="geheim" * 100, category="geheim", purpose="p", owner="o")
    assert "geheim" not in str(found.value)
    assert found.value.__suppress_context__


def test_bytes_that_are_no_text_are_named() -> None:
    with pytest.raises(BadInput, match="UTF-8"), mistakes_said():
        "\udcff".encode()


def test_a_path_that_the_system_refuses_is_one_sentence(call: Call) -> None:
    refused(call("try", "clip.mp4", "--watchlist", "x" * 300), "File name too long")
