"""Importing a folder, a ZIP or an archive into a list; what was refused is mended and run again."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.markup import escape
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from lfrd.client import Client
from lfrd.errors import BadInput, LfrdError
from lfrd.text import one_line
from lfrd.wire.lists import ExportStart, Watchlist
from tui.dates import day_text
from tui.labels import complaint
from tui.screens.form import FormScreen, SignCheckbox, check, field, hint, line_input
from tui.screens.record import new_file
from tui.widgets.choice import Choice
from tui.widgets.line import Line

if TYPE_CHECKING:
    from lfrd.cli.imports import ImportOrder, Told

BAR_CELLS = 40
ROWS_SHOWN_MAX = 1_000
GATES = {
    "site": "as the site is set",
    "strict": "refuse what speaks against a photo",
    "warn": "take it, and write down what speaks against it",
}
WORDS = {"enrolled": "✓ enrolled", "warned": "▲ enrolled, with warnings",
         "duplicate": "· there already", "refused": "✗ refused"}  # fmt: skip
STYLES = {"enrolled": "$success", "warned": "$warning", "duplicate": "$quiet", "refused": "$error"}


class ImportScreen(ModalScreen[str | None]):
    """Ctrl+S runs it; what it says of each row stays until the next run."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave", show=False),
        Binding("enter,ctrl+s", "run", "Run", show=False),
    ]

    def __init__(self, client: Client, watchlist: Watchlist) -> None:
        super().__init__()
        self._client = client
        self._list = watchlist
        self._progress = Line(id="import-progress")
        self._table = Static("", id="import-rows", markup=False)
        self._counts: Counter[str] = Counter()
        self._rows: list[tuple[int, Content]] = []
        self._notes: list[str] = []
        self._under_way = False
        self._ended = ""

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialogue form import") as box:
            box.border_title = f"Import into {escape(self._list.name)}"
            box.border_subtitle = "Enter runs it, again once it is mended · Esc leaves"
            box.can_focus = False
            yield Static(RULE, classes="rule", markup=False)
            yield field("from", line_input("source", "a folder, a ZIP or an archive: its path"))
            yield field("why", line_input("basis", "for rows that do not say it: ban of 3 May"))
            yield field("photo from", line_input("origin", "the same: such as incident book"))
            yield field("gate", Choice("gate-mode", GATES))
            passphrase = line_input("passphrase", "of an archive")
            passphrase.password = True
            yield field("passphrase", passphrase)
            yield field("", check("dry", "only try: nothing is kept"))
            yield self._progress
            yield self._table

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_run()

    def action_leave(self) -> None:
        if self._under_way:
            self._progress.show(complaint("it goes on: wait for its end, or quit the terminal"))
        else:
            self.dismiss(self._ended or None)

    def _text(self, name: str) -> str:
        return self.query_one(f"#{name}", Input).value.strip()

    def _order(self) -> "ImportOrder":
        """Raises BadInput."""
        from lfrd.cli.imports import order_of_values

        if not self._text("source"):
            raise BadInput("say where the photos are: a folder, a ZIP or an archive")
        gate = self.query_one("#gate-mode", Choice).value
        return order_of_values(
            Path(self._text("source")).expanduser(),
            dry_run=self.query_one("#dry", SignCheckbox).value,
            gate=None if gate == "site" else gate,
            passphrase=self._text("passphrase") or None,
            basis=self._text("basis"),
            source_of_rows=self._text("origin"),
        )

    def action_run(self) -> None:
        if not self._under_way:
            self._under_way = True
            self._counts.clear()
            self._rows.clear()
            self._notes.clear()
            self._run()

    @work(group="import")
    async def _run(self) -> None:
        from lfrd.cli.imports import bring_in

        try:
            order = self._order()
            self._progress.show(Content.styled("◌ reading the table", "$quiet"))
            done = await bring_in(self._client, self._list.id, order, self._tell)
        except LfrdError as error:
            self._progress.show(complaint(str(error)))
        else:
            would = "would be " if order.dry_run else ""
            self._ended = f"{done.on_the_list} of {done.total} rows {would}on {self._list.name}"
            mended = "" if done.whole else "; mend what is below and press Enter again"
            self._progress.show(Content.styled(f"● {self._ended}{mended}", "bold"))
        finally:
            self._under_way = False
            self._draw()

    def _tell(self, told: "Told") -> None:
        """A row is done; the refused ones come first in the table."""
        if told.note:
            self._notes.append(told.note)
        if told.row is None or told.result is None:
            return
        outcome = told.result.outcome
        self._counts[outcome] += 1
        share = told.done / max(1, told.total)
        full = round(BAR_CELLS * share)
        kinds = ", ".join(f"{n:,} {WORDS[kind][2:]}" for kind, n in self._counts.items())
        self._progress.show(
            Content.assemble(
                ("━" * full, "$decided"), ("━" * (BAR_CELLS - full), "$frame"),
                f" {told.done:,} of {told.total:,}: {kinds}",
            )
        )  # fmt: skip
        if outcome in ("refused", "warned") and len(self._rows) < ROWS_SHOWN_MAX:
            why = told.result.message or ", ".join(told.result.codes)
            line = Content.assemble(
                (f"{WORDS[outcome]} ", STYLES[outcome]),
                f"row {told.row.number} {one_line(told.row.reference)}: ",
                one_line(why),
            )
            self._rows.append((outcome != "refused", line))
            if told.done % 20 == 0:
                self._draw()

    def _draw(self) -> None:
        notes = [Content.styled(f"· {note}", "$quiet") for note in self._notes]
        rows = [line for _, line in sorted(self._rows, key=lambda pair: pair[0])]
        self._table.update(Content("\n").join([*notes, *rows]))


RULE = (
    "A table (CSV) with the columns reference and file, or photos whose names are the references. "
    "Run again, it goes on with what is not on the list yet."
)


class ExportListScreen(FormScreen[Path]):
    """An archive that opens with a passphrase alone."""

    SUPERVISORS_ONLY: ClassVar[bool] = True

    RULE_TEXT = "Encrypted under the passphrase. That it left, and why, is logged as a disclosure."

    def __init__(self, client: Client, watchlist: Watchlist, now_s: float) -> None:
        super().__init__()
        self.TITLE_TEXT = f"Export {watchlist.name}"
        self._client = client
        self._list = watchlist
        self._file_name = f"{watchlist.name}-{day_text(now_s)[:10]}.lfrd".replace("/", "-")

    def fields(self) -> ComposeResult:
        yield field("file", line_input("file", str(Path.home() / self._file_name)))
        yield field("why", line_input("reason", "such as move to the new site", length=200))
        for name, label in (("passphrase", "passphrase"), ("again", "again")):
            box = line_input(name, "12 letters at least" if name == "passphrase" else "")
            box.password = True
            yield field(label, box)
        yield hint("without the passphrase nobody can open it, and nobody can give it to you")

    async def send(self) -> Path:
        from lfrd.cli.imports import take_out

        passphrase, reason = self.text_of("passphrase"), self.text_of("reason")
        if reason is None:
            raise BadInput("say why the list is taken out: it is logged")
        if passphrase is None or passphrase != self.text_of("again"):
            raise BadInput("the two passphrases are not the same")
        ExportStart(passphrase=passphrase, reason=reason)
        path = new_file(self.text_of("file"), self._file_name)
        await take_out(self._client, self._list.id, path, passphrase, reason)
        return path
