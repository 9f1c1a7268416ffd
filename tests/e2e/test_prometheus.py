"""A real Prometheus reads a daemon at work, and answers everything that the dashboard asks for."""

import asyncio
import json
import math
import re
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from lfrd.client import Client
from lfrd.demo.stream import rtsp_stream
from lfrd.vocabulary import Role
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.people import TokenCreate
from support.program import daemon, enrol, look_for

DOCS = Path(__file__).resolve().parents[2] / "docs"
PLAYS_S = 90.0
"""How long everything may take to be measured at least once, on a busy machine too."""
READY_S = 60.0
pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed"),
]

CONFIG = """
global: {{scrape_interval: 1s, evaluation_interval: 2s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: lfrd
    static_configs: [{{targets: ["127.0.0.1:{port}"]}}]
    authorization: {{credentials_file: {token}}}
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def prometheus(
    folder: Path, scraped_port: int, secret: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a Prometheus that scrapes the port with the token."""
    port = free_port()
    token, config = folder / "token", folder / "prometheus.yml"
    await asyncio.to_thread(token.write_text, secret)
    text = CONFIG.format(rules=DOCS / "alerts.rules.yml", port=scraped_port, token=token)
    await asyncio.to_thread(config.write_text, text)
    process = await asyncio.create_subprocess_exec(
        "prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}", "--log.level=error",
    )  # fmt: skip
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/api/v1") as client:
            async with asyncio.timeout(READY_S):
                while not await is_ready(port):
                    await asyncio.sleep(0.2)
            yield client
    finally:
        process.terminate()
        await process.wait()


async def is_ready(port: int) -> bool:
    """Whether it listens, and has opened its storage: until then it answers with 503."""
    async with httpx.AsyncClient() as client:
        with suppress(httpx.TransportError):
            return (await client.get(f"http://127.0.0.1:{port}/-/ready")).is_success
    return False


async def ask(client: httpx.AsyncClient, expression: str) -> list[dict[str, Any]]:
    """What Prometheus answers: series whose value is a number."""
    reply = await client.get("/query", params={"query": expression})
    assert reply.status_code == 200, (expression, reply.text)
    found = reply.json()["data"]["result"]
    return [item for item in found if not math.isnan(float(item["value"][1]))]


def questions() -> dict[str, tuple[str, str]]:
    """Expression and legend of each target of the dashboard, by panel and number."""
    board = json.loads((DOCS / "grafana.json").read_text())
    return {
        f"{panel['title']} {number}": (target["expr"], target.get("legendFormat", ""))
        for panel in board["panels"]
        for number, target in enumerate(panel["targets"])
    }


async def unanswered(client: httpx.AsyncClient, instance: str) -> list[str]:
    """Panels without a number, or whose legend names a label that is not there."""
    empty = []
    for name, (expression, legend) in questions().items():
        asked = expression.replace("$instance", instance).replace("[1m]", "[5m]")
        assert "$" not in asked, name
        found = await ask(client, asked)
        labels = set(re.findall(r"{{\s*(\w+)\s*}}", legend))
        if not found or any(not labels <= set(item["metric"]) for item in found):
            empty.append(name)
    return empty


async def play(client: Client, address: str) -> None:
    """A site at work: a camera that raises candidates."""
    await client.add_camera(CameraCreate(id="gate", address=address))
    await look_for(client, await enrol(client))


async def test_everything_on_the_dashboard_is_answered(tmp_path: Path, demo_clip: Path) -> None:
    port = free_port()
    variables = {
        "LFRD_API__TCP": f"127.0.0.1:{port}",
        # Somebody who is told, and does not answer: messages wait.
        "LFRD_NTFY__URL": "http://127.0.0.1:9/lfrd", "LFRD_NTFY__PRIVATE": "true",
    }  # fmt: skip
    async with (
        daemon(tmp_path / "state", **variables) as (_, client),
        rtsp_stream(demo_clip) as address,
    ):
        new = TokenCreate(principal="prometheus", role=Role.OPERATOR)
        secret = (await client.create_token(new)).secret
        async with prometheus(tmp_path, port, secret) as metrics:
            following = asyncio.create_task(_follow(client))
            try:
                empty = await _until_answered(client, metrics, f"127.0.0.1:{port}", address)
            finally:
                following.cancel()
            assert empty == []
            assert len(await ask(metrics, "lfrd_build_info")) == 1  # the list of sites
            rules = (await metrics.get("/rules")).json()["data"]["groups"][0]["rules"]
            assert {rule["health"] for rule in rules} == {"ok"}, rules


async def _follow(client: Client) -> None:
    async for _ in client.events():
        pass


async def _until_answered(
    client: Client, metrics: httpx.AsyncClient, instance: str, address: str
) -> list[str]:
    """Scraped first, so that what happens then has a rate; what stays without an answer."""
    async with asyncio.timeout(20):
        while not await _scraped(metrics):
            await asyncio.sleep(0.2)
    await play(client, address)
    loop = asyncio.get_running_loop()
    end_s = loop.time() + PLAYS_S
    while (empty := await unanswered(metrics, instance)) and loop.time() < end_s:
        await asyncio.sleep(1)
    return empty


async def _scraped(metrics: httpx.AsyncClient) -> bool:
    try:
        return bool(await ask(metrics, 'up{job="lfrd"} == 1'))
    except httpx.TransportError:
        return False
