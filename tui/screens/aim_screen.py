"""Aiming a camera: what it shows, as it is, for a minute; for supervisors, and logged."""

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.markup import escape
from textual.screen import ModalScreen

from lfrd.client import Client
from lfrd.errors import BadInput, LfrdError
from lfrd.wire.cameras import Camera
from tui.drawing import Drawing
from tui.labels import complaint
from tui.widgets.line import Line
from tui.widgets.picture import Picture, decode

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

LONGEST_S = 60.0
PICTURE_MAX_BYTES = 8_000_000
BEGIN, END = b"\xff\xd8", b"\xff\xd9"
"""How a JPEG begins and ends; in between neither stands."""


class Frames:
    """Cuts a stream of motion JPEG into pictures; the newest counts."""

    def __init__(self) -> None:
        self._left = b""

    def feed(self, piece: bytes) -> bytes | None:
        """The newest whole picture, once there is another one. Raises BadInput where it never
        ends."""
        newest = None
        self._left += piece
        while (begin := self._left.find(BEGIN)) >= 0:
            end = self._left.find(END, begin + 2)
            if end < 0:
                break
            newest, self._left = self._left[begin : end + 2], self._left[end + 2 :]
        if len(self._left) > PICTURE_MAX_BYTES:
            raise BadInput("the camera's picture does not end")
        return newest


class AimScreen(ModalScreen[None]):
    """It ends by itself after a minute; r goes on for another one."""

    SUPERVISORS_ONLY: ClassVar[bool] = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "dismiss", "Close", show=False),
        Binding("r", "again", "Go on", show=False),
    ]

    def __init__(self, client: Client, camera: Camera, image_class: "ImageClass") -> None:
        super().__init__()
        self._client = client
        self._camera = camera
        self._picture = Picture(image_class, id="preview")
        self._said = Line(id="drawn")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue preview") as box:
            box.border_title = f"{escape(self._camera.name)} in the clear, for a minute; logged"
            box.border_subtitle = "r another minute, Esc closes"
            yield self._picture
            yield self._said

    def on_mount(self) -> None:
        self.action_again()

    def action_again(self) -> None:
        self._picture.say("◌ connecting")
        self._look()

    @work(group="aim", exclusive=True)
    async def _look(self) -> None:
        frames, gauge = Frames(), Drawing(self._camera.regions)
        self._said.show(Content.styled("the ovals: the least a face needs, and what is good", ""))
        try:
            looking = self._client.camera_stream(self._camera.id, clear=True, seconds=LONGEST_S)
            async with looking as pieces:
                async for piece in pieces:
                    picture = frames.feed(piece)
                    if picture is not None:
                        shown = decode(picture, "picture")
                        self._picture.show(gauge.over(shown, self._camera.width_px))
        except LfrdError as error:
            self._picture.say("")
            self._said.show(complaint(str(error)))
        else:
            self._picture.say("the minute is over: r goes on")
