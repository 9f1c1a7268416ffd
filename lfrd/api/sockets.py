"""The sockets that the API answers on, bound by the daemon itself, and what answers there.

uvicorn would make a Unix socket that every user may open (0666). Here the permission is set between
`bind` and `listen`, so that there is no moment in which a stranger can connect.
"""

import grp
import ipaddress
import os
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.lifespan.off import LifespanOff

from lfrd.errors import ConfigError, StateError, UserError

SOCKET_MODE = 0o660
FIRST_INHERITED_FD = 3
"""systemd hands sockets over from this file descriptor on (sd_listen_fds(3))."""

SHUTDOWN_S = 2
"""How long requests under way may still take as a server ends."""

KEEP_ALIVE_S = 15
"""How long a connection may lie idle between two requests. Clients give theirs up before: who sends
into one that is just being closed gets no answer."""

PATH_LIMIT_BYTES = 107
"""What fits into sockaddr_un beside the final zero (unix(7))."""


def server_of(app: ASGIApp, http: Any, at_once: int | None = None) -> uvicorn.Server:
    """uvicorn with protocol `http` for the sockets of its `startup`; it logs no request, trusts no
    proxy, knows no web socket, and does not say what it is. Beyond `at_once` connections and
    requests it answers 503."""
    config = uvicorn.Config(
        app,
        http=http,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
        limit_concurrency=at_once,
        backlog=64,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = LifespanOff(config)
    return server


@dataclass(frozen=True, slots=True)
class Bound:
    """A bound socket that does not listen yet; `made` is (path, device, inode) of our own file."""

    sock: socket.socket
    made: tuple[Path, int, int] | None = None

    def release(self) -> None:
        """Close it, and remove the socket file unless another process has taken its place."""
        self.sock.close()
        if self.made is None:
            return
        path, device, inode = self.made
        try:
            found = path.lstat()
        except FileNotFoundError:
            return
        if (found.st_dev, found.st_ino) == (device, inode):
            path.unlink()


def bind_all(
    path: Path, tcp: str | None, environment: Mapping[str, str], group: str | None = None
) -> list[Bound]:
    """Every socket to answer on: those of the service manager if it gave any, else our own."""
    given = inherited(environment)
    if given:
        return given
    bound = [bind_unix(path, group)]
    if tcp is None:
        return bound
    try:
        return [*bound, bind_loopback(tcp)]
    except UserError:
        bound[0].release()
        raise


def bind_unix(path: Path, group: str | None = None) -> Bound:
    """Bind a Unix socket of mode 0660, replacing one that a dead daemon left.

    `group` may open it, else the group of this process. Raises StateError where another process
    answers there, or where the place cannot be used, ConfigError for the group.
    """
    group_id = -1 if group is None else _id_of(group)
    if len(os.fsencode(path)) > PATH_LIMIT_BYTES:
        raise StateError(
            f"the API socket path {path} is longer than {PATH_LIMIT_BYTES} bytes: "
            "set a shorter [api] socket"
        )
    _remove_stale(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        _give_to(path, group, group_id)
        path.chmod(SOCKET_MODE)
        found = path.lstat()
    except ConfigError:
        sock.close()
        path.unlink(missing_ok=True)
        raise
    except OSError as error:
        sock.close()
        raise StateError(f"cannot make the API socket {path}: {error.strerror}") from None
    return Bound(sock, (path, found.st_dev, found.st_ino))


def _id_of(group: str) -> int:
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        raise ConfigError(
            f"[api] socket_group: there is no group {group}: `groupadd --system {group}` makes it"
        ) from None


def _give_to(path: Path, group: str | None, group_id: int) -> None:
    try:
        os.chown(path, -1, group_id, follow_symlinks=False)
    except PermissionError:
        raise ConfigError(
            f"[api] socket_group: the daemon's user is not in the group {group}: put it there, or "
            f"SupplementaryGroups={group} into the unit"
        ) from None


def _remove_stale(path: Path) -> None:
    """Remove a socket file that no process listens on; never touch anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise StateError(f"cannot look at the API socket {path}: {error.strerror}") from None
    if not stat.S_ISSOCK(mode):
        raise StateError(f"{path} exists and is not a socket: move it, or set [api] socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        caller.settimeout(1.0)
        try:
            caller.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
        except OSError as error:
            raise StateError(f"cannot tell who owns {path}: {error.strerror or error}") from None
    raise StateError(f"another daemon answers on {path}")


def bind_loopback(address: str) -> Bound:
    """Bind `HOST:PORT` on the loopback interface; port 0 takes any free one.

    Raises ConfigError for an address that is not loopback, StateError where it is taken.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    if not _is_loopback(host) or not port.isdigit():
        raise ConfigError(f"[api] tcp is {address}: only a loopback address and port is allowed")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, int(port)))
    except OSError as error:
        sock.close()
        raise StateError(f"cannot listen on {address}: {error.strerror}") from None
    return Bound(sock)


def inherited(environment: Mapping[str, str]) -> list[Bound]:
    """The sockets that the service manager opened for us (LISTEN_FDS), or none.

    Raises ConfigError where one of them is neither a Unix nor a loopback stream socket.
    """
    if environment.get("LISTEN_PID") != str(os.getpid()):
        return []
    try:
        count = int(environment.get("LISTEN_FDS", "0"))
        sockets = [socket.socket(fileno=FIRST_INHERITED_FD + index) for index in range(count)]
    except (ValueError, OSError) as error:
        raise ConfigError(f"LISTEN_FDS does not name open sockets: {error}") from None
    for sock in sockets:
        sock.set_inheritable(False)
    strange = [sock.getsockname() for sock in sockets if not _is_local_stream(sock)]
    if strange:
        for sock in sockets:
            sock.close()
        raise ConfigError(f"the inherited socket {strange[0]} is neither Unix nor loopback TCP")
    return [Bound(sock) for sock in sockets]


def _is_local_stream(sock: socket.socket) -> bool:
    internet = sock.family in (socket.AF_INET, socket.AF_INET6)
    local = sock.family == socket.AF_UNIX or (internet and _is_loopback(sock.getsockname()[0]))
    return local and sock.type == socket.SOCK_STREAM


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
