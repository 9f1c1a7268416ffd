"""How a camera was in the deployments that it took part in."""

from textwrap import wrap
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.cameras import Camera, CameraPast
from lfrd.wire.deployments import Deployment
from tui.dates import day_text
from tui.labels import camera_mark, clock_text, duration_text

SHOWN_MAX = 200
REASON_AT, REASON_CELLS = 39, 30
NONE = "It took part in no deployment yet, or those that it took part in are erased."
MORE = f"… only the {SHOWN_MAX} newest are shown; `lfrd camera history` gives up to 1,000"


def history_content(
    found: tuple[CameraPast, ...], purposes: dict[str, str], now_s: float, *, more: bool
) -> Content:
    """A line for each state, the newest first, under the deployment it belongs to. `purposes` by
    deployment id."""
    if not found:
        return Content.styled(NONE, "$quiet")
    lines: list[Content] = []
    deployment_id = ""
    for item in found:
        if item.deployment_id != deployment_id:
            deployment_id = item.deployment_id
            purpose = purposes.get(deployment_id) or "an earlier deployment"
            day = day_text(item.since_at_s)[:10]
            head = Content.assemble((purpose, "bold"), (f" · {day}", "$quiet"))
            lines += [Content(), head] if lines else [head]
        lines.append(_line(item, now_s))
    return Content("\n").join([*lines, Content.styled(MORE, "$quiet")] if more else lines)


def _line(item: CameraPast, now_s: float) -> Content:
    mark = camera_mark(item.state)
    lasts = item.until_at_s is None
    lasted = duration_text(
        (now_s if item.until_at_s is None else item.until_at_s) - item.since_at_s
    )
    said = f"{lasted} so far" if lasts else lasted
    first, *rest = wrap(item.reason, REASON_CELLS) or [""]
    reason = f"\n{' ' * REASON_AT}".join([first, *rest])
    return Content.assemble(
        (f"  {clock_text(item.since_at_s)}  ", "$quiet"),
        (f"{mark.text:<14}", mark.style),
        f"{said:<13}",
        (reason, "$quiet"),
    )


class CameraHistoryScreen(ModalScreen[None]):
    """Read once, when it is opened."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,H,q", "dismiss", "Close", show=False),
        Binding("j,down", "scroll_by(1)", "Down", show=False),
        Binding("k,up", "scroll_by(-1)", "Up", show=False),
    ]

    def __init__(self, client: Client, camera: Camera, now_s: float) -> None:
        super().__init__()
        self._client, self._camera, self._now_s = client, camera, now_s
        self._text = Static("", markup=False)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue") as box:
            box.border_title = Content(f"How {self._camera.name} was")
            box.border_subtitle = "Esc closes"
            yield self._text

    def on_mount(self) -> None:
        self._text.update(Content.styled("◌ asking the daemon", "$quiet"))
        self._load()

    def action_scroll_by(self, lines: int) -> None:
        self.query_one(VerticalScroll).scroll_relative(y=lines, animate=False)

    @work(group="history", exclusive=True)
    async def _load(self) -> None:
        try:
            page = await self._client.camera_history(self._camera.id, limit=SHOWN_MAX)
            known: tuple[Deployment, ...] = await self._client.deployments()
        except LfrdError as error:
            self._text.update(Content.styled(f"✗ {' '.join(str(error).split())}", "$error"))
            return
        purposes = {item.id: item.purpose for item in known}
        more = page.next is not None
        self._text.update(history_content(page.items, purposes, self._now_s, more=more))
