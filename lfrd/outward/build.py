"""The endpoints that a configuration names, ready to be entered.

What each needs is imported for those that are there alone.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
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

_Recipe = tuple[str, tuple[object, ...], "Callable[[tuple[object, ...]], _Made]"]

PORTS = {"mqtt": 1883, "mqtts": 8883, "smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True)
class _Made:
    """An endpoint, and all that it was made of: what lies in its files too. `broker` is its way
    where that has work of its own."""

    recipe: tuple[object, ...] = field(repr=False)
    endpoint: Endpoint
    broker: "Broker | None" = None


@dataclass(frozen=True, slots=True)
class Change:
    """Another configuration: the `names` of the endpoints that are added, removed or otherwise."""

    config: Config = field(repr=False)
    names: tuple[str, ...]
    made: Mapping[str, _Made]


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
        self._database, self._health, self._fleet = database, health, fleet
        self._running = running
        self._telling = telling
        self._made: Mapping[str, _Made] = self._make(config, {})
        self.outbox = Outbox(
            database, clock, health, [made.endpoint for made in self._made.values()],
            give_up_s=config.outbox.give_up_h * 3600, required=required,
        )  # fmt: skip
        self._watch = Watch(database, clock, fleet, health, telling, self.outbox.wake)
        self._tasks: asyncio.TaskGroup | None = None
        self._at_work: dict[object, asyncio.Task[None]] = {}

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
        """Tell others, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                tasks.create_task(self.outbox.run(), name="outbox")
                await self._keep_at_work()
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    def prepare(self, config: Config) -> Change:
        """What this configuration, or the files it names, make otherwise. Raises ConfigError for a
        secret or a certificate that is not there, or is of no use."""
        made = self._make(config, self._made)
        names = tuple(
            name for name in {**self._made, **made} if self._made.get(name) is not made.get(name)
        )
        return Change(config, names, made)

    async def take_over(self, change: Change) -> None:
        """Tell others so from now on. Those that are not changed go on undisturbed."""
        config, made = change.config, change.made
        left = [item.broker for item in self._made.values() if item.broker is not None]
        self._telling.take_over(filters_of(config))
        self.outbox.give_up_s = config.outbox.give_up_h * 3600
        await self.outbox.replace([item.endpoint for item in made.values()])
        self._made = made
        brokers = [item.broker for item in made.values() if item.broker is not None]
        for broker in left:
            broker.leaves = not any(broker.is_followed_by(other) for other in brokers)
        await self._keep_at_work()

    async def _keep_at_work(self) -> None:
        """Have run what has work of its own, and nothing else."""
        if self._tasks is None:
            return
        brokers = [made.broker for made in self._made.values() if made.broker is not None]
        wanted: dict[object, Callable[[], Coroutine[object, object, None]]] = {
            broker: broker.run for broker in brokers
        }
        if self._made:
            wanted[self._watch] = self._watch.run
        for part in self._at_work.keys() - wanted.keys():
            task = self._at_work.pop(part)
            task.cancel()
            await asyncio.wait([task])
        if not brokers:
            self._health.clear("mqtt")
        for part, run in wanted.items():
            if part not in self._at_work:
                self._at_work[part] = self._tasks.create_task(run(), name=type(part).__name__)

    def _make(self, config: Config, kept: Mapping[str, _Made]) -> dict[str, _Made]:
        """The endpoints of a configuration; of those `kept` the ones that it does not change."""
        found: dict[str, _Made] = {}
        for name, recipe, make in self._recipes(config):
            before = kept.get(name)
            same = before is not None and before.recipe == recipe
            found[name] = before if before is not None and same else make(recipe)
        return found

    def _recipes(self, config: Config) -> Iterator[_Recipe]:
        """What is needed for each endpoint, and what makes it of that. Raises ConfigError."""
        node, box = config.site.node, config.outbox
        for section in config.webhook:
            made_of = (_way(section), *section.secrets(), _trusted(section))
            yield section.id, made_of, partial(_webhook, section)
        if config.mqtt.url is not None:
            password = secret_of("mqtt", config.mqtt.password_file)
            made_of = (_way(config.mqtt), node, password, _trusted(config.mqtt))
            yield "mqtt", made_of, partial(self._mqtt, config)
        people = (node, box.open_with, box.link)
        if config.ntfy.url is not None:
            token = secret_of("ntfy", config.ntfy.token_file)
            made_of = (_way(config.ntfy), *people, token, _trusted(config.ntfy))
            yield "ntfy", made_of, partial(_ntfy, config)
        if config.smtp.url is not None:
            password = secret_of("smtp", config.smtp.password_file)
            made_of = (_way(config.smtp), *people, password, _trusted(config.smtp))
            yield "smtp", made_of, partial(_mail, config)

    def _mqtt(self, config: Config, recipe: tuple[object, ...]) -> _Made:
        topics = Topics(config.mqtt.prefix, config.site.node)
        states = SiteStates(topics, config.mqtt.discovery_prefix, self._fleet, self._health,
                            self._database, self._running)  # fmt: skip
        broker = _broker(config, topics, self._health, states)
        return _Made(recipe, Endpoint("mqtt", broker), broker)


def _way(section: EndpointSection) -> EndpointSection:
    """Without what is looked at when a message is written."""
    return section.model_copy(update={"kinds": (), "cameras": (), "lists": ()})


def _trusted(section: EndpointSection) -> bytes | None:
    """The certificates in the file of an endpoint, as they are now. Raises ConfigError."""
    if section.ca_file is None:
        return None
    try:
        return section.ca_file.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"the certificates in {section.ca_file} cannot be read: {error.strerror}"
        ) from None


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


def _webhook(section: WebhookSection, recipe: tuple[object, ...]) -> _Made:
    from lfrd.outward.post import Post
    from lfrd.outward.webhook import Webhook

    post = Post(section.url, private=section.private, ca_file=section.ca_file)
    way = Webhook(post, section.secrets())
    return _Made(recipe, Endpoint(section.id, way, section.images))


def _ntfy(config: Config, recipe: tuple[object, ...]) -> _Made:
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
    return _Made(recipe, Endpoint("ntfy", way))


def _mail(config: Config, recipe: tuple[object, ...]) -> _Made:
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
    return _Made(recipe, Endpoint("smtp", way))


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
