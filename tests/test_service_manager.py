import shutil
import socket
import stat
import subprocess
from pathlib import Path

import pytest

from lfrd.process import tell

UNIT = Path(__file__).resolve().parent.parent / "systemd" / "lfrd.service"


def test_the_state_arrives(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        assert tell("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert receiver.recv(100) == b"READY=1"


def test_without_a_service_manager_nothing_happens() -> None:
    assert not tell("READY=1", {})


def test_operators_reach_the_socket_and_nothing_else() -> None:
    unit = UNIT.read_text().splitlines()
    assert "Environment=LFRD_API__SOCKET_GROUP=lfrd-operators" in unit
    assert "SupplementaryGroups=lfrd-operators" in unit
    assert "ReadWritePaths=/run/lfrd" in unit
    folders = UNIT.with_name("lfrd.tmpfiles").read_text().splitlines()
    assert "d /run/lfrd 0710 lfrd lfrd-operators -" in folders
    assert "d /etc/lfrd 0750 root lfrd -" in folders
    assert "g lfrd-operators -" in UNIT.with_name("lfrd.sysusers").read_text().splitlines()


def test_the_unit_lets_the_kernel_tell_operators_apart() -> None:
    """In a user namespace of its own the daemon sees every other user as nobody."""
    assert not any(line.startswith("PrivateUsers=") for line in UNIT.read_text().splitlines())


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("systemd-tmpfiles"), reason="systemd is not installed")
def test_users_groups_and_folders_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for program, file in (
        (["systemd-sysusers"], "lfrd.sysusers"),
        (["systemd-tmpfiles", "--create"], "lfrd.tmpfiles"),
    ):
        given = [*program, f"--root={tmp_path}", str(UNIT.with_name(file))]
        subprocess.run(given, check=True, timeout=60)
    groups = (tmp_path / "etc/group").read_text()
    ids = {line.split(":")[0]: int(line.split(":")[2]) for line in groups.splitlines()}
    made = (tmp_path / "run/lfrd").stat()
    assert (made.st_gid, stat.S_IMODE(made.st_mode)) == (ids["lfrd-operators"], 0o710)
    kept = (tmp_path / "etc/lfrd").stat()
    assert (kept.st_gid, stat.S_IMODE(kept.st_mode)) == (ids["lfrd"], 0o750)


@pytest.mark.e2e
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not installed")
def test_the_unit_is_clean(tmp_path: Path) -> None:
    program = tmp_path / "lfrd"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "lfrd.service"
    unit.write_text(UNIT.read_text().replace("/opt/lfrd/.venv/bin/lfrd", str(program)))
    checked = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=60
    )
    assert (checked.returncode, checked.stderr) == (0, "")
    exposure = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNIT)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert exposure.returncode == 0, exposure.stdout
