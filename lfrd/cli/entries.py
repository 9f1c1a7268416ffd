"""One person on a list: `lfrd watchlist enrol | entries` and `lfrd entry`."""

import argparse
import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from lfrd.cli.dates import ends, moment, shown
from lfrd.cli.names import entry_of, list_of, numbered_photo
from lfrd.cli.outputs import write_private_bytes
from lfrd.cli.terminal import make_sure
from lfrd.client import Client
from lfrd.errors import BadInput, Conflict, LfrdError, NotFound, UserError
from lfrd.text import one_line
from lfrd.wire.base import Wire
from lfrd.wire.deployments import ErasureRequest
from lfrd.wire.lists import Entry, EntryChange, EntryCreate, Photo, Watchlist

READ_LIMIT_BYTES = 64_000_000
"""The daemon takes less of a photo, and says how much."""

Shown = Sequence[Wire | str]


async def enrol(client: Client, options: argparse.Namespace) -> Shown:
    """Put one person on a list with their photos; all of them are looked at before any is kept.

    The same command again goes on where it was cut off, and adds what is new.
    """
    watchlist = await list_of(client, options.list)
    photos = {path: _read(path) for path in options.photos}
    if options.box and len(photos) != 1:
        raise BadInput("--box is of one photo: enrol that one by itself")
    known = await client.entries(watchlist.id, options.reference)
    entry = known[0] if known else None
    if entry is None:
        new = await _new_entry(client, options)
    else:
        _check_same(entry, options)
        photos = _without_known(photos, entry)
    await _check_photos(client, options, photos, entry)
    if entry is None:
        entry = await client.add_entry(watchlist.id, new)
    for done, (path, data) in enumerate(photos.items()):
        try:
            await client.enrol_photo(entry.id, data, _enrolling(options, path))
        except LfrdError as error:
            raise type(error)(
                f"{error}; {watchlist.name}/{entry.reference} is on the list with {done} of "
                f"{len(photos)} photos, and the same command again goes on"
            ) from None
    return _show(options, watchlist, await client.entry(entry.id))


async def entries(client: Client, options: argparse.Namespace) -> Shown:
    """Every entry of a list, a line each."""
    watchlist = await list_of(client, options.list)
    found = await client.entries(watchlist.id)
    if options.json:
        return found
    return [_line(entry) for entry in found] or [f"{watchlist.name} has no entries"]


async def run(client: Client, options: argparse.Namespace) -> Shown:
    """`lfrd entry show | photo | edit | approve | quarantine | release | remove`."""
    watchlist, entry = await entry_of(client, options.entry)
    if options.entry_action == "edit":
        entry = await client.change_entry(entry.id, _change(options))
    elif options.entry_action == "approve":
        entry = await client.approve_entry(entry.id)
    elif options.entry_action == "quarantine":
        for photo in _chosen(entry, options.photo, in_quarantine=False):
            await client.quarantine_photo(photo.id, options.reason)
    elif options.entry_action == "release":
        for photo in _chosen(entry, options.photo, in_quarantine=True):
            await client.release_photo(photo.id)
    elif options.entry_action == "photo":
        return await _save_photo(client, options, entry)
    elif options.entry_action == "remove":
        return await _remove(client, options, watchlist, entry)
    return _show(options, watchlist, await client.entry(entry.id))


async def _save_photo(client: Client, options: argparse.Namespace, entry: Entry) -> Shown:
    """Write a photo as it was given, for this user alone; that it was read is logged."""
    picture = numbered_photo(entry, options.photo)
    write_private_bytes(options.file, await client.photo_image(picture.id, options.reason))
    return ()


async def _remove(
    client: Client, options: argparse.Namespace, watchlist: Watchlist, entry: Entry
) -> Shown:
    """Erase the entry, or one photo of it; the receipt says what went."""
    full = f"{watchlist.name}/{entry.reference}"
    if options.photo is None:
        kind, subject_id = "entry", entry.id
        what = f"The entry {full!r} with {len(entry.photos)} photos"
    else:
        kind, subject_id = "photo", numbered_photo(entry, options.photo).id
        what = f"Photo {options.photo} of {full!r}, which has {len(entry.photos)},"
    make_sure(options, f"{what} is erased by the daemon on {client.place}.")
    request = ErasureRequest.model_validate(
        {"kind": kind, "subject_id": subject_id, "reason": options.reason}
    )
    return [await client.governance.erase(request)]


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise BadInput(f"{path} is no file: name the photos, such as {path}/*.jpg")
    try:
        with path.open("rb") as file:
            data = file.read(READ_LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise NotFound(f"there is no photo {path}") from None
    except OSError as error:
        raise UserError(f"the photo {path} cannot be read: {error.strerror}") from None
    if len(data) > READ_LIMIT_BYTES:
        raise BadInput(f"the photo {path} is larger than {READ_LIMIT_BYTES / 1e6:.0f} MB")
    if not data:
        raise BadInput(f"the photo {path} is empty")
    return data


async def _new_entry(client: Client, options: argparse.Namespace) -> EntryCreate:
    missing = [f"--{name}" for name in ("basis", "source") if not getattr(options, name)]
    if missing:
        raise BadInput(
            f"{options.reference} is not on the list yet: {' and '.join(missing)} wanted"
        )
    given = {
        "basis": options.basis, "source": options.source, "reviewer": options.reviewer,
        "under_18": options.under_18 or None, "under_18_reason": options.under_18_reason,
        "margin": options.margin, "look_alikes": options.look_alikes,
        "person_id": (await entry_of(client, options.same_as))[1].person_id
        if options.same_as
        else None,
    }  # fmt: skip
    values = {name: value for name, value in given.items() if value is not None}
    return EntryCreate(reference=options.reference, **values, **ends(options))


def _check_same(entry: Entry, options: argparse.Namespace) -> None:
    """What is said of a person who is on the list already is not changed by enrolling photos."""
    given = {
        "basis": options.basis, "source": options.source, "reviewer": options.reviewer,
        "margin": options.margin, **ends(options),
    }  # fmt: skip
    other = [
        name
        for name, value in given.items()
        if (value is not None or name == "expires_at_s") and value != getattr(entry, name)
    ]
    if other:
        raise Conflict(
            f"{entry.reference} is on the list already with another {' and '.join(other)}: "
            "`lfrd entry edit` changes that"
        )


def _without_known(photos: dict[Path, bytes], entry: Entry) -> dict[Path, bytes]:
    known = {photo.sha256 for photo in entry.photos}
    return {
        path: data for path, data in photos.items() if hashlib.sha256(data).hexdigest() not in known
    }


async def _check_photos(
    client: Client, options: argparse.Namespace, photos: dict[Path, bytes], entry: Entry | None
) -> None:
    """Raises BadInput that names every photo that would be refused, before anything is kept."""
    bad = []
    seen: dict[str, Path] = {}
    for path, data in photos.items():
        other = seen.setdefault(hashlib.sha256(data).hexdigest(), path)
        if other != path:
            bad.append(f"{path} is the same file as {other}")
            continue
        params = _params(options, path) | {"refuse": "true"}
        if entry is not None:
            params["entry_id"] = entry.id
        try:
            await client.check_photo(data, params)
        except BadInput as error:
            bad.append(str(error))
    if bad:
        raise BadInput("\n".join([*map(one_line, bad), "nothing was enrolled"]))


def _params(options: argparse.Namespace, path: Path) -> dict[str, str]:
    given = {"name": path.name[-200:], "gate": options.gate, "box": options.box}
    return {name: value for name, value in given.items() if value}


def _enrolling(options: argparse.Namespace, path: Path) -> dict[str, str]:
    taken = {} if options.taken is None else {"taken_at_s": str(moment(options.taken))}
    return _params(options, path) | taken


def _change(options: argparse.Namespace) -> EntryChange:
    given = {
        "basis": options.basis, "source": options.source, "reviewer": options.reviewer,
        "margin": options.margin, "look_alikes": options.look_alikes,
        "status_checked_at_s": None
        if options.status_checked is None
        else moment(options.status_checked),
    }  # fmt: skip
    values = {name: value for name, value in given.items() if value is not None} | ends(options)
    if not values:
        raise BadInput("say what is to be changed: `lfrd entry edit --help`")
    return EntryChange(**values)


def _chosen(entry: Entry, number: str | None, *, in_quarantine: bool) -> list[Photo]:
    """The photo of this number; without one all that are in quarantine, or the only one that is
    not."""
    if number is not None:
        return [numbered_photo(entry, number)]
    found = [p for p in entry.photos if (p.quarantined_at_s is not None) == in_quarantine]
    if in_quarantine and not found:
        raise Conflict(f"no photo of {entry.reference} is in quarantine")
    if not in_quarantine and len(found) != 1:
        raise BadInput(f"{entry.reference} has {len(found)} photos: say which with --photo NUMBER")
    return found


def _show(options: argparse.Namespace, watchlist: Watchlist, entry: Entry) -> Shown:
    return [entry if options.json else _text(watchlist, entry)]


def _line(entry: Entry) -> str:
    count = f"{len(entry.photos)} photo{'' if len(entry.photos) == 1 else 's'}"
    return one_line(f"{entry.reference:24} {count:10} {_state(entry):28} {entry.basis}")


def _state(entry: Entry) -> str:
    """Whether faces are compared with it, and why not."""
    now_s = datetime.now(UTC).timestamp()
    if entry.expires_at_s is not None and entry.expires_at_s <= now_s:
        return "expired"
    if entry.under_18 and entry.approved_by is None:
        return "waits for approval"
    if not entry.photos:
        return "no photo"
    held = sum(photo.quarantined_at_s is not None for photo in entry.photos)
    if held == len(entry.photos):
        return "all photos in quarantine"
    return f"compared, {held} in quarantine" if held else "compared"


def _text(watchlist: Watchlist, entry: Entry) -> str:
    """An entry for people."""
    under_18 = f"yes: {entry.under_18_reason}" if entry.under_18 else "no"
    if entry.under_18 and entry.approved_by:
        under_18 += f"; approved by {entry.approved_by}"
    rows = [
        ("state", _state(entry)), ("basis", entry.basis), ("source", entry.source),
        ("reviewer", entry.reviewer or "none named"), ("under 18", under_18),
        ("margin", f"{entry.margin:g}"), ("checked", shown(entry.status_checked_at_s)),
        ("added", shown(entry.added_at_s)),
        ("expires", "never" if entry.expires_at_s is None else shown(entry.expires_at_s)),
        ("like them", entry.look_alikes or "nobody known of"),
    ]  # fmt: skip
    lines = [one_line(f"{watchlist.name}/{entry.reference}")]
    lines += [one_line(f"  {name:9} {text}") for name, text in rows]
    for number, photo in enumerate(entry.photos, start=1):
        lines += _photo_lines(number, photo)
    return "\n".join(lines)


def _age(photo: Photo) -> str:
    """How old a photo is, as far as anybody says."""
    if photo.taken_at_s is None:
        return "of no known date"
    years = (datetime.now(UTC).timestamp() - photo.taken_at_s) / (365.25 * 24 * 3600)
    return f"taken {shown(photo.taken_at_s)[:10]}, {max(0.0, years):.1f} years ago"


def _photo_lines(number: int, photo: Photo) -> list[str]:
    size = f"{photo.width_px} x {photo.height_px}, {photo.inter_eye_px:.0f} px between the eyes"
    lines = [f"  photo {number:<3} {size}, {_age(photo)}"]
    if photo.quarantined_at_s is not None:
        since = shown(photo.quarantined_at_s)
        lines.append(
            one_line(f"            in quarantine since {since}: {photo.quarantine_reason}")
        )
    lines += [
        one_line(f"            {'note' if found.weight == 'note' else 'warning'}: {found.message}")
        for found in photo.findings
    ]
    return lines
