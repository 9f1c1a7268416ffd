"""The site's cameras: which there are, and their life inside and outside a deployment.

Outside a deployment nothing is decoded: a camera is closed, or, if it is told to keep connected,
its packets are thrown away unread. Inside one, each enabled camera has a task of its own; cameras
may come, change and go meanwhile, and one that fails touches no other.
"""

import asyncio
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lfrd.cameras.life import CameraLife, CameraOptions, Member
from lfrd.clock import Clock
from lfrd.config import CameraSection, SourcesSection
from lfrd.counters import CameraCounters
from lfrd.errors import BadInput, Conflict, NotFound, SourceError
from lfrd.health import HealthBoard
from lfrd.ingest.address import Address, Kind, parse, parse_beside
from lfrd.ingest.file import UNREADABLE, why_unreadable
from lfrd.ingest.reach import OUTSIDE, Reach
from lfrd.ingest.settings import CameraSettings, CameraStatus, Correction, State
from lfrd.ingest.sources import build_source
from lfrd.ingest.whip import WhipIngest
from lfrd.store import camera_states
from lfrd.store import cameras as stored
from lfrd.store.camera_states import CameraPast
from lfrd.store.database import SYSTEM, Database
from lfrd.vocabulary import SLUG

CAMERAS_LIMIT = 64
_ID = re.compile(SLUG)
"""An address that was given in the place of an id is not repeated: it may hold a password."""


@dataclass(frozen=True, slots=True)
class FleetCamera:
    """A camera as the site knows it: what is stored, how it is, and its counts if it runs.

    `shown` is its address without a password, `look_shown` that of its small stream; `declared`
    says that the configuration holds it.
    """

    row: stored.Camera
    options: CameraOptions
    shown: str
    look_shown: str | None
    status: CameraStatus
    counters: CameraCounters | None
    declared: bool


class Fleet:
    """All cameras of the site; for the event loop only. `life` runs them.

    `every_frame`: files are read as fast as possible and nothing of them is dropped. `must_open`: a
    source that does not open is not tried again.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        health: HealthBoard,
        declared: Sequence[CameraSection] = (),
        sources: SourcesSection | None = None,
        *,
        every_frame: bool = False,
        must_open: bool = False,
    ) -> None:
        self.whip = WhipIngest()
        self._database = database
        self._clock = clock
        self._health = health
        self._declared = {camera.id: camera for camera in declared}
        self._sources = sources or SourcesSection()
        self._every_frame = every_frame
        self._must_open = must_open
        self._members: dict[str, Member] = {}
        self.life = CameraLife(self._members, self._settings, database, clock, health, self.whip)

    # what there is ------------------------------------------------------------------------------

    async def load(self) -> None:
        """Read the stored cameras, after storing those that the configuration declares."""
        known = {row.id: row for row in await self._database.read(stored.list_all)}
        for section in self._declared.values():
            known[section.id] = await self._store_declared(section, known.get(section.id))
        for row in known.values():
            self._members[row.id] = Member(row, self._clock.wall_s())

    async def redeclare(self, declared: Sequence[CameraSection]) -> None:
        """Take over what the configuration declares now: new cameras begin, changed ones begin
        anew, and those that it names no more stay, to be changed and removed by people. Raises
        BadInput or ConfigError before anything changes."""
        wanted = {camera.id: camera for camera in declared}
        changed = [one for key, one in wanted.items() if self._declared.get(key) != one]
        before, self._declared = self._declared, wanted
        try:
            for section in changed:
                self._checked_row(section)
        except BaseException:
            self._declared = before
            raise
        for section in changed:
            member = self._members.get(section.id)
            row = await self._store_declared(section, member.row if member else None)
            if member is not None:
                await member.halt()
                member.become(row)
            else:
                member = self._members[row.id] = Member(row, self._clock.wall_s())
            self._launch(member, "")

    def cameras(self) -> tuple[FleetCamera, ...]:
        """Every camera, by id."""
        members = [*self._members.values(), *self.life.leaving()]
        return tuple(self._shown(m) for m in sorted(members, key=lambda m: m.row.id))

    def states(self) -> dict[str, State]:
        """The state of every camera."""
        members = (*self._members.values(), *self.life.leaving())
        return {
            member.row.id: (member.camera.status if member.camera else member.status).state
            for member in members
        }

    def get(self, camera_id: str) -> FleetCamera:
        """Raises NotFound."""
        return self._shown(self._find(camera_id))

    def settings(self, camera_id: str) -> CameraSettings:
        """How a camera is read; the address in it may hold a password. Raises NotFound."""
        return self._settings(self._find(camera_id).row)

    async def history(
        self, camera_id: str, deployment_id: str | None, before_id: int | None, limit: int
    ) -> list[CameraPast]:
        """How a camera was, the newest first. Raises NotFound where neither it nor a deployment
        knows it."""
        found = await self._database.read(
            lambda reader: camera_states.page(reader, camera_id, deployment_id, before_id, limit)
        )
        if not found:
            self._find(camera_id)
        return found

    def publisher_may(self, camera_id: str, token: str) -> bool:
        """Whether this token opens this camera for a publisher; no camera, no."""
        member = self._members.get(camera_id)
        return member is not None and member.options.may_publish(token)

    # changes ------------------------------------------------------------------------------------

    async def add(
        self, camera_id: str, name: str, address: str, options: CameraOptions, *, principal: str
    ) -> tuple[FleetCamera, str | None]:
        """Add a camera; it starts at once if a deployment runs. Raises BadInput, Conflict.

        For a camera that publishers send to, also gives their token: it is not kept, only its
        digest is.
        """
        if len(self._members) >= CAMERAS_LIMIT:
            raise Conflict(f"a site has at most {CAMERAS_LIMIT} cameras; remove one first")
        token = None
        draft = stored.Camera(
            id=camera_id,
            name=name,
            address=address,
            settings=options.to_json(),
            enabled=True,
            created_at_s=0.0,
            principal=principal,
        )
        kind = self._checked(draft)
        warning = await self._look_there(draft)
        if kind is Kind.WHIP:
            options, token = options.with_publish_token()
        row = await self._database.write(
            lambda tx: stored.add(
                tx, camera_id, name=name, address=address, settings=options.to_json()
            ),
            principal=principal,
        )
        member = self._members[row.id] = Member(row, self._clock.wall_s())
        self._launch(member, warning)
        return self._shown(member), token

    async def change(
        self,
        camera_id: str,
        *,
        name: str | None = None,
        address: str | None = None,
        enabled: bool | None = None,
        options: CameraOptions | None = None,
        principal: str,
    ) -> FleetCamera:
        """Change what is given; but for its name, a running camera starts anew with it.

        `enabled` False pauses the camera. One that the configuration declares can be paused, and
        is otherwise changed there.
        """
        member = self._find(camera_id)
        if camera_id in self._declared and (name, address, options) != (None, None, None):
            raise Conflict(f"camera {camera_id} is declared in the configuration: change it there")
        old = member.row
        new = replace(
            old,
            name=old.name if name is None else name,
            address=old.address if address is None else address,
            enabled=old.enabled if enabled is None else enabled,
            settings=old.settings if options is None else options.to_json(),
        )
        self._checked(new)
        warning = await self._look_there(new) if new.address != old.address else ""
        row = await self._database.write(lambda tx: stored.update(tx, new), principal=principal)
        same = (new.address, new.enabled, new.settings) == (old.address, old.enabled, old.settings)
        if not same:
            await member.halt()
        member.become(row)
        if not same:
            self._launch(member, warning)
        return self._shown(member)

    async def remove(self, camera_id: str, *, principal: str) -> None:
        """Forget a camera; returns at once. Raises NotFound, Conflict for a declared one.

        A reader that is still inside FFmpeg goes on closing by itself.
        """
        self._find(camera_id)
        if camera_id in self._declared:
            raise Conflict(f"camera {camera_id} is declared in the configuration: remove it there")
        await self._database.write(lambda tx: stored.delete(tx, camera_id), principal=principal)
        member = self._members.pop(camera_id, None)
        if member is not None:
            member.stop.set()
            self._health.clear(member.component)

    def _launch(self, member: Member, warning: str) -> None:
        self.life.launch(member)
        if warning:
            status = member.status
            member.status = replace(status, reason=f"{status.reason}; {warning}")

    # how it is seen and read --------------------------------------------------------------------

    def _shown(self, member: Member) -> FleetCamera:
        if member.shown is None:
            member.shown = (
                _shown(lambda: parse(member.row.address)) or "",
                _shown(lambda: _look_address(member.row, member.options)),
            )
        return FleetCamera(
            member.row,
            member.options,
            *member.shown,
            member.camera.status if member.camera else member.status,
            member.counters,
            member.row.id in self._declared,
        )

    def _find(self, camera_id: str) -> Member:
        member = self._members.get(camera_id)
        if member is None:
            named = camera_id if _ID.fullmatch(camera_id) else "of this name"
            raise NotFound(f"there is no camera {named}: a camera is named by its id")
        return member

    def _checked(self, row: stored.Camera) -> Kind:
        """Refuse what cannot be opened; return what kind of address it is."""
        settings = self._settings(row)
        build_source(settings, self._clock, self.whip)
        kind = settings.address.kind
        if settings.pin is not None and not settings.address.encrypted:
            raise BadInput("a certificate is pinned for rtsps:// and https:// cameras alone")
        self._check_look(settings)
        if CameraOptions.from_json(row.settings).keep_connected and kind is not Kind.RTSP:
            raise BadInput("only an RTSP camera can stay connected without being decoded")
        return kind

    def _check_look(self, settings: CameraSettings) -> None:
        look = settings.look_address
        if look is None:
            return
        if (
            settings.every_frame
            or settings.address.kind is not Kind.RTSP
            or look.kind is not Kind.RTSP
        ):
            raise BadInput(
                "a second, small stream is for cameras whose streams are both pulled by RTSP"
            )
        if look.secret_location == settings.address.secret_location:
            raise BadInput(
                f"the small stream has the address of the large one, {look.shown}: leave it out, "
                "or give the address of the camera's other stream"
            )
        build_source(settings.look, self._clock, self.whip)

    async def _look_there(self, row: stored.Camera) -> str:
        """What is wrong with the file that a camera reads, if it does, to be said to the caller
        who gave its name; "" for nothing. Raises BadInput for what will never be one, and for a
        host that may not be asked. A file that is not there is waited for."""
        settings = self._settings(row)
        address = settings.address
        if address.kind in (Kind.WHEP, Kind.MJPEG):
            try:
                await asyncio.to_thread(settings.reach.check_host, address)
            except SourceError as error:
                raise BadInput(str(error)) from None
        if address.kind is not Kind.FILE:
            return ""
        path = Path(address.secret_location)
        fault = await asyncio.to_thread(why_unreadable, path, settings.reach)
        if fault == OUTSIDE:
            raise BadInput(f"{address.shown} {fault}")
        if fault is None or fault == UNREADABLE:
            return f"{address.shown} {fault}" if fault else ""
        raise BadInput(f"{address.shown} {fault}: give the path of a video file")

    def _settings(self, row: stored.Camera) -> CameraSettings:
        options = CameraOptions.from_json(row.settings)
        return CameraSettings(
            row.id,
            parse(row.address),
            transport=options.transport,
            ca_file=options.ca_file,
            hwaccel=options.hwaccel,
            bearer_token=options.bearer_token,
            ice_servers=options.ice_servers,
            regions=options.regions,
            correction=options.correction,
            stream=options.stream,
            pin=options.pin,
            look_address=_look_address(row, options),
            every_frame=self._every_frame,
            must_open=self._must_open,
            reach=self._reach(row.id),
        )

    def _reach(self, camera_id: str) -> Reach:
        """Who writes the configuration may name any file."""
        sources = self._sources
        folders = None if camera_id in self._declared else sources.folders
        return Reach(folders, sources.redirects, sources.link_local)

    def _checked_row(self, section: CameraSection) -> stored.Camera:
        """A declared camera as it is stored. Raises BadInput, ConfigError."""
        row = _row_of(section)
        try:
            self._checked(row)
        except BadInput as error:
            raise BadInput(f"camera {section.id}: {error}") from None
        return row

    async def _store_declared(
        self, section: CameraSection, known: stored.Camera | None
    ) -> stored.Camera:
        wanted = self._checked_row(section)
        name, address, settings = wanted.name, wanted.address, wanted.settings
        if known is None:
            return await self._database.write(
                lambda tx: stored.add(
                    tx, section.id, name=name, address=address, settings=settings
                ),
                principal=SYSTEM,
            )
        same = (known.name, known.address, known.settings) == (name, address, settings)
        if same:
            return known
        return await self._database.write(lambda tx: stored.update(tx, wanted), principal=SYSTEM)


def _row_of(section: CameraSection) -> stored.Camera:
    correction = Correction(section.rotate, section.aspect, section.deinterlace)
    options = CameraOptions(
        transport=section.transport,
        correction=correction,
        stream=section.stream,
        pin=section.pin,
        look_address=section.look_address,
    )
    return stored.Camera(
        id=section.id,
        name=section.name or section.id,
        address=section.whole_address(),
        settings=options.to_json(),
        enabled=True,
        created_at_s=0.0,
        principal=SYSTEM,
    )


def _look_address(row: stored.Camera, options: CameraOptions) -> Address | None:
    if options.look_address is None:
        return None
    return parse_beside(row.address, options.look_address)


def _shown(address_of: Callable[[], Address | None]) -> str | None:
    """An address without its secrets; None where there is none."""
    try:
        address = address_of()
    except BadInput:
        return "an address that cannot be understood"
    return None if address is None else address.shown
