"""The socket of a daemon on another machine, brought here by the system's ssh.

Its configuration, keys and agent are the user's own; it asks for a password or a new host's key on
the terminal, before the screen opens. Over there the daemon sees the user that ssh logged in as. A
connection that breaks is made again by itself where that needs no password. What ssh says goes to
a file: it would be drawn over the screen, and its last line is what is said of a failure.
"""

import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lfrd.errors import UserError
from lfrd.text import one_line

SERVICE_SOCKET = Path("/run/lfrd/api.sock")
LOOK_EVERY_S = 5.0
LIMIT_S = 60.0
"""For the connection, a password that is typed included."""
OPTIONS = ("ExitOnForwardFailure=yes", "StreamLocalBindMask=0177", "StreamLocalBindUnlink=yes",
           "ServerAliveInterval=15", "ServerAliveCountMax=2", "ControlPersist=no",
           "ConnectTimeout=20")  # fmt: skip
ANSWER_S = 10.0
"""For the daemon's first answer through the tunnel."""
ASKED = b"GET /v1/health HTTP/1.0\r\nHost: localhost\r\n\r\n"
SAID_MAX_BYTES = 4096


@contextmanager
def forwarded(target: str, socket: Path | None) -> Iterator[Path]:
    """A socket here that leads to `socket` (default: the service's) at `user@host`. Raises
    UserError where ssh cannot be run or does not get there."""
    if shutil.which("ssh") is None:
        raise UserError("--ssh needs the program ssh (OpenSSH), and there is none")
    if target.startswith("-") or not target.isprintable() or " " in target:
        raise UserError(f"--ssh takes USER@HOST, and not {target!r}")
    with tempfile.TemporaryDirectory(prefix="lfrd-ssh-") as folder:
        tunnel = _Tunnel(target, socket or SERVICE_SOCKET, Path(folder))
        tunnel.open()
        try:
            yield tunnel.socket
        finally:
            tunnel.close()


class _Tunnel:
    """ssh in the background, reached by its control socket; a thread looks after it."""

    def __init__(self, target: str, remote: Path, folder: Path) -> None:
        self.socket = folder / "api.sock"
        self._target, self._remote, self._control = target, remote, folder / "control"
        self._said = folder / "said"
        self._closing = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="ssh")

    def open(self) -> None:
        self._connect(asking=True)
        try:
            self._look_for_daemon()
        except UserError:
            self._tell("exit")
            raise
        self._keeper.start()

    def close(self) -> None:
        self._closing.set()
        self._keeper.join()
        self._tell("exit")

    def _connect(self, *, asking: bool) -> None:
        """In the background once it is through; it asks on the terminal itself."""
        self._said.write_bytes(b"")
        self._control.unlink(missing_ok=True)  # of one that was killed: ssh would not take it over
        words = ["ssh", "-f", "-N", "-T", "-M", "-S", str(self._control), "-E", str(self._said)]
        words += [part for option in OPTIONS for part in ("-o", option)]
        words += [] if asking else ["-o", "BatchMode=yes"]
        words += ["-L", f"{self.socket}:{self._remote}", "--", self._target]
        heard = None if asking else subprocess.DEVNULL
        try:
            subprocess.run(  # noqa: S603 - the target is no option, and no shell is in between
                words, check=True, timeout=LIMIT_S,
                stdin=heard, stdout=subprocess.DEVNULL, stderr=heard,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise UserError(f"ssh did not reach {self._target} within {LIMIT_S:.0f} s") from None
        except subprocess.CalledProcessError as error:
            raise UserError(
                f"ssh did not reach {self._target}: {self._why(f'code {error.returncode}')}; "
                f"try `ssh {self._target}` by hand"
            ) from None

    def _why(self, otherwise: str) -> str:
        """The last that ssh said."""
        try:
            said = self._said.read_bytes()[-SAID_MAX_BYTES:].decode("utf-8", "replace")
        except OSError:
            said = ""
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        return one_line(lines[-1]).rstrip(".") if lines else otherwise

    def _look_for_daemon(self) -> None:
        """ssh opens the socket over there only when somebody comes: one that is not there would
        else be a screen that waits. Raises UserError."""
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX) as asked:
                asked.settimeout(ANSWER_S)
                asked.connect(str(self.socket))
                asked.sendall(ASKED)
                answer = asked.recv(16)
        except OSError:
            pass
        if not answer.startswith(b"HTTP/"):
            raise UserError(
                f"no daemon answers at {self._remote} on {self._target} "
                f"({self._why('no answer came')}): it may be down, or this user may not open its "
                "socket, or --socket names another one"
            )

    def _tell(self, what: str) -> bool:
        words = ["ssh", "-S", str(self._control), "-O", what, "--", self._target]
        quiet = subprocess.DEVNULL
        try:
            told = subprocess.run(  # noqa: S603
                words, check=False, timeout=LIMIT_S, stdin=quiet, stdout=quiet, stderr=quiet
            )
        except subprocess.TimeoutExpired:  # it is there, on a machine that has no time for it
            return True
        return told.returncode == 0

    def _keep(self) -> None:
        """While it is broken the screen says that the daemon is away."""
        while not self._closing.wait(LOOK_EVERY_S):
            if not self._tell("check"):
                try:
                    self._connect(asking=False)
                except UserError:
                    continue
