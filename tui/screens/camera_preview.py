"""Where a camera points: flat cells that show no person, and its regions over them."""

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Static

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.cameras import Camera
from tui.regions import outlined, regions_rows
from tui.widgets.line import labelled
from tui.widgets.picture import Picture, decode

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

LEGEND = "━━ whole line: look only in here    ╍╍ dashed line: hidden"


def regions_content(camera: Camera, width: int) -> Content:
    """How to read the lines, and each region's corners."""
    rows = labelled(regions_rows(camera.regions), width)
    drawn = camera.regions.include or camera.regions.privacy
    return Content("\n").join([Content.styled(LEGEND, "$quiet"), rows]) if drawn else rows


class PreviewScreen(ModalScreen[None]):
    """One picture; r asks for another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,v,q", "dismiss", "Close", show=False),
        Binding("r", "again", "Look again", show=False),
    ]

    def __init__(self, client: Client, camera: Camera, image_class: "ImageClass") -> None:
        super().__init__()
        self._client = client
        self._camera = camera
        self._picture = Picture(image_class, id="preview")
        self._regions = Static("", markup=False)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue preview") as box:
            box.border_title = (
                f"Where {escape(self._camera.name)} points, in cells that show no person"
            )
            box.border_subtitle = "r looks again, e on the camera changes regions, Esc closes"
            yield self._picture
            with VerticalScroll(id="preview-regions"):
                yield self._regions

    def on_mount(self) -> None:
        self.action_again()

    def on_resize(self) -> None:
        self._regions.update(regions_content(self._camera, self._regions.content_size.width))

    def action_again(self) -> None:
        self._picture.say("◌ connecting")
        self._load()

    @work(group="preview", exclusive=True)
    async def _load(self) -> None:
        try:
            cells = decode(await self._client.camera_preview(self._camera.id), "preview")
        except LfrdError as error:
            self._picture.say(f"✗ {' '.join(str(error).split())}")
        else:
            self._picture.show(outlined(cells, self._camera.regions))
