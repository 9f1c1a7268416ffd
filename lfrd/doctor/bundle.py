"""`lfrd support-bundle`: what helps somebody else to help, and no face, no name, no secret.

What goes in is chosen, nothing is taken out of what was there: no line of the log, no row, no text
that a person wrote. Ids of cameras are numbered.
"""

import io
import json
import re
import tarfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import BaseModel

from lfrd.config import Config
from lfrd.doctor.finding import Finding
from lfrd.errors import LfrdError
from lfrd.software import identity
from lfrd.store import examination, key_care
from lfrd.store.keys import load_master_key
from lfrd.store.state_folder import StateFolder

KEPT_TEXTS = frozenset(
    {"pack", "provider", "profile", "level", "gate", "transport", "deinterlace",
     "extrapolated_threshold", "evaluation_report", "after_use", "weekly_schedule"}
)  # fmt: skip
"""Settings whose words are the program's own; of all others it is only said that they are set."""
SET = "(set)"


def write(path: Path, config: Config, found: Sequence[Finding], health: str | None) -> list[str]:
    """Write the bundle (tar.gz); the names of what is in it."""
    parts: dict[str, object] = {
        "version.json": {"lfrd": identity(), "written_at_s": int(time.time())},
        "settings.json": settings(config),
        "findings.json": [_without_names(item, config) for item in found],
        "tables.json": _tables(config),
        "health.json": health,
        "files.json": _files(config),
    }
    with tarfile.open(path, "w:gz") as tar:
        for name, content in parts.items():
            text = json.dumps(content, indent=1, sort_keys=True).encode()
            item = tarfile.TarInfo(f"lfrd-support/{name}")
            item.size, item.mode, item.mtime = len(text), 0o600, int(time.time())
            tar.addfile(item, io.BytesIO(text))
    path.chmod(0o600)
    return list(parts)


def settings(config: Config) -> dict[str, object]:
    """The configuration: numbers, switches and words of ours; of the rest that it is set."""
    return {name: _shown(value) for name, value in _fields(config).items()}


def _fields(section: BaseModel) -> Mapping[str, object]:
    return {name: getattr(section, name) for name in type(section).model_fields}


def _shown(value: object, name: str = "") -> object:
    if isinstance(value, BaseModel):
        return {key: _shown(item, key) for key, item in _fields(value).items()}
    if isinstance(value, tuple):
        return [_shown(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return value if name in KEPT_TEXTS and isinstance(value, str) else SET


def _without_names(found: Finding, config: Config) -> dict[str, str]:
    """Level and subject; the sentence only of what the program says of itself."""
    told = asdict(found)
    if found.what.startswith(
        ("camera", "daemon")
    ):  # they name cameras, lists, and what people wrote
        return {"level": found.level.value, "what": found.what.split()[0], "text": ""}
    for place in (config.site.state_dir, config.backup.folder, config.keys.escrow):
        if place is not None:
            told = {key: str(value).replace(str(place), "PLACE") for key, value in told.items()}
    elsewhere = re.compile(r"/(?:home|root|srv|mnt|media|tmp)\S*")
    return {key: elsewhere.sub("PLACE", str(value)) for key, value in told.items()}


def _tables(config: Config) -> object:
    folder = StateFolder(config.site.state_dir)
    try:
        with key_care.reading_live(folder, load_master_key(folder)) as reader:
            return examination.table_sizes(reader)
    except (LfrdError, OSError) as error:
        return type(error).__name__


def _files(config: Config) -> dict[str, int]:
    """The sizes of the state folder's own files."""
    names = ("lfrd.db", "lfrd.db-wal", "index.db", "index.db-wal", "keys.db")
    found = {}
    for name in names:
        path = config.site.state_dir / name
        try:
            found[name] = path.stat().st_size
        except OSError:
            continue
    return found
