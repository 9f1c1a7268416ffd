"""Looking through the databases while the daemon runs: a page that the disk spoilt is found before
it is needed.

Every page is encrypted with a tag of its own, and each table is read with all its pages and indexes
(`PRAGMA quick_check`), one table at a time, while nothing waits to be written. A page that the
kernel still has in memory is not read from the disk again.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lfrd.errors import StateError, StoreFailed
from lfrd.health import HealthBoard
from lfrd.store.keys import KeyStore
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder

log = logging.getLogger(__name__)

COMPONENT = "pages"
EVERY_S = 6 * 3600.0
PAUSE_S = 1.0
"""Between two tables."""
BUSY_S = 60.0
"""So long a table is put off while others write; then it is looked at all the same."""
TABLE_LIMIT_S = 30.0
"""A long reader bars the checkpoint that completes an erasure: a table that takes longer is left,
and the log says so."""
CACHE_KIB = 2_048
RESTORE = "stop lfrd, keep a copy of the state folder, and run `lfrd restore` with the last backup"
ANEW = "stop lfrd and delete it: it is made anew at the next start"


@dataclass(frozen=True, slots=True)
class _File:
    path: Path
    key: bytes
    mend: str
    is_derived: bool = False


class PageCheck:
    """`run` looks through everything again and again, and says on the board what it finds."""

    def __init__(
        self,
        folder: StateFolder,
        keys: KeyStore,
        health: HealthBoard,
        is_quiet: Callable[[], bool],
        *,
        every_s: float = EVERY_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._files = (
            _File(folder.database_path, keys.page_key(folder.database_path.name), RESTORE),
            _File(folder.keys_path, keys.page_key(folder.keys_path.name), RESTORE),
            _File(folder.index_path, keys.page_key(folder.index_path.name), ANEW, is_derived=True),
        )
        self._health = health
        self._is_quiet = is_quiet
        self._every_s = every_s
        self._pause_s = pause_s
        self._over = False

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                for file in self._files:
                    await self._look_through(file)
                await asyncio.sleep(self._every_s)
        finally:
            self._over = True

    async def _look_through(self, file: _File) -> None:
        component = f"{COMPONENT}:{file.path.name}"
        tables, found = await asyncio.to_thread(_tables, file)
        for table in tables:
            await self._wait_for_quiet()
            found = found or await asyncio.to_thread(self._damage, file, table)
        if found is None:
            self._health.clear(component)
            return
        tell = self._health.degrade if file.is_derived else self._health.fail
        tell(component, f"{file.path} is damaged ({found}): {file.mend}")

    async def _wait_for_quiet(self) -> None:
        waited_s = 0.0
        await asyncio.sleep(self._pause_s)
        while not self._is_quiet() and waited_s < BUSY_S:
            waited_s += self._pause_s
            await asyncio.sleep(self._pause_s)

    def _damage(self, file: _File, table: str) -> str | None:
        """What is wrong with a table; in a thread."""
        if self._over:
            return None
        try:
            connection = connect(file.path, file.key, read_only=True, cache_kib=CACHE_KIB)
        except StateError as error:
            return str(error)
        try:
            with connection.time_limit(TABLE_LIMIT_S, lambda: self._over):
                return connection.damage(table)
        except StoreFailed as error:
            if not self._over:
                log.warning("table %s was not looked through: %s", table, error)
            return None
        finally:
            connection.close()


def _tables(file: _File) -> tuple[list[str], str | None]:
    """The tables that have pages; or why they cannot be told."""
    try:
        connection = connect(file.path, file.key, read_only=True, cache_kib=CACHE_KIB)
    except StateError as error:
        return [], str(error)
    try:
        return connection.tables(), None
    except StoreFailed as error:
        return [], str(error)
    finally:
        connection.close()
