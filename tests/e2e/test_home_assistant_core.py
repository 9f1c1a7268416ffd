"""A real Home Assistant beside a real broker: what it shows of a site, read back through its REST
API. `make home-assistant-test` installs it (`LFRD_HASS` is its program); else this is skipped.

It is the last release for Python 3.11, headless. Newer ones want a Python that the daemon's tests
do not run on.
"""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import aiomqtt
import httpx
import pytest

from lfrd.daemon import open_site
from lfrd.outward import mqtt
from support.broker import config_with, free_port, mosquitto
from support.store import raise_one

PROGRAM = os.environ.get("LFRD_HASS")
START_S = 300.0
"""The first start installs what its parts need."""
SEEN_S = 30.0

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(PROGRAM is None, reason="make home-assistant-test installs it"),
]
SETTINGS = """\
homeassistant: {{name: Test, unit_system: metric, time_zone: UTC}}
http: {{server_host: 127.0.0.1, server_port: {port}}}
api:
config:
logger: {{default: warning, logs: {{homeassistant.components.mqtt: info}}}}
"""


def entry(port: int) -> dict[str, Any]:
    """Its integration of the broker, as its user interface would have stored it."""
    return {
        "entry_id": "broker", "version": 1, "minor_version": 1, "domain": "mqtt",
        "title": "broker", "source": "user", "unique_id": None, "disabled_by": None,
        "pref_disable_new_entities": False, "pref_disable_polling": False, "options": {},
        "data": {"broker": "127.0.0.1", "port": port, "discovery": True,
                 "discovery_prefix": "homeassistant"},
    }  # fmt: skip


class HomeAssistant:
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def begin(self) -> None:
        """Make its first user, as a person does in the browser, and log in."""
        place = str(self._client.base_url)
        person = {"client_id": place, "name": "t", "username": "t", "password": "correct horse",
                  "language": "en"}  # fmt: skip
        made = (await self._client.post("/api/onboarding/users", json=person)).json()
        asked = {"grant_type": "authorization_code", "code": made["auth_code"], "client_id": place}
        token = (await self._client.post("/auth/token", data=asked)).json()["access_token"]
        self._client.headers["Authorization"] = f"Bearer {token}"

    async def shown(self) -> dict[str, Any]:
        """What it shows of the site: entities by their names."""
        states = (await self._client.get("/api/states")).json()
        named = {item["attributes"].get("friendly_name", ""): item for item in states}
        site = "lfrd test-site "
        return {
            name.removeprefix(site): item for name, item in named.items() if name.startswith(site)
        }

    async def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        try:
            async with asyncio.timeout(SEEN_S):
                while True:
                    found = await self.shown()
                    if holds(found):
                        return found
                    await asyncio.sleep(0.2)
        except TimeoutError:
            raise AssertionError({name: item["state"] for name, item in found.items()}) from None


def is_shown(name: str, state: str, found: dict[str, Any]) -> bool:
    return bool(found[name]["state"] == state)


@asynccontextmanager
async def home_assistant(folder: Path, broker_port: int) -> AsyncIterator[HomeAssistant]:
    port = free_port()
    storage = folder / ".storage"
    storage.mkdir(parents=True)
    (folder / "configuration.yaml").write_text(SETTINGS.format(port=port))
    (storage / "core.config_entries").write_text(json.dumps(
        {"version": 1, "minor_version": 1, "key": "core.config_entries",
         "data": {"entries": [entry(broker_port)]}}
    ))  # fmt: skip
    assert PROGRAM is not None
    with (folder / "out.txt").open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            PROGRAM, "-c", str(folder), stdout=out, stderr=out
        )
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            async with asyncio.timeout(START_S):
                while True:
                    try:
                        if (await client.get("/api/onboarding")).is_success:
                            break
                    except httpx.HTTPError:
                        assert process.returncode is None, (folder / "out.txt").read_text()
                    await asyncio.sleep(0.5)
            home = HomeAssistant(client)
            await home.begin()
            yield home
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_home_assistant_shows_a_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "LOOK_S", 0.1)
    port = free_port()
    state = tmp_path / "state"
    async with (
        mosquitto(tmp_path / "broker", port),
        home_assistant(tmp_path / "home", port) as home,
        aiomqtt.Client("127.0.0.1", port) as broker,
    ):
        async with open_site(config_with(state, port)) as site:
            wanted = {
                "Deployment": "off", "Candidates for review": "0", "Health": "ok",
                "Event": "unknown", "Camera North gate": "unknown",
            }  # fmt: skip
            shown = await home.until(
                lambda found: {name: item["state"] for name, item in found.items()} == wanted
            )
            camera = shown["Camera North gate"]["attributes"]
            assert camera["device_class"] == "connectivity"
            await raise_one(site.database)
            shown = await home.until(lambda found: found["Candidates for review"]["state"] == "1")
            await home.until(
                lambda found: found["Event"]["attributes"]["event_type"] == "candidate.for_review"
            )
            topic = "lfrd/test-site/camera/gate"
            for payload, state in (("ON", "on"), ("idle", "unknown"), ("OFF", "off")):
                await broker.publish(topic, payload, retain=True)
                await home.until(partial(is_shown, "Camera North gate", state))
        await home.until(
            lambda found: {item["state"] for item in found.values()} == {"unavailable"}
        )
        async with open_site(config_with(state, port)):
            await home.until(lambda found: found["Health"]["state"] == "ok")
    log = (tmp_path / "home" / "out.txt").read_text()
    for wrong in ("No matching payload", "Error", "ERROR"):
        assert wrong not in log, log
