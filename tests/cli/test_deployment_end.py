"""`lfrd deployment end`: why it ended is kept, and shown where deployments are listed."""

import argparse
import asyncio
from pathlib import Path

import pytest

from lfrd.__main__ import parser
from lfrd.cli import remote
from lfrd.vocabulary import Category
from lfrd.wire.deployments import DeploymentStart
from lfrd.wire.lists import WatchlistCreate
from support.site import Served, serve

LIST = WatchlistCreate(name="test", category=Category.TEST, purpose="a test", owner="me")


async def called(served: Served, *words: str) -> None:
    options: argparse.Namespace = await asyncio.to_thread(parser().parse, ["deployment", *words])
    assert await remote.run(options, served.socket) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "kept"),
    [(["--reason", "the event is over"], "the event is over"), ([], "ended from the command line")],
)
async def test_the_reason_is_kept_and_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: list[str], kept: str
) -> None:
    async with serve(tmp_path) as served:
        made = await served.client.create_watchlist(LIST)
        await served.client.start_deployment(
            DeploymentStart(profile="lab", purpose="a", place="b", watchlist_ids=(made.id,))
        )
        await called(served, "end", *given)
        (over,) = await served.client.deployments()
        assert over.end_reason == kept
        capsys.readouterr()
        await called(served, "list")
        assert capsys.readouterr().out.strip().endswith(f"; ended: {kept}")
