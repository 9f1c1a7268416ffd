"""`lfrd clock accept`: on the state folder itself, while no daemon runs."""

import argparse
import os
import pwd

from lfrd.cli.dates import shown
from lfrd.cli.terminal import say
from lfrd.clock import SystemClock
from lfrd.config import Config
from lfrd.errors import BadInput
from lfrd.store.clock_care import accept
from lfrd.store.database import Database
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.state_folder import StateFolder


async def run(options: argparse.Namespace, config: Config) -> int:
    """Have the machine's clock count from here on."""
    reason = options.reason.strip()
    if not reason:
        raise BadInput("say why the machine's clock is right now: --reason …")
    with (
        StateFolder(config.site.state_dir) as folder,
        KeyStore(folder, load_master_key(folder, os.environ), config.keys.escrow) as keys,
    ):
        async with Database(folder, keys, SystemClock()) as database:
            done = await database.write(
                lambda tx: accept(tx, reason),
                principal=f"user:{pwd.getpwuid(os.getuid()).pw_name}",
            )
    before = "nothing" if done.newest_s is None else f"an entry of {shown(done.newest_s)}"
    say(
        f"lfrd goes by the machine's clock, {shown(done.now_s)}; the log ended with {before}; "
        f"{done.moved} rows dated later count from now. What is due goes at the next start."
    )
    return 0
