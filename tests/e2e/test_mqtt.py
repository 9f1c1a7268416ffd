"""A real broker (Mosquitto), and what Home Assistant would read from it."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from lfrd.daemon import open_site
from lfrd.health import HealthBoard
from lfrd.outward import mqtt, outbox
from lfrd.outward.endpoint import Letter, Unreachable
from lfrd.outward.home_assistant import Topics
from lfrd.outward.mqtt import Broker
from lfrd.outward.reach import tls_for
from lfrd.supervise import Backoff
from lfrd.vocabulary import OutwardKind
from support.broker import config_with, free_port, mosquitto
from support.certificates import self_signed
from support.site import config_on
from support.store import raise_one

pytestmark = pytest.mark.e2e

DISCOVERY = re.compile(r"homeassistant/(\w+)/([\w-]+)/([\w-]+)/config")
"""The form that Home Assistant takes: component, node, object."""
NEEDS = {
    "binary_sensor": {"state_topic", "payload_on", "payload_off", "device_class"},
    "sensor": {"state_topic"},
    "event": {"state_topic", "event_types", "value_template"},
}
QUICK = Backoff(first_s=0.1, cap_s=0.2)


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt, "BACKOFF", QUICK)
    monkeypatch.setattr(outbox, "AWAY", QUICK)
    monkeypatch.setattr(mqtt, "LOOK_S", 0.1)


class HomeAssistant:
    """What it would know: entities by their unique id, and what each topic last said."""

    def __init__(self) -> None:
        self.configs: dict[str, dict[str, Any]] = {}
        self.topics: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []

    @asynccontextmanager
    async def on(self, port: int) -> AsyncIterator[aiomqtt.Client]:
        async with aiomqtt.Client("127.0.0.1", port) as client:
            await client.subscribe("homeassistant/#")
            await client.subscribe("lfrd/#")
            reading = asyncio.create_task(self._read(client))
            try:
                yield client
            finally:
                reading.cancel()
                await asyncio.wait([reading])

    async def _read(self, client: aiomqtt.Client) -> None:
        async for message in client.messages:
            topic, payload = str(message.topic), bytes(message.payload).decode()  # type: ignore[arg-type]
            found = DISCOVERY.fullmatch(topic)
            if found is not None:
                self._discover(found[1], topic, payload)
            elif topic.endswith("/event"):
                assert not message.retain
                self.events.append(json.loads(payload))
            else:
                self.topics[topic] = payload

    def _discover(self, component: str, topic: str, payload: str) -> None:
        if not payload:
            self.configs.pop(topic, None)
            return
        config = json.loads(payload)
        assert NEEDS[component] <= config.keys()
        assert config["device"]["identifiers"]
        assert all(known["unique_id"] != config["unique_id"] or known_topic == topic
                   for known_topic, known in self.configs.items())  # fmt: skip
        self.configs[topic] = config

    def state(self, name: str) -> str | None:
        """An entity's state as it is shown; None where it is not available."""
        config = next(config for config in self.configs.values() if config["name"] == name)
        if self.topics.get(config["availability_topic"]) != config["payload_available"]:
            return None
        return self.topics.get(config["state_topic"])

    def has(self, name: str) -> bool:
        return any(config["name"] == name for config in self.configs.values())


async def until(condition: Callable[[], object], seconds: float = 15.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.05)


async def test_home_assistant_finds_a_site_and_follows_it(tmp_path: Path) -> None:
    port, home = free_port(), HomeAssistant()
    async with mosquitto(tmp_path / "broker", port), home.on(port) as client:
        async with open_site(config_with(tmp_path / "state", port)) as site:
            await until(lambda: home.has("Camera North gate") and home.has("Event"))
            await until(lambda: home.state("Candidates for review") == "0")
            assert home.state("Deployment") == "OFF"
            assert home.state("Health") == "ok"
            assert home.state("Camera North gate") == "idle"
            await raise_one(site.database)
            await until(lambda: home.state("Candidates for review") == "1")
            await until(lambda: len(home.events) == 2)
            event = home.events[1]
            assert event["type"] == "candidate.for_review"
            config = next(c for c in home.configs.values() if c["name"] == "Event")
            assert event["type"] in config["event_types"]
            assert event["data"]["camera_id"] == "gate"
            before = len(home.configs)
            home.configs.clear()
            await client.publish("homeassistant/status", "online")  # it has started anew
            await until(lambda: len(home.configs) == before)
        await until(lambda: home.topics["lfrd/test-site/status"] == "offline")
        assert home.state("Health") is None

        without = config_with(tmp_path / "state", port).model_copy(update={"camera": ()})
        async with open_site(without) as site:
            await until(lambda: home.state("Health") is not None)
            await site.fleet.remove("gate", principal="user:test")
            await until(lambda: not home.has("Camera North gate"))
            await until(lambda: home.topics["lfrd/test-site/camera/gate"] == "")


async def test_a_broker_that_goes_and_comes_loses_nothing(tmp_path: Path) -> None:
    port = free_port()
    config = config_with(tmp_path / "state", port)
    async with open_site(config) as site:
        await raise_one(site.database)
        await until(lambda: any("MQTT broker" in reason for reason in site.health.now.reasons))
        for _ in range(2):
            home = HomeAssistant()
            async with mosquitto(tmp_path / "broker", port), home.on(port):
                await until(
                    lambda home=home: home.has("Health") and home.state("Health") is not None
                )  # type: ignore[misc]
                await site.outbox.test("mqtt", principal="user:test")
                await until(lambda home=home: any(e["type"] == "test" for e in home.events))  # type: ignore[misc]
            await until(lambda: any("MQTT broker" in reason for reason in site.health.now.reasons))
        states = (await site.outbox.states())[0]
        assert (states.tally.waiting, states.tally.delivered) == (0, 4)


async def nothing() -> dict[str, str]:
    return {}


@asynccontextmanager
async def broker(
    port: int, ca_file: Path, password: str
) -> AsyncIterator[tuple[Broker, HealthBoard]]:
    health = HealthBoard()
    made = Broker(
        "127.0.0.1", port, Topics("lfrd", "front"), nothing, health,
        discovery_prefix="homeassistant", tls=tls_for("127.0.0.1", ca_file),
        user=("lfrd", password), private=True,
    )  # fmt: skip
    work = asyncio.create_task(made.run())
    try:
        yield made, health
    finally:
        work.cancel()
        await asyncio.wait([work])


def said(health: HealthBoard, words: str) -> Callable[[], bool]:
    return lambda: any(words in reason for reason in health.now.reasons)


# paho leaves a socket whose handshake failed to Python's collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
async def test_a_broker_that_refuses_or_changes_its_certificate(tmp_path: Path) -> None:
    port, letter = free_port(), Letter("msg_1", OutwardKind.TEST, 0.0, {})
    trusted, other = self_signed(tmp_path, "one"), self_signed(tmp_path, "two")
    users = tmp_path / "users"
    hashed = await asyncio.create_subprocess_exec(
        "mosquitto_passwd", "-b", "-c", str(users), "lfrd", "hunter2"
    )
    assert await hashed.wait() == 0

    def settings(certificate: tuple[Path, Path]) -> tuple[str, ...]:
        return (
            f"certfile {certificate[0]}", f"keyfile {certificate[1]}", f"password_file {users}",
            "allow_anonymous false",
        )  # fmt: skip

    async with broker(port, trusted[0], "hunter2") as (made, health):
        async with mosquitto(tmp_path / "b", port, *settings(trusted)):
            await until(lambda: made._client is not None)
            await made.send(letter)
        async with mosquitto(tmp_path / "b", port, *settings(other)):
            await until(said(health, "certificate is not trusted"))
            with pytest.raises(Unreachable, match="certificate is not trusted"):
                await made.send(letter)
        async with mosquitto(tmp_path / "b", port, *settings(trusted)):
            await until(lambda: not health.now.reasons)
            await made.send(letter)
    async with (
        broker(port, trusted[0], "zq9secret") as (made, health),
        mosquitto(tmp_path / "b", port, *settings(trusted)),
    ):
        await until(said(health, "cannot be used"))
        await until(said(health, "uthori"))
        assert not said(health, "zq9secret")()


async def test_the_broker_changes_without_a_restart(tmp_path: Path) -> None:
    """Another one is told everything, and the one before keeps nothing but that we are gone."""
    ports, homes = (free_port(), free_port()), (HomeAssistant(), HomeAssistant())
    state = tmp_path / "state"
    read = [config_with(state, ports[0])]
    async with (
        mosquitto(tmp_path / "one", ports[0]),
        mosquitto(tmp_path / "two", ports[1]),
        homes[0].on(ports[0]),
        homes[1].on(ports[1]),
        open_site(read[0], read_again=lambda: read[-1]) as site,
    ):
        await until(lambda: homes[0].has("Camera North gate") and homes[0].state("Deployment"))
        read.append(config_with(state, ports[1]))
        assert (await site.reload.apply()).applied == ("mqtt.url",)
        await until(lambda: homes[1].has("Camera North gate") and homes[1].state("Deployment"))
        await until(lambda: not homes[0].configs)
        assert homes[0].topics[f"{Topics('lfrd', read[0].site.node).prefix}/status"] == "offline"
        message = await site.outbox.test("mqtt", principal="user:a")
        await until(lambda: messages_in(homes[1]))
        assert messages_in(homes[1]) == [message.message_id]
        assert not messages_in(homes[0])
        read.append(config_on(state).model_copy(update={"camera": read[0].camera}))
        await site.reload.apply()
        await until(lambda: not homes[1].configs)
        assert site.outbox.endpoints == ()
        assert not any("MQTT" in reason for reason in site.health.now.reasons)


def messages_in(home: HomeAssistant) -> list[str]:
    """The ids of the test messages that came."""
    return [event["id"] for event in home.events if event["type"] == "test"]
