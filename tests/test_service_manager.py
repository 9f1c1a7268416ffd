import shutil
import socket
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
