"""The list of candidates: undecided first, a row for each person at each camera.

Only the rows that can be seen are ever made, so that a thousand cost as much as ten.
"""

from rich.segment import Segment
from textual.content import Content
from textual.events import Click
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from tui.candidates_model import CandidatesModel, Filter, Group, Which
from tui.labels import AMBIGUOUS, Mark, candidate_mark, clock_text, cut, is_undecided, waited_mark

ROW_LINES = 2
NARROW_CELLS = 20
"""Under so many the state in words and the camera are left out ..."""
WIDE_CELLS = 36
"""... and under so many the seconds."""


def candidate_content(
    group: Group, unread: bool, camera_name: str, now_s: float, width: int = 80
) -> Content:
    """Two lines: symbol, list, reference, how often; state in words, when, how long ago, camera."""
    alert = group.alert
    mark = candidate_mark(alert, unread, now_s)
    bright = "$foreground" if is_undecided(alert) else "$quiet"
    narrow = width < NARROW_CELLS
    before = Content.assemble(
        (f"{mark.symbol} ", f"bold {mark.style}"),
        ("" if narrow else "■ ", alert.watchlist_colour or "$quiet"),
    )
    after = Content.assemble(
        (f"  ×{group.count}" if group.count > 1 else "", bright),
        (f"  {AMBIGUOUS.symbol if narrow else AMBIGUOUS.text}" if alert.ambiguous else "",
         AMBIGUOUS.style),
    )  # fmt: skip
    reference = cut(alert.reference, width - before.cell_length - after.cell_length)
    first = Content.assemble(before, (reference, f"bold {bright}"), after)
    waited = waited_mark(alert, now_s)
    several = group.count > 1 and is_undecided(alert)
    word = f"{group.waiting} to decide" if several else mark.word
    clock = clock_text(alert.raised_at_s)
    if narrow:
        return Content("\n").join([first, _when(clock[:5], waited)])
    second = Content.assemble(
        (f"  {word}", mark.style),
        (f" · {clock if width >= WIDE_CELLS else clock[:5]} · ", "$quiet"),
        (waited.text.strip(), waited.style),
        (f" · {camera_name}", "$quiet"),
    )
    return Content("\n").join([first, second])


def _when(clock: str, waited: Mark) -> Content:
    return Content.assemble((f"{waited.symbol} ", waited.style), (f"{clock} ", "$quiet"),
                            (waited.word, waited.style))  # fmt: skip


def filter_text(wanted: Filter, camera_names: dict[str, str], lists: dict[str, str]) -> str:
    """Which candidates are listed, in words."""
    parts = [wanted.which.value]
    if wanted.camera_id is not None:
        parts.append(f"at {camera_names.get(wanted.camera_id, wanted.camera_id)}")
    if wanted.watchlist_id is not None:
        parts.append(f"of {lists.get(wanted.watchlist_id) or 'a list that is gone'}")
    return " ".join(parts)


class CandidateList(ScrollView, can_focus=True):
    """The list of them. A click asks the owner to select."""

    BORDER_TITLE = "Candidates"

    class Chosen(Message):
        """The operator pointed at this candidate."""

        def __init__(self, alert_id: str) -> None:
            super().__init__()
            self.alert_id = alert_id

    def __init__(self, *, id: str, classes: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._candidates = CandidatesModel()
        self._camera_names: dict[str, str] = {}
        self._now_s = 0.0
        self._drawn: dict[int, tuple[object, ...]] = {}
        self._strips: dict[int, list[Strip]] = {}
        self._empty: Strip | None = None
        self._at: int | None = None

    def show(self, candidates: CandidatesModel, camera_names: dict[str, str], now_s: float) -> None:
        """Bring the rows, the title and the selection in line with the candidates."""
        self._candidates, self._camera_names, self._now_s = candidates, camera_names, now_s
        self._say_what_is_listed()
        size = Size(max(1, self.scrollable_content_region.width), candidates.row_count * ROW_LINES)
        if self.virtual_size != size:
            self.virtual_size = size
        at = candidates.selected_row
        if at != self._at:
            self._at = at
            if at is not None:
                here = Region(0, at * ROW_LINES, 1, ROW_LINES)
                self.scroll_to_region(here, animate=False, force=True)
        self._redraw_changed()

    def _say_what_is_listed(self) -> None:
        candidates = self._candidates
        waiting = candidates.undecided_count
        title = f"{waiting} to decide" if waiting else "Candidates"
        which = filter_text(candidates.filter, self._camera_names, candidates.watchlists)
        if candidates.filter == Filter(Which.ALL):
            which = f"all {len(candidates)}"
        order = " · oldest first" if candidates.oldest_first else ""
        subtitle = f"{which}{order}{'' if candidates.grouped else ' · each'}"
        if (title, subtitle) != (self.border_title, self.border_subtitle):
            self.border_title, self.border_subtitle = title, subtitle

    def _seen_rows(self) -> range:
        top = int(self.scroll_offset.y)
        last = (top + self.scrollable_content_region.height - 1) // ROW_LINES
        return range(top // ROW_LINES, min(self._candidates.row_count, last + 1))

    def _redraw_changed(self) -> None:
        """Make the rows that can be seen, and draw those that are others than before."""
        seen = self._seen_rows()
        now = {number: self._sign(number) for number in seen}
        for number in self._drawn.keys() | now.keys():
            if self._drawn.get(number) != now.get(number):
                self._strips.pop(number, None)
                self._refresh_row(number)
        self._drawn = now

    def _refresh_row(self, number: int) -> None:
        y = number * ROW_LINES - int(self.scroll_offset.y)
        self.refresh(Region(0, y, self.size.width, ROW_LINES))

    def _sign(self, number: int) -> tuple[object, ...]:
        """All on which the look of a row depends; cheaper than the row."""
        group = self._candidates.row(number)
        alert, unread = group.alert, self._candidates.is_unread(group.alert.id)
        return (
            id(alert), alert.id, group.count, group.waiting, number == self._at,
            self._camera_names.get(alert.camera_id), waited_mark(alert, self._now_s),
            candidate_mark(alert, unread, self._now_s),
        )  # fmt: skip

    def _made(self, number: int) -> Content:
        group = self._candidates.row(number)
        alert = group.alert
        return candidate_content(
            group,
            self._candidates.is_unread(alert.id),
            self._camera_names.get(alert.camera_id, alert.camera_id),
            self._now_s,
            self.scrollable_content_region.width,
        )

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.scrollable_content_region.width
        number, line = divmod(y + int(self.scroll_offset.y), ROW_LINES)
        if not 0 <= number < self._candidates.row_count:
            if self._empty is None or self._empty.cell_length != width:
                self._empty = Strip([Segment(" " * width, self.rich_style)], width)
            return self._empty
        if number not in self._strips:
            selected, content = number == self._at, self._made(number)
            style = self.get_visual_style("candidate--selected") if selected else self.visual_style
            strips = Visual.to_strips(self, content, width, ROW_LINES, style)
            filled = [strip.adjust_cell_length(width, style.rich_style) for strip in strips]
            self._strips[number] = filled
        return self._strips[number][line]

    COMPONENT_CLASSES = {"candidate--selected"}  # noqa: RUF012 - Textual's own type

    def on_resize(self) -> None:
        self.forget_drawn()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.forget_drawn()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.forget_drawn()

    def forget_drawn(self) -> None:
        """Make all rows anew."""
        self._drawn, self._strips, self._empty = {}, {}, None
        self.refresh()

    def on_click(self, event: Click) -> None:
        offset = event.get_content_offset(self)
        if offset is None:
            return
        number = (offset.y + int(self.scroll_offset.y)) // ROW_LINES
        if 0 <= number < self._candidates.row_count:
            self.post_message(self.Chosen(self._candidates.row(number).alert.id))
