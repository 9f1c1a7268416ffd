"""`lfrd tui --ssh`: through a real ssh to a real server, and what it says where that fails."""

import asyncio
import getpass
import os
import shutil
import signal
from pathlib import Path

import pytest

from support.program import daemon
from support.sshd import SSHD, ssh_server
from support.tmux import terminal, tui

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (shutil.which("tmux") and Path(SSHD).exists()), reason="needs tmux and sshd"
    ),
]
UTF8 = {"LC_ALL": "C.UTF-8"}
USER = getpass.getuser()


async def test_a_tunnel_that_breaks_is_made_again(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with daemon(state), ssh_server(tmp_path / "ssh") as server:
        command = tui("--ssh", "site", "--socket", state / "api.sock")
        async with terminal(tmp_path, command, **UTF8, PATH=server.path) as at:
            await at.sees("▶ 1 Add a camera")
            (client,) = server.clients()
            os.kill(client, signal.SIGKILL)
            await at.sees("daemon away since")
            await at.until(lambda text: "daemon away" not in text, "the daemon again")
            (again,) = server.clients()
            assert again != client
            await at.press("q")
            await at.ended(0)
            async with asyncio.timeout(10):
                while server.clients():
                    await asyncio.sleep(0.1)


REFUSALS = {
    "unknown host": ({"host": False}, "Host key verification failed"),
    "refused key": (
        {"key": False},
        f"{getpass.getuser()}@127.0.0.1: Permission denied (publickey)",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_what_ssh_refuses_is_one_sentence(tmp_path: Path, case: str) -> None:
    taken, words = REFUSALS[case]
    async with ssh_server(tmp_path / "ssh") as server:
        server.accept(**taken)
        command = tui("--ssh", "site", "--socket", tmp_path / "api.sock")
        async with terminal(tmp_path, command, **UTF8, PATH=server.path) as at:
            said = await at.ended(2)
    assert f"lfrd: ssh did not reach site: {words}" in said
    assert "Traceback" not in said


async def test_no_daemon_over_there_is_one_sentence(tmp_path: Path) -> None:
    async with ssh_server(tmp_path / "ssh") as server:
        command = tui("--ssh", "site", "--socket", tmp_path / "none.sock")
        async with terminal(tmp_path, command, **UTF8, PATH=server.path) as at:
            said = await at.ended(2)
    assert f"no daemon answers at {tmp_path / 'none.sock'} on site (" in said


async def test_a_socket_that_was_forwarded_by_hand(tmp_path: Path) -> None:
    state, here = tmp_path / "state", tmp_path / "here.sock"
    async with daemon(state), ssh_server(tmp_path / "ssh") as server:
        tunnel = await asyncio.create_subprocess_exec(
            server.folder / "bin" / "ssh", "-N", "-L", f"{here}:{state / 'api.sock'}", "site"
        )
        try:
            async with terminal(tmp_path, tui("--socket", here), **UTF8) as at:
                await at.sees("▶ 1 Add a camera")
                tunnel.terminate()
                await at.sees("daemon away since")
        finally:
            if tunnel.returncode is None:
                tunnel.terminate()
            await tunnel.wait()
