"""Making and changing a watchlist."""

from textual.app import ComposeResult

from lfrd.client import Client
from lfrd.vocabulary import Category
from lfrd.wire.health import Me
from lfrd.wire.lists import Watchlist, WatchlistChange, WatchlistCreate
from tui.dates import DATE_HINT, day_text, moment
from tui.screens.form import EditScreen, FormScreen, Text, field, hint, line_input
from tui.widgets.choice import Choice

CATEGORIES = {
    Category.EXCLUDED.value: "people who may not come in",
    Category.WANTED.value: "people wanted for an offence",
    Category.MISSING.value: "people who are missing",
    Category.AT_RISK.value: "people who may come to harm",
    Category.COURT_ORDER.value: "people under an order of a court",
    Category.TEST.value: "people who agreed to a test",
}
PURPOSES = {
    Category.EXCLUDED: "to enforce bans from the premises",
    Category.WANTED: "to find people who are wanted",
    Category.MISSING: "to find people who are missing",
    Category.AT_RISK: "to protect people at risk",
    Category.COURT_ORDER: "to enforce orders of a court",
    Category.TEST: "to test the system with people who agreed",
}
ENDS_NEVER = "never"


def _number(typed: str | None) -> float | str:
    """What is no number stays as it is: the contract says what is wrong with it."""
    try:
        return float((typed or "0").replace(",", "."))
    except ValueError:
        return typed or ""


class AddListScreen(FormScreen[Watchlist]):
    """A name is enough; the rest has defaults."""

    TITLE_TEXT = "Make a watchlist"
    RULE_TEXT = (
        "A list is for one purpose and has an owner who answers for it. Its category is what the "
        "public record counts by."
    )

    def __init__(self, client: Client, me: Me | None, now_s: float, *, lab: bool = False) -> None:
        super().__init__()
        self._client = client
        self._now_s = now_s
        self._owner = "" if me is None else me.principal.removeprefix("user:")
        self._first = Category.TEST if lab else Category.EXCLUDED

    def fields(self) -> ComposeResult:
        yield field("name", line_input("name", "such as House bans", length=200))
        yield field("category", Choice("category", CATEGORIES, self._first.value))
        yield field("purpose", line_input("purpose", PURPOSES[self._first], length=200))
        yield field("owner", line_input("owner", self._owner or "who answers for it", length=200))
        yield field("ends", line_input("ends", f"never; or {DATE_HINT}"))
        yield field("margin", line_input("margin", "0; a stricter list, up to 0.5"))

    def on_choice_changed(self, event: Choice.Changed) -> None:
        purpose = self.query_one("#purpose")
        purpose.placeholder = PURPOSES[Category(event.choice.value)]  # type: ignore[attr-defined]

    async def send(self) -> Watchlist:
        category = Category(self.query_one("#category", Choice).value)
        given = {
            "name": self.text_of("name") or "",
            "category": category,
            "purpose": self.text_of("purpose") or PURPOSES[category],
            "owner": self.text_of("owner") or self._owner,
            "margin": _number(self.text_of("margin")),
            "expires_at_s": moment(self.text_of("ends"), self._now_s),
        }
        return await self._client.create_watchlist(WatchlistCreate.model_validate(given))


class EditListScreen(EditScreen[Watchlist]):
    """Only what was changed is sent."""

    RULE_TEXT = (
        "A running deployment knows within a second. An earlier end or a larger margin takes "
        "people off, and needs a supervisor."
    )

    def __init__(self, client: Client, watchlist: Watchlist, now_s: float) -> None:
        super().__init__(watchlist)
        self._client = client
        self.TITLE_TEXT = f"Change watchlist {watchlist.name}"
        self._now_s = now_s

    def texts(self, item: Watchlist) -> dict[str, Text]:
        ends = ENDS_NEVER if item.expires_at_s is None else day_text(item.expires_at_s)
        return {"name": item.name, "purpose": item.purpose, "owner": item.owner, "ends": ends,
                "margin": f"{item.margin:g}"}  # fmt: skip

    def facts(self, item: Watchlist) -> dict[str, str]:
        return {"the colour": item.colour, "its confirmation": day_text(item.confirmed_at_s)}

    def fields(self) -> ComposeResult:
        text = {name: str(value) for name, value in self.texts(self.item).items()}
        yield field("name", line_input("name", value=text["name"], length=200))
        yield field("purpose", line_input("purpose", value=text["purpose"], length=200))
        yield field("owner", line_input("owner", value=text["owner"], length=200))
        yield field("ends", line_input("ends", DATE_HINT, text["ends"]))
        yield field("margin", line_input("margin", value=text["margin"]))
        yield hint("the margin is how much more than the threshold this list asks for")

    async def change(self, tag: str | None) -> Watchlist:
        item, was = self.item, self.texts(self.item)
        typed = {name: self.text_of(name) or "" for name in was}
        typed["ends"] = typed["ends"] or ENDS_NEVER
        given: dict[str, object] = {
            name: typed[name] for name in ("name", "purpose", "owner") if typed[name] != was[name]
        }
        if typed["margin"] != was["margin"]:
            given["margin"] = _number(typed["margin"])
        if typed["ends"] != was["ends"]:
            given["expires_at_s"] = moment(typed["ends"], self._now_s)
        if not given:
            return item
        change = WatchlistChange.model_validate(given)
        return await self._client.change_watchlist(item.id, change, tag)
