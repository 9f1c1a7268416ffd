"""`lfrd doctor` and `lfrd support-bundle`: what is wrong here, and what mends it."""

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path

from lfrd.cli.outputs import check_output
from lfrd.cli.terminal import note, say, say_state
from lfrd.client import Client
from lfrd.config import Config, client_socket, is_there
from lfrd.doctor import bundle, machine, state
from lfrd.doctor.finding import Finding, Level, findings, ok, warn
from lfrd.errors import LfrdError
from lfrd.wire.health import Health, HealthStatus

CHECKS: tuple[tuple[str, Callable[[Config], Iterable[Finding]]], ...] = (
    ("versions", machine.versions), ("processor", machine.processor),
    ("runtime", machine.runtime), ("models", machine.models),
    ("sqlite-vec", machine.sqlite_vec), ("disk", machine.disk), ("clock", machine.clock),
    ("units", machine.units), ("permissions", state.permissions), ("ports", state.ports),
    ("keys", state.keys), ("database", state.database), ("backup", state.backups),
    ("cameras", state.cameras),
)  # fmt: skip
COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


async def doctor(options: argparse.Namespace, config: Config) -> int:
    """Exit code 1 where something does not work."""
    found = await _all(config)
    if options.json:
        say(json.dumps([asdict(item) for item in found]))
    else:
        for item in found:
            mend = f"\n      → {item.mend}" if item.mend else ""
            text = f"  {item.what}: {item.text}{mend}"
            say_state(f"{item.level.value:4}", COLOURS[item.level], text)
        bad = sum(item.level is Level.FAIL for item in found)
        so_so = sum(item.level is Level.WARN for item in found)
        say(f"{bad} failures, {so_so} warnings")
    return int(any(item.level is Level.FAIL for item in found))


async def support_bundle(options: argparse.Namespace, config: Config) -> int:
    """Write the bundle, and say what is in it."""
    path: Path = options.file
    check_output(path, ())
    health = await _health(config)
    status = None if health is None else health.status.value
    names = bundle.write(path, config, await _all(config), status)
    say(f"{path}: {', '.join(names)}")
    note("it holds no face, no name and no secret; look it through before you send it")
    return 0


async def _all(config: Config) -> list[Finding]:
    found = [
        item
        for what, check in CHECKS
        for item in findings(what, lambda c=check: c(config))  # type: ignore[misc]
    ]
    return found + _of_daemon(await _health(config))


async def _health(config: Config) -> Health | None:
    socket = client_socket(config)
    if not is_there(socket):
        return None
    try:
        async with Client.over_socket(socket) as client:
            return await client.health()
    except LfrdError:
        return None


def _of_daemon(health: Health | None) -> list[Finding]:
    if health is None:
        return [warn("daemon", "none answers", "`systemctl start lfrd`; then look again")]
    if health.status is HealthStatus.OK:
        return [ok("daemon", f"lfrd {health.version} works, on {health.model.provider}")]
    level = Level.FAIL if health.status is HealthStatus.FAILED else Level.WARN
    return [Finding(level, "daemon", reason, "as it says") for reason in health.reasons]
