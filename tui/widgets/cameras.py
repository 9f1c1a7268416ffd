"""The cameras: state with since-when and reason, and the figures of the running deployment."""

from textwrap import wrap

from textual.content import Content

from lfrd.api.schema import Camera, CameraRates, CameraState
from tui.widgets.rows import Row, RowList
from tui.words import camera_mark, clock_text

WIDTH = 34
"""Cells inside the panel; the theme sets its width."""

NO_CAMERAS = "No camera is set up yet.\n\nAdd one with\nlfrd camera add"


def camera_content(camera: Camera, rates: CameraRates | None) -> Content:
    """A few aligned lines and an empty one; the figures only where the camera has any."""
    mark = camera_mark(camera.state)
    head = Content.assemble(
        (f"{mark.symbol} ", mark.style),
        (f"{camera.name:<12.12} ", "bold"),
        (f"{mark.word:<10} ", mark.style),
        (clock_text(camera.since_at_s), "$quiet"),
    )
    lines = [head]
    if camera.reason and camera.state is not CameraState.LIVE:
        wrapped = wrap(camera.reason, WIDTH, initial_indent="  ", subsequent_indent="  ")
        lines.extend(Content.styled(line, mark.style) for line in wrapped)
    if not camera.enabled:
        lines.append(Content.assemble(("  switched off", "$quiet")))
    if rates is not None:
        lines.extend(_figures(rates))
    return Content("\n").join([*lines, Content()])


def _figures(rates: CameraRates) -> tuple[Content, Content]:
    def pair(label: str, value: str) -> tuple[Content, Content]:
        return Content.styled(f"{label} ", "$quiet"), Content.styled(value, "$foreground")

    first = Content.assemble(
        "  ",
        *pair("decode", f"{rates.decode_fps:5.1f}/s"),
        *pair("  detect", f"{rates.detect_fps:5.1f}/s"),
    )
    second = Content.assemble(
        "  ",
        *pair("faces", f"{rates.faces_detected:<6}"),
        *pair("tracks", f"{rates.tracks:<5}"),
        *pair("dropped", f"{rates.frames_dropped}"),
    )
    return first, second


def cameras_in_short(cameras: tuple[Camera, ...]) -> str:
    """How many cameras are in which state: `3 live, 1 lost`."""
    counts: dict[CameraState, int] = {}
    for camera in cameras:
        counts[camera.state] = counts.get(camera.state, 0) + 1
    parts = [f"{n} {camera_mark(state).word}" for state, n in sorted(counts.items())]
    return "cameras: " + (", ".join(parts) if parts else "none")


class CameraList(RowList):
    """All cameras, by name."""

    BORDER_TITLE = "Cameras"

    def show(self, cameras: tuple[Camera, ...], rates: dict[str, CameraRates]) -> None:
        """Show them; `rates` are the latest figures by camera id."""
        ordered = sorted(cameras, key=lambda camera: (camera.name, camera.id))
        self.show_rows(tuple(Row(c.id, camera_content(c, rates.get(c.id))) for c in ordered))
        self.border_subtitle = cameras_in_short(cameras).removeprefix("cameras: ")
