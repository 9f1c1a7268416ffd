"""`lfrd upgrade`: bring the database to this program's schema, or try that on a copy first."""

import argparse
import shutil
import tempfile
import time
from pathlib import Path

from lfrd.cli.terminal import note, say
from lfrd.config import Config
from lfrd.errors import StateError, StoreFailed
from lfrd.store import key_care
from lfrd.store.keys import load_master_key
from lfrd.store.migrate import migrations_folder, read_migrations
from lfrd.store.state_folder import StateFolder


def run(options: argparse.Namespace, config: Config) -> int:
    """`--check` works on a copy, also while the daemon of before runs; without it none may run."""
    folder = StateFolder(config.site.state_dir)
    if not folder.database_path.exists():
        raise StateError(f"there is no {folder.database_path}: start lfrd once")
    if options.check:
        _check(folder)
        return 0
    with folder:
        number, at_s = key_care.upgrade(folder, load_master_key(folder), time.time()), time.time()
    known = len(read_migrations(migrations_folder()))
    if number == known:
        say(f"nothing to do: the database has schema {known}")
    else:
        copy = folder.database_path.with_name(f"lfrd.db.before-{number + 1:04d}")
        say(f"schema {number} is now {known} ({time.time() - at_s:.1f} s); as it was: {copy}")
    return 0


def _check(folder: StateFolder) -> None:
    size = folder.database_path.stat().st_size
    free = shutil.disk_usage(folder.path).free
    if free < 3 * size:
        raise StoreFailed(
            f"{folder.path} has {free:,} bytes free; the try and the copy that an upgrade keeps "
            f"take {3 * size:,}: free some space"
        )
    known = read_migrations(migrations_folder())
    with tempfile.TemporaryDirectory(prefix="upgrade-", dir=folder.path) as place:
        began_s = time.monotonic()
        number = key_care.try_upgrade(folder, load_master_key(folder), Path(place), time.time())
        took_s = time.monotonic() - began_s
    missing = known[number:]
    if not missing:
        say(f"nothing to do: the database has schema {len(known)}")
        return
    names = ", ".join(f"{item.number} {item.name}" for item in missing)
    say(f"schema {number} becomes {len(known)} ({names}): tried on a copy, {took_s:.1f} s")
    note("the next start does it, and keeps a copy of the database as it was")
