"""The commands about lists: each is a client of the daemon's API."""

import argparse
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from lfrd.cli import entries, governance, imports, trial
from lfrd.cli.dates import ends
from lfrd.cli.names import list_ids, list_of
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import make_sure, say
from lfrd.client import Client
from lfrd.errors import BadInput
from lfrd.vocabulary import Category
from lfrd.wire.base import Wire
from lfrd.wire.deployments import Erasure, ErasureRequest
from lfrd.wire.lists import CameraReasons, Threshold, Watchlist, WatchlistChange, WatchlistCreate
from lfrd.wire.trials import Passage, Trial

Shown = Sequence[Wire | str]

NOT_ALL = 2
"""Of the rows of an import some were refused: the user can mend them."""


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Carry out one action and print what came of it."""
    async with Client.over_socket(socket, token_of(options)) as client:
        if options.action == "import":
            return await _import(client, options)
        action = _ACTIONS[options.action]
        shown = await action(client, options)
    for item in shown:
        if isinstance(item, str):
            text = item
        else:
            text = item.model_dump_json() if options.json else _text(item.printable())
        say(text)
    return 0


async def _list(client: Client, _: argparse.Namespace) -> Shown:
    return await client.watchlists()


async def _add(client: Client, options: argparse.Namespace) -> Shown:
    given = {"colour": options.colour, "margin": options.margin, **ends(options)}
    new = WatchlistCreate(
        name=options.name, category=Category(options.category), purpose=options.purpose,
        owner=options.owner,
        **{name: value for name, value in given.items() if value is not None},
    )  # fmt: skip
    return [await client.create_watchlist(new)]


async def _change(client: Client, options: argparse.Namespace) -> Shown:
    given = {"colour": options.colour, "margin": options.margin}
    values = {name: value for name, value in given.items() if value is not None}
    change = WatchlistChange(**values, **ends(options))
    return [await client.change_watchlist((await list_of(client, options.name)).id, change)]


async def _cameras(client: Client, options: argparse.Namespace) -> Shown:
    watchlist = await list_of(client, options.name)
    return [await client.scope_watchlist(watchlist.id, options.cameras)]


async def _confirm(client: Client, options: argparse.Namespace) -> Shown:
    return [await client.confirm_watchlist((await list_of(client, options.name)).id)]


async def _delete(client: Client, options: argparse.Namespace) -> Shown:
    found = await list_of(client, options.name)
    make_sure(
        options,
        f"The watchlist {found.name!r} with {found.entries} entries and {found.templates} photos "
        f"is erased by the daemon on {client.place}.",
    )
    request = ErasureRequest(kind="watchlist", subject_id=found.id, reason=options.reason)
    return [await client.governance.erase(request)]


async def _import(client: Client, options: argparse.Namespace) -> int:
    """Exit code 2 where a row is not on the list afterwards, or would not be."""
    watchlist_id = (await list_of(client, options.list)).id
    imported = await imports.bring_in(client, watchlist_id, imports.order_of(options))
    now = await client.watchlist(watchlist_id)
    say(imports.summary(imported, now.name, now.entries, now.templates, as_json=options.json))
    return 0 if imported.whole else NOT_ALL


async def _export(client: Client, options: argparse.Namespace) -> Shown:
    watchlist = await list_of(client, options.list)
    passphrase = imports.read_passphrase(options.passphrase_file) or ""
    if len(passphrase) < 12:
        raise BadInput("the passphrase needs 12 characters or more")
    size = await imports.take_out(client, watchlist.id, options.file, passphrase, options.reason)
    return [f"{options.file}: {size:,} bytes"]


async def _threshold(client: Client, options: argparse.Namespace) -> Shown:
    return [await client.threshold(await list_ids(client, options.list), options.one_in)]


async def _prepare(client: Client, options: argparse.Namespace) -> Shown:
    return [await client.prepare_model(options.pack)]


async def _progress(client: Client, _: argparse.Namespace) -> Shown:
    return [await client.model_preparation()]


async def _switch(client: Client, options: argparse.Namespace) -> Shown:
    done = await client.switch_model(options.pack, accept_missing=options.accept_missing)
    return [done, f"{done.pack} is used from the daemon's next start on"]


async def _why(client: Client, options: argparse.Namespace) -> Shown:
    since_s = None if options.minutes is None else time.time() - 60 * options.minutes
    return [await client.why(options.camera, since_s)]


async def _trial(client: Client, options: argparse.Namespace) -> Shown:
    return await trial.run(client, options)


def _text(item: Wire) -> str:
    if isinstance(item, Erasure):
        return governance.receipt_text(item)
    if isinstance(item, Watchlist):
        where = ", ".join(item.camera_ids) or "all cameras"
        return (
            f"{item.name:24} {item.category:12} {item.entries:6} entries {item.templates:6} "
            f"photos  {where}"
        )
    if isinstance(item, Threshold):
        return threshold_text(item)
    if isinstance(item, Trial):
        return trial.trial_text(item)
    if isinstance(item, Passage):
        return trial.passage_text(item)
    if isinstance(item, CameraReasons):
        counts = (
            f"{item.camera_id}: {item.faces_detected} faces found, {item.tracks} tracks "
            f"({item.tracks_split} begun as another person came, {item.scene_cuts} cuts), "
            f"{item.tracks_never_compared} never compared, {item.tracks_below} below the "
            f"threshold, {item.candidates} raised; largest face {item.best_inter_eye_px:.0f} px "
            "between the eyes"
        )
        skipped = ", ".join(f"{n} {reason}" for reason, n in sorted(item.looks_skipped.items()))
        return "\n".join([counts, f"  looks skipped: {skipped or 'none'}", *(
            f"  {advice}" for advice in item.advice)])  # fmt: skip
    return item.model_dump_json()


def threshold_text(item: Threshold) -> str:
    """A threshold and its promise, for people."""
    shown = "shown once you decided" if item.threshold is None else f"{item.threshold:.3f}"
    lines = [
        f"threshold {shown}: at most one false alert in {item.one_in:,.0f} passing "
        f"faces (95 %: at worst one in {item.one_in_worst:,.0f})",
        f"  for {item.references:,} reference photos, up to {item.looks} looks a track (worth "
        f"{item.looks_effective:g}), demographic factor {item.demographic_factor:g}",
    ]
    if item.extrapolated:
        lines.append("  EXTRAPOLATED: rarer than the measured pairs support")
    if item.false_alerts_a_day is not None:
        lines.append(
            f"  expected: {item.false_alerts_a_day:.2g} false alerts a day at the present "
            f"{item.faces_a_day:,.0f} faces a day ({item.false_alerts_a_day_low:.2g} to "
            f"{item.false_alerts_a_day_high:.2g})"
        )
    return "\n".join(lines)


_ACTIONS: dict[str, Callable[[Client, argparse.Namespace], Awaitable[Shown]]] = {
    "list": _list,
    "add": _add,
    "change": _change,
    "cameras": _cameras,
    "confirm": _confirm,
    "delete": _delete,
    "export": _export,
    "threshold": _threshold,
    "why": _why,
    "trial": _trial,
    "enrol": entries.enrol,
    "entries": entries.entries,
    "entry": entries.run,
    "prepare": _prepare,
    "progress": _progress,
    "switch": _switch,
}
