"""golang.org/x/mod/sumdb, a program of others in another language, agrees on logs and proofs."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from lfrd.audit.export import export_folder
from lfrd.audit.signing import checkpoint
from lfrd.audit.verify import ED25519, LEAVES, key_of, verify_export
from lfrd.client import Client
from lfrd.governance.witness import Witness
from lfrd.store.audit import AuditClass
from lfrd.store.transaction import Transaction
from lfrd.wire.audit import AuditExportStart
from support.audit import KEY, leaves_of, proved, write
from support.site import serve

pytestmark = pytest.mark.e2e

SOURCE = Path(__file__).resolve().parents[1] / "support" / "audit_oracle.go"


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built from the packages golang-go and golang-golang-x-mod-dev."""
    program = tmp_path_factory.mktemp("oracle") / "audit_oracle"
    subprocess.run(
        ["go", "build", "-o", str(program), str(SOURCE)], check=True, timeout=300,
        env=os.environ | {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode",
                          "GOCACHE": str(program.parent / "cache")},
    )  # fmt: skip
    return program


def says(oracle: Path, *words: str) -> str:
    done = subprocess.run(
        [str(oracle), *words], capture_output=True, text=True, check=False, timeout=60
    )
    return done.stdout.strip()


def test_another_program_agrees_on_roots_notes_and_consistency(
    oracle: Path, tmp_path: Path
) -> None:
    leaves = leaves_of(70_000)
    write(tmp_path / "log", leaves, (1, 2, 3, 255, 256, 257, 5_000, 65_536, 70_000))
    expected = "ok lfrd/test: 70000 leaves, 9 checkpoints, 50 proofs"
    assert says(oracle, "verify", str(tmp_path / "log")) == expected
    changed = tmp_path / "log" / LEAVES
    changed.write_bytes(changed.read_bytes().replace(b'"n":"4999"', b'"n":"4990"'))
    assert says(oracle, "verify", str(tmp_path / "log")).startswith("the root of 5000 leaves is")


def test_another_program_agrees_on_proofs(oracle: Path, tmp_path: Path) -> None:
    leaves, file = leaves_of(1_000), tmp_path / "leaf.tlog-proof"
    for index, size in ((0, 1), (0, 1_000), (999, 1_000), (255, 256), (511, 777)):
        file.write_text(proved(leaves, index, size).text)
        expected = f"ok {index} of {size}: {leaves[index].decode()}"
        assert says(oracle, "proof", str(file), KEY.public.text) == expected
    forged = proved(leaves, 511, 777)
    file.write_text(forged.text.replace("index 511", "index 510"))
    assert not says(oracle, "proof", str(file), KEY.public.text).startswith("ok")
    assert KEY.algorithm == ED25519
    other = checkpoint(KEY, 777, bytes(32))
    file.write_text(forged.text.replace(forged.checkpoint.note, other.note))
    assert not says(oracle, "proof", str(file), KEY.public.text).startswith("ok")


def log_some(tx: Transaction) -> None:
    for number in range(200):
        tx.audit(AuditClass.ALTERATION, "a.test", (f"id-{number}",), {"naïve": "ü"})


async def exported(client: Client, folder: Path) -> int:
    with export_folder(folder) as writer:
        async with client.audit_export(AuditExportStart(reason="a test")) as pieces:
            async for piece in pieces:
                writer.feed(piece)
        return writer.finish().leaves


async def test_another_program_agrees_on_the_log_of_a_daemon(oracle: Path, tmp_path: Path) -> None:
    async with serve(tmp_path / "state") as served:
        for _ in range(3):
            await served.site.database.write(log_some, principal="user:ada")
        leaves = await exported(served.client, tmp_path / "log")
    said = says(oracle, "verify", str(tmp_path / "log"))
    assert said.startswith("ok lfrd/")
    assert f"{leaves} leaves" in said


async def test_a_witness_of_others_countersigns_and_the_check_finds_it(
    oracle: Path, tmp_path: Path
) -> None:
    async with serve(tmp_path / "state") as served:
        database = served.site.database
        process = await asyncio.create_subprocess_exec(
            str(oracle), "witness", database.log_key.text, stdout=asyncio.subprocess.PIPE
        )
        try:
            assert process.stdout is not None
            url, key = (await process.stdout.readline()).decode().split()
            witness = Witness(database, served.site.health, url, key_of(key))
            for _ in range(3):
                await database.write(log_some, principal="user:ada")
                await database.sign_log()
                await witness.cosign()
                assert served.site.health.now.reasons == ()
            await exported(served.client, tmp_path / "log")
        finally:
            process.kill()
            await process.wait()
    found = verify_export(tmp_path / "log", witnesses=[key_of(key)])
    assert (found.good, found.cosigned) == (True, 600)
    assert says(oracle, "verify", str(tmp_path / "log")).startswith("ok lfrd/")
