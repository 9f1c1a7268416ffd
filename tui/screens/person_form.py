"""Putting a person on a list: what the enrolment gate says is shown as a photo is named."""

import asyncio
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from lfrd.client import Client
from lfrd.errors import BadInput, LfrdError
from lfrd.vocabulary import Category
from lfrd.wire.health import Me
from lfrd.wire.lists import Entry, EntryChange, EntryCreate, PhotoVerdict, Watchlist
from tui.dates import DATE_HINT, day_text, moment
from tui.labels import complaint
from tui.photos import box_text, close_up, drawn, finding_rows, paths_of, read_photo
from tui.screens.form import (
    EditScreen,
    FormScreen,
    SignCheckbox,
    Text,
    check,
    field,
    hint,
    line_input,
)
from tui.screens.photo_picker import PhotoPicker
from tui.widgets.choice import Choice
from tui.widgets.line import MARK_CELLS, labelled
from tui.widgets.picture import Picture, decode

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass

SETTLE_S = 0.25
CONSENT = "agreed to take part in the test"
THEMSELVES = "the person themselves"
PHOTO_HINT = "a path, several, or a folder; Ctrl+O picks"


class PhotoForm(FormScreen[Entry]):
    """A form with photos: the first one is shown with what the gate says of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "pick", "Pick photos", show=False),
        Binding("ctrl+n", "other_face", "Other face", show=False),
    ]

    def __init__(self, client: Client, image_class: "ImageClass") -> None:
        super().__init__()
        self._client = client
        self._image_class = image_class
        self._picture = Picture(image_class, id="verdict-photo")
        self._verdict = Static("", id="photo-verdict", markup=False)
        self._shown: PhotoVerdict | None = None
        self._boxes: dict[Path, str] = {}
        self._kept: set[Path] = set()

    def photo_fields(self) -> ComposeResult:
        """The field of the photos; `photo_preview` shows them."""
        yield field("photos", line_input("photos", PHOTO_HINT))

    def photo_preview(self) -> ComposeResult:
        """The first photo with its verdict."""
        yield Horizontal(self._picture, self._verdict, id="photo-shown")

    @on(Input.Changed, "#photos")
    def photos_typed(self) -> None:
        self._look(self._entry_id())

    def _entry_id(self) -> str | None:
        return None

    def action_pick(self) -> None:
        def picked(paths: tuple[Path, ...] | None) -> None:
            if paths:
                self.query_one("#photos", Input).value = shlex.join(map(str, paths))

        self.app.push_screen(PhotoPicker(self._folder(), self._image_class), picked)

    def _folder(self) -> Path:
        """Where to begin: beside what was typed, else at home."""
        try:
            given = paths_of(self.text_of("photos") or "")
        except LfrdError:
            given = ()
        near = given[0].parent if given else Path.home()
        return near if near.is_dir() else Path.home()

    def action_other_face(self) -> None:
        """Of a photo of several people, the next face is the one that is meant."""
        verdict, path = self._shown, self._first()
        if verdict is None or path is None or len(verdict.faces) < 2:
            return
        faces = sorted(verdict.faces, key=lambda face: face.box[0])
        here = next((n for n, face in enumerate(faces) if face.meant), -1)
        if path not in self._boxes:
            here = -1
        self._boxes[path] = box_text(faces[(here + 1) % len(faces)])
        self._look(self._entry_id())

    def _first(self) -> Path | None:
        try:
            return next(iter(paths_of(self.text_of("photos") or "")), None)
        except LfrdError:
            return None

    @work(group="verdict", exclusive=True)
    async def _look(self, entry_id: str | None) -> None:
        """Ask the gate about the first photo, once the operator has stopped typing."""
        await asyncio.sleep(SETTLE_S)
        self._shown = None
        try:
            path = next(iter(paths_of(self.text_of("photos") or "")), None)
            if path is None or not path.is_file():
                self._clear("" if path is None else f"no file is there yet: {path.name}")
                return
            data = await asyncio.to_thread(read_photo, path)
            verdict = await self._client.inspect_photo(data, self._params(path, entry_id))
        except LfrdError as error:
            self._clear(str(error))
            return
        self._shown = verdict
        self._verdict.update(verdict_content(verdict, self._verdict.content_size.width or 40))
        try:
            self._picture.show(close_up(drawn(decode(data, "photo"), verdict), verdict))
        except LfrdError as error:
            self._picture.say(str(error))
        self.set_class(True, "-photo")

    def _clear(self, words: str) -> None:
        self._picture.say("")
        self._verdict.update(complaint(words) if words else Content())
        self.set_class(bool(words), "-photo")

    def _params(self, path: Path, entry_id: str | None) -> dict[str, str]:
        given = {"name": path.name[-200:], "box": self._boxes.get(path), "entry_id": entry_id}
        return {name: value for name, value in given.items() if value}

    async def check_photos(self, entry_id: str | None) -> dict[Path, bytes]:
        """The photos, once none of them would be refused. Raises BadInput that says why."""
        paths = [path for path in paths_of(self.text_of("photos") or "") if path not in self._kept]
        if not paths and not self._kept:
            raise BadInput("a photo is wanted: type or paste its path, or pick it with Ctrl+O")
        found: dict[Path, bytes] = {}
        refused = []
        for path in paths:
            data = await asyncio.to_thread(read_photo, path)
            verdict = await self._client.inspect_photo(data, self._params(path, entry_id))
            found[path] = data
            if verdict.refused is not None:
                refused.append(verdict.refused)
        if refused:
            raise BadInput("; ".join(refused))
        return found

    async def keep_photos(self, entry: Entry, photos: dict[Path, bytes]) -> Entry:
        """Enrol them; sent again, it goes on with those that are not kept yet."""
        for path, data in photos.items():
            params = {key: x for key, x in self._params(path, None).items() if key != "entry_id"}
            await self._client.enrol_photo(entry.id, data, params)
            self._kept.add(path)
        return await self._client.entry(entry.id)


def verdict_content(verdict: PhotoVerdict, width: int) -> Content:
    """Taken or refused, and everything that the gate found."""
    if verdict.refused is None:
        but = ", though:" if any(x.weight != "note" for x in verdict.findings) else ""
        head = Content.styled(f"✓ can be enrolled{but}", "bold $success")
    else:
        head = Content.styled("✗ would be refused", "bold $error")
    rows = finding_rows(verdict.findings, refused=verdict.refused is not None)
    several = (("◇", "Ctrl+N takes another face"),) if len(verdict.faces) > 1 else ()
    return Content("\n").join([head, labelled((*rows, *several), width, MARK_CELLS)])


class AddPersonScreen(PhotoForm):
    """One person, any number of photos: all are looked at before any is kept."""

    TITLE_TEXT = "Put a person on a list"
    RULE_TEXT = (
        "Under a reference of yours, not a name. Why they are listed and where the photo comes "
        "from are wanted by the rules."
    )

    def __init__(
        self,
        client: Client,
        lists: Sequence[Watchlist],
        chosen: Watchlist,
        known: Sequence[Entry],
        me: Me | None,
        image_class: "ImageClass",
        now: Callable[[], float],
    ) -> None:
        super().__init__(client, image_class)
        self._me = "" if me is None else me.principal
        self._lists = {item.name: item for item in lists}
        self._chosen = chosen
        self._known = known
        self._now_s = now
        self._entry: Entry | None = None

    def fields(self) -> ComposeResult:
        if len(self._lists) > 1:
            names = {name: item.category.value for name, item in self._lists.items()}
            yield field("list", Choice("list", names, self._chosen.name))
        yield from self.photo_fields()
        last = self._known[-1] if self._known else None
        test = self._chosen.category is Category.TEST
        basis = last.basis if last else CONSENT if test else ""
        source = last.source if last else THEMSELVES if test else ""
        yield field("why", line_input("basis", "such as ban of 3 May", basis, length=200))
        yield field("photo from", line_input("source", "such as incident 12", source, length=200))
        who = last.reviewer if last else self._me
        yield field(
            "checked by", line_input("reviewer", "who checked the grounds", who, length=200)
        )
        yield field("reference", line_input("reference", self._free_reference(), length=200))
        yield from self.photo_preview()
        yield Static("Only where needed", classes="heading", markup=False)
        yield field("ends", line_input("ends", f"with the list; or {DATE_HINT}"))
        yield field("look-alikes", line_input("look_alikes", "twins, relatives; no names"))
        yield field("", check("under_18", "under 18: a second person must approve"))
        yield field("  why so", line_input("under_18_reason", "why a person under 18 is listed"))

    def on_mount(self) -> None:
        self.query_one("#photos").focus()

    def _free_reference(self) -> str:
        """A reference that no entry has here: numbers go on from the highest."""
        numbers = [int(e.reference[2:]) for e in self._known
                   if e.reference.startswith("P-") and e.reference[2:].isdigit()]  # fmt: skip
        return f"P-{max(numbers, default=0) + 1:03d}"

    def _entry_id(self) -> str | None:
        return None if self._entry is None else self._entry.id

    def _list(self) -> Watchlist:
        found = self.query("#list")
        if not found:
            return self._chosen
        return self._lists[self.query_one("#list", Choice).value]

    async def send(self) -> Entry:
        photos = await self.check_photos(self._entry_id())
        if self._entry is None:
            self._entry = await self._client.add_entry(self._list().id, self._new())
        return await self.keep_photos(self._entry, photos)

    def _new(self) -> EntryCreate:
        missing = {
            word: name
            for word, name in (
                ("why they are listed", "basis"),
                ("where the photo is from", "source"),
                ("who checked that", "reviewer"),
            )
            if self.text_of(name) is None
        }
        if missing:
            self.query_one(f"#{next(iter(missing.values()))}").focus()
            raise BadInput(f"say {' and '.join(missing)}: the rules want it of every entry")
        return EntryCreate.model_validate(
            {
                "reference": self.text_of("reference") or self._free_reference(),
                "basis": self.text_of("basis"),
                "source": self.text_of("source"),
                "reviewer": self.text_of("reviewer") or "",
                "look_alikes": self.text_of("look_alikes") or "",
                "under_18": self.query_one("#under_18", SignCheckbox).value,
                "under_18_reason": self.text_of("under_18_reason") or "",
                "expires_at_s": moment(self.text_of("ends"), self._now_s()),
            }
        )


class AddPhotosScreen(PhotoForm):
    """Further photos of a person who is on the list."""

    def __init__(self, client: Client, entry: Entry, image_class: "ImageClass") -> None:
        super().__init__(client, image_class)
        self.TITLE_TEXT = f"More photos of {entry.reference}"
        self._entry = entry

    def fields(self) -> ComposeResult:
        yield from self.photo_fields()
        yield from self.photo_preview()

    def _entry_id(self) -> str | None:
        return self._entry.id

    async def send(self) -> Entry:
        return await self.keep_photos(self._entry, await self.check_photos(self._entry.id))


class EditPersonScreen(EditScreen[Entry]):
    """Only what was changed is sent."""

    RULE_TEXT = (
        "A running deployment knows within a second. An earlier end or a larger margin takes the "
        "person off, and needs a supervisor."
    )

    def __init__(self, client: Client, entry: Entry, now_s: float) -> None:
        super().__init__(entry)
        self._client = client
        self.TITLE_TEXT = f"Change {entry.reference}"
        self._now_s = now_s

    def texts(self, item: Entry) -> dict[str, Text]:
        return {"basis": item.basis, "source": item.source, "reviewer": item.reviewer,
                "look_alikes": item.look_alikes, "ends": _ends(item),
                "margin": f"{item.margin:g}"}  # fmt: skip

    def facts(self, item: Entry) -> dict[str, str]:
        held = sum(photo.quarantined_at_s is not None for photo in item.photos)
        return {"the number of photos": f"{len(item.photos)}, {held} in quarantine",
                "approved by": (item.approved_by or "").removeprefix("user:")}  # fmt: skip

    def fields(self) -> ComposeResult:
        text = {name: str(value) for name, value in self.texts(self.item).items()}
        yield field("why", line_input("basis", value=text["basis"], length=200))
        yield field("photo from", line_input("source", value=text["source"], length=200))
        yield field("checked by", line_input("reviewer", value=text["reviewer"]))
        yield field("look-alikes", line_input("look_alikes", value=text["look_alikes"]))
        yield field("ends", line_input("ends", DATE_HINT, text["ends"]))
        yield field("margin", line_input("margin", value=text["margin"]))
        yield hint("the margin is how much more than the threshold this person asks for")

    async def change(self, tag: str | None) -> Entry:
        entry, was = self.item, self.texts(self.item)
        names = ("basis", "source", "reviewer", "look_alikes")
        typed = {name: self.text_of(name) or "" for name in names}
        given: dict[str, object] = {x: typed[x] for x in names if typed[x] != was[x]}
        margin = (self.text_of("margin") or "0").replace(",", ".")
        if margin != was["margin"]:
            given["margin"] = _number(margin)
        ends = self.text_of("ends") or "never"
        if ends != was["ends"]:
            given["expires_at_s"] = moment(ends, self._now_s)
        if not given:
            return entry
        return await self._client.change_entry(entry.id, EntryChange.model_validate(given), tag)


def _ends(entry: Entry) -> str:
    return "never" if entry.expires_at_s is None else day_text(entry.expires_at_s)


def _number(typed: str) -> float:
    try:
        return float(typed)
    except ValueError:
        raise BadInput("the margin is a number from 0 to 0.5") from None
