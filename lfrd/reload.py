"""Reading the configuration anew while running: what can change does, and the rest is named."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lfrd.cameras.fleet import Fleet
from lfrd.config import Config
from lfrd.errors import Conflict, LfrdError, UserError
from lfrd.health import HealthBoard
from lfrd.outward.build import Outward
from lfrd.process import tell_reload

log = logging.getLogger(__name__)

COMPONENT = "configuration"
ENDPOINTS = ("webhook", "mqtt", "ntfy", "smtp")
LIVE_SECTIONS = ("backup", "camera", "outbox", *ENDPOINTS)
LIVE_KEYS = (
    "log.level", "detection.target_hz", "detection.floor_hz", "detection.still_look_s",
    "review.cooldown_s",
)  # fmt: skip
"""Those of detection and review hold from the next deployment on: one that runs was planned so."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """Keys as `section.key`."""

    applied: tuple[str, ...]
    restart: tuple[str, ...]
    """What differs in the file and holds once lfrd is started anew."""


class Reload:
    """`now` is the configuration that is in force: the one of the start, with what came since."""

    def __init__(
        self,
        config: Config,
        read: Callable[[], Config] | None,
        fleet: Fleet,
        health: HealthBoard,
        outward: Outward,
    ) -> None:
        self.now = config
        self._read = read
        self._fleet = fleet
        self._outward = outward
        self._health = health
        self._asked = asyncio.Event()
        self._one = asyncio.Lock()

    def ask(self) -> None:
        """For a signal: read it soon."""
        self._asked.set()

    async def run(self) -> None:
        """Answer signals, until cancelled."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            try:
                done = await self.apply()
            except LfrdError as error:
                log.error("the configuration is as it was: %s", error)
            else:
                log.info("reloaded: %s; after a restart: %s", ", ".join(done.applied) or "nothing",
                         ", ".join(done.restart) or "nothing")  # fmt: skip

    async def apply(self) -> Reloaded:
        """Read the file, and take over what can be. Raises Conflict without a file, ConfigError or
        BadInput for one with mistakes: then nothing changes, and health says so."""
        if self._read is None:
            raise Conflict("this daemon was started without a configuration file")
        async with self._one:
            with tell_reload():
                try:
                    wanted = await asyncio.to_thread(self._read)
                    done = await self._take_over(wanted)
                except UserError as error:
                    self._health.degrade(COMPONENT, f"it cannot be used as it is now: {error}")
                    raise
            self._health.clear(COMPONENT)
            return done

    async def _take_over(self, wanted: Config) -> Reloaded:
        changed = differing(self.now, wanted)
        live = [key for key in changed if _is_live(key)]
        wanted_now = _merged(self.now, wanted, live)
        outward = self._outward.prepare(wanted_now)  # raises before anything is done
        if "camera" in live:
            await self._fleet.redeclare(wanted.camera)
        if outward.names or any(_section(key) in (*ENDPOINTS, "outbox") for key in live):
            await self._outward.take_over(outward)
        if "log.level" in live:
            logging.getLogger().setLevel(wanted.log.level.upper())
        self.now = wanted_now
        return Reloaded(
            (*live, *_by_files(outward.names, live)),
            tuple(key for key in changed if key not in live),
        )


def differing(old: Config, new: Config) -> list[str]:
    """The keys that two configurations differ in; all cameras as one, and all webhooks."""
    found = []
    for section in type(old).model_fields:
        was, wanted = getattr(old, section), getattr(new, section)
        if isinstance(was, tuple):
            found += [section] if was != wanted else []
            continue
        found += [
            f"{section}.{key}"
            for key in type(was).model_fields
            if getattr(was, key) != getattr(wanted, key)
        ]
    return found


def _is_live(key: str) -> bool:
    return key in LIVE_KEYS or _section(key) in LIVE_SECTIONS


def _section(key: str) -> str:
    return key.partition(".")[0]


def _by_files(endpoints: Sequence[str], live: Sequence[str]) -> list[str]:
    """The sections of endpoints of which no key changed, but a secret or a certificate that it
    names."""
    sections = {name if name in ENDPOINTS else "webhook" for name in endpoints}
    said = {_section(key) for key in live}
    return [] if "outbox" in said else sorted(sections - said)


def _merged(old: Config, new: Config, live: list[str]) -> Config:
    changes: dict[str, object] = {}
    for key in live:
        section, _, name = key.partition(".")
        if not name:
            changes[section] = getattr(new, section)
            continue
        base = changes.get(section, getattr(old, section))
        value = getattr(getattr(new, section), name)
        changes[section] = base.model_copy(update={name: value})  # type: ignore[attr-defined]
    return old.model_copy(update=changes)
