"""When each key in an archive is to be gone: by the timers of what it opens, as if the archive were
the site itself."""

import json
from collections.abc import Mapping
from pathlib import Path

from lfrd.governance.profile import SitePolicies
from lfrd.governance.retention import (
    due_after_use,
    faces_due_at_s,
    key_due_at_s,
    policy_of,
    uses_of_lists,
)
from lfrd.store import backup_rows, deployments, holds
from lfrd.store.transaction import Reader

DAY_S = 86_400.0


def horizons(
    reader: Reader, policies: SitePolicies, expired_kept_s: float, until_s: float
) -> dict[str, float]:
    """The keys and secrets that go before `until_s`, and when."""
    rows = {row.id: row for row in reader.find(deployments.Deployment)}
    rules = {key: policy_of(row, policies).rules for key, row in rows.items()}
    due = {
        part: faces_due_at_s(item.raised_at_s, rules[item.deployment_id])
        for item in backup_rows.episodes_with_faces(reader)
        for part in item.parts
    }
    for key, row in rows.items():
        if row.ended_at_s is not None and not holds.on_deployment(reader, key):
            scope = deployments.scope_of(key).key_id
            due[scope] = key_due_at_s(row.ended_at_s, rules[key])
    lists = {
        key: end_s + expired_kept_s for key, end_s in backup_rows.ends_of_lists(reader).items()
    }
    for key, due_s in due_after_use(uses_of_lists(reader)).items():
        if not holds.on_list(reader, key):
            lists[key] = min(due_s, lists.get(key, due_s))
    due |= {f"watchlist:{key}": due_s for key, due_s in lists.items()}
    for photo, end_s in backup_rows.ends_of_photos(reader).items():
        due[photo] = end_s + expired_kept_s
    return {key: due_s for key, due_s in due.items() if due_s < until_s}


def expires_at_s(key_ids: set[str], due: Mapping[str, float], until_s: float) -> float:
    """When the last key is gone; `until_s` where any stays until then."""
    listed = [key for key in key_ids if not key.startswith("listings:")]
    return max((due.get(key, until_s) for key in listed), default=until_s)


def save(path: Path, due: Mapping[str, float]) -> None:
    """Write them for an archive."""
    path.touch(mode=0o600)
    path.write_text(json.dumps(due))


def alive(path: Path, ids: set[str], expires_s: float, now_s: float) -> set[str]:
    """Which of these keys may still be restored from an archive that ends at `expires_s`."""
    due: dict[str, float] = json.loads(path.read_text())
    return {key for key in ids if due.get(key, expires_s) > now_s}
