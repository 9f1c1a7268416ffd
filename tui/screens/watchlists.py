"""The watchlists: lists, the people on them, and one person's photos with what the gate said."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Static

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.deployments import Erasure, ErasureRequest
from lfrd.wire.lists import Entry, Photo, Watchlist
from tui.dates import day_text
from tui.labels import duration_text, people_text, photos_text
from tui.photos import finding_rows
from tui.screens.ask import AskScreen
from tui.screens.form import ReasonForm
from tui.screens.help import Topic
from tui.screens.list_form import EditListScreen
from tui.screens.person_form import AddPersonScreen, AddPhotosScreen, EditPersonScreen
from tui.screens.place import BACK, MOVES, Owner, PlaceScreen, Situation, changing
from tui.widgets.line import labelled
from tui.widgets.listed import Listed
from tui.widgets.picture import Picture, decode
from tui.widgets.rows import Row

SHOWN_MAX = 500
"""Rows of people; who is not among them is found by searching."""
NO_LIST = "There is no watchlist.\n\nPress n to make one."
NOBODY = "Nobody is on this list.\n\nPress a to put a person on it, or i to import photos."
PHOTO_REASON = "looked at on the lists screen"


class QuarantineScreen(ReasonForm):
    """Enter puts a photo into quarantine."""

    TITLE_TEXT = "Compare with this photo no more: why?"
    KEYS_TEXT = "Enter puts it into quarantine, Esc leaves it"
    EXAMPLE = "for example: it shows somebody else"


class EraseScreen(ReasonForm):
    """Enter erases; said above is what it takes along."""

    SUPERVISORS_ONLY: ClassVar[bool] = True
    KEYS_TEXT = "Enter erases it for good, Esc keeps it"
    EXAMPLE = "for example: the ban was lifted"

    def __init__(
        self, carry_out: Callable[[str], Awaitable[object]], what: str, takes_along: str
    ) -> None:
        super().__init__(carry_out)
        self.TITLE_TEXT, self.RULE_TEXT = f"Erase {what}: why?", takes_along


class WatchlistsScreen(PlaceScreen):
    """Lists at the left, their people beside them, the chosen person's photos at the right."""

    TOPIC: ClassVar[Topic] = "lists"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Add person"),
        Binding("n", "new", "New list"),
        Binding("e", "edit", "Change"),
        Binding("slash", "search", "Search", key_display="/"),
        Binding("i", "import", "Import"),
        Binding("y", "confirm", "Confirm"),
        Binding("x", "erase", "Erase"),
        Binding("p", "photos", "More photos", show=False),
        Binding("o", "next_photo", "Next photo", show=False),
        Binding("w", "quarantine", "Quarantine", show=False),
        Binding("u", "approve", "Approve", show=False),
        Binding("X", "export", "Export", show=False),
        *MOVES,
        Binding("right", "into", "To the people", show=False),
        Binding("left", "out", "To the lists", show=False),
        Binding("l", "dismiss", "Back", show=False),
        *BACK,
    ]

    def __init__(
        self,
        client: Client,
        owner: Owner,
        now: Callable[[], float],
        *,
        chosen_id: str | None = None,
    ) -> None:
        super().__init__(client, owner, now)
        self._lists = Listed(id="lists", classes="panel choice-list")
        self._lists.border_title = "Watchlists"
        self._people = Listed(id="people", classes="people")
        self._search = Input(placeholder="a part of a reference", id="search", compact=True)
        self._about = Static("", id="person-about", markup=False)
        self._picture = Picture(owner.image_class, id="person-photo")
        self._list_id = chosen_id
        self._entry_id: str | None = None
        self._photo_at = 0
        self._entries: tuple[Entry, ...] = ()
        self._photo_shown: str | None = None

    def body(self) -> ComposeResult:
        yield self._lists
        with Vertical(classes="panel people-panel") as panel:
            panel.border_title = "People"
            yield self._search
            yield self._people
        with Vertical(classes="panel wide-panel", id="person") as panel:
            panel.border_title = "Person"
            with Horizontal(id="person-row"):
                yield self._picture
                with VerticalScroll(id="person-text"):
                    yield self._about

    def on_mount(self) -> None:
        self._search.display = False
        self._lists.focus()

    # What is read.

    def read(self) -> None:
        self._read()

    read_news = read

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        try:
            self._owner.show_lists(await self._client.watchlists())
            chosen = self._list()
            self._entries = () if chosen is None else await self._client.entries(chosen.id)
        except LfrdError as error:
            self._owner.complain(str(error))
        self.refresh_all()
        self._load_photo()

    def _list(self) -> Watchlist | None:
        lists = self._owner.situation().lists
        found = [item for item in lists if item.id == self._list_id]
        chosen = next(iter(found or lists), None)
        self._list_id = None if chosen is None else chosen.id
        return chosen

    def _found(self) -> tuple[Entry, ...]:
        """The people of the list whose reference, ground or source holds what is searched for."""
        wanted = self._search.value.strip().casefold()
        if not wanted:
            return self._entries
        return tuple(
            e for e in self._entries
            if wanted in f"{e.reference}\n{e.basis}\n{e.source}".casefold()
        )  # fmt: skip

    def _entry(self) -> Entry | None:
        people = self._found()
        chosen = next((e for e in people if e.id == self._entry_id), None)
        return chosen or next(iter(people), None)

    def _photo(self) -> Photo | None:
        entry = self._entry()
        if entry is None or not entry.photos:
            return None
        return entry.photos[self._photo_at % len(entry.photos)]

    def _load_photo(self) -> None:
        """The chosen person's photo: that it is looked at is recorded."""
        photo = self._photo()
        if photo is None:
            self._photo_shown = None
            self._picture.say("no photo" if self._entry() is not None else "")
        elif photo.id != self._photo_shown and self._people.has_focus:
            self._show_photo(photo.id)
        elif photo.id != self._photo_shown:
            self._picture.say("→ shows the photo; that you looked is logged")

    @work(group="photo", exclusive=True)
    async def _show_photo(self, photo_id: str) -> None:
        self._picture.say("loading")
        self._photo_shown = photo_id
        try:
            image = await self._client.photo_image(photo_id, PHOTO_REASON)
            self._picture.show(decode(image, "photo"))
        except LfrdError as error:
            self._photo_shown = None
            self._picture.say(str(error))

    # What the operator does.

    def keys_now(self) -> list[str]:
        """By what the keys are on: a list or a person."""
        if self._list() is None:
            return ["new"]
        if not self._people.has_focus:
            return [
                "into:People",
                "add:Add",
                "new:New",
                "edit",
                "import",
                "confirm",
                "erase",
                "search",
            ]
        entry, photo = self._entry(), self._photo()
        if entry is None:
            return ["add", "search", "out:Lists"]
        held = photo is not None and photo.quarantined_at_s is not None
        waits = entry.under_18 and entry.approved_by is None
        return [
            *(["approve"] if waits else []), "edit", "photos:Photos",
            *(["next_photo"] if len(entry.photos) > 1 else []),
            *(["quarantine:Release" if held else "quarantine"] if photo is not None else []),
            "erase", "add", "search", "out:Lists",
        ]  # fmt: skip

    def action_move(self, step: int) -> None:
        focused = self._people if self._people.has_focus else self._lists
        focused.move(step)

    def action_into(self) -> None:
        self._people.focus()
        self.call_after_refresh(self._load_photo)

    def action_out(self) -> None:
        self._lists.focus()

    def on_listed_moved(self, event: Listed.Moved) -> None:
        if event.listed is self._lists:
            if event.row_id != self._list_id:
                self._list_id, self._entry_id, self._photo_at = event.row_id, None, 0
                self._entries = ()
                self._read()
        else:
            self._entry_id, self._photo_at = event.row_id, 0
            self.refresh_all()
            self._load_photo()

    def on_listed_taken(self, event: Listed.Taken) -> None:
        if event.listed is self._lists:
            self.action_into()
        else:
            self.action_edit()

    def action_search(self) -> None:
        self._search.display = True
        self._search.focus()

    @on(Input.Changed, "#search")
    def searched(self) -> None:
        self._entry_id = None
        self.refresh_all()

    @on(Input.Submitted, "#search")
    def search_done(self) -> None:
        self._search.display = bool(self._search.value)
        self.action_into()

    @changing
    def action_new(self) -> None:
        def made(watchlist: Watchlist) -> None:
            self._list_id = watchlist.id
            self.read()

        self._owner.add_list(made)

    @changing
    def action_add(self) -> None:
        chosen = self._list()
        if chosen is None:
            self._owner.complain("there is no watchlist: n makes one")
            return
        known = self._owner.situation()
        form = AddPersonScreen(
            self._client, known.lists, chosen, self._entries, known.me,
            self._owner.image_class, self._now,
        )  # fmt: skip
        self.app.push_screen(form, self._listed)

    def _listed(self, entry: Entry | None) -> None:
        if entry is not None:
            self._list_id, self._entry_id = entry.watchlist_id, entry.id
            self._photo_shown = None
            waits = ": a supervisor who did not add it has to approve it (u)"
            more = waits if entry.under_18 and entry.approved_by is None else ""
            self.done(f"{entry.reference} is as you set it{more}")

    @changing
    def action_edit(self) -> None:
        entry, chosen = self._entry(), self._list()
        if self._people.has_focus and entry is not None:
            form = EditPersonScreen(self._client, entry, self._now())
            self.app.push_screen(form, self._listed)
        elif chosen is not None:
            list_form = EditListScreen(self._client, chosen, self._now())
            self.app.push_screen(list_form, self._changed)

    def _changed(self, watchlist: Watchlist | None) -> None:
        if watchlist is not None:
            self.done(f"watchlist {watchlist.name} is as you set it")

    @changing
    def action_photos(self) -> None:
        entry = self._chosen_entry()
        if entry is not None:
            form = AddPhotosScreen(self._client, entry, self._owner.image_class)
            self.app.push_screen(form, self._listed)

    def _chosen_entry(self) -> Entry | None:
        entry = self._entry()
        if entry is None:
            self._owner.complain("nobody is chosen here: a puts a person on the list")
        return entry

    def action_next_photo(self) -> None:
        entry = self._entry()
        if entry is None or len(entry.photos) < 2:
            self._owner.complain("there is no other photo: p adds more")
            return
        self._photo_at += 1
        self.refresh_all()
        self._load_photo()

    @changing
    def action_import(self) -> None:
        from tui.screens.list_import import ImportScreen

        chosen = self._list()
        if chosen is None:
            self._owner.complain("there is no watchlist: n makes one")
            return

        def ended(said: str | None) -> None:
            if said is not None:
                self.done(said)

        self.app.push_screen(ImportScreen(self._client, chosen), ended)

    @changing
    def action_export(self) -> None:
        from tui.screens.list_import import ExportListScreen

        chosen = self._list()
        if chosen is None or not self.may_supervise():
            return

        def written(path: Path | None) -> None:
            if path is not None:
                self._owner.say(Content(f"● the archive is {path}"))

        self.app.push_screen(ExportListScreen(self._client, chosen, self._now()), written)

    @changing
    def action_confirm(self) -> None:
        """Say that the list was looked over: the gate wants it from time to time."""
        chosen = self._list()
        if chosen is None:
            self._owner.complain("there is no watchlist: n makes one")
            return
        if chosen.restored_from_s is not None and not self.may_supervise():
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.ask(
                    lambda: self._client.confirm_watchlist(chosen.id),
                    f"watchlist {chosen.name} is confirmed as of now",
                )

        question = f"Did you look {chosen.name} over?"
        consequence = (
            f"It has {people_text(chosen.entries)}, and each still belongs on it as of now. The "
            "start gate wants to be told so, and by whom."
        )
        self.app.push_screen(AskScreen(question, consequence, "It is right"), answered)

    @changing
    def action_quarantine(self) -> None:
        entry, photo = self._entry(), self._photo()
        if entry is None or photo is None:
            self._owner.complain("no photo is chosen")
        elif photo.quarantined_at_s is not None:
            self.ask(
                lambda: self._client.release_photo(photo.id),
                f"{entry.reference} is compared with this photo again",
            )
        elif compared_with(entry) > 1 or self.may_supervise():

            def held(done: bool | None) -> None:
                if done:
                    self.done(f"the photo of {entry.reference} is in quarantine: w releases it")

            self.app.push_screen(
                QuarantineScreen(lambda reason: self._client.quarantine_photo(photo.id, reason)),
                held,
            )

    @changing
    def action_approve(self) -> None:
        entry = self._chosen_entry()
        if entry is None:
            return
        if not entry.under_18 or entry.approved_by is not None:
            self._owner.complain(f"{entry.reference} waits for nobody's approval")
        elif self.may_supervise():
            self.ask(lambda: self._client.approve_entry(entry.id), f"{entry.reference} is approved")

    @changing
    def action_erase(self) -> None:
        """What the keys are on: a list, or a person."""
        entry, chosen = self._entry(), self._list()
        if self._people.has_focus and entry is not None:
            photos = len(entry.photos)
            self._erase(
                "entry", entry.id, entry.reference,
                f"{photos} photo{'s' * (photos != 1)} and what is compared of them go with it, "
                "from every file, the backups' keys included. Candidates keep their own copies "
                "until their time is over.",
            )  # fmt: skip
        elif chosen is not None:
            self._erase(
                "watchlist", chosen.id, f"the list {chosen.name}",
                f"{people_text(chosen.entries)} and {photos_text(chosen.templates)} go with it. A "
                "running deployment compares with none of them from that second on.",
            )  # fmt: skip

    def _erase(self, kind: str, subject_id: str, what: str, takes_along: str) -> None:
        if not self.may_supervise():
            return

        receipts: list[Erasure] = []

        async def erase(reason: str) -> None:
            request = ErasureRequest.model_validate(
                {"kind": kind, "subject_id": subject_id, "reason": reason}
            )
            receipts.append(await self._client.governance.erase(request))

        def erased(done: bool | None) -> None:
            if done:
                self.done(receipt_text(what, receipts[0]))

        self.app.push_screen(EraseScreen(erase, what, takes_along), erased)

    # How it is shown.

    def draw(self, known: Situation) -> None:
        now_s = self._now()
        chosen, entry = self._list(), self._entry()
        rows = tuple(Row(x.id, list_content(x, now_s)) for x in known.lists)
        empty = Row("none", Content.styled(NO_LIST, "$quiet"))
        self._lists.show_rows(rows or (empty,), None if chosen is None else chosen.id)
        people = self._found()[:SHOWN_MAX]
        self._people.show_rows(
            tuple(Row(e.id, entry_content(e, now_s)) for e in people),
            None if entry is None else entry.id,
        )
        width = self._about.content_size.width or 30
        self.query_one("#person").display = self.size.width >= 100 or self._people.has_focus
        self._lists.display = self.size.width >= 100 or not self._people.has_focus
        if entry is not None:
            photo = self._photo()
            number = 0 if photo is None else entry.photos.index(photo) + 1
            self._about.update(about_entry(entry, photo, number, now_s, width))
        else:
            self._about.update(Content.styled("" if chosen is None else NOBODY, "$quiet"))


def compared_with(entry: Entry) -> int:
    """With how many photos of an entry faces are compared."""
    return sum(photo.quarantined_at_s is None for photo in entry.photos)


def list_content(item: Watchlist, now_s: float) -> Content:
    """Two lines: colour, name; how many, category, until when."""
    ended = item.expires_at_s is not None and item.expires_at_s <= now_s
    until = "" if item.expires_at_s is None else f", until {day_text(item.expires_at_s)[:10]}"
    return Content.assemble(
        ("■ ", item.colour or "$quiet"), (item.name, "bold"),
        (f"\n  {people_text(item.entries)}, {item.category.value}", "$quiet"),
        ("  ✗ has ended" if ended else until, "$error" if ended else "$quiet"),
        ("\n  ▲ of a backup: y confirms" * (item.restored_from_s is not None), "$warning"),
    )  # fmt: skip


def entry_content(entry: Entry, now_s: float) -> Content:
    """Reference, and what is out of the ordinary about it."""
    signs = []
    if entry.under_18 and entry.approved_by is None:
        signs.append("▲ waits for approval")
    held = sum(photo.quarantined_at_s is not None for photo in entry.photos)
    if not entry.photos:
        signs.append("✗ no photo")
    elif held == len(entry.photos):
        signs.append("▮ in quarantine")
    if entry.expires_at_s is not None and entry.expires_at_s <= now_s:
        signs.append("✗ has ended")
    if any(f.weight == "against" for photo in entry.photos for f in photo.findings):
        signs.append("▲ look at the photo")
    return Content.assemble(
        (entry.reference, "bold"), (f"  {' · '.join(signs)}" if signs else "", "$warning")
    )


def about_entry(
    entry: Entry, photo: Photo | None, number: int, now_s: float, width: int
) -> Content:
    """Why they are listed, until when, and what the gate said of the photo that is shown."""
    rows = [
        ("why", entry.basis), ("photo from", entry.source),
        ("checked by", entry.reviewer.removeprefix("user:") or "-"),
        ("added", f"{duration_text(now_s - entry.added_at_s)} ago"),
        ("until", "with the list" if entry.expires_at_s is None else day_text(entry.expires_at_s)),
    ]  # fmt: skip
    if entry.under_18:
        who = entry.approved_by or "nobody yet: u approves, by another person than who added it"
        rows += [("under 18", entry.under_18_reason), ("approved by", who)]
    if entry.look_alikes:
        rows.append(("look-alikes", entry.look_alikes))
    parts = [Content.styled(entry.reference, "bold"), labelled(tuple(rows), width, 12)]
    if photo is not None:
        of = f"\nPhoto {number} of {len(entry.photos)}"
        taken = "" if photo.taken_at_s is None else f", taken {day_text(photo.taken_at_s)[:10]}"
        size = f"{photo.width_px}×{photo.height_px}, {photo.inter_eye_px:.0f} px between the eyes"
        parts += [Content.styled(of, "bold"), Content.styled(f"{size}{taken}", "$quiet")]
        if photo.quarantined_at_s is not None:
            why = f"▮ in quarantine: {photo.quarantine_reason} · w releases it"
            parts.append(Content.styled(why, "$warning"))
        parts.append(labelled(finding_rows(photo.findings), width, 2))
    return Content("\n").join(parts)


def receipt_text(what: str, receipt: Erasure) -> str:
    """What went."""
    counts = f"{people_text(receipt.entries)}, {photos_text(receipt.images)}"
    return f"{what} is erased: {counts}; the receipt is in the audit log"
