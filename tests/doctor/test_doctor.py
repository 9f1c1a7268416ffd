"""What an examination finds, with its mend; and a bundle for others that holds nobody."""

import asyncio
import io
import json
import socket
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lfrd.backup import make
from lfrd.backup.sealing import Identity
from lfrd.cli.service import PACKAGED, shipped
from lfrd.config import Config
from lfrd.doctor import bundle, machine, state
from lfrd.doctor.finding import Finding, Level, findings
from lfrd.errors import StateError
from lfrd.store import key_care
from lfrd.store.keys import load_master_key
from lfrd.store.state_folder import StateFolder
from support.program import Call
from support.store import add_list, add_person, signing, unit_vectors

MARKERS = ("Anna Zebra", "warrant of Zebra", "hunter2", "10.9.8.7", "north door zebra", "rtsp")


def config_of(folder: Path, **sections: object) -> Config:
    return Config.model_validate({"site": {"state_dir": folder / "state"}} | sections)


@pytest.fixture
async def filled(tmp_path: Path) -> Path:
    async with signing(tmp_path / "state") as database:
        await database.write(
            lambda tx: add_person(tx, add_list(tx, "Anna Zebra").id, "zebra", unit_vectors(1)[0]),
            principal="user:anna-zebra",
        )
    return tmp_path


def levels(found: list[Finding]) -> dict[str, Level]:
    return {item.what: item.level for item in found}


async def test_a_good_site_has_nothing_to_be_mended(filled: Path) -> None:
    folder, pair = StateFolder(filled / "state"), Identity.new()
    master = load_master_key(folder, {})
    (filled / "bk").mkdir()
    key_care.escrow(folder, master, filled / "bk" / "escrow")
    config = config_of(
        filled, keys={"escrow": filled / "bk" / "escrow"},
        backup={"folder": filled / "bk", "recipients": [pair.recipient.text]},
    )  # fmt: skip
    late = list(state.backups(config))
    assert levels(late) == {"backup": Level.FAIL}
    make.make(
        folder, master, config, filled / "bk", [pair.recipient], time.time(), lambda *_: None,
        make.By("user:root"),
    )  # fmt: skip
    for check in (state.permissions, state.keys, state.backups):
        assert {item.level for item in check(config)} == {Level.OK}, check
    found = list(state.database(config))
    assert {"database", "retention"} <= set(levels(found))
    assert {item.level for item in found} == {Level.OK}


async def test_what_is_wrong_is_said_with_its_mend(filled: Path) -> None:
    config = config_of(filled, keys={"escrow": filled / "nowhere"})
    found = list(state.keys(config))
    assert levels(found)["escrow"] is Level.FAIL
    folder = StateFolder(filled / "state")
    key_care.escrow(folder, load_master_key(folder, {}), filled / "old")
    async with signing(filled / "state") as database:
        await database.write(lambda tx: add_list(tx, "another"), principal="user:a")
    stale = list(state.keys(config_of(filled, keys={"escrow": filled / "old"})))
    assert any("as they are now" in item.text and item.mend for item in stale)
    (filled / "state" / "lfrd.db").chmod(0o644)
    with pytest.raises(StateError, match="chmod 600"):
        list(state.permissions(config))
    said = list(findings("permissions", lambda: state.permissions(config)))
    assert [item.level for item in said] == [Level.FAIL]
    assert all(item.mend for item in [*found, *stale] if item.level is not Level.OK)


async def test_a_database_of_a_newer_or_older_lfrd(filled: Path) -> None:
    from lfrd.store.sqlite import connect

    folder = StateFolder(filled / "state")
    key = load_master_key(folder, {}).derive("pages of lfrd.db")
    for change, level in (("number = 900", Level.FAIL), ("number = 1", Level.WARN)):
        connection = connect(folder.database_path, key)
        if level is Level.WARN:
            connection.execute("DELETE FROM migration WHERE number > 1")
        else:
            connection.execute(f"UPDATE migration SET {change} WHERE number > 5 AND number = "
                               "(SELECT max(number) FROM migration)")  # fmt: skip
        connection.close()
        assert [item.level for item in state.database(config_of(filled))] == [level]


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda rw\n"
        f"40 22 0:50 / {tmp_path}/far\\040away rw - nfs4 host:/x rw\n"
    )
    (tmp_path / "far away").mkdir()
    assert machine.file_system_of(tmp_path / "far away", mounts) == "nfs4"
    assert machine.file_system_of(tmp_path, mounts) == "ext4"
    monkeypatch.setattr(machine, "MOUNTS", mounts)
    monkeypatch.setattr(machine, "file_system_of", lambda _: "nfs4")
    found = list(machine.disk(config_of(tmp_path, site={"state_dir": tmp_path / "far away"})))
    assert found[0].level is Level.FAIL
    assert "local disk" in found[0].mend


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize(
    ("there", "provider", "level"),
    [
        ({"onnxruntime": "1.31.1"}, "cpu", Level.OK),
        ({"onnxruntime-gpu": "1.31.1"}, "cuda", Level.OK),
        ({"onnxruntime": "1.31.1"}, "cuda", Level.FAIL),
        ({"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.0"}, "cpu", Level.WARN),
        ({"onnxruntime": "1.31.1", "onnxruntime-gpu": "1.31.0"}, "cuda", Level.FAIL),
    ],
)
def test_two_packages_that_hold_one_module_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    there: dict[str, str],
    provider: str,
    level: Level,
) -> None:
    """`pip install lfrd[cuda]` installs both, as insightface asks for the other one."""
    monkeypatch.setattr(machine, "_version", there.get)
    (found,) = machine.runtime(config_of(tmp_path, models={"provider": provider}))
    assert found.level is level
    if len(there) == 2:
        assert "pip uninstall --yes onnxruntime onnxruntime-gpu" in found.mend
        wanted = "onnxruntime-gpu==1.31.0" if provider == "cuda" else "onnxruntime==1.31.1"
        assert f"--no-deps {wanted}" in found.mend


@pytest.mark.e2e
@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda text: text, None),
        (lambda text: text.replace("[Service]", "[Servcie]"), "Servcie"),
        (lambda text: text.replace("Type=notify", "Type=notfiy"), "notfiy"),
        (lambda text: text.replace("ExecStart=", "ExecStrat="), "ExecStart="),
        (lambda text: text.replace("ExecStart=", "ExecStart=/nowhere"), "/nowhere"),
    ],
)
def test_a_unit_that_was_edited_badly_is_told(
    tmp_path: Path, spoil: Callable[[str], str], says: str | None
) -> None:
    text = (shipped() / "lfrd.service").read_text().replace(PACKAGED, sys.executable)
    (tmp_path / "lfrd.service").write_text(spoil(text))
    found = list(machine.units(Config(), (tmp_path,)))
    if says is None:
        assert [item.level for item in found] == [Level.OK], found
    else:
        assert {item.level for item in found} == {Level.FAIL}
        assert any(says in item.text for item in found), found
        assert all(item.mend for item in found)


async def test_cameras_and_ports(filled: Path, listening: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        free = closed.getsockname()[1]
    config = config_of(
        filled, api={"tcp": f"127.0.0.1:{listening}"},
        camera=[
            {"id": "there", "address": f"rtsp://eva:hunter2@127.0.0.1:{listening}/1"},
            {"id": "gone", "address": f"rtsp://127.0.0.1:{free}/1"},
            {"id": "nameless", "address": "rtsp://no-such-host.invalid/1"},
        ],
    )  # fmt: skip
    found = await asyncio.to_thread(lambda: list(state.cameras(config)))
    assert levels(found) == {
        "camera there": Level.OK, "camera gone": Level.FAIL, "camera nameless": Level.FAIL,
    }  # fmt: skip
    assert "hunter2" not in str(found)
    assert "DNS" in next(item.mend for item in found if item.what == "camera nameless")
    assert levels(list(state.ports(config)))["port"] is Level.FAIL


async def test_the_bundle_holds_no_name_no_face_and_no_secret(filled: Path) -> None:
    config = config_of(
        filled,
        notice={"responsible": "Anna Zebra", "contact": "warrant of Zebra"},
        camera=[{"id": "zebra", "name": "north door zebra",
                 "address": "rtsp://eva:hunter2@10.9.8.7/1"}],
    )  # fmt: skip
    found = [
        Finding(Level.FAIL, "camera zebra", "10.9.8.7: refused", ""),
        Finding(Level.WARN, "daemon", "list 'Anna Zebra' has lost its key", ""),
        Finding(Level.OK, "database", f"{filled}/state/lfrd.db is fine", ""),
    ]
    path = filled / "bundle.tar.gz"
    names = bundle.write(path, config, found, "ok")
    raw = io.BytesIO(path.read_bytes())
    with tarfile.open(fileobj=raw) as tar:
        texts = {item.name: tar.extractfile(item).read().decode() for item in tar}  # type: ignore[union-attr]
    assert len(texts) == len(names) == 6
    everything = "\n".join(texts.values())
    for marker in (*MARKERS, "zebra", "Zebra", str(filled)):
        assert marker not in everything, marker
    assert json.loads(texts["lfrd-support/tables.json"])["entry"] == 1
    assert json.loads(texts["lfrd-support/settings.json"])["backup"]["keep_days"] == 14.0
    assert path.stat().st_mode & 0o077 == 0


def test_the_command(tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "lfrd.toml"
    file.write_text(f'[site]\nstate_dir = "{tmp_path / "none"}"\n')
    monkeypatch.setenv("LFRD_CONFIG", str(file))
    ran = call("doctor", "--json")
    found = json.loads(ran.out)
    assert {"versions", "processor", "models", "sqlite-vec", "clock", "backup", "daemon"} <= {
        item["what"] for item in found
    }
    assert all(item["mend"] for item in found if item["level"] != "ok")
    assert ran.code == int(any(item["level"] == "fail" for item in found))
    assert "failures" in call("doctor").out
    out = tmp_path / "x.tar.gz"
    assert call("support-bundle", out).code == 0
    assert out.exists()
