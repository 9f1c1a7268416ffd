"""Two machines: the log of one is countersigned by the witness on the other."""

import asyncio
import signal
import sys
from pathlib import Path

import httpx
import pytest

from lfrd.__main__ import main
from lfrd.api.witness import WitnessServer
from lfrd.audit.cosigner import BODY_BYTES_MAX, Cosigner
from lfrd.audit.verify import key_of, note_of, notes_in
from lfrd.errors import UserError
from lfrd.governance.witness import Witness
from lfrd.health import HealthBoard, Status
from lfrd.store import audit_log
from lfrd.store.audit import AuditClass
from support.audit import KEY
from support.store import signing

NAME = "witness.example/w1"
ANYWHERE = "127.0.0.1:0"


async def test_a_log_is_countersigned_over_http(tmp_path: Path) -> None:
    health = HealthBoard()
    copy = tmp_path / "copy"
    async with signing(tmp_path / "state", copy=copy) as db:
        with Cosigner(tmp_path / "w", NAME, [db.log_key]) as cosigner:
            async with WitnessServer(cosigner, ANYWHERE) as server:
                asks = Witness(db, health, server.url, cosigner.key)
                for _ in range(3):
                    await db.write(
                        lambda tx: [tx.audit(AuditClass.ALTERATION, "x") for _ in range(5)],
                        principal="user:ada",
                    )
                    await db.sign_log()
                    await asks.cosign()
                    assert health.now.status is Status.OK, health.now.reasons
        for kept in await db.read(audit_log.checkpoints):
            assert note_of(kept.note).signers([cosigner.key]) == (cosigner.key,)
        copied, stray = notes_in(copy.read_text())
        assert not stray
        signed = {note.size for note in copied if note.signers([cosigner.key])}
        assert signed == {kept.size for kept in await db.read(audit_log.checkpoints)}


async def test_strangers_get_a_status_and_nothing_else(tmp_path: Path) -> None:
    with Cosigner(tmp_path, NAME, [KEY.public]) as cosigner:
        async with (
            WitnessServer(cosigner, ANYWHERE) as server,
            httpx.AsyncClient(base_url=server.url) as client,
        ):
            assert (await client.get("/")).status_code == 404
            assert (await client.get("/add-checkpoint")).status_code == 405
            assert (await client.post("/add-checkpoint", content=b"x")).status_code == 400
            much = b"x" * (BODY_BYTES_MAX + 1)
            assert (await client.post("/add-checkpoint", content=much)).status_code == 413
            with pytest.raises(UserError, match="cannot listen on"):
                async with WitnessServer(cosigner, server.url.removeprefix("http://")):
                    pass
        for place in ("nowhere", "127.0.0.1:x", "127.0.0.1:99999"):
            with pytest.raises(UserError, match="cannot listen on"):
                async with WitnessServer(cosigner, place):
                    pass


async def test_the_command_says_its_key_and_ends_on_sigterm(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lfrd", "witness", "--folder", str(tmp_path / "w"), "--name", NAME,
        "--log", KEY.public.text, "--listen", ANYWHERE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    assert key_of((await process.stdout.readline()).decode()).name == NAME
    url = (await process.stdout.readline()).decode().strip()
    async with httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/")).status_code == 404
    process.send_signal(signal.SIGTERM)
    assert await process.wait() == 0


@pytest.mark.parametrize(
    "words", [["--name", "a b", "--log", KEY.public.text], ["--name", NAME, "--log", "x+y+z"]]
)
def test_a_mistake_is_one_sentence(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["witness", "--folder", str(tmp_path / "w"), *words]) == 2
    assert capsys.readouterr().err.count("\n") == 1
