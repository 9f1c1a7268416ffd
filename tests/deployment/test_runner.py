"""Deployments are carried out one after the other, and none is kept once it is over."""

import asyncio
import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from lfrd.deployment.runner import why_ended
from lfrd.errors import FacesLeft
from lfrd.types import Template
from lfrd.vision.engine import Crop
from support.site import SettableClock, deploy, governed, make_list


async def test_a_deployment_that_is_over_is_kept_no_longer(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        await deploy(site, listed)
        runner = site.deployments.runner
        assert runner.running is not None
        running = weakref.ref(runner.running)
        await site.deployments.end_now(runner.running.deployment.id, "a test")
        assert runner.running is None
        async with asyncio.timeout(10):  # tasks that saw it to its end may take a turn or two
            while running() is not None:
                await asyncio.sleep(0.01)
                gc.collect()


async def test_a_photo_that_is_being_enrolled_does_not_disturb_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        deployment = await deploy(site, await make_list(site))
        embed = site.vision.embed_reference

        async def end_and_embed(crop: Crop) -> Template:
            await site.deployments.end_now(deployment.id, "a test")
            return await embed(crop)

        monkeypatch.setattr(site.vision, "embed_reference", end_and_embed)
        await make_list(site, "others")
        assert site.deployments.runner.running is None


async def test_what_a_replay_holds_is_waited_for_and_what_nobody_gives_back_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfrd.deployment.run.HELD_S", 0.2)
    taken = 0

    async def end_twice() -> None:
        nonlocal taken
        async with governed(tmp_path, SettableClock()) as site:
            listed = await make_list(site)
            for gives_back in (True, False):
                deployment = await deploy(site, listed)
                crop = site.vision.lend(np.zeros((112, 112, 3), np.uint8))
                assert crop is not None
                taken += 1
                if gives_back:
                    asyncio.get_running_loop().call_later(0.05, crop.release)
                await site.deployments.end_now(deployment.id, "a test")

    with pytest.raises(ExceptionGroup) as caught:
        await end_twice()
    assert taken == 2
    assert caught.group_contains(FacesLeft, match="1 face buffers are still held")


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("", "every camera came to its end"),
        ("system", "every camera came to its end"),
        ("user:ada", "by user:ada"),
    ],
)
def test_why_one_ended_is_logged_without_the_words_of_people(by: str, said: str) -> None:
    assert why_ended("every camera came to its end", by) == said
