"""Keys: one master key outside the databases, one data key for each watchlist and deployment, and
one secret for each part of these: a photo, an episode, a rival shown beside it.

A part is sealed under HMAC(data key, secret). Destroying the data key erases every copy of the
faces of a list or deployment, destroying a secret those of one photo or episode, backups included:
that is why keys.db is a file of its own, overwrites what it deletes, and is in no backup.
"""

import os
import stat
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lfrd.errors import Conflict, NotFound, StateError, StoreFailed
from lfrd.ids import new_id
from lfrd.store.key_files import (
    ESCROWED_AT,
    finish_rotation,
    hold_journal,
    journal_of,
    prepare,
    remove_journal,
    wipe_held_journal,
    wipe_journal,
    write_escrow,
)
from lfrd.store.seal import KEY_BYTES, NONCE_BYTES, DataKey
from lfrd.store.sqlite import Connection, all_or_nothing, connect
from lfrd.store.state_folder import StateFolder, write_secret

CREDENTIAL = "lfrd-master-key"
KEYS_NAME = "keys.db"
_WRAPPING = "data key wrapping"

RESERVE = 32
"""Photos whose ids and secrets are made together: thousands may be enrolled, and each time that
keys.db is written waits for the disk five times. What the program ends without having used is
deleted; after a crash it stays, and decrypts nothing."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What a data key belongs to."""

    kind: Literal["watchlist", "deployment", "listings"]
    subject_id: str

    @property
    def key_id(self) -> str:
        return f"{self.kind}:{self.subject_id}"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """32 bytes from which every other key derives; `origin` says where it was read."""

    origin: str
    secret: bytes = field(repr=False)

    def derive(self, purpose: str) -> bytes:
        """HKDF-SHA256 (RFC 5869) of the master key for one purpose: 32 bytes."""
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"lfrd {purpose}".encode()).derive(
            self.secret
        )


def load_master_key(folder: StateFolder, environment: Mapping[str, str] = os.environ) -> MasterKey:
    """The service manager's credential if there is one, else the folder's `master.key`.

    The file is made on the very first start. Raises StateError where the key is short, readable
    by others, or missing although databases exist. A rotation of the key that was cut off is
    finished, or undone, first.
    """
    finish_rotation(folder)
    passed = credential_key(environment)
    if passed is not None:
        return passed
    path = folder.master_key_path
    if path.exists():
        return read_key(path, forbidden=stat.S_IRWXG | stat.S_IRWXO)
    kept = [file for file in (folder.database_path, folder.keys_path) if file.exists()]
    if kept:
        raise StateError(
            f"{path} is missing, and {kept[0].name} cannot be read without it: put the key back "
            f"from where you keep it (mode 0600), or as the credential {CREDENTIAL}"
        )
    _create_key(path)
    return read_key(path, forbidden=stat.S_IRWXG | stat.S_IRWXO)


def credential_key(environment: Mapping[str, str] = os.environ) -> MasterKey | None:
    """The one that the service manager passes, if any. Raises StateError where it is short."""
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    if credentials and (path := Path(credentials) / CREDENTIAL).exists():
        # The service manager grants access by an ACL, which shows as a group bit.
        return read_key(path, forbidden=stat.S_IRWXO)
    return None


def read_key(path: Path, forbidden: int = stat.S_IRWXG | stat.S_IRWXO) -> MasterKey:
    """The key in a file. Raises StateError where it is short, or its mode has `forbidden` bits."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        secret = path.read_bytes()
    except OSError as error:
        raise StateError(f"the master key {path} cannot be read: {error.strerror}") from error
    if mode & forbidden:
        raise StateError(
            f"the master key {path} can be read by other users (mode {mode:04o}): run "
            f"`chmod 600 {path}`, and think of the key as known to them"
        )
    if len(secret) != KEY_BYTES:
        raise StateError(
            f"the master key {path} has {len(secret)} bytes instead of {KEY_BYTES}: put the whole "
            "key back from where you keep it"
        )
    return MasterKey(str(path), secret)


def _is_empty(path: Path) -> bool:
    return not path.exists() or path.stat().st_size == 0


def _create_key(path: Path) -> None:
    try:
        write_secret(path, os.urandom(KEY_BYTES))
    except OSError as error:
        raise StateError(f"the master key {path} cannot be created: {error.strerror}") from error


class KeyStore:
    """keys.db, opened while entered. Its methods may be called from any thread; those that write
    wait for the disk, so call them in the writer's thread or through `asyncio.to_thread`.

    Opened keys stay in memory until destroyed; there are as many as lists and deployments.
    """

    def __init__(
        self,
        folder: StateFolder,
        master: MasterKey,
        escrow: Path | None = None,
        *,
        adopt_installation: str | None = None,
    ) -> None:
        """`escrow` is where `renew_escrow` keeps a second copy of keys.db. A new keys.db gets the
        installation `adopt_installation`, or an id of its own where there is no database yet."""
        self._folder = folder
        self._escrow = escrow
        self._adopt = adopt_installation
        self._escrow_stale = True
        self._master = master
        self._wrapper = AESGCM(master.derive(_WRAPPING))
        self._lock = threading.Lock()
        self._opened: dict[str, DataKey] = {}
        self._unsettled: dict[str, tuple[str, bytes]] = {}
        self._reserved: dict[str, deque[tuple[str, bytes]]] = {}
        """By list and deployment: ids of photos and episodes to come with their secrets, on the
        disk or among the unsettled."""
        self._connection: Connection | None = None
        self.installation_id = ""

    def __enter__(self) -> "KeyStore":
        path = self._folder.keys_path
        lost = _is_empty(path) and not _is_empty(self._folder.database_path)
        if lost and self._adopt is None:
            raise StateError(
                f"{path} is missing or empty, and the faces in {self._folder.database_path.name} "
                "cannot be opened without it: put it back from its escrow; or, to go on with the "
                "records and give up every face for good, run `lfrd key abandon`"
            )
        hold_journal(path)
        self._connection = connect(path, self.page_key(KEYS_NAME), journal="persist")
        try:
            wipe_held_journal(path)
            wipe_journal(path)  # a crash may have come before
            self.installation_id = prepare(self._connection, self._adopt)
        except BaseException:
            self._connection.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._lock:
            self._opened.clear()
            self._unsettled.clear()
            if self._connection is not None:
                with suppress(StoreFailed):  # the disk is full: they stay, as after a crash
                    self._delete_parts(
                        [part for left in self._reserved.values() for part, _ in left]
                    )
                self._reserved.clear()
                self._connection.close()
                self._connection = None
                remove_journal(self._folder.keys_path)

    def count(self) -> int:
        """How many lists and deployments have a key."""
        with self._lock:
            found = self._db.value("SELECT count(*) FROM data_key WHERE id NOT LIKE 'listings:%'")
        assert isinstance(found, int)
        return found

    def page_key(self, file_name: str) -> bytes:
        """The page encryption key of one database file: 32 bytes."""
        return self._master.derive(f"pages of {file_name}")

    def create(self, scope: Scope) -> DataKey:
        """Make the key of a new list or deployment; on the disk when this returns."""
        key = os.urandom(KEY_BYTES)
        nonce = os.urandom(NONCE_BYTES)
        wrapped = nonce + self._wrapper.encrypt(nonce, key, scope.key_id.encode())
        with self._lock:
            try:
                self._write(
                    lambda: self._db.execute(
                        "INSERT INTO data_key (id, wrapped, created_at_s) VALUES (?, ?, ?)",
                        (scope.key_id, wrapped, time.time()),
                    )
                )
            except Conflict as error:
                raise Conflict(f"there is a key for {scope.key_id} already") from error
            return self._opened.setdefault(scope.key_id, DataKey(key))

    def open(self, scope: Scope) -> DataKey:
        """The key of a list or deployment. Raises NotFound where it was destroyed."""
        with self._lock:
            known = self._opened.get(scope.key_id)
            if known is None:
                known = self._opened[scope.key_id] = self._unwrap(scope)
            return known

    def destroy(self, scope: Scope) -> bool:
        """Overwrite the key: what it sealed can never be opened again. False if there was none."""
        with self._lock:
            self._opened.pop(scope.key_id, None)
            self._reserved.pop(scope.key_id, None)
            self._unsettled = {
                part: new for part, new in self._unsettled.items() if new[0] != scope.key_id
            }
            if self._db.value("SELECT 1 FROM data_key WHERE id = ?", (scope.key_id,)) is None:
                return False

            def delete() -> None:
                self._db.execute("DELETE FROM data_key WHERE id = ?", (scope.key_id,))
                self._db.execute("DELETE FROM part WHERE owner = ?", (scope.key_id,))

            self._write(delete)
            return True

    def next_part(self, scope: Scope, ahead: int = RESERVE) -> tuple[str, DataKey]:
        """The id and the key of a new photo or episode; on the disk with the next `settle`, if not
        yet. Where none is left, so many are made `ahead`.

        Raises NotFound where the list's key was destroyed.
        """
        owner = self.open(scope)
        with self._lock:
            reserved = self._reserved.setdefault(scope.key_id, deque())
            if not reserved:
                reserved.extend((new_id(), os.urandom(KEY_BYTES)) for _ in range(ahead))
                self._unsettled |= {part: (scope.key_id, secret) for part, secret in reserved}
            part_id, secret = reserved.popleft()
        return part_id, owner.part(secret)

    def add_part(self, scope: Scope, part_id: str) -> DataKey:
        """Make the key of what is shown in an episode; on the disk with the next `settle`.

        Raises NotFound where the list's or deployment's key was destroyed.
        """
        owner, secret = self.open(scope), os.urandom(KEY_BYTES)
        with self._lock:
            self._unsettled[part_id] = (scope.key_id, secret)
        return owner.part(secret)

    def settle(self) -> None:
        """Bring the parts added since to the disk: before the commit of what they seal."""
        with self._lock:
            if not self._unsettled:
                return
            rows = [(part, owner, secret) for part, (owner, secret) in self._unsettled.items()]
            self._write(
                lambda: self._db.execute_many(
                    "INSERT INTO part (id, owner, secret) VALUES (?, ?, ?)", rows
                )
            )
            self._unsettled.clear()

    def forget_unsettled(self) -> None:
        """What the parts were added for was not committed."""
        with self._lock:
            self._unsettled.clear()
            self._reserved.clear()

    def open_part(self, scope: Scope, part_id: str) -> DataKey:
        """The key of a photo or episode. Raises NotFound where it, or its owner's, is destroyed."""
        owner = self.open(scope)
        with self._lock:
            new = self._unsettled.get(part_id)
            secret = new[1] if new else self._db.value(
                "SELECT secret FROM part WHERE id = ?", (part_id,))  # fmt: skip
        if secret is None:
            raise NotFound(f"the key of {part_id} is gone: its faces were erased")
        assert isinstance(secret, bytes)
        return owner.part(secret)

    def part_ids(self) -> set[str]:
        """Every photo, episode and rival that has a secret on the disk."""
        with self._lock:
            return set(self._db.column("SELECT id FROM part"))

    def key_ids(self) -> set[str]:
        """Every list and deployment that has a key, as Scope.key_id names it."""
        with self._lock:
            return set(self._db.column("SELECT id FROM data_key"))

    def keep_only(self, key_ids: Collection[str], part_ids: Collection[str]) -> int:
        """Destroy all other keys and secrets; how many went. For a restore."""
        gone = sorted(self.key_ids().difference(key_ids))
        parts = sorted(self.part_ids().difference(part_ids))

        def delete() -> None:
            for key_id in gone:
                self._db.execute("DELETE FROM data_key WHERE id = ?", (key_id,))
                self._db.execute("DELETE FROM part WHERE owner = ?", (key_id,))
            self._db.execute_many(
                "DELETE FROM part WHERE id = ?", [(part_id,) for part_id in parts]
            )

        with self._lock:
            self._opened.clear()
            self._write(delete)
        return len(gone) + len(parts)

    @property
    def escrowed_at_s(self) -> float | None:
        """When this file was written as an escrow; None for any other keys.db."""
        with self._lock:
            value = self._db.value("SELECT value FROM meta WHERE name = ?", (ESCROWED_AT,))
        return None if value is None else float(str(value))

    def secrets_of(self, scope: Scope) -> dict[str, bytes]:
        """The secrets of all parts of a list, by part, for DataKey.part."""
        with self._lock:
            rows = self._db.rows("SELECT id, secret FROM part WHERE owner = ?", (scope.key_id,))
            known = {row.text("id"): row.blob("secret") for row in rows}
            known |= {part: new[1] for part, new in self._unsettled.items()}
            return known

    def destroy_parts(self, part_ids: Sequence[str]) -> None:
        """Overwrite the secrets of photos or episodes: their faces never open again."""
        with self._lock:
            for part_id in part_ids:
                self._unsettled.pop(part_id, None)
            self._delete_parts(part_ids)

    def has(self, scope: Scope) -> bool:
        """Whether there is a key, without opening it."""
        with self._lock:
            found = self._db.value("SELECT 1 FROM data_key WHERE id = ?", (scope.key_id,))
            return found is not None

    def renew_escrow(self) -> None:
        """Overwrite the escrow, if there is one, unless nothing changed since. Waits for the disk.

        Raises StoreFailed where it cannot be written: what was erased is in it still.
        """
        if self._escrow is None:
            return
        with self._lock:
            if self._escrow_stale or not self._escrow.exists():
                write_escrow(self._db, self.page_key(KEYS_NAME), self._escrow)
                self._escrow_stale = False

    def copy_to(self, path: Path, new: MasterKey) -> None:
        """Write keys.db once more to `path`, everything under another master key."""
        page_key = new.derive(f"pages of {KEYS_NAME}")
        wrapper = AESGCM(new.derive(_WRAPPING))
        with self._lock:
            self._db.copy_to(path, page_key)
            ids = self._db.column("SELECT id FROM data_key")
            plain = {key_id: self._plain(key_id) for key_id in ids}
        copy = connect(path, page_key, journal="persist")

        def rewrap() -> None:
            for key_id, key in plain.items():
                nonce = os.urandom(NONCE_BYTES)
                wrapped = nonce + wrapper.encrypt(nonce, key, key_id.encode())
                copy.execute("UPDATE data_key SET wrapped = ? WHERE id = ?", (wrapped, key_id))

        try:
            all_or_nothing(copy, rewrap)
        finally:
            copy.close()
            remove_journal(path)

    def _write(self, work: Callable[[], object]) -> None:
        """One transaction, and nothing of what it replaced is left in the journal."""
        all_or_nothing(self._db, work)
        self._escrow_stale = True
        try:
            wipe_journal(self._db.path)
        except OSError as error:
            raise StoreFailed(
                f"{journal_of(self._db.path)} cannot be overwritten ({error.strerror}): it may "
                "hold keys of what was erased"
            ) from error

    def _delete_parts(self, part_ids: Sequence[str]) -> None:
        if part_ids:
            rows = [(part_id,) for part_id in part_ids]
            self._write(lambda: self._db.execute_many("DELETE FROM part WHERE id = ?", rows))

    @property
    def _db(self) -> Connection:
        assert self._connection is not None, "the key store is not entered"
        return self._connection

    def _unwrap(self, scope: Scope) -> DataKey:
        return DataKey(self._plain(scope.key_id))

    def _plain(self, key_id: str) -> bytes:
        wrapped = self._db.value("SELECT wrapped FROM data_key WHERE id = ?", (key_id,))
        if wrapped is None:
            raise NotFound(f"the key of {key_id} is gone: its faces were erased")
        assert isinstance(wrapped, bytes)
        try:
            return self._wrapper.decrypt(
                wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], key_id.encode()
            )
        except InvalidTag as error:
            raise StateError(
                f"the key of {key_id} does not open with the master key "
                f"({self._master.origin}): keys.db was altered"
            ) from error
