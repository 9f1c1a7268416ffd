"""The public record of one deployment: what it counts to, and writing it to a file."""

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lfrd.client import Client
from lfrd.errors import LfrdError, UserError
from lfrd.wire.record import Record, RecordAlerts, rate_in_words
from tui.dates import day_text
from tui.labels import candidates_text
from tui.screens.form import FormScreen, field, hint, line_input
from tui.screens.help import Topic
from tui.screens.place import BACK, Owner, PlaceScreen, Situation, changing
from tui.widgets.choice import Choice
from tui.widgets.line import labelled

FORMS = {
    "html": "for people, to be published",
    "csv": "for a spreadsheet",
    "json": "for programs: the format is fixed",
}
LABEL_CELLS = 17


def new_file(named: str | None, otherwise: str) -> Path:
    """The file that was named, or one at home. Raises UserError where it is there."""
    path = Path(named).expanduser() if named else Path.home() / otherwise
    if path.exists():
        raise UserError(f"{path} is there already: name another file")
    return path


def write_new(path: Path, data: bytes) -> None:
    """A file that is not there yet, for all who may read its folder. Raises UserError."""
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError:
        raise UserError(f"{path} is there already: name another file") from None
    except OSError as error:
        raise UserError(f"{path} cannot be written: {error.strerror}") from None


class ExportRecordScreen(FormScreen[Path]):
    """In which form, and where to."""

    SUPERVISORS_ONLY: ClassVar[bool] = True

    TITLE_TEXT = "Write the record to a file"
    RULE_TEXT = "No name, face or reference of a person is in it. That it left is logged."

    def __init__(self, client: Client, record: Record) -> None:
        super().__init__()
        self._client = client
        self._record = record
        at_s = record.started_at_s or record.made_at_s
        self._stem = f"record-{day_text(at_s).replace(' ', '-').replace(':', '')}"

    def fields(self) -> ComposeResult:
        yield field("form", Choice("form", FORMS))
        yield field("file", line_input("file", str(Path.home() / f"{self._stem}.html")))
        yield hint("the ending follows the form where no file is named")

    def on_choice_changed(self, event: Choice.Changed) -> None:
        box = self.query_one("#file")
        box.placeholder = str(Path.home() / f"{self._stem}.{event.choice.value}")  # type: ignore[attr-defined]

    async def send(self) -> Path:
        form = self.query_one("#form", Choice).value
        named = self.text_of("file")
        path = new_file(named, f"{self._stem}.{form}")
        data = await self._client.export_record(self._record.deployment_id, form)
        write_new(path, data)
        return path


class RecordScreen(PlaceScreen):
    """Read when it is opened; R reads it again."""

    TOPIC: ClassVar[Topic] = "record"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "write", "Write to a file"),
        Binding("R", "read_again", "Read again"),
        Binding("j,down", "scroll_by(1)", "Down", show=False),
        Binding("k,up", "scroll_by(-1)", "Up", show=False),
        Binding("r", "dismiss", "Back", show=False),
        *BACK,
    ]

    def __init__(
        self, client: Client, owner: Owner, now: Callable[[], float], deployment_id: str
    ) -> None:
        super().__init__(client, owner, now)
        self._deployment_id = deployment_id
        self._text = Static("", markup=False, id="record-text")
        self._record: Record | None = None
        self._failed = False

    def body(self) -> ComposeResult:
        with VerticalScroll(classes="panel wide-panel", id="record") as panel:
            panel.border_title = "Public record"
            yield self._text

    def read(self) -> None:
        self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        try:
            self._record = await self._client.record(self._deployment_id)
            self._failed = False
        except LfrdError as error:
            self._failed = True
            self._owner.complain(str(error))
        self.refresh_all()

    def action_read_again(self) -> None:
        self._owner.say(Content("● read again"))
        self._read()

    def action_scroll_by(self, step: int) -> None:
        self.query_one("#record").scroll_relative(y=step, animate=False)

    @changing
    def action_write(self) -> None:
        record = self._record
        if record is not None and self.may_supervise():

            def written(path: Path | None) -> None:
                if path is not None:
                    self._owner.say(Content(f"● the record is in {path}"))

            self.app.push_screen(ExportRecordScreen(self._client, record), written)

    def draw(self, known: Situation) -> None:
        if self._record is None:
            said = "✗ It could not be read. R reads it again." if self._failed else "◌ reading"
            self._text.update(Content.styled(said, "$quiet"))
            return
        names = {camera.id: camera.name for camera in known.cameras}
        width = self._text.content_size.width or 60
        self._text.update(record_content(self._record, names, width))


def record_content(record: Record, names: dict[str, str], width: int) -> Content:
    """The figures that people ask for first."""
    parts = [Content.styled(f"{record.purpose}, {record.place}", "bold")]
    if record.lab:
        parts.append(Content.styled("LAB · consenting people only", "bold $on-lab on $lab"))
    pending, whys = record.alerts.pending, list(record.preliminary)
    if pending:  # the record calls candidates by their name on the wire
        whys = [why for why in whys if not why.startswith("alerts that")]
        whys.append(f"{candidates_text(pending)} to be decided")
    parts += [Content.styled(f"▲ preliminary: {why}", "$warning") for why in whys]
    parts.append(labelled(_rows(record), width, LABEL_CELLS))
    for camera in record.cameras:
        covered = "unknown" if camera.coverage is None else f"{camera.coverage:.0%} of the time"
        rows = (
            ("pictures", f"{covered}, {camera.down_min:g} min away"),
            ("passing faces", f"{camera.faces_seen}, {camera.faces_never_compared} never compared"),
            ("candidates", _alerts(camera.alerts)),
        )
        name = names.get(camera.camera_id, camera.camera_id)
        parts += [
            Content.styled(f"\nCamera {name}", "bold"), labelled(rows, width, LABEL_CELLS)
        ]  # fmt: skip
    return Content("\n").join(parts)


def _rows(record: Record) -> tuple[tuple[str, str], ...]:
    ended = "runs" if record.ended_at_s is None else day_text(record.ended_at_s)
    began = "not yet" if record.started_at_s is None else day_text(record.started_at_s)
    outcomes, latency = record.outcomes, record.latency
    times = "none decided"
    if latency.p50_ms is not None and latency.p95_ms is not None:
        times = f"{latency.p50_ms:.0f} ms in the middle, 95 % within {latency.p95_ms:.0f} ms"
    done = (
        f"{outcomes.stopped} stopped, {outcomes.arrest} arrested, {outcomes.safeguarding} taken "
        f"care of, {outcomes.no_action} nothing, {outcomes.other} other, "
        f"{outcomes.none_recorded} not recorded; {outcomes.complaints} complaints"
    )
    return (
        ("from, to", f"{began}, {ended}"),
        ("people listed", f"{record.watchlist_size}, {record.watchlist_under_18} under 18"),
        ("passing faces", f"{record.faces_seen}, {record.faces_never_compared} never compared"),
        ("candidates", _alerts(record.alerts)),
        ("false, of faces", rate_in_words(record.false_alerts_of_faces)),
        ("false, of cand.", rate_in_words(record.false_alerts_of_alerts)),
        ("right, of cand.", rate_in_words(record.true_alerts_of_alerts)),
        ("what was done", done),
        ("look to screen", times),
        ("nobody compared", f"{record.downtime.paused_min:g} min paused, "
                            f"{record.downtime.away_min:g} min away"),
    )  # fmt: skip


def _alerts(alerts: RecordAlerts) -> str:
    right = alerts.true_confirmed + alerts.true_unconfirmed
    wrong = alerts.false_confirmed + alerts.false_unconfirmed
    return (
        f"{alerts.total}: {right} right ({alerts.true_confirmed} confirmed), {wrong} wrong "
        f"({alerts.false_confirmed} confirmed), {alerts.unresolved} unresolved, "
        f"{alerts.pending} to be decided"
    )
