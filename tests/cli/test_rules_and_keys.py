"""`lfrd policy` and `lfrd key` as people type them."""

import asyncio
import json
from pathlib import Path

import pytest

from lfrd.__main__ import main
from lfrd.store import watchlists
from support.store import add_list, opened


def configured(folder: Path, text: str = "") -> str:
    path = folder / "lfrd.toml"
    path.write_text(f'[site]\nstate_dir = "{folder / "state"}"\n{text}')
    return str(path)


async def fill(folder: Path) -> None:
    async with opened(folder / "state") as db:
        await db.write(add_list, principal="ada")


def test_the_rules_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = configured(tmp_path, "[policy]\nheartbeat_min = 10\n")
    assert main(["policy", "--config", file, "show", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["changed"]) == ("standard", ["heartbeat_min"])
    assert main(["policy", "--config", file, "show", "uk-police"]) == 0
    text = capsys.readouterr().out
    assert "UK police: profile uk-police, version 2" in text
    assert main(["policy", "--config", file, "show", "nobody"]) == 2


def test_a_wrong_rule_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = configured(tmp_path, "[policy]\nprofile = 'uk-police'\nheartbeat_min = 'off'\n")
    for command in (["policy", "check", file], ["check-config", file]):
        assert main(command) == 2
        assert "policy.heartbeat_min: 'off' is looser than the floor 15" in capsys.readouterr().err
    assert main(["policy", "check", str(tmp_path / "missing")]) == 2
    assert main(["run", "--config", file]) == 2


async def test_keys_are_kept_twice_and_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await fill(tmp_path)
    file = configured(tmp_path)

    assert await asyncio.to_thread(main, ["key", "--config", file, "escrow"]) == 2
    assert "keys.escrow" in capsys.readouterr().err
    for place in ("/", ".", str(tmp_path)):
        assert await asyncio.to_thread(main, ["key", "--config", file, "escrow", place]) == 2
        assert "is a folder" in capsys.readouterr().err
    copy = tmp_path / "copy.db"
    assert await asyncio.to_thread(main, ["key", "--config", file, "escrow", str(copy)]) == 0
    assert "stays readable in this copy" in capsys.readouterr().out
    before = (tmp_path / "state" / "master.key").read_bytes()
    assert await asyncio.to_thread(main, ["key", "--config", file, "rotate"]) == 0
    assert (tmp_path / "state" / "master.key").read_bytes() != before
    async with opened(tmp_path / "state") as db:
        assert len(await db.read(watchlists.list_all)) == 1


async def test_lost_keys_are_given_up_on_purpose_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    await fill(tmp_path)
    file = configured(tmp_path)
    assert await asyncio.to_thread(main, ["key", "--config", file, "abandon", "--yes"]) == 2
    assert "is there" in capsys.readouterr().err
    (tmp_path / "state" / "keys.db").unlink()
    assert await asyncio.to_thread(main, ["key", "--config", file, "abandon", "--yes"]) == 0
    assert "every record can be read" in capsys.readouterr().out


async def test_a_running_daemon_bars_a_rotation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:

    await fill(tmp_path)
    file = configured(tmp_path)
    async with opened(tmp_path / "state"):
        assert await asyncio.to_thread(main, ["key", "--config", file, "rotate"]) == 2
    assert "in use by another lfrd" in capsys.readouterr().err
