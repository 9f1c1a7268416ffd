"""Making an archive, also beside a running daemon: copy, check, encrypt, open again, clear away."""

import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lfrd import __version__
from lfrd.backup import archive, horizons, keep, last
from lfrd.backup.archive import Header
from lfrd.backup.last import Last
from lfrd.backup.sealing import Identity, Recipient
from lfrd.config import Config, dump
from lfrd.errors import BadInput, Conflict, StateError, StoreFailed
from lfrd.governance import profile
from lfrd.store import audit_log, backup_rows, key_care
from lfrd.store.keys import MasterKey
from lfrd.store.migrate import Applied, migrations_folder, read_migrations
from lfrd.store.state_folder import StateFolder, overwrite, sync_file
from lfrd.store.templates import pack_in_use
from lfrd.store.transaction import Reader

HOUR_S = 3600.0
REST_S = 0.01
"""Between two slices, so that the daemon's own writes come in between."""
SYNC_SLICES = 4
FULL_BYTES = 1 << 20

Progress = Callable[[str, float], None]
"""Told what is done now, and which share of it is."""


@dataclass(frozen=True, slots=True)
class By:
    """The user it is run as, and who had logged in to do so."""

    principal: str
    login: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """An archive that was opened again."""

    path: Path
    header: Header
    sha256: str
    """Of the file, as the log has it."""
    seconds: float
    deleted: tuple[Path, ...]
    """Archives whose time was over."""


def make(
    folder: StateFolder,
    master: MasterKey,
    config: Config,
    target: Path,
    recipients: Sequence[Recipient],
    now_s: float,
    progress: Progress,
    by: By,
) -> Made:
    """Write an archive to a file, or under a name of its own into a folder; the log will say `by`
    whom.

    Raises BadInput, Conflict where one is being made or the file is there, StateError, StoreFailed.
    """
    begun_s = time.monotonic()
    _check(folder, target, recipients)
    path = target / _name(config, now_s) if target.is_dir() else target
    with (
        folder.without_backup("a backup is being made already: wait until it is done"),
        _staging(path.parent) as staging,
    ):
        _demand_room(folder, path.parent)
        members = _copy(folder, master, config, staging, progress)
        header, log_size, pack = _facts(staging, master, config, recipients, members, now_s)
        proof = Identity.new()  # to open it again; it is gone with this process
        progress("encrypting", 0.0)
        everyone = (*recipients, proof.recipient)
        archive.write(path, header, members, everyone, log_size=log_size, pack=pack)
        progress("opening it again", 0.0)
        _open_again(path, proof)
    deleted = keep.prune(target, header.installation, now_s, path) if target.is_dir() else []
    seconds = time.monotonic() - begun_s
    sha256 = _sha256(path)
    last.remember(folder, Last(
        str(path.absolute()), now_s, header.expires_at_s, path.stat().st_size, seconds, sha256,
        header.recipients, by.principal, by.login,
    ))  # fmt: skip
    return Made(path, header, sha256, seconds, tuple(deleted))


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check(folder: StateFolder, target: Path, recipients: Sequence[Recipient]) -> None:
    if not recipients:
        raise BadInput(
            "nobody could open the archive: name a recipient (`lfrd key recipient FILE` makes one; "
            "[backup] recipients, or --recipient age1…)"
        )
    if target.exists() and not target.is_dir():
        raise Conflict(f"{target} is there already: name another file, or a folder")
    if not target.is_dir() and not target.parent.is_dir():
        raise BadInput(f"{target} cannot be written: there is no folder {target.parent}")
    for path in (folder.database_path, folder.keys_path):
        if not path.exists():
            raise StateError(f"there is no {path}: start lfrd once")


def _name(config: Config, now_s: float) -> str:
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_s))
    return f"{config.site.node}-{moment}{archive.SUFFIX}"


@contextmanager
def _staging(parent: Path) -> Iterator[StateFolder]:
    """A folder for copies beside the archive, encrypted as the files themselves; nothing stays."""
    path = parent / f".lfrd-backup-{os.getpid()}"
    try:
        for left in parent.glob(".lfrd-backup-*"):
            _clear(left)  # of one that was cut off: there is one at a time
        path.mkdir(mode=0o700)
    except OSError as error:
        raise StoreFailed(f"{parent} cannot be written: {error.strerror}") from error
    try:
        with StateFolder(path) as folder:
            yield folder
    except StateError as error:  # SQLite has many words for it
        if shutil.disk_usage(parent).free < FULL_BYTES:
            raise StoreFailed(
                f"{parent} cannot be written: the disk is full; free some space, or name another "
                "folder"
            ) from error
        raise
    finally:
        _clear(path)


def _clear(folder: Path) -> None:
    for name in (archive.MASTER, archive.KEYS):
        overwrite(folder / name)
    shutil.rmtree(folder, ignore_errors=True)


def _demand_room(folder: StateFolder, target: Path) -> None:
    needed = 2 * sum(_size(path) for path in (folder.database_path, folder.keys_path)) + (8 << 20)
    free = shutil.disk_usage(target).free
    if free < needed:
        raise StoreFailed(
            f"{target} has {free:,} bytes free, and the archive and the copy it is made of take "
            f"{needed:,}: free some space, or name another folder"
        )


def _size(path: Path) -> int:
    wal = path.with_name(path.name + "-wal")
    return path.stat().st_size + (wal.stat().st_size if wal.exists() else 0)


def _copy(
    folder: StateFolder,
    master: MasterKey,
    config: Config,
    staging: StateFolder,
    progress: Progress,
) -> dict[str, Path]:
    """Copies of everything, by the names they have in the archive. The keys come after what they
    open: a face that is erased meanwhile has none."""
    slices = 0

    def between(done: float) -> None:
        nonlocal slices
        slices += 1
        if slices % SYNC_SLICES == 0:
            sync_file(staging.database_path)
        progress("copying", done)
        time.sleep(REST_S)

    for path in (staging.database_path, staging.keys_path):
        path.touch(mode=0o600)
    key_care.copy_database(folder, master, staging.database_path, between)
    key_care.copy_keys(folder, master, staging.keys_path)
    (staging.path / archive.MASTER).touch(mode=0o600)
    (staging.path / archive.MASTER).write_bytes(master.secret)
    (staging.path / archive.CONFIG).write_text(dump(config))
    members = {
        archive.DATABASE: staging.database_path,
        archive.KEYS: staging.keys_path,
        archive.MASTER: staging.path / archive.MASTER,
        archive.CONFIG: staging.path / archive.CONFIG,
    }
    for curve in sorted((folder.path / "curves").glob("*")):
        if curve.is_file():
            members[archive.CURVES + curve.name] = curve
    return members


def _facts(
    staging: StateFolder,
    master: MasterKey,
    config: Config,
    recipients: Sequence[Recipient],
    members: dict[str, Path],
    now_s: float,
) -> tuple[Header, int, str]:
    """The first line, the size of the log and the models; adds the horizons and the log's newest
    checkpoint to the members."""
    rules = config.policy
    policies = profile.for_site(rules.profile, rules.tightened, allow_lab=rules.allow_lab)
    until_s = now_s + config.backup.keep_days * horizons.DAY_S
    with key_care.reading(staging, master) as reader:
        schema = _schema_of(reader)
        kept_s = config.lists.expired_kept_h * HOUR_S
        due = horizons.horizons(reader, policies, kept_s, until_s)
        expires_s = horizons.expires_at_s(reader.keys.key_ids(), due, until_s)
        installation, log_size = reader.keys.installation_id, backup_rows.log_size(reader)
        checkpoint = audit_log.newest_checkpoint(reader)
        pack = pack_in_use(reader, config.models.pack)
    horizons.save(staging.path / archive.HORIZONS, due)
    (staging.path / archive.LOG).write_text(checkpoint.note if checkpoint else "")
    for name in (archive.HORIZONS, archive.LOG):
        members[name] = staging.path / name
    header = Header(
        lfrd=__version__, schema_number=schema, installation=installation, made_at_s=now_s,
        expires_at_s=max(expires_s, now_s), recipients=tuple(one.text for one in recipients),
        size_bytes=sum(path.stat().st_size for path in members.values()),
    )  # fmt: skip
    return header, log_size, pack


def _schema_of(reader: Reader) -> int:
    found = max((row.number for row in reader.find(Applied)), default=0)
    known = len(read_migrations(migrations_folder()))
    if found != known:
        raise StateError(
            f"the database has schema {found}, and this lfrd knows {known}: start the daemon of "
            "the same version first"
        )
    return found


def _open_again(path: Path, proof: Identity) -> None:
    """What is on the disk now, not what was meant to be written."""
    try:
        archive.unpack(path, [proof], None)
    except BadInput as error:
        path.unlink()
        raise StoreFailed(f"what was written could not be opened again: {error}") from error


def told(made: Made) -> str:
    """What was made, for people."""
    lines = [
        f"{made.path}: {archive.described(made.header)}",
        f"opened again and checked, {made.seconds:.1f} s; restore it with `lfrd restore "
        f"{made.path} --identity FILE`",
    ]
    lines += [f"deleted {path}: its time was over" for path in made.deleted]
    if made.header.expires_at_s <= made.header.made_at_s:
        lines.append("it holds records alone: the time of every face in it is over")
    return "\n".join(lines)
