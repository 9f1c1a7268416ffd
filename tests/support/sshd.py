"""An SSH server of one's own on the loopback address, and an `ssh` that knows it."""

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

SSHD = shutil.which("sshd") or "/usr/sbin/sshd"
SERVER = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorised
PidFile none
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
"""
CLIENT = """Host site
  HostName 127.0.0.1
  Port {port}
  User {user}
  IdentityFile {folder}/key
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
"""


@dataclass
class Sshd:
    """`path` is a folder with the program `ssh` that reads this server's settings and no others."""

    folder: Path
    port: int

    @property
    def path(self) -> str:
        return f"{self.folder / 'bin'}:{os.environ['PATH']}"

    def accept(self, *, key: bool = True, host: bool = True) -> None:
        """Whether the server takes the user's key, and the user knows the server's."""
        own = (self.folder / "key.pub").read_text() if key else ""
        (self.folder / "authorised").write_text(own)
        (self.folder / "authorised").chmod(0o600)
        public = (self.folder / "host.pub").read_text()
        known = f"[127.0.0.1]:{self.port} {public}" if host else ""
        (self.folder / "known").write_text(known)

    def clients(self) -> list[int]:
        """Process ids of the `ssh` that were started with these settings."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                words = (entry / "cmdline").read_bytes() if entry.name.isdigit() else b""
            except OSError:
                continue
            if str(self.folder / "config").encode() in words and b"-M" in words:
                found.append(int(entry.name))
        return found


def _prepare(folder: Path) -> Sshd:
    """Keys, settings, and the `ssh` that reads them."""
    (folder / "bin").mkdir(parents=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    for name in ("host", "key"):
        made = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / name)]
        subprocess.run(made, check=True, timeout=20)
    given = {"port": port, "folder": folder, "user": getpass.getuser()}
    (folder / "sshd_config").write_text(SERVER.format(**given))
    (folder / "config").write_text(CLIENT.format(**given))
    program = folder / "bin" / "ssh"
    program.write_text(f'#!/bin/sh\nexec {shutil.which("ssh")} -F {folder}/config "$@"\n')
    program.chmod(0o755)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where it locks itself up
    here = Sshd(folder, port)
    here.accept()
    return here


@asynccontextmanager
async def ssh_server(folder: Path) -> AsyncIterator[Sshd]:
    """A server that takes its user's key; ended by its process id."""
    here = await asyncio.to_thread(_prepare, folder)
    async with running(here):
        yield here


@asynccontextmanager
async def running(here: Sshd) -> AsyncIterator[None]:
    """The server answers for as long as the block lasts."""
    with (here.folder / "sshd.log").open("ab") as log:
        server = await asyncio.create_subprocess_exec(
            SSHD, "-D", "-e", "-f", str(here.folder / "sshd_config"), stderr=log, stdout=log
        )
    try:
        async with asyncio.timeout(10):
            while not await _answers(here.port):
                assert server.returncode is None, (here.folder / "sshd.log").read_text()
                await asyncio.sleep(0.05)
        yield
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
