"""The audit log: who did what, filtered; and checking all of it."""

import asyncio
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lfrd.audit.export import export_folder
from lfrd.audit.verify import BadLog, Verdict, key_of, verify_export
from lfrd.client import Client
from lfrd.errors import BadInput, LfrdError, UserError
from lfrd.vocabulary import AuditClass
from lfrd.wire.audit import AuditExportStart, AuditLeaf
from tui.dates import day_text
from tui.log_words import CLASSES, action_text, class_of
from tui.screens.ask import AskScreen
from tui.screens.form import FormScreen, field, line_input
from tui.screens.help import Topic
from tui.screens.paged import PAGE, PagedScreen
from tui.screens.place import BACK, Owner, Situation, changing
from tui.search import day_span
from tui.this_app import app_of
from tui.widgets.line import Line, labelled
from tui.widgets.rows import Row

BAR_CELLS = 30
REASON = "checked in the terminal"
SEARCH_HINT = "a person, a class (decided, erased, …), today, 2026-11-26"


class ExportLogScreen(FormScreen[tuple[Path, str]]):
    """Where to, and why."""

    SUPERVISORS_ONLY: ClassVar[bool] = True

    TITLE_TEXT = "Write the whole log to a folder"
    RULE_TEXT = "For `lfrd audit verify`, on any machine. That it left, and why, is logged."

    def fields(self) -> ComposeResult:
        yield field("folder", line_input("folder", str(Path.home() / "lfrd-log")))
        yield field("why", line_input("reason", "such as for the auditor", length=200))

    async def send(self) -> tuple[Path, str]:
        reason = self.text_of("reason")
        if reason is None:
            raise BadInput("say why the log is taken out: it is logged")
        named = self.text_of("folder")
        return (Path(named) if named else Path.home() / "lfrd-log"), reason


class AuditScreen(PagedScreen):
    """Newest first. v checks the whole log against its signed checkpoints."""

    TOPIC: ClassVar[Topic] = "audit"
    SUPERVISORS_ONLY: ClassVar[bool] = True
    ALL_READ = "there is nothing older"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "Filter", key_display="/"),
        Binding("c", "class", "Class"),
        Binding("m", "more", "Older"),
        Binding("v", "verify", "Verify"),
        Binding("w", "write", "Write to a folder"),
        Binding("i", "app.technical", "Technical details", show=False),
        Binding("A", "dismiss", "Back", show=False),
        *BACK,
    ]

    def __init__(self, client: Client, owner: Owner, now: Callable[[], float]) -> None:
        super().__init__(client, owner, now, "leaves", SEARCH_HINT)
        self._progress = Line(id="log-progress")
        self._held = Static("", id="log-held", markup=False)
        self._leaves: list[AuditLeaf] = []
        self._class: AuditClass | None = None
        self._held_back: int | None = None
        self._more = False
        self._verdict: Content | None = None

    def body(self) -> ComposeResult:
        with Vertical(classes="panel log-panel") as panel:
            panel.border_title = "Audit log"
            yield self._box
            yield self._progress
            yield self._held
            yield self._list
        with VerticalScroll(classes="panel wide-panel", id="leaf") as panel:
            panel.border_title = "Entry"
            yield self._text

    def on_mount(self) -> None:
        self._box.display = self._progress.display = False
        self._list.focus()

    # What is read.

    @property
    def more(self) -> bool:
        return self._more

    def _params(self) -> dict[str, str | int | float]:
        """What was typed: a class, a day, or who it was."""
        given: dict[str, str | int | float] = {"limit": PAGE}
        if self._class is not None:
            given["class"] = self._class.value
        for word in self._box.value.split():
            if (span := day_span(word, self._now())) is not None:
                given["since_s"], given["until_s"] = span
            elif (found := class_of(word)) is not None:
                given["class"] = found.value
            else:
                given["actor"] = word if ":" in word or word == "system" else f"user:{word}"
        return given

    async def read_page(self, *, go_on: bool) -> None:
        params, known = self._params(), self._leaves if go_on else []
        if known:
            params["before"] = known[-1].index
        page = await self._client.audit_leaves(params)
        self._leaves = [*known, *page.leaves]
        self._held_back = page.held_back_from
        self._more = len(page.leaves) == PAGE

    # What the operator does.

    def keys_now(self) -> list[str]:
        return ["search", "class", *["more"] * self.more, "verify", "write"]

    def choose(self, row_id: str) -> None:
        self._verdict = None
        super().choose(row_id)

    def action_class(self) -> None:
        """The next class of events, then all again."""
        order: list[AuditClass | None] = [None, *AuditClass]
        self._class = order[(order.index(self._class) + 1) % len(order)]
        said = CLASSES[self._class] if self._class else "all classes"
        self._owner.say(Content(f"● listed: {said}"))
        self.read()

    @changing
    def action_verify(self) -> None:
        """It is read as a whole, which is logged as an export."""

        def answered(yes: bool | None) -> None:
            if yes and self.may_supervise():
                self._take_out(None, REASON)

        self.app.push_screen(
            AskScreen(
                "Check the whole log?",
                "It is read once and held against its signed checkpoints; nothing of it stays "
                "here. That it was read is logged.",
                "Check it",
            ),
            answered,
        )

    @changing
    def action_write(self) -> None:
        def named(answer: tuple[Path, str] | None) -> None:
            if answer is not None and self.may_supervise():
                self._take_out(answer[0].expanduser(), answer[1])

        self.app.push_screen(ExportLogScreen(), named)

    @work(group="verify", exclusive=True)
    async def _take_out(self, folder: Path | None, reason: str) -> None:
        """Read the whole log, then check what was read; without a folder it is not kept."""
        self._progress.display = True
        try:
            with tempfile.TemporaryDirectory(prefix="lfrd-log-") as draft:
                place = folder or Path(draft) / "log"
                await self._fetch(place, reason)
                self._tell("checking every entry", 1.0)
                key = self._owner.situation().health
                keys = [key_of(key.audit_key)] if key is not None and key.audit_key else []
                found = await asyncio.to_thread(verify_export, place, keys)
        except FileExistsError:
            self._owner.complain(f"{folder} is there already: name a new folder")
        except (LfrdError, BadLog) as error:
            self._owner.complain(str(error))
        except OSError as error:
            self._owner.complain(f"the log cannot be written: {error.strerror}")
        else:
            self._verdict = verdict_content(found, folder)
            self._owner.say(Content("● the log is in order" if found.good else "✗ the log is BAD"))
        finally:
            self._progress.display = False
            self.refresh_all()

    async def _fetch(self, folder: Path, reason: str) -> None:
        """Raises LfrdError, BadLog, OSError, FileExistsError."""
        newest = await self._client.audit_leaves({"limit": 1})
        total = newest.leaves[0].index + 1 if newest.leaves else 1
        lines = 0
        with export_folder(folder) as writer:
            async with self._client.audit_export(AuditExportStart(reason=reason)) as pieces:
                async for piece in pieces:
                    await asyncio.to_thread(writer.feed, piece)
                    lines += piece.count(b"\n")
                    self._tell(f"{min(lines, total):,} of {total:,} entries read", lines / total)
            if not (await asyncio.to_thread(writer.finish)).good:
                raise UserError("what the daemon gave is no whole log")

    def _tell(self, words: str, share: float) -> None:
        full = min(BAR_CELLS, round(BAR_CELLS * share))
        self._progress.show(
            Content.assemble(
                ("━" * full, "$decided"), ("━" * (BAR_CELLS - full), "$frame"), f" {words}"
            )
        )

    # How it is shown.

    def draw(self, known: Situation) -> None:
        chosen = next((x for x in self._leaves if str(x.index) == self._chosen_id), None)
        chosen = chosen or next(iter(self._leaves), None)
        rows = tuple(Row(str(x.index), leaf_row(x)) for x in self._leaves)
        self._list.show_rows(rows, None if chosen is None else str(chosen.index))
        panel = self.query_one(".log-panel")
        panel.border_title = f"Audit log · {CLASSES[self._class] if self._class else 'all classes'}"
        panel.border_subtitle = f"{len(self._leaves)}{'+' if self.more else ''}"
        self._held.display = self._held_back is not None
        held = f"▲ from entry {self._held_back} on: shown once you have decided what waits"
        self._held.update(Content.styled(held, "$warning"))  # wrapped in a narrow panel
        self.query_one("#leaf").display = self.size.width >= 100 or self._verdict is not None
        width = self._text.content_size.width or 40
        about = (
            Content()
            if chosen is None
            else about_leaf(chosen, known, width, technical=app_of(self).technical)
        )
        self._text.update(self._verdict or about)


def leaf_row(leaf: AuditLeaf) -> Content:
    """Number and time, what, who."""
    return Content.assemble(
        (f"{leaf.index:>6} {day_text(leaf.at_s)[5:]} ", "$quiet"),
        (action_text(leaf.action), "bold"), (f"  {_who(leaf)}", "$quiet"),
    )  # fmt: skip


def _who(leaf: AuditLeaf) -> str:
    """A person; else a part of the daemon."""
    who = leaf.principal.removeprefix("user:")
    return who if ":" in leaf.principal else f"({who})"


def about_leaf(leaf: AuditLeaf, known: Situation, width: int, *, technical: bool) -> Content:
    """Everything that is in it; ids that are known are called by their names, and the others are
    `technical`, as what is stored and its hash are."""
    names = {x.id: f"camera {x.name}" for x in known.cameras}
    names |= {x.id: f"list {x.name}" for x in known.lists}
    rows = [
        ("entry", str(leaf.index)), ("when", day_text(leaf.at_s)),
        ("what", action_text(leaf.action)), ("class", CLASSES[leaf.event_class]),
        ("who", _who(leaf)),
    ]  # fmt: skip
    rows += [(name.replace("_", " "), _fact(value)) for name, value in leaf.facts.items()
             if technical or not _is_technical(value)]  # fmt: skip
    if leaf.subjects is None:
        rows.append(("about", "the link to whom it was about is erased"))
    else:
        rows += [("about", names.get(subject, subject)) for subject in leaf.subjects
                 if technical or subject in names]  # fmt: skip
    if technical:
        rows.append(("stored as", f"{leaf.action}, {leaf.event_class.value}"))
        rows.append(("hash", leaf.leaf_hash))
    more = "" if technical else "\n\ni shows ids, digests and the words that are stored"
    return Content.assemble(labelled(tuple(rows), width, 14), (more, "$quiet"))


ID_OR_DIGEST = re.compile(r"(sha256:)?[0-9a-f-]{32,}")


def _is_technical(value: object) -> bool:
    """Whether it is an id or a digest, or a list of them."""
    parts = value if isinstance(value, tuple | list) else [value]
    return bool(parts) and all(
        isinstance(part, str) and ID_OR_DIGEST.fullmatch(part) for part in parts
    )


def _fact(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def verdict_content(found: Verdict, folder: Path | None) -> Content:
    """What the check found, in words."""
    head = ("✓ The log is in order.", "bold $success") if found.good else (
        "✗ The log is not what was written.", "bold $error"
    )  # fmt: skip
    lines = [
        Content.styled(*head),
        Content(f"{found.leaves:,} entries, {found.protected:,} of them under "
                f"{found.checkpoints:,} signed checkpoints."),
    ]  # fmt: skip
    if found.tail:
        lines.append(Content(f"The last {found.tail} are not under a checkpoint yet."))
    lines += [Content.styled(f"✗ {problem}", "$error") for problem in found.problems]
    if found.first_bad is not None:
        lines.append(Content.styled(f"The first bad entry is {found.first_bad}.", "$error"))
    if folder is not None:
        lines.append(Content(f"It is in {folder}."))
    return Content("\n").join(lines)
