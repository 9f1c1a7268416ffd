"""A broker of MQTT: retained states of the site, its last will, and messages as they happen."""

import asyncio
import contextlib
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType

import aiomqtt

from lfrd.errors import StoreFailed
from lfrd.health import HealthBoard
from lfrd.outward.endpoint import DeliveryFailed, Letter, Unreachable
from lfrd.outward.home_assistant import BIRTH_TOPIC, OFFLINE, ONLINE, Topics
from lfrd.outward.reach import NamedContext, checked_address
from lfrd.outward.webhook import rfc3339
from lfrd.supervise import Backoff

COMPONENT = "mqtt"
LOOK_S = 1.0
"""So often the states are compared with what was published."""
ANSWER_S = 10.0
BACKOFF = Backoff(first_s=1.0, cap_s=60.0)
INCOMING_MAX = 1_000
"""Messages of the broker that wait; further ones are dropped. What is retained of us comes once."""

States = Callable[[], Awaitable[Mapping[str, str]]]
"""Every retained topic and its payload, as it is now."""


class Broker:
    """The connection to one broker, kept by `run`, which belongs into a task group."""

    def __init__(
        self,
        host: str,
        port: int,
        topics: Topics,
        states: States,
        health: HealthBoard,
        *,
        discovery_prefix: str,
        tls: NamedContext | None = None,
        user: tuple[str, str] | None = None,
        private: bool = False,
    ) -> None:
        self._host, self._port = host, port
        self._topics = topics
        self._states = states
        self._health = health
        self._discovery_prefix = discovery_prefix
        self._tls = tls
        self._user = user
        self._private = private
        self._client: aiomqtt.Client | None = None
        self._published: dict[str, str] = {}
        self._reason = "not connected yet"
        self.leaves = False
        """Set before `run` is cancelled for good: then what is retained is taken back first."""

    @property
    def place(self) -> str:
        return f"{'mqtt' if self._tls is None else 'mqtts'}://{self._host}:{self._port}"

    def is_followed_by(self, other: "Broker") -> bool:
        """Whether another one keeps the same topics at the same place."""
        return (self.place, self._topics.prefix, self._discovery_prefix) == (
            other.place, other._topics.prefix, other._discovery_prefix
        )  # fmt: skip

    async def __aenter__(self) -> "Broker":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """The connection lives in `run`."""

    async def send(self, letter: Letter) -> None:
        """Return once the broker has acknowledged it."""
        client = self._client
        if client is None:
            raise Unreachable(self._reason)
        try:
            await client.publish(self._topics.event, _body(letter), qos=1, timeout=ANSWER_S)
        except aiomqtt.MqttError as error:
            raise DeliveryFailed(f"the broker does not take it: {_said(error)}") from None

    async def run(self) -> None:
        """Stay connected, and publish what changes, until cancelled."""
        failures = 0
        while True:
            try:
                await self._stay()
            except (aiomqtt.MqttError, Unreachable) as error:
                failures = 1 if self._client is not None else failures + 1
                self._reason = _said(error)
            finally:
                self._client = None
            self._health.degrade(
                COMPONENT, f"the MQTT broker at {self.place} cannot be used: {self._reason}"
            )
            await asyncio.sleep(BACKOFF.delay_s(failures, False, random.random()))

    async def _stay(self) -> None:
        address = await checked_address(self._host, self._port, private=self._private)
        name, password = self._user or (None, None)
        will = aiomqtt.Will(self._topics.status, OFFLINE, qos=1, retain=True)
        client = aiomqtt.Client(
            address, self._port, username=name, password=password, tls_context=self._tls,
            will=will, timeout=ANSWER_S, keepalive=30,
            max_queued_incoming_messages=INCOMING_MAX,
        )  # fmt: skip
        async with client:
            self._published.clear()
            await self._publish(client)
            for topic in (
                f"{self._discovery_prefix}/{BIRTH_TOPIC}",
                *(f"{place}+" for place in self._topics.kept_below),
                *(f"{self._discovery_prefix}/{place}" for place in self._topics.configs),
            ):
                await client.subscribe(topic)
            await client.publish(self._topics.status, ONLINE, qos=1, retain=True)
            self._client = client
            self._health.clear(COMPONENT)
            try:
                await self._follow(client)
            finally:
                with contextlib.suppress(aiomqtt.MqttError):
                    if self.leaves:
                        for topic in self._published:
                            await client.publish(topic, "", qos=1, retain=True)
                    await client.publish(self._topics.status, OFFLINE, qos=1, retain=True)

    async def _follow(self, client: aiomqtt.Client) -> None:
        """Publish what changes, and everything anew when Home Assistant has started."""
        listening = asyncio.create_task(self._listen(client))
        try:
            while not listening.done():
                await asyncio.wait([listening], timeout=LOOK_S)
                await self._publish(client)
            await listening  # raises why it ended
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    async def _listen(self, client: aiomqtt.Client) -> None:
        """Home Assistant's start, and what is retained of cameras that were removed meanwhile."""
        async for message in client.messages:
            topic = str(message.topic)
            if topic == f"{self._discovery_prefix}/{BIRTH_TOPIC}":
                if message.payload == ONLINE.encode() and not message.retain:
                    self._published.clear()
            elif message.retain and message.payload and topic not in self._published:
                await client.publish(topic, "", qos=1, retain=True)

    async def _publish(self, client: aiomqtt.Client) -> None:
        """What is not there yet, or is otherwise; what is gone is taken back with no payload."""
        try:
            wanted = await self._states()
        except StoreFailed:
            return  # health says so; the next look tells
        for topic in self._published.keys() - wanted.keys():
            await client.publish(topic, "", qos=1, retain=True)
            del self._published[topic]
        for topic, payload in wanted.items():
            if self._published.get(topic) != payload:
                await client.publish(topic, payload, qos=1, retain=True)
                self._published[topic] = payload


def _body(letter: Letter) -> str:
    return json.dumps(
        {
            "id": letter.id,
            "type": letter.kind.value,
            "timestamp": rfc3339(letter.at_s),
            "data": dict(letter.facts),
        }
    )


def _said(error: Exception) -> str:
    """In one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    if "during message iteration" in text:
        return "the broker closed the connection"
    if text.startswith("[code:"):
        return f"the broker refuses: {text.partition('] ')[2] or text}"
    if text.startswith("[Errno"):
        return f"cannot be connected to: {text.partition('] ')[2]}"
    if "certificate verify failed" in text:
        reason = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not trusted: {reason or text}"
    return text
