"""`lfrd health` for people and for monitoring, `lfrd me`, and `lfrd policy show --running`."""

import argparse
import asyncio
from pathlib import Path

from lfrd.cli.dates import shown
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import say, say_state
from lfrd.client import Client, Unreachable
from lfrd.wire.health import Health, HealthStatus

EXIT_CODES = {HealthStatus.OK: 0, HealthStatus.DEGRADED: 1, HealthStatus.FAILED: 2}
"""As the plugins of monitoring programs (Nagios, Icinga, Sensu) answer: good, warning, critical. No
answer is a critical one."""

ANSWER_S = 8.0
"""So long a daemon may take: most programs that monitor give up after 10 s, and show no reason."""

COLOURS = {HealthStatus.OK: "green", HealthStatus.DEGRADED: "yellow", HealthStatus.FAILED: "red"}


async def health(options: argparse.Namespace, socket: Path) -> int:
    """How the site is; the exit code says it too."""
    async with Client.over_socket(socket, token_of(options)) as client:
        try:
            async with asyncio.timeout(ANSWER_S):
                found = await client.health()
        except TimeoutError:
            raise Unreachable(
                f"the daemon on {socket} has not answered in {ANSWER_S:.0f} s: it hangs, or has no "
                "processor; its log may say more"
            ) from None
    if options.json:
        say(found.model_dump_json())
    else:
        say_state(found.status.value, COLOURS[found.status], _rest(found.printable()))
    return EXIT_CODES[found.status]


async def me(options: argparse.Namespace, socket: Path) -> int:
    """Who the daemon takes the caller for."""
    async with Client.over_socket(socket, token_of(options)) as client:
        found = await client.me()
    say(found.model_dump_json() if options.json else f"{found.principal}, {found.role}")
    return 0


async def reload(options: argparse.Namespace, socket: Path) -> int:
    """Have the configuration read anew; say what holds, and what waits for a restart."""
    async with Client.over_socket(socket, token_of(options)) as client:
        done = await client.reload()
    if options.json:
        say(done.model_dump_json())
        return 0
    say(f"now in force: {', '.join(done.applied) or 'nothing is new'}")
    if done.restart:
        say(f"in force after `systemctl restart lfrd`: {', '.join(done.restart)}")
    return 0


async def policy(options: argparse.Namespace, socket: Path) -> int:
    """The rules that the running daemon has: its own, and the lab's where it is allowed."""
    async with Client.over_socket(socket, token_of(options)) as client:
        found = await client.governance.policy()
    if options.json:
        say(found.model_dump_json())
        return 0
    for item in (found.own, found.lab):
        if item is not None:
            shown_item = item.printable()
            say(f"{shown_item.title}: profile {shown_item.name}, version {shown_item.version}")
            for name, value in sorted(shown_item.values.items()):
                mark = "  (set by this site)" if name in shown_item.changed else ""
                say(f"  {name:26} {value}{mark}")
    return 0


def _rest(found: Health) -> str:
    """What follows the status. The first line is the one that a monitoring program shows."""
    running = "no deployment" if found.deployment_id is None else "a deployment is running"
    first = (
        f": lfrd {found.version} on {found.node}, {running}, "
        f"{found.gallery_templates} templates searched, up since {shown(found.started_at_s)}"
    )
    return "\n".join([first, *(f"- {reason}" for reason in found.reasons)])
