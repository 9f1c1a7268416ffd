"""A terminal on the API of a real site, and what is on its lists and planned there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual.events import Paste
from textual.pilot import Pilot
from textual.screen import Screen

from lfrd.client import Client
from lfrd.vocabulary import Category, UseCase
from lfrd.wire.deployments import DeploymentDraft
from lfrd.wire.lists import EntryCreate, Watchlist, WatchlistCreate
from support.site import DOCUMENTS, HOUR_S, Served
from support.terminal import app_on, text_of, until
from tui.app import Look

WAIT_S = 20.0


@dataclass
class Desk:
    """A terminal on a real site, and what its keys do there."""

    pilot: Pilot[None]
    served: Served
    client: Client

    @property
    def screen(self) -> Screen[object]:
        """The one on top."""
        return self.pilot.app.screen

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        self.pilot.app.post_message(Paste(text))
        await self.pilot.pause()

    def text(self) -> str:
        """In one line, without the frames of dialogues."""
        return " ".join(text_of(self.pilot).replace("│", " ").split())

    async def sees(self, words: str) -> None:
        await until(self.pilot, lambda: words in self.text(), WAIT_S)

    async def sees_no_more(self, words: str) -> None:
        await until(self.pilot, lambda: words not in self.text(), WAIT_S)


@asynccontextmanager
async def desk(
    served: Served, size: tuple[int, int], secret: str | None = None, *, read_only: bool = False
) -> AsyncIterator[Desk]:
    """As whom a token with this secret says; else as the system's user."""
    async with Client.over_socket(served.socket, secret, printable=True) as client:
        client.reads_only = read_only
        app = app_on(client, look=Look(read_only=read_only))
        async with app.run_test(size=size) as pilot:
            await until(pilot, lambda: " health " in text_of(pilot), WAIT_S)
            yield Desk(pilot, served, served.client)


async def made(client: Client, name: str = "House bans") -> Watchlist:
    return await client.create_watchlist(
        WatchlistCreate(name=name, category=Category.EXCLUDED, purpose="bans", owner="the desk")
    )


async def listed(client: Client, watchlist: Watchlist, reference: str, photo: bytes = b"") -> str:
    entry = await client.add_entry(
        watchlist.id,
        EntryCreate(reference=reference, basis="ban of 3 May", source="incident", reviewer="ben"),
    )
    if photo:
        await client.add_photo(entry.id, photo, f"{reference}.jpg")
    return entry.id


async def planned(client: Client, watchlist: Watchlist, **changes: object) -> str:
    plan = {
        "profile": "standard", "purpose": "to keep banned visitors out", "place": "the entrance",
        "use_case": UseCase.ENFORCE_EXCLUSION, "expectation": "they come back",
        "documents": DOCUMENTS, "watchlist_ids": (watchlist.id,), "duration_s": 4 * HOUR_S,
    }  # fmt: skip
    draft = DeploymentDraft.model_validate(plan | changes)
    return (await client.governance.draft(draft)).id
