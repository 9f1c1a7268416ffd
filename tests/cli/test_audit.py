"""`lfrd audit` as people type it: with a daemon, and without one."""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from lfrd.__main__ import main, parser
from lfrd.audit import verify
from lfrd.errors import StateError
from support.audit import KEY, leaves_of, write
from support.site import serve
from support.store import opened


async def call(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


async def test_show_prove_export_key_and_verify(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "out")
    async with serve(tmp_path / "state") as served:
        socket = ["--socket", str(served.socket)]
        assert await call("token", "create", "--principal", "anna", *socket) == 0
        assert await call("token", "create", "--principal", "bo", *socket) == 0
        capsys.readouterr()
        assert await call("audit", "show", "--limit", "1", *socket) == 0
        shown = capsys.readouterr()
        assert "token.create" in shown.out
        assert "role=operator" in shown.out
        assert "user:bo]" in shown.out
        older = shown.err.split("--before ")[1].strip()
        assert await call("audit", "show", "--before", older, "--json", *socket) == 0
        assert '"subjects":["' in capsys.readouterr().out
        assert await call("audit", "show", "--actor", "nobody", *socket) == 0
        assert await call("audit", "show", "--since", "2099-01-01", *socket) == 0
        assert await call("audit", "show", "--class", "erasure", *socket) == 0
        assert capsys.readouterr().out == ""
        assert await call("audit", "show", "--since", "soon", *socket) == 2
        capsys.readouterr()

        assert await call("audit", "key", *socket) == 0
        key = capsys.readouterr().out.strip()
        assert await call("audit", "prove", "0", *socket) == 0
        proof = tmp_path / "leaf.tlog-proof"
        proof.write_text(capsys.readouterr().out)
        assert proof.read_text().startswith("c2sp.org/tlog-proof@v1\n")
        assert await call("audit", "prove", "0", "--key", KEY.public.text, *socket) == 2
        assert "proves nothing" in capsys.readouterr().err
        assert await call("audit", "prove", "999", *socket) == 2
        assert await call("audit", "export", out, "--reason", "asked for", *socket) == 0
        assert await call("audit", "export", out, "--reason", "again", *socket) == 2
        assert "is there already: name a new folder" in capsys.readouterr().err
    assert await call("audit", "verify", out, "--key", key) == 0
    said = capsys.readouterr().out
    assert "tail       none" in said
    assert said.endswith("ok\n")
    assert await call("audit", "verify", str(proof), "--key", key) == 0
    assert await call("audit", "verify", out, "--key", KEY.public.text) == 1
    assert "another installation" in capsys.readouterr().out
    assert await call("audit", "verify", str(tmp_path / "none")) == 2
    leaves = tmp_path / "out" / verify.LEAVES
    leaves.write_bytes(leaves.read_bytes().replace(b"token.create", b"token.forget", 1))
    assert await call("audit", "verify", out, "--json") == 1
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["good"], found["first_bad"]) == (False, 0)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def test_two_exports_at_once_are_both_right(tmp_path: Path) -> None:
    async with serve(tmp_path / "state") as served:
        words = ["--reason", "asked for", "--socket", str(served.socket)]
        codes = await asyncio.gather(
            *(call("audit", "export", str(tmp_path / name), *words) for name in "ab"),
            *(call("audit", "export", str(tmp_path / "same"), *words) for _ in range(3)),
        )
    assert codes[:2] == [0, 0]
    assert sorted(codes[2:]) == [0, 2, 2]
    for name in ("a", "b", "same"):
        assert verify.verify_export(tmp_path / name).good
    assert names(tmp_path) == ["a", "b", "same", "state"]


async def test_an_export_that_is_cut_off_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(tmp_path / "state") as served:

        async def breaks(_size: int) -> AsyncIterator[bytes]:
            yield b"0" * 64 + b' {"half":1}\n'
            raise ConnectionAbortedError("the daemon was killed")

        monkeypatch.setattr(served.site.audit, "_pieces", breaks)
        words = ["--reason", "asked for", "--socket", str(served.socket)]
        assert await call("audit", "export", str(tmp_path / "out"), *words) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert names(tmp_path) == ["state"]


async def test_a_lost_key_is_said_at_start_and_renewed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "lfrd.toml"
    file.write_text(f'[site]\nstate_dir = "{tmp_path / "state"}"\n')
    config = ["--config", str(file)]
    assert await call("audit", *config, "renew-key", "--reason", "x") == 2
    assert "start lfrd once" in capsys.readouterr().err
    async with serve(tmp_path / "state") as served:
        await served.client.cameras()
        await served.site.database.sign_log()
    (tmp_path / "state" / "audit.key").unlink()
    with pytest.raises(StateError, match=r"audit\.key, which signs the log, is missing"):
        async with serve(tmp_path / "state"):
            pass
    assert await call("audit", *config, "renew-key", "--reason", " ") == 2
    assert await call("audit", *config, "renew-key", "--reason", "it was lost") == 0
    said = capsys.readouterr()
    async with opened(tmp_path / "state") as db:
        leaf = await db.read(
            lambda r: r.value("SELECT payload FROM audit_leaf ORDER BY id DESC LIMIT 1")
        )
    assert "it was lost" in str(leaf)
    assert said.out.strip() in str(leaf)
    async with serve(tmp_path / "state") as served:
        assert (await served.client.health()).audit_key == said.out.strip()


def test_verify_has_the_options_of_the_file_that_runs_alone() -> None:
    alone = argparse.ArgumentParser()
    verify.add_options(alone)
    given = parser().parse_args(["audit", "verify", "x"])
    for action in alone._actions:
        if action.dest != "help":
            assert hasattr(given, action.dest), action.dest


def test_an_export_over_something_is_refused_before_it_begins(tmp_path: Path) -> None:
    write(tmp_path / "there", leaves_of(3), (3,))
    with pytest.raises(FileExistsError):
        write(tmp_path / "there", leaves_of(3), (3,))
