"""All that is known of one camera."""

from textwrap import wrap

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lfrd.wire.cameras import Camera, CameraRates, CameraState
from tui.labels import camera_mark, clock_text, duration_text
from tui.regions import regions_rows
from tui.widgets.line import labelled

NOTHING = "No camera is set up.\n\nPress a to add one."


def since_text(camera: Camera, now_s: float) -> str:
    """Since when it is in this state, and for how long that is."""
    return f"since {clock_text(camera.since_at_s)} ({duration_text(now_s - camera.since_at_s)})"


def picture_text(camera: Camera) -> str:
    """Codec, size and rate of what it sends; only known while it is connected."""
    parts = [camera.codec] if camera.codec else []
    if camera.width_px is not None and camera.height_px is not None:
        parts.append(f"{camera.width_px}×{camera.height_px}")
    if camera.fps is not None:
        parts.append(f"{camera.fps:.1f} fps")
    return " · ".join(parts) or "unknown until it is connected"


def decoder_text(camera: Camera) -> str:
    """What decodes, and what was asked for where that is something else."""
    asked = camera.hwaccel if camera.hwaccel not in (None, camera.decoder) else None
    return f"{camera.decoder or 'none now'}{f' ({asked} was asked for)' if asked else ''}"


def _transport_text(camera: Camera) -> str:
    if not camera.address.startswith(("rtsp:", "rtsps:")):
        return "as the address says"
    kept = "stays connected" if camera.keep_connected else "is closed"
    return f"{camera.transport} · {kept} outside deployments"


def _figures_rows(rates: CameraRates | None) -> tuple[tuple[str, str], ...]:
    if rates is None:
        return (("figures", "none: it takes no part in a deployment"),)
    return (
        ("pictures", f"{rates.decode_fps:.1f}/s read · {rates.detect_fps:.1f}/s searched"),
        ("in all", f"{rates.frames_decoded} read · {rates.frames_dropped} dropped"),
        ("found", f"{rates.tracks} passing faces, in {rates.faces_detected} views"),
    )


def details_content(camera: Camera, rates: CameraRates | None, now_s: float, width: int) -> Content:
    """Name, state with since-when and reason, then everything else in two columns."""
    mark = camera_mark(camera.state)
    reason = "" if camera.state is CameraState.LIVE else camera.reason
    state = f"{mark.text} {since_text(camera, now_s)}{f': {reason}' if reason else ''}"
    lines = [Content.styled(line, mark.style) for line in wrap(state, max(width, 12))]
    source = "the configuration, and changed there" if camera.declared else "the daemon's own list"
    rows = (
        ("id", camera.id),
        ("address", camera.address),
        ("picture", picture_text(camera)),
        ("decoder", decoder_text(camera)),
        ("transport", _transport_text(camera)),
        ("kept in", source),
        *_figures_rows(rates),
        *regions_rows(camera.regions),
    )
    return Content("\n").join(
        [Content.styled(camera.name, "bold"), *lines, Content(), labelled(rows, width)]
    )


class CameraDetails(VerticalScroll):
    """The selected camera."""

    BORDER_TITLE = "Camera"

    def __init__(self) -> None:
        super().__init__(id="camera-details", classes="panel")
        self._text = Static("", markup=False)
        self._shown = Content()
        self.can_focus = False

    def compose(self) -> ComposeResult:
        yield self._text

    def show(self, camera: Camera | None, rates: CameraRates | None, now_s: float) -> None:
        """Show this one; drawn again only where something changed."""
        if camera is None:
            content = Content.styled(NOTHING, "$quiet")
        else:
            width = self.scrollable_content_region.width
            content = details_content(camera, rates, now_s, width)
        if not content.is_same(self._shown):
            self._shown = content
            self._text.update(content)
