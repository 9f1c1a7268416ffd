"""Testing a camera: looks through it for some seconds and says what to mend."""

from collections.abc import Callable
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.cameras import Camera, CameraTestReport
from tui.labels import complaint
from tui.screens.form import field
from tui.widgets.line import MARK_CELLS, Line, labelled

USUAL_S = 10
LONGEST_S = 45
BAR_CELLS = 30
DRAW_S = 0.25
INTRO = """Have a person walk through the picture meanwhile. Nothing of what is seen is kept; that \
a test was made is recorded."""


def _number(value: float | None, unit: str, digits: int = 0) -> str:
    return "unknown" if value is None else f"{value:.{digits}f} {unit}".strip()


def report_rows(report: CameraTestReport) -> tuple[tuple[str, str], ...]:
    """What was measured, in words."""
    faces = f"{report.faces} in {report.frames_searched} pictures"
    if report.faces:
        faces += (
            f" · between the eyes {_number(report.inter_eye_median_px, 'px')} in the middle, "
            f"{_number(report.inter_eye_largest_px, 'px')} at most (gate {report.gate_px:.0f} px)"
        )
    return (
        ("picture", f"{report.codec or 'unknown'} · {report.width_px}×{report.height_px} · "
                    f"{_number(report.fps, 'fps', 1)} · decoded by {report.decoder or 'unknown'}"),
        ("stream", f"{_number(report.bit_rate_kbps, 'kbit/s')} · keyframe every "
                   f"{_number(report.keyframe_interval_s, 's', 1)} · first picture after "
                   f"{_number(report.first_frame_s, 's', 2)}"),
        ("damage", f"{report.frames_damaged} of {report.frames} pictures"),
        ("faces", faces),
        ("angle", report.angle_in_words),
        *([("small", report.small_in_words)] if report.small_likeness is not None else []),
        ("light", f"mean {_number(report.mean_luma, '', 2)} of 1 · sharpness of faces "
                  f"{_number(report.sharpness_median, '')}"),
    )  # fmt: skip


def report_content(report: CameraTestReport, width: int) -> Content:
    """The measures, then the advice."""
    advice = tuple(("→", line) for line in report.advice)
    return Content("\n").join(
        [
            labelled(report_rows(report), width),
            Content.styled("\nWhat to do", "bold"),
            labelled(advice, width, MARK_CELLS),
        ]
    )


def progress_content(passed_s: float, seconds: float) -> Content:
    """How far the test is. It takes longer than its seconds by the time it takes to connect."""
    full = min(BAR_CELLS, round(BAR_CELLS * passed_s / seconds))
    words = f" looking, {passed_s:.0f} of {seconds:.0f} s" if passed_s < seconds else " finishing"
    return Content.assemble(("━" * full, "$decided"), ("━" * (BAR_CELLS - full), "$frame"), words)


class CheckScreen(ModalScreen[None]):
    """Enter starts, as often as wanted; Esc leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "dismiss", "Leave", show=False)]

    def __init__(self, client: Client, camera: Camera, now: Callable[[], float]) -> None:
        super().__init__()
        self._client = client
        self._camera = camera
        self._now = now
        self._seconds = Input(
            str(USUAL_S), type="integer", max_length=2, id="seconds", compact=True
        )
        self._progress = Line(id="progress")
        self._report = Static("", id="report", markup=False)
        self._since_and_for: tuple[float, float] | None = (
            None  # since when, and for how many seconds
        )

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue form") as box:
            box.border_title = f"Test {escape(self._camera.name)}"
            box.border_subtitle = "Enter starts, Esc leaves"
            box.can_focus = False
            yield Static(INTRO, classes="hint", markup=False)
            yield field("seconds", self._seconds)
            yield self._progress
            yield self._report

    def on_mount(self) -> None:
        self.set_interval(DRAW_S, self._draw)

    def on_input_submitted(self) -> None:
        seconds = int(self._seconds.value or 0)
        if self._since_and_for is not None:
            return
        if not 1 <= seconds <= LONGEST_S:
            self._report.update(complaint(f"a test lasts 1 to {LONGEST_S} seconds"))
            return
        self._since_and_for = (self._now(), float(seconds))
        self._report.update("")
        self._draw()
        self._look(float(seconds))

    @work(group="check")
    async def _look(self, seconds: float) -> None:
        try:
            report = await self._client.check_camera(self._camera.id, seconds)
        except LfrdError as error:
            self._report.update(complaint(str(error)))
        else:
            self._report.update(report_content(report, self._report.content_size.width))
        finally:
            self._since_and_for = None
            self._progress.show(Content())

    def _draw(self) -> None:
        if self._since_and_for is not None:
            since_s, seconds = self._since_and_for
            self._progress.show(progress_content(self._now() - since_s, seconds))
