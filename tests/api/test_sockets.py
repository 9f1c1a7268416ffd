"""The API's sockets: who may connect, what a dead daemon left, what is never touched."""

import grp
import os
import socket
import stat
from pathlib import Path

import pytest

from lfrd.api import sockets
from lfrd.errors import ConfigError, StateError


def test_a_unix_socket_is_for_owner_and_group_only(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    before = os.umask(0)
    try:
        bound = sockets.bind_unix(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    with socket.socket(socket.AF_UNIX) as caller, pytest.raises(ConnectionRefusedError):
        caller.connect(str(path))  # the permission is set, and only then it will listen
    bound.release()
    assert not path.exists()


def another_group() -> grp.struct_group:
    """One that this process may give a file to, and is not its own."""
    groups = grp.getgrall() if os.geteuid() == 0 else [grp.getgrgid(i) for i in os.getgroups()]
    found = [group for group in groups if group.gr_gid != os.getegid()]
    return found[0] if found else pytest.skip("this user is in one group only")


def test_a_group_may_be_given_the_socket(tmp_path: Path) -> None:
    group = another_group()
    bound = sockets.bind_unix(tmp_path / "api.sock", group.gr_name)
    found = (tmp_path / "api.sock").stat()
    assert (found.st_gid, stat.S_IMODE(found.st_mode)) == (group.gr_gid, 0o660)
    bound.release()


def test_a_group_that_is_not_there_leaves_no_socket(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="socket_group: there is no group no-such-group"):
        sockets.bind_unix(tmp_path / "api.sock", "no-such-group")
    assert not (tmp_path / "api.sock").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody who is in no group")
def test_a_group_without_the_daemons_user_is_one_clear_sentence(tmp_path: Path) -> None:
    group, place = another_group(), tmp_path / "run"
    place.mkdir()
    os.chown(place, 65534, 65534)
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    before = os.getgroups()
    os.setgroups([])
    os.setegid(65534)
    os.seteuid(65534)
    try:
        with pytest.raises(ConfigError, match=f"not in the group {group.gr_name}: put it there"):
            sockets.bind_unix(place / "api.sock", group.gr_name)
        assert not (place / "api.sock").exists()
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(before)


def test_what_a_dead_daemon_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    assert path.exists()
    sockets.bind_unix(path).release()
    assert not path.exists()


def test_a_living_daemon_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(StateError, match="another daemon answers"):
            sockets.bind_unix(path)
        assert path.exists()


def test_a_file_that_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    path.write_text("a letter")
    with pytest.raises(StateError, match="is not a socket"):
        sockets.bind_unix(path)
    assert path.read_text() == "a letter"


def test_the_socket_of_a_successor_is_not_removed(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    first = sockets.bind_unix(path)
    # Both inodes must exist at once, else the file system may give the same number again.
    path.rename(tmp_path / "old.sock")
    second = sockets.bind_unix(path)
    first.release()
    assert path.exists()
    second.release()
    assert not path.exists()


@pytest.mark.parametrize("name", ["x" * 120, "missing/api.sock"])
def test_an_impossible_path_is_one_clear_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(StateError, match="API socket"):
        sockets.bind_unix(tmp_path / name)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:0", "127.8.8.8:0"])
def test_loopback_is_allowed(address: str) -> None:
    if address.startswith("[") and not Path("/proc/net/if_inet6").exists():
        pytest.skip("no IPv6 here")
    bound = sockets.bind_loopback(address)
    assert bound.sock.getsockname()[1] > 0
    bound.release()


@pytest.mark.parametrize(
    "address", ["0.0.0.0:0", "[::]:0", "192.168.1.5:80", "example.org:80", "127.0.0.1", ":80"]
)
def test_what_is_not_loopback_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="only a loopback address"):
        sockets.bind_loopback(address)


def test_a_taken_port_is_one_clear_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(StateError, match=f"cannot listen on 127.0.0.1:{port}"):
            sockets.bind_loopback(f"127.0.0.1:{port}")


def test_a_taken_port_leaves_no_unix_socket_behind(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with pytest.raises(ConfigError):
        sockets.bind_all(path, "0.0.0.0:0", {})
    assert not path.exists()


def inherit(monkeypatch: pytest.MonkeyPatch, *given: socket.socket) -> dict[str, str]:
    """An environment that hands over duplicates of these sockets, in a row."""
    first = 400
    for index, sock in enumerate(given):
        os.dup2(sock.fileno(), first + index)
    monkeypatch.setattr(sockets, "FIRST_INHERITED_FD", first)
    return {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": str(len(given))}


def test_the_service_managers_sockets_come_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "given.sock"
    with socket.socket(socket.AF_UNIX) as given:
        given.bind(str(path))
        environment = inherit(monkeypatch, given)
        bound = sockets.bind_all(tmp_path / "api.sock", None, environment)
    assert [item.sock.getsockname() for item in bound] == [str(path)]
    assert not bound[0].sock.get_inheritable()
    bound[0].release()
    assert path.exists(), "the manager's socket file is the manager's"


def test_an_inherited_socket_of_the_wrong_kind_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as open_to_all:
        open_to_all.bind(("0.0.0.0", 0))
        environment = inherit(monkeypatch, open_to_all)
        with pytest.raises(ConfigError, match="neither Unix nor loopback"):
            sockets.inherited(environment)


def test_sockets_meant_for_another_process_are_not_taken() -> None:
    assert sockets.inherited({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) == []
    assert sockets.inherited({}) == []
