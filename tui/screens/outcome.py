"""What was done about a closed candidate: its one primary outcome."""

from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from lfrd.client import Client
from lfrd.vocabulary import Engagement, Identity
from lfrd.wire.alerts import Alert, EngagementReport
from tui.screens.form import FormScreen, SignCheckbox, field

KINDS = {
    Engagement.NO_ACTION: "nothing: nobody was spoken to",
    Engagement.STOPPED: "stopped, and went on",
    Engagement.ARREST: "arrested",
    Engagement.SAFEGUARDING: "taken care of",
    Engagement.OTHER: "something else: say what",
}

IDENTITIES = {
    "unknown": "not established on the spot",
    Identity.SAME.value: "the person on the list",
    Identity.OTHER.value: "somebody else",
}


class OutcomeScreen(FormScreen[Alert]):
    """Written once; the daemon refuses a second one."""

    TITLE_TEXT = "What was done about it, once and for good"

    def __init__(self, client: Client, alert: Alert) -> None:
        super().__init__()
        self._client = client
        self._alert = alert
        self._kinds = OptionList(
            *(Option(Content(text), id=kind.value) for kind, text in KINDS.items()),
            id="kind",
            compact=True,
        )
        self._identities = OptionList(
            *(Option(Content(text), id=word) for word, text in IDENTITIES.items()),
            id="identity",
            compact=True,
        )

    def fields(self) -> ComposeResult:
        yield Static(f"{self._alert.reference}", classes="heading", markup=False)
        yield field("done", self._kinds)
        minutes = Input(placeholder="0", id="minutes", compact=True)
        yield field("minutes", minutes)
        yield field("", SignCheckbox("somebody complained", False, id="complaint", compact=True))
        yield field("note", Input(placeholder="no names", id="note", compact=True, max_length=2000))
        yield field("it was", self._identities)
        group = Input(placeholder="of a false alert, as recorded", id="group", compact=True)
        yield field("group", group)

    def on_mount(self) -> None:
        self._kinds.highlighted = 0
        self._identities.highlighted = 0
        self._kinds.focus()

    def on_option_list_option_selected(self) -> None:
        self.action_send()

    async def send(self) -> Alert:
        chosen, who = self._kinds.highlighted_option, self._identities.highlighted_option
        established = who is not None and who.id != "unknown"
        report = EngagementReport.model_validate(
            {
                "kind": chosen.id if chosen is not None else None,
                "engagement_min": _number(self.text_of("minutes") or "0"),
                "complaint": self.query_one("#complaint", SignCheckbox).value,
                "note": self.text_of("note") or "",
                "identity": who.id if who is not None and established else None,
                "group": self.text_of("group") or None,
            }
        )
        return await self._client.report_engagement(self._alert.id, report)


def _number(typed: str) -> float | str:
    """What is no number stays as it is: the contract says what is wrong with it."""
    try:
        return float(typed.replace(",", "."))
    except ValueError:
        return typed
