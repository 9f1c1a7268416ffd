"""Deployments are carried out one after the other, and none is kept once it is over."""

import asyncio
import gc
import weakref
from pathlib import Path

from support.site import SettableClock, deploy, governed, make_list


async def test_a_deployment_that_is_over_is_kept_no_longer(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        await deploy(site, listed)
        runner = site.deployments.runner
        assert runner.running is not None
        running = weakref.ref(runner.running)
        await site.deployments.end_now(runner.running.deployment.id, "a test")
        await asyncio.sleep(0)
        gc.collect()
        assert runner.running is None
        assert running() is None
