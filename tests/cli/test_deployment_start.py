"""`lfrd deployment start`: an authorised deployment by its id, or one of the lab in one go."""

import asyncio
import json
from pathlib import Path

import pytest

from lfrd.__main__ import main
from lfrd.vocabulary import DeploymentState
from support.program import Call, enrol
from support.site import serve

LAB = ("--profile", "lab", "--watchlist", "test", "--purpose", "p", "--place", "q")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "for one of the lab give also --profile, --watchlist, --purpose, --place"),
        (LAB[:4], "for one of the lab give also --purpose, --place"),
        (("x", *LAB), "--profile is for the lab: an authorised deployment has its plan"),
        (("x", "--hours", "2"), "--hours is for the lab"),
        ((*LAB, "--urgent", "now"), "--urgent starts a draft: name it"),
    ],
)
def test_one_of_both_is_named_whole(
    words: tuple[str, ...], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    socket = str(tmp_path / "api.sock")
    assert main(["deployment", "start", *words, "--socket", socket]) == 2
    assert said in capsys.readouterr().err


async def test_an_authorised_one_starts_by_its_id(call: Call, tmp_path: Path) -> None:
    async with serve(tmp_path / "state") as served:
        client = served.client

        async def done(*words: str) -> str:
            ran = await asyncio.to_thread(
                call, "deployment", *words, "--json", "--socket", served.socket
            )
            assert ran.code == 0, ran.err
            made: str = json.loads(ran.out)["id"]
            return made

        await enrol(client)
        planned = await done(
            "draft", *LAB, "--use-case", "test", "--expect", "they work here", "--hours", "1"
        )
        await done("authorise", planned)
        assert await done("start", planned) == planned
        assert (await client.deployment(planned)).state is DeploymentState.RUNNING
        await done("end")
