"""The cameras: state with since-when and reason, and the figures of the running deployment."""

from textwrap import wrap

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList

from lfrd.wire.cameras import Camera, CameraRates, CameraState
from tui.labels import camera_mark, clock_text
from tui.widgets.rows import Row, RowList

WIDTH = 35
"""Cells inside the panel with a scrollbar; the theme sets its width."""

NONE = "No camera is set up.\nEach one will be listed here with\nits state and its figures."


def camera_content(camera: Camera, rates: CameraRates | None) -> Content:
    """A few aligned lines and an empty one; the figures only where the camera has any."""
    mark = camera_mark(camera.state)
    reason = "" if camera.state is CameraState.LIVE else camera.reason
    state = f"{mark.word} since {clock_text(camera.since_at_s)}"
    state += f": {reason}" if reason else ""
    state += "" if camera.enabled else " (switched off)"
    lines = [Content.assemble((f"{mark.symbol} ", mark.style), (camera.name, "bold"))]
    lines += [Content.styled(f"  {line}", mark.style) for line in wrap(state, WIDTH - 2)]
    if rates is not None:
        lines += [
            _figures("read", f"{rates.decode_fps:.1f}/s", "searched", f"{rates.detect_fps:.1f}/s"),
            _figures("faces", f"{rates.faces_detected}", "passing", f"{rates.tracks}"),
            _figures("dropped", f"{rates.frames_dropped}"),
        ]
    return Content("\n").join([*lines, Content()])


def _figures(*labels_and_values: str) -> Content:
    """Pairs of label and value in columns of 15 cells, so that figures stand still."""
    parts: list[str | tuple[str, str]] = []
    for label, value in zip(labels_and_values[::2], labels_and_values[1::2], strict=True):
        parts += ["  ", (label, "$quiet"), f"{value:>{15 - len(label)}}"]
    return Content.assemble(*parts)


def cameras_in_short(cameras: tuple[Camera, ...]) -> str:
    """How many cameras are in which state: `3 live, 1 lost`."""
    counts: dict[CameraState, int] = {}
    for camera in cameras:
        counts[camera.state] = counts.get(camera.state, 0) + 1
    parts = [f"{n} {camera_mark(state).word}" for state, n in sorted(counts.items())]
    return "cameras: " + (", ".join(parts) if parts else "none")


def by_name(cameras: tuple[Camera, ...]) -> tuple[Camera, ...]:
    """In the order of their names, each id once.

    A removed camera is there until its reader has closed, perhaps beside a new one of its id.
    """
    closing_first = sorted(cameras, key=lambda camera: camera.state is not CameraState.CLOSING)
    one_each = {camera.id: camera for camera in closing_first}
    return tuple(sorted(one_each.values(), key=lambda camera: (camera.name, camera.id)))


class CameraChoice(RowList):
    """All cameras with their state. Moving the highlight asks the owner to select."""

    BORDER_TITLE = "Cameras"

    class Chosen(Message):
        """The operator moved to this camera."""

        def __init__(self, camera_id: str) -> None:
            super().__init__()
            self.camera_id = camera_id

    def show(self, cameras: tuple[Camera, ...], selected_id: str | None) -> None:
        """Show a row each: name, state, since when."""
        rows = tuple(Row(camera.id, choice_content(camera)) for camera in by_name(cameras))
        self.show_rows(rows, selected_id)

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option.id is not None and event.option_index == self.highlighted:
            self.post_message(self.Chosen(event.option.id))


def choice_content(camera: Camera) -> Content:
    """Two lines: symbol and name; state and since when."""
    mark = camera_mark(camera.state)
    return Content.assemble(
        (f"{mark.symbol} ", mark.style),
        (camera.name, "bold"),
        (f"\n  {mark.word}", mark.style),
        (f" since {clock_text(camera.since_at_s)}", "$quiet"),
    )


class CameraList(RowList):
    """All cameras, by name."""

    BORDER_TITLE = "Cameras"

    def show(self, cameras: tuple[Camera, ...], rates: dict[str, CameraRates]) -> None:
        """Show them; `rates` are the latest figures by camera id."""
        rows = tuple(Row(c.id, camera_content(c, rates.get(c.id))) for c in by_name(cameras))
        self.show_rows(rows or (Row("none", Content.styled(NONE, "$quiet")),))
        self.border_subtitle = cameras_in_short(cameras).removeprefix("cameras: ")
