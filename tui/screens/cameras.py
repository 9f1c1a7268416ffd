"""The cameras screen: each camera with all that is known of it, and what can be done with it.

The main screen stays the one that knows the state; this one shows it, asks the daemon for changes,
and reads the cameras anew every few seconds, for what a camera sends may change without an event.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.cameras import Camera, CameraAdded, CameraChange
from tui.screens.aim_screen import AimScreen
from tui.screens.ask import AskScreen
from tui.screens.camera_check import CheckScreen
from tui.screens.camera_form import EditCameraScreen
from tui.screens.camera_grid import CameraGridScreen
from tui.screens.camera_history import CameraHistoryScreen
from tui.screens.camera_preview import PreviewScreen
from tui.screens.help import Topic
from tui.screens.place import BACK, MOVES, Owner, PlaceScreen, Situation, changing
from tui.screens.region_screen import RegionScreen
from tui.widgets.camera_details import CameraDetails
from tui.widgets.cameras import CameraChoice, by_name

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

READ_S = 2.0


class CamerasScreen(PlaceScreen):
    """A list and the details of the selected camera; every key asks or tells something."""

    TOPIC: ClassVar[Topic] = "cameras"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add"),
        Binding("e", "edit", "Edit"),
        Binding("p", "pause", "Pause or resume"),
        Binding("t", "test", "Test"),
        Binding("v", "preview", "View"),
        Binding("r", "draw", "Regions"),
        Binding("g", "grid", "Grid"),
        Binding("H", "history", "History"),
        Binding("A", "aim", "Aim", show=False),
        Binding("x", "remove", "Remove"),
        *MOVES,
        Binding("c", "dismiss", "Back", show=False),
        *BACK,
    ]

    def __init__(
        self, client: Client, owner: Owner, image_class: "ImageClass", now: Callable[[], float]
    ) -> None:
        super().__init__(client, owner, now)
        self._image_class = image_class
        self._choice = CameraChoice(id="choice", classes="panel")
        self._details = CameraDetails()
        self._selected_id: str | None = None
        self._reading = False

    def body(self) -> ComposeResult:
        yield self._choice
        yield self._details

    def on_mount(self) -> None:
        self._choice.focus()
        self.set_interval(READ_S, self._read_again)

    # What the operator does.

    def keys_now(self) -> list[str]:
        """The most important first; how a camera was comes after what it is."""
        camera = self._selected()
        if camera is None:
            return ["add"]
        pause = "pause:Pause" if camera.enabled else "pause:Resume"
        rest = ["grid", "history", "remove", "aim"]
        return ["test", "preview", *([] if camera.declared else ["draw", "edit"]), pause, "add",
                *rest]  # fmt: skip

    def action_move(self, step: int) -> None:
        ids = [camera.id for camera in self._cameras()]
        if ids:
            here = ids.index(self._selected_id) if self._selected_id in ids else 0
            self._selected_id = ids[min(len(ids) - 1, max(0, here + step))]
        self.refresh_all()

    def on_camera_choice_chosen(self, event: CameraChoice.Chosen) -> None:
        self._selected_id = event.camera_id
        self.refresh_all()

    @changing
    def action_add(self) -> None:
        def added(camera: CameraAdded) -> None:
            self._selected_id = camera.id
            self._read()

        self._owner.add_camera(added)

    @changing
    def action_edit(self) -> None:
        camera = self._chosen()
        if camera is None:
            return
        if camera.declared:
            self._owner.complain(
                f"camera {camera.id} is declared in the configuration: change it there; p pauses it"
            )
            return

        def changed(now: Camera | None) -> None:
            if now is not None:
                self._done(Content(f"● camera {now.name} is as you set it"))

        self.app.push_screen(EditCameraScreen(self._client, camera), changed)

    @changing
    def action_pause(self) -> None:
        camera = self._chosen()
        if camera is not None and not self._busy:
            self._busy = True
            self._set_enabled(camera, not camera.enabled)

    @changing
    def action_test(self) -> None:
        camera = self._chosen()
        if camera is not None:
            self.app.push_screen(CheckScreen(self._client, camera, self._now))

    def action_preview(self) -> None:
        camera = self._chosen()
        if camera is not None:
            self.app.push_screen(PreviewScreen(self._client, camera, self._image_class))

    @changing
    def action_draw(self) -> None:
        """Draw where to look and what to hide."""
        camera = self._chosen()
        if camera is None:
            return
        if camera.declared:
            self._owner.complain(
                f"camera {camera.id} is declared in the configuration: draw its regions there"
            )
            return

        def drawn(now: Camera | None) -> None:
            if now is not None:
                self._done(Content(f"● camera {now.name} looks where you drew"))

        self.app.push_screen(RegionScreen(self._client, camera, self._image_class), drawn)

    @changing
    def action_aim(self) -> None:
        """In the clear, for a supervisor who aims it."""
        camera = self._chosen()
        if camera is not None and self.may_supervise():
            self.app.push_screen(AimScreen(self._client, camera, self._image_class))

    def action_grid(self) -> None:
        """All cameras at once."""
        if self._chosen() is not None:
            grid = CameraGridScreen(self._client, self._owner, self._now)
            self._owner.open_place(grid)

    def action_history(self) -> None:
        """How it was in past deployments and in this one."""
        camera = self._chosen()
        if camera is not None:
            self.app.push_screen(CameraHistoryScreen(self._client, camera, self._now()))

    @changing
    def action_remove(self) -> None:
        camera = self._chosen()
        if camera is None:
            return
        if camera.declared:
            self._owner.complain(
                f"camera {camera.id} is declared in the configuration: remove it there; p pauses it"
            )
            return

        def answered(yes: bool | None) -> None:
            if yes and not self._busy:
                self._busy = True
                self._remove(camera)

        question = f"Remove camera {camera.name}?"
        consequence = (
            f"{camera.address}\n\nIts address, options and regions are forgotten, and it takes no "
            "further part in a running deployment. p pauses it instead."
        )
        self.app.push_screen(AskScreen(question, consequence, "Remove"), answered)

    # How it is done.

    @work(group="camera")
    async def _set_enabled(self, camera: Camera, enabled: bool) -> None:
        doing = "resuming" if enabled else "pausing"
        self._owner.say(Content.styled(f"◌ {doing} {camera.name}", "$quiet"))
        try:
            await self._client.change_camera(camera.id, CameraChange(enabled=enabled))
        except LfrdError as error:
            self._owner.complain(str(error))
        else:
            self._done(
                Content(f"● camera {camera.name} {'takes part' if enabled else 'is paused'}")
            )
        finally:
            self._busy = False

    @work(group="camera")
    async def _remove(self, camera: Camera) -> None:
        try:
            await self._client.remove_camera(camera.id)
        except LfrdError as error:
            self._owner.complain(str(error))
        else:
            self._done(Content(f"● camera {camera.name} is removed"))
        finally:
            self._busy = False

    def _done(self, said: Content) -> None:
        self._owner.say(said)
        self._read()

    def _read_again(self) -> None:
        if not self._reading and self._owner.situation().away_since_s is None:
            self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        self._reading = True
        try:
            self._owner.show_cameras(await self._client.cameras())
        except LfrdError as error:
            self._owner.complain(str(error))
        finally:
            self._reading = False

    def _cameras(self) -> tuple[Camera, ...]:
        return by_name(self._owner.situation().cameras)

    def _selected(self) -> Camera | None:
        """The selected camera; the first where that is gone."""
        cameras = self._cameras()
        chosen = [camera for camera in cameras if camera.id == self._selected_id]
        return next(iter(chosen or cameras), None)

    def _chosen(self) -> Camera | None:
        """The selected camera; says so where there is none."""
        camera = self._selected()
        if camera is None:
            self._owner.complain("there is no camera yet: a adds one")
        return camera

    def draw(self, known: Situation) -> None:
        now_s = self._now()
        camera = self._selected()
        self._choice.show(known.cameras, None if camera is None else camera.id)
        rates = None if camera is None else known.rates.get(camera.id)
        self._details.show(camera, rates, now_s)
