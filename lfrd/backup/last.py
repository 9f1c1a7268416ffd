"""What a site remembers of its archives: the last one, health where that is too long ago, and each
in the log. The daemon alone writes it; what was made waits in a file of its own until then."""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lfrd.clock import Clock, stamp
from lfrd.config import BackupSection
from lfrd.errors import StoreFailed
from lfrd.health import HealthBoard
from lfrd.store import backup_rows
from lfrd.store.audit import Fact
from lfrd.store.database import Database
from lfrd.store.state_folder import StateFolder, write_secret

log = logging.getLogger(__name__)

COMPONENT = "backup"
LOOK_S = 10.0
HOUR_S = 3600.0
UNLOGGED = "backup-*.unlogged"
LOGGED_AT_ONCE = 100
GRACE_H = 24.0
"""A backup that is a day late is worth a word; the machine may have been off."""


@dataclass(frozen=True, slots=True)
class Last:
    """The last archive that was made and opened again."""

    path: str
    made_at_s: float
    expires_at_s: float
    size_bytes: int
    seconds: float
    sha256: str = ""
    recipients: tuple[str, ...] = ()
    """Who can open it, age1…"""
    principal: str = ""
    """Who made it: the user it was run as."""
    login: str = ""
    """And who had logged in to do so, as the kernel knows it; empty for a timer."""


def remember(folder: StateFolder, last: Last) -> None:
    """Write down what was made, for the log too. Raises StoreFailed."""
    content = json.dumps(asdict(last)).encode()
    try:
        write_secret(folder.path / UNLOGGED.replace("*", last.sha256[:32]), content)
        write_secret(_record(folder), content)
    except OSError as error:
        raise StoreFailed(f"{_record(folder)} cannot be written: {error.strerror}") from error


def last_of(folder: StateFolder) -> Last | None:
    """None where none was made, or the record cannot be read."""
    return _read(_record(folder))


def _read(path: Path) -> Last | None:
    try:
        return Last(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _record(folder: StateFolder) -> Path:
    return folder.path / "backup.json"


def too_old(folder: StateFolder, rules: BackupSection, now_s: float) -> str | None:
    """Why somebody should look after the backups; None where none are wanted, or all is well."""
    if rules.folder is None:
        return None
    last = last_of(folder)
    if last is None:
        return "there is no backup yet: run `lfrd backup`, and see to lfrd-backup.timer"
    if now_s - last.made_at_s > (rules.every_h + GRACE_H) * HOUR_S:
        return (
            f"the last backup was made {stamp(last.made_at_s)}: run `lfrd backup`, and see to "
            "lfrd-backup.timer"
        )
    return None


async def log_made(folder: StateFolder, database: Database) -> None:
    """Write archives that were made meanwhile into the log. Raises StoreFailed."""
    for path in sorted(folder.path.glob(UNLOGGED))[:LOGGED_AT_ONCE]:
        made = await asyncio.to_thread(_read, path)
        if made is None:
            log.warning("%s says of no archive that was made: it is left out of the log", path)
        else:
            facts = _facts(made)
            await database.write(
                lambda tx, f=facts: backup_rows.log_made(tx, f),  # type: ignore[misc]
                principal=made.principal,
            )
        path.unlink()


def _facts(made: Last) -> dict[str, Fact]:
    return {
        "sha256": made.sha256, "recipients": list(made.recipients), "login": made.login,
        "size_bytes": made.size_bytes, "made": stamp(made.made_at_s),
        "expires": stamp(made.expires_at_s),
    }  # fmt: skip


async def watch(
    folder: StateFolder,
    rules: Callable[[], BackupSection],
    database: Database,
    clock: Clock,
    health: HealthBoard,
) -> None:
    """Log what was made, and say on the board where too little is, until cancelled."""
    while True:
        with contextlib.suppress(StoreFailed):  # the store says so itself; the file waits
            await log_made(folder, database)
        reason = await asyncio.to_thread(too_old, folder, rules(), clock.wall_s())
        if reason is None:
            health.clear(COMPONENT)
        else:
            health.degrade(COMPONENT, reason)
        await asyncio.sleep(LOOK_S)
