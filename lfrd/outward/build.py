"""The endpoints that a configuration names, ready to be entered.

What each needs is imported for those that are there alone.
"""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import lfrd
from lfrd.cameras.fleet import Fleet
from lfrd.clock import Clock
from lfrd.config import Config, EndpointSection, WebhookSection, secret_of
from lfrd.errors import ConfigError
from lfrd.health import HealthBoard
from lfrd.ingest.settings import State
from lfrd.outward.endpoint import Endpoint, Filter
from lfrd.outward.home_assistant import OFF, ON, SeenCamera, Topics, discovery
from lfrd.outward.outbox import Outbox
from lfrd.outward.reach import tls_for
from lfrd.outward.telling import Telling
from lfrd.outward.watch import LIVE, LOST, Watch
from lfrd.store import episodes
from lfrd.store.database import Database
from lfrd.vocabulary import OutwardKind

if TYPE_CHECKING:
    from lfrd.outward.mqtt import Broker

FOR_PEOPLE = frozenset(
    {OutwardKind.CANDIDATE, OutwardKind.CAMERA_LOST, OutwardKind.CAMERA_BACK, OutwardKind.HEALTH}
)
"""What a telephone or a mailbox is told where no `kinds` are named."""

PORTS = {"mqtt": 1883, "mqtts": 8883, "smtp": 587, "smtps": 465}


class Outward:
    """Everything that tells others about one site, open while entered; `run` does it."""

    def __init__(
        self,
        config: Config,
        database: Database,
        clock: Clock,
        health: HealthBoard,
        fleet: Fleet,
        running: Callable[[], bool],
        telling: Telling,
        required: int,
    ) -> None:
        """`running`: whether a deployment does. Raises ConfigError for a secret, a certificate or a
        package that is not there."""
        topics = Topics(config.mqtt.prefix, config.site.node)
        states = SiteStates(topics, config.mqtt.discovery_prefix, fleet, health, database, running)
        endpoints, self._broker = _build(config, topics, health, states)
        self.outbox = Outbox(
            database, clock, health, endpoints, give_up_s=config.outbox.give_up_h * 3600,
            required=required,
        )  # fmt: skip
        self._watch = Watch(database, clock, fleet, health, telling, self.outbox.wake)

    async def __aenter__(self) -> "Outward":
        await self.outbox.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.outbox.__aexit__(kind, error, trace)

    async def run(self) -> None:
        """Tell others, until cancelled; at once done where there are none."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.outbox.run(), name="outbox")
            if self.outbox.endpoints:
                tasks.create_task(self._watch.run(), name="outbox watch")
            if self._broker is not None:
                tasks.create_task(self._broker.run(), name="mqtt")


def _build(
    config: Config, topics: Topics, health: HealthBoard, states: "SiteStates"
) -> "tuple[tuple[Endpoint, ...], Broker | None]":
    endpoints = [_webhook(section) for section in config.webhook]
    broker = None
    if config.mqtt.url is not None:
        broker = _broker(config, topics, health, states)
        endpoints.append(Endpoint("mqtt", broker))
    if config.ntfy.url is not None:
        endpoints.append(_ntfy(config))
    if config.smtp.url is not None:
        endpoints.append(_mail(config))
    return tuple(endpoints), broker


def filters_of(config: Config) -> dict[str, Filter]:
    """What each endpoint is told, by its name."""
    found = {section.id: _filter(section) for section in config.webhook}
    for name, section, people in (
        ("mqtt", config.mqtt, False), ("ntfy", config.ntfy, True), ("smtp", config.smtp, True),
    ):  # fmt: skip
        if section.url is not None:
            found[name] = _filter(section, people=people)
    return found


class SiteStates:
    """What a broker retains of a site, as it is when asked."""

    def __init__(
        self,
        topics: Topics,
        discovery_prefix: str,
        fleet: Fleet,
        health: HealthBoard,
        database: Database,
        running: Callable[[], bool],
    ) -> None:
        self._topics = topics
        self._discovery_prefix = discovery_prefix
        self._fleet = fleet
        self._health = health
        self._database = database
        self._running = running

    async def now(self) -> Mapping[str, str]:
        """Every retained topic and its payload."""
        topics, cameras = self._topics, self._fleet.cameras()
        seen = [SeenCamera(camera.row.id, camera.row.name) for camera in cameras]
        found = discovery(topics, self._discovery_prefix, lfrd.__version__, seen)
        found |= {topics.camera(item.row.id): _shown(item.status.state) for item in cameras}
        found[topics.health] = self._health.now.status.value
        found[topics.deployment] = ON if self._running() else OFF
        waiting, _ = await self._database.read(episodes.open_since)
        found[topics.candidates] = str(waiting)
        return found


def _shown(state: State) -> str:
    return ON if state in LIVE else OFF if state in LOST else "idle"


def _filter(section: EndpointSection, *, people: bool = False) -> Filter:
    kinds = frozenset(section.kinds) or (FOR_PEOPLE if people else frozenset())
    return Filter(kinds, frozenset(section.cameras), frozenset(section.lists), once=people)


def _webhook(section: WebhookSection) -> Endpoint:
    from lfrd.outward.post import Post
    from lfrd.outward.webhook import Webhook

    post = Post(section.url, private=section.private, ca_file=section.ca_file)
    way = Webhook(post, section.secrets())
    return Endpoint(section.id, way, section.images)


def _ntfy(config: Config) -> Endpoint:
    from lfrd.outward.ntfy import Ntfy
    from lfrd.outward.post import Post

    section = config.ntfy
    assert section.url is not None
    server, _, topic = section.url.rpartition("/")
    way = Ntfy(
        Post(server, private=section.private, ca_file=section.ca_file), topic,
        node=config.site.node, open_with=config.outbox.open_with, link=config.outbox.link,
        token=secret_of("ntfy", section.token_file),
    )  # fmt: skip
    return Endpoint("ntfy", way)


def _mail(config: Config) -> Endpoint:
    from lfrd.outward.mail import Mail

    section = config.smtp
    scheme, host, port = _place(section.url)
    assert section.sender is not None
    way = Mail(
        host, port, tls_for(host, section.ca_file), at_once=scheme == "smtps",
        sender=section.sender, to=section.to, node=config.site.node,
        open_with=config.outbox.open_with, link=config.outbox.link, private=section.private,
        user=_user("smtp", section.username, section.password_file),
    )  # fmt: skip
    return Endpoint("smtp", way)


def _broker(config: Config, topics: Topics, health: HealthBoard, states: SiteStates) -> "Broker":
    try:
        from lfrd.outward.mqtt import Broker
    except ImportError:
        raise ConfigError(
            "mqtt.url: the package aiomqtt is not installed: install lfrd[mqtt]"
        ) from None
    section = config.mqtt
    scheme, host, port = _place(section.url)
    return Broker(
        host, port, topics, states.now, health,
        discovery_prefix=section.discovery_prefix,
        tls=tls_for(host, section.ca_file) if scheme == "mqtts" else None,
        user=_user("mqtt", section.username, section.password_file), private=section.private,
    )  # fmt: skip


def _user(endpoint: str, name: str | None, file: Path | None) -> tuple[str, str] | None:
    password = secret_of(endpoint, file)
    if (name is None) != (password is None):
        raise ConfigError(f"{endpoint}: give both username and password_file, or none")
    return None if name is None or password is None else (name, password)


def _place(url: str | None) -> tuple[str, str, int]:
    parts = urlsplit(url or "")
    try:
        port = parts.port or PORTS[parts.scheme]
    except ValueError:
        raise ConfigError(f"{parts.scheme}: its port is no number up to 65535") from None
    return parts.scheme, parts.hostname or "", port
