"""The list of candidates: undecided first, a row for each person at each camera."""

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList

from tui.candidates_model import CandidatesModel, Group
from tui.labels import AMBIGUOUS, candidate_mark, duration_text, is_undecided
from tui.widgets.rows import Row, RowList


def candidate_content(group: Group, unread: bool, camera_name: str, now_s: float) -> Content:
    """Two lines: symbol, list, reference, how often; state in words, how long ago, camera."""
    alert = group.alert
    mark = candidate_mark(alert, unread, now_s)
    bright = "$foreground" if is_undecided(alert) else "$quiet"
    first = Content.assemble(
        (f"{mark.symbol} ", f"bold {mark.style}"),
        ("■ ", alert.watchlist_colour or "$quiet"),
        (alert.reference, f"bold {bright}"),
        (f"  ×{group.count}" if group.count > 1 else "", bright),
        (f"  {AMBIGUOUS.text}" if alert.ambiguous else "", AMBIGUOUS.style),
    )
    ago = duration_text(now_s - alert.raised_at_s)
    several = group.count > 1 and is_undecided(alert)
    word = f"{group.waiting} to decide" if several else mark.word
    second = Content.assemble((f"  {word}", mark.style), (f" · {ago} · {camera_name}", "$quiet"))
    return Content("\n").join([first, second])


class CandidateList(RowList):
    """The list of them. Moving the highlight asks the owner to select."""

    BORDER_TITLE = "Candidates"

    class Chosen(Message):
        """The operator moved to this candidate."""

        def __init__(self, alert_id: str) -> None:
            super().__init__()
            self.alert_id = alert_id

    def show(self, candidates: CandidatesModel, camera_names: dict[str, str], now_s: float) -> None:
        """Bring the rows, the title and the selection in line with the candidates."""
        rows = tuple(
            Row(
                group.alert.id,
                candidate_content(
                    group,
                    candidates.is_unread(group.alert.id),
                    camera_names.get(group.alert.camera_id, group.alert.camera_id),
                    now_s,
                ),
            )
            for group in candidates.groups()
        )
        self.show_rows(rows, candidates.selected_id)
        waiting = candidates.undecided_count
        self.border_title = f"{waiting} to decide" if waiting else "Candidates"
        which = "open only" if candidates.only_open else f"all {len(candidates)}"
        order = " · oldest first" if candidates.oldest_first else ""
        self.border_subtitle = f"{which}{order}{'' if candidates.grouped else ' · each'}"

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option.id is not None and event.option_index == self.highlighted:
            self.post_message(self.Chosen(event.option.id))
