"""The list of candidates: undecided first, newest first."""

from textual.content import Content
from textual.message import Message
from textual.widgets import OptionList

from lfrd.wire.alerts import Alert
from tui.candidates_model import CandidatesModel
from tui.labels import AMBIGUOUS, candidate_mark, duration_text, is_undecided
from tui.widgets.rows import Row, RowList


def candidate_content(alert: Alert, unread: bool, camera_name: str, now_s: float) -> Content:
    """Two lines: symbol, list and reference; the state in words, how long ago, camera."""
    mark = candidate_mark(alert, unread, now_s)
    bright = "$foreground" if is_undecided(alert) else "$quiet"
    first = Content.assemble(
        (f"{mark.symbol} ", f"bold {mark.style}"),
        ("■ ", alert.watchlist_colour or "$quiet"),
        (alert.reference, f"bold {bright}"),
        (f"  {AMBIGUOUS.text}" if alert.ambiguous else "", AMBIGUOUS.style),
    )
    ago = duration_text(now_s - alert.raised_at_s)
    second = Content.assemble(
        (f"  {mark.word}", mark.style), (f" · {ago} · {camera_name}", "$quiet")
    )
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
                alert.id,
                candidate_content(
                    alert,
                    candidates.is_unread(alert.id),
                    camera_names.get(alert.camera_id, alert.camera_id),
                    now_s,
                ),
            )
            for alert in candidates.listed()
        )
        self.show_rows(rows, candidates.selected_id)
        waiting = candidates.undecided_count
        self.border_title = f"{waiting} to decide" if waiting else "Candidates"
        self.border_subtitle = "open only" if candidates.only_open else f"all {len(candidates)}"

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if event.option.id is not None and event.option_index == self.highlighted:
            self.post_message(self.Chosen(event.option.id))
