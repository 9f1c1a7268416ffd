"""What a site remembers of its last archive, and health where that is too long ago."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lfrd.clock import Clock, stamp
from lfrd.config import BackupSection
from lfrd.errors import StoreFailed
from lfrd.health import HealthBoard
from lfrd.store.state_folder import StateFolder, write_secret

COMPONENT = "backup"
LOOK_S = 60.0
HOUR_S = 3600.0
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


def remember(folder: StateFolder, last: Last) -> None:
    """Write down what was made. Raises StoreFailed."""
    try:
        write_secret(_record(folder), json.dumps(asdict(last)).encode())
    except OSError as error:
        raise StoreFailed(f"{_record(folder)} cannot be written: {error.strerror}") from error


def last_of(folder: StateFolder) -> Last | None:
    """None where none was made, or the record cannot be read."""
    try:
        return Last(**json.loads(_record(folder).read_text()))
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


async def watch(
    folder: StateFolder, rules: Callable[[], BackupSection], clock: Clock, health: HealthBoard
) -> None:
    """Say so on the board, until cancelled."""
    while True:
        reason = await asyncio.to_thread(too_old, folder, rules(), clock.wall_s())
        if reason is None:
            health.clear(COMPONENT)
        else:
            health.degrade(COMPONENT, reason)
        await asyncio.sleep(LOOK_S)
