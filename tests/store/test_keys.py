"""Keys: where they come from, what is refused, and that a destroyed one stays destroyed."""

import os
import threading
from pathlib import Path

import pytest

from lfrd.errors import Conflict, NotFound, StateError
from lfrd.store.keys import KeyStore, MasterKey, Scope, load_master_key
from lfrd.store.seal import Label
from lfrd.store.state_folder import StateFolder

LIST = Scope("watchlist", "w1")
LABEL = Label("template", "t1", "m")


def test_the_first_start_makes_a_key_and_the_next_finds_it(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    first = load_master_key(folder, {})
    assert (tmp_path / "master.key").stat().st_mode & 0o777 == 0o600
    assert load_master_key(folder, {}) == first
    assert len(first.secret) == 32
    assert first.secret.hex() not in repr(first)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["master.key"]


def test_a_credential_wins(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "lfrd-master-key").write_bytes(b"k" * 32)
    (credentials / "lfrd-master-key").chmod(0o440)  # how an ACL shows
    folder = StateFolder(tmp_path)
    environment = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert load_master_key(folder, environment).secret == b"k" * 32
    assert not folder.master_key_path.exists()
    (credentials / "lfrd-master-key").chmod(0o444)
    with pytest.raises(StateError, match="other users"):
        load_master_key(folder, environment)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o610])
def test_a_key_that_others_can_read_stops_the_start(tmp_path: Path, mode: int) -> None:
    folder = StateFolder(tmp_path)
    load_master_key(folder, {})
    folder.master_key_path.chmod(mode)
    with pytest.raises(StateError, match=f"chmod 600 {folder.master_key_path}"):
        load_master_key(folder, {})


@pytest.mark.parametrize("content", [b"", b"short", b"x" * 31, b"x" * 33])
def test_a_key_of_the_wrong_length_stops_the_start(tmp_path: Path, content: bytes) -> None:
    folder = StateFolder(tmp_path)
    folder.master_key_path.write_bytes(content)
    folder.master_key_path.chmod(0o600)
    with pytest.raises(StateError, match=f"{len(content)} bytes instead of 32"):
        load_master_key(folder, {})


@pytest.mark.parametrize("name", ["lfrd.db", "keys.db"])
def test_a_missing_key_is_not_replaced_where_databases_exist(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something")
    folder = StateFolder(tmp_path)
    with pytest.raises(StateError, match="put the key back"):
        load_master_key(folder, {})
    assert not folder.master_key_path.exists()


def test_keys_last_and_purposes_differ(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    with KeyStore(folder, master) as keys:
        sealed = keys.create(LIST).seal(LABEL, b"face")
        installation = keys.installation_id
        assert keys.page_key("lfrd.db") != keys.page_key("index.db")
        with pytest.raises(Conflict):
            keys.create(LIST)
    with KeyStore(folder, master) as keys:
        assert keys.installation_id == installation
        assert keys.open(LIST).open(LABEL, sealed) == b"face"
        with pytest.raises(NotFound):
            keys.open(Scope("deployment", "w1"))


def test_a_destroyed_key_is_gone_from_memory_and_from_the_file(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    with KeyStore(folder, master) as keys:
        keys.create(LIST)
        assert keys.destroy(LIST)
        assert not keys.destroy(LIST)
        with pytest.raises(NotFound, match="erased"):
            keys.open(LIST)
    with KeyStore(folder, master) as keys, pytest.raises(NotFound, match="erased"):
        keys.open(LIST)


def test_a_wrapped_key_moved_to_another_list_does_not_open(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with KeyStore(folder, load_master_key(folder, {})) as keys:
        keys.create(LIST)
        keys._db.execute("UPDATE data_key SET id = 'watchlist:w2'")
        with pytest.raises(StateError, match="altered"):
            keys.open(Scope("watchlist", "w2"))


def test_another_master_key_does_not_open_the_file(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with KeyStore(folder, load_master_key(folder, {})):
        pass
    other = MasterKey("a test", os.urandom(32))
    with (
        pytest.raises(StateError, match="does not open with this master key"),
        KeyStore(folder, other),
    ):
        pass


def test_a_lost_keys_file_beside_a_database_is_not_replaced(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    folder.database_path.write_bytes(b"something")
    with pytest.raises(StateError, match=r"keys\.db is missing"), KeyStore(folder, master):
        pass
    assert not folder.keys_path.exists()


def test_a_newer_keys_file_is_refused(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    master = load_master_key(folder, {})
    with KeyStore(folder, master) as keys:
        keys._db.set_pragma("user_version", 3)
    with pytest.raises(StateError, match="newer"), KeyStore(folder, master):
        pass


def test_many_threads_get_the_same_key(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    with KeyStore(folder, load_master_key(folder, {})) as keys:
        scopes = [Scope("watchlist", str(n)) for n in range(8)]
        sealed = [keys.create(scope).seal(LABEL, b"face") for scope in scopes]
        keys._opened.clear()
        opened: list[bytes] = []

        def work() -> None:
            opened.extend(
                keys.open(scope).open(LABEL, blob)
                for scope, blob in zip(scopes, sealed, strict=True)
            )

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert opened == [b"face"] * 64
