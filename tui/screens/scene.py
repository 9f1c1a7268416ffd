"""The evidence picture: where and when, with no other person in it that could be recognised."""

from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.markup import escape
from textual.screen import ModalScreen

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.alerts import Alert
from tui.labels import clock_text
from tui.widgets.picture import Picture, decode

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass


def no_scene(alert: Alert) -> str:
    """Why there is none."""
    return alert.erased or f"no picture of the scene was kept of {alert.reference}"


class SceneScreen(ModalScreen[None]):
    """Read once, when it is opened: that it was looked at is in the log."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,s,q", "dismiss", "Close", show=False),
    ]

    def __init__(
        self, client: Client, alert: Alert, camera_name: str, image_class: "ImageClass"
    ) -> None:
        super().__init__()
        self._client = client
        self._alert = alert
        self._camera_name = camera_name
        self._picture = Picture(image_class, id="scene")

    @property
    def alert_id(self) -> str:
        return self._alert.id

    def drop(self, why: str) -> None:
        """The picture was erased while it was looked at."""
        self.workers.cancel_group(self, "scene")
        self._picture.say(why)

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialogue preview") as box:
            seen = f"{self._camera_name} · {clock_text(self._alert.raised_at_s)}"
            box.border_title = f"Scene · {escape(seen)} · no other person can be recognised"
            box.border_subtitle = "Esc closes"
            yield self._picture

    def on_mount(self) -> None:
        self._picture.say("loading")
        self._load()

    @work(group="scene", exclusive=True)
    async def _load(self) -> None:
        try:
            self._picture.show(decode(await self._client.scene(self._alert.id), "scene"))
        except LfrdError as error:
            self._picture.say(f"✗ {' '.join(str(error).split())}")
