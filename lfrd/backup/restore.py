"""Bringing a site back from an archive, onto a machine that has none.

All of it is made ready in a folder of its own and then put in place, the database last; cut off
anywhere, the daemon does not start and the restore is done again.

What was erased after the archive was made is erased again: the escrow says what still has its key.
Without one, the copy of the log's checkpoints may say that nothing was done since. Otherwise nobody
can say who was taken off the lists, and they stay closed until a supervisor has confirmed them.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lfrd.audit.verify import ED25519, Checkpoint, notes_in
from lfrd.backup import archive, horizons
from lfrd.backup.archive import Header, Manifest
from lfrd.backup.make import Progress
from lfrd.backup.sealing import Identity
from lfrd.clock import Clock, stamp
from lfrd.errors import BadInput, Conflict, StateError, StoreFailed
from lfrd.store import backup_rows, key_care, watchlists
from lfrd.store.audit import AuditClass
from lfrd.store.backup_rows import Reapplied
from lfrd.store.database import Database
from lfrd.store.key_files import remove_journal
from lfrd.store.keys import KeyStore, MasterKey, read_key
from lfrd.store.migrate import migrations_folder, read_migrations
from lfrd.store.state_folder import (
    StateFolder,
    overwrite,
    sync_file,
    sync_folder,
)
from lfrd.store.transaction import Transaction

CONFIG_NAME = "restored.toml"


@dataclass(frozen=True, slots=True)
class Sources:
    """What tells of erasures after the archive was made."""

    escrow: Path | None = None
    checkpoints: Path | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """A list that nobody can vouch for, and who is on it."""

    name: str
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back."""

    header: Header
    lists: int
    entries: int
    episodes: int
    keys_past: int
    """Keys that were not brought back, since their time is over."""
    reapplied: Reapplied
    vouched_by: str | None
    closed: tuple[Closed, ...]
    log_key: str
    pack: str


def check(path: Path, identities: Sequence[Identity]) -> Manifest:
    """Open an archive and hold everything in it against its digest; nothing is written."""
    header, _ = archive.read_header(path)
    _refuse_newer(path, header)
    return archive.unpack(path, identities, None)


async def restore(
    path: Path,
    identities: Sequence[Identity],
    state_dir: Path,
    sources: Sources,
    clock: Clock,
    principal: str,
    credential: MasterKey | None = None,
    progress: Progress = lambda _what, _share: None,
) -> Restored:
    """Bring everything back into an empty state folder. `credential` is the master key that the
    service manager passes, if any: then it has to be the archive's. `progress` is told what is
    done.

    Raises BadInput, Conflict where there is a state already, StateError, StoreFailed.
    """
    header, _ = archive.read_header(path)
    _refuse_newer(path, header)
    with StateFolder(state_dir, of_restore=True) as folder:
        work = folder.restoring
        was_cut_off = work.path.exists()
        if not was_cut_off:
            _refuse_live(folder)
        _clear(folder, work)
        _demand_room(folder, header)
        try:
            with work:
                progress("reading the archive", 0.0)
                manifest = archive.unpack(path, identities, work.path)
                progress("erasing again what was erased since", 0.0)
                restored = await _prepare(work, manifest, sources, clock, principal, credential)
        except BaseException:
            _clear(folder, work)
            raise
        progress("putting it in place", 0.0)
        _put_in_place(folder, work, keep_key=credential is None)
    return restored


def _refuse_newer(path: Path, header: Header) -> None:
    known = len(read_migrations(migrations_folder()))
    if header.schema_number > known:
        raise BadInput(
            f"{path} was made by a newer lfrd ({header.lfrd}, schema {header.schema_number}; this "
            f"one knows {known}): install that version to restore it"
        )


def _refuse_live(folder: StateFolder) -> None:
    for path in (folder.database_path, folder.keys_path, folder.master_key_path):
        if path.exists():
            raise Conflict(
                f"{folder.path} holds a site already ({path.name}): a restore begins with an empty "
                "folder; move that one away first, if it is not to be kept"
            )


def _clear(folder: StateFolder, work: StateFolder) -> None:
    """Take away what a restore that was cut off left, in its own folder and in place."""
    if not work.path.exists():
        return
    for name in (archive.MASTER, archive.KEYS):
        overwrite(work.path / name)
    for file in (folder.master_key_path, folder.keys_path, folder.audit_key_path):
        overwrite(file)
        file.unlink(missing_ok=True)
    folder.database_path.unlink(missing_ok=True)
    shutil.rmtree(work.path)


def _demand_room(folder: StateFolder, header: Header) -> None:
    needed, free = header.size_bytes + (16 << 20), shutil.disk_usage(folder.path).free
    if free < needed:
        raise StoreFailed(
            f"{folder.path} has {free:,} bytes free, and the archive takes {needed:,}: free some "
            "space"
        )


async def _prepare(
    work: StateFolder,
    manifest: Manifest,
    sources: Sources,
    clock: Clock,
    principal: str,
    credential: MasterKey | None,
) -> Restored:
    header, now_s = manifest.header, clock.wall_s()
    master = read_key(work.master_key_path)
    if credential is not None and credential.secret != master.secret:
        raise StateError(
            f"{credential.origin} is another master key than the archive's: take the credential "
            "away, restore, and then change the key with `lfrd key rotate --new-key FILE`"
        )
    with KeyStore(work, master) as keys:
        if keys.installation_id != header.installation:
            raise BadInput("the archive holds the keys of another installation")
        past = _drop_past(work, keys, header, now_s)
        vouched_by = _escrow_says(work, master, keys, sources.escrow)
        async with Database(work, keys, clock) as database:
            vouched_by = vouched_by or await _log_says(database, sources.checkpoints)
            restored = await database.write(
                lambda tx: _settle(tx, manifest, past, vouched_by), principal=principal
            )
    reason = f"restored from the archive of {stamp(header.made_at_s)}"
    key = await key_care.renew_audit_key(work, master, clock, reason, ED25519, principal=principal)
    return Restored(
        header=header, lists=restored.lists, entries=restored.entries, episodes=restored.episodes,
        keys_past=past, reapplied=restored.reapplied, vouched_by=vouched_by,
        closed=restored.closed, log_key=key.text, pack=manifest.pack,
    )  # fmt: skip


def _drop_past(work: StateFolder, keys: KeyStore, header: Header, now_s: float) -> int:
    """Destroy the keys whose time was over before now."""
    due = work.path / archive.HORIZONS
    key_ids, parts = keys.key_ids(), keys.part_ids()
    listings = {key_id for key_id in key_ids if key_id.startswith("listings:")}
    alive = horizons.alive(due, key_ids | parts, header.expires_at_s, now_s)
    return keys.keep_only((key_ids & alive) | listings, parts & alive)


def _escrow_says(
    work: StateFolder, master: MasterKey, keys: KeyStore, escrow: Path | None
) -> str | None:
    """Destroy what has no key in the escrow any more; what vouches for the rest. None without an
    escrow. Raises BadInput where it is of another installation or key."""
    if escrow is None or not escrow.exists():
        return None
    folder = StateFolder(work.path / "escrow")
    with folder:
        folder.keys_path.touch(mode=0o600)
        try:
            folder.keys_path.write_bytes(escrow.read_bytes())
            with KeyStore(folder, master) as escrowed:
                installation, at_s = escrowed.installation_id, escrowed.escrowed_at_s
                key_ids, parts = escrowed.key_ids(), escrowed.part_ids()
        except (OSError, StateError) as error:
            raise BadInput(
                f"the escrow {escrow} cannot be read with the archive's master key ({error}): was "
                "the key changed since? Take an archive that was made after that; without "
                "--escrow the lists come back closed"
            ) from error
        finally:
            overwrite(folder.keys_path)
    shutil.rmtree(folder.path)
    if installation != keys.installation_id:
        raise BadInput(f"the escrow {escrow} is of another installation than the archive")
    keys.keep_only(key_ids, parts)
    when = "" if at_s is None else f", last written {stamp(at_s)}"
    return f"the escrow {escrow}{when}"


async def _log_says(database: Database, checkpoints: Path | None) -> str | None:
    """The copy of the log's checkpoints, where the newest is of the log as it is in the archive:
    then nothing was done since, and nobody was erased."""
    notes = _notes(checkpoints)
    size, root, origin, keys = await database.read(backup_rows.log_state)
    ours = [note for note in notes if note.origin == origin]
    signed = [note for note in ours if any(key in note.signers([key]) for key in keys)]
    newest = max(signed, key=lambda note: note.size, default=None)
    if newest is None or (newest.size, newest.root) != (size, root):
        return None
    return f"the checkpoints in {checkpoints}: nothing was done after the archive was made"


def _notes(path: Path | None) -> list[Checkpoint]:
    if path is None or not path.exists():
        return []
    try:
        return notes_in(path.read_text(encoding="utf-8", errors="replace"))[0]
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class _Settled:
    lists: int
    entries: int
    episodes: int
    reapplied: Reapplied
    closed: tuple[Closed, ...]


def _settle(
    tx: Transaction, manifest: Manifest, keys_past: int, vouched_by: str | None
) -> _Settled:
    reapplied = backup_rows.reapply(tx)
    backup_rows.forget_copy_of_log(tx)
    closed: list[tuple[str, list[str]]] = []
    if vouched_by is None:
        closed = watchlists.close_restored(tx, manifest.header.made_at_s)
    tx.audit(
        AuditClass.ALTERATION, "backup.restore", (),
        {
            "made": stamp(manifest.header.made_at_s), "keys_past": keys_past,
            "erased_again": reapplied.lists + reapplied.entries + reapplied.photos
            + reapplied.episodes, "vouched": vouched_by is not None, "lists_closed": len(closed),
        },
    )  # fmt: skip
    lists, entries, episodes = backup_rows.counts(tx)
    return _Settled(
        lists, entries, episodes, reapplied,
        tuple(Closed(name, tuple(references)) for name, references in closed),
    )  # fmt: skip


def _put_in_place(folder: StateFolder, work: StateFolder, *, keep_key: bool) -> None:
    remove_journal(work.keys_path)
    moves = [
        (work.audit_key_path, folder.audit_key_path),
        (work.keys_path, folder.keys_path),
        (work.path / archive.CONFIG, folder.path / CONFIG_NAME),
        (work.database_path, folder.database_path),
    ]
    if keep_key:
        moves.insert(0, (work.master_key_path, folder.master_key_path))
    curves = work.path / archive.CURVES.rstrip("/")
    if curves.is_dir() and not (folder.path / curves.name).exists():
        curves.rename(folder.path / curves.name)
    for source, target in moves:
        sync_file(source)
        source.replace(target)
    sync_folder(folder.path)
    for name in (archive.MASTER, archive.KEYS):
        overwrite(work.path / name)
    shutil.rmtree(work.path)  # from here on the daemon starts
    sync_folder(folder.path)
