import argparse
import asyncio
from pathlib import Path

import pytest

from lfrd.__main__ import parser
from lfrd.cli import token
from support.site import serve


@pytest.mark.slow
async def test_what_is_said_of_a_new_token_points_at_its_secret(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(tmp_path) as served:

        async def created(*more: str) -> tuple[str, str]:
            words = ["token", "create", "--principal", "anna", *more]
            options: argparse.Namespace = await asyncio.to_thread(parser().parse, words)
            assert await token.run(options, served.socket) == 0
            return tuple(capsys.readouterr())

        secret, said = await created()
        assert len(secret.split()) == 1, "alone, so that it can go straight into a file"
        assert "of user:anna: its secret follows" in said
        assert "--token-file" in said
        assert secret.strip() not in said
        assert (await created("--json"))[1] == ""
