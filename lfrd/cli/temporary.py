"""What `try` and `demo` share: a lab site in a temporary folder, and its candidates."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lfrd.cli.mistakes import mistakes_said
from lfrd.cli.terminal import note
from lfrd.config import CameraSection, Config
from lfrd.daemon import open_site
from lfrd.deployment.pipeline import LookObserver
from lfrd.errors import BadInput, Conflict, NotFound, UserError
from lfrd.ingest.settings import Correction
from lfrd.lists.import_source import PHOTO_LIMIT_BYTES
from lfrd.lists.photo_folder import PHOTO_SUFFIXES, files_in, folders_in, unread_words
from lfrd.lists.photo_gate import from_json
from lfrd.site import Site
from lfrd.store.watchlists import NewEntry, NewWatchlist
from lfrd.summary import Report
from lfrd.vocabulary import Category

PRINCIPAL = "user:lab"
PHOTOS_LIMIT = 10_000
INTERRUPTED = 130


def camera_section(camera_id: str, address: str, picture: Mapping[str, Any]) -> CameraSection:
    """A camera of a lab site; `picture` says how its pictures are made upright. Raises BadInput."""
    with mistakes_said():
        section = CameraSection(id=camera_id, name=None, address=address, **picture)
    Correction(section.rotate, section.aspect, section.deinterlace)
    return section


@asynccontextmanager
async def lab_site(
    base: Config,
    camera: CameraSection,
    *,
    media_clock: bool = False,
    detect_hz: float | None = None,
    must_open: bool = False,
    report: Report,
    observer: LookObserver | None = None,
    with_api: bool = False,
) -> AsyncIterator[Site]:
    """A site whose state is gone afterwards (see `open_site`); `with_api` opens its socket."""
    with tempfile.TemporaryDirectory(prefix="lfrd-lab-") as folder:
        site = base.site.model_copy(update={"state_dir": Path(folder)})
        api = base.api.model_copy(update={"socket": None, "tcp": None})
        policy = base.policy.model_copy(update={"allow_lab": True})  # it is nothing but a lab
        config = base.telling_nobody.model_copy(
            update={"site": site, "api": api, "policy": policy, "camera": (camera,)}
        )
        opening = open_site(
            config,
            media_clock=media_clock,
            detect_hz=detect_hz,
            must_open=must_open,
            report=report,
            observer=observer,
        )
        async with opening as opened:
            if not with_api:
                yield opened
                return
            from lfrd.api.server import ApiServer  # half a second that `try` can do without

            async with ApiServer(opened):
                yield opened


def stop_on_signals() -> asyncio.Event:
    """Have SIGINT, SIGTERM and SIGHUP end the command by way of what is open, which leaves no
    folder behind; the event says that one came."""
    loop, task, stopped = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
    assert task is not None

    def stop() -> None:
        stopped.set()
        task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop)
    return stopped


@dataclass(frozen=True, slots=True)
class FoundPhotos:
    """Photos by reference. `bad` says of whom there is no usable photo, or one less, and why;
    `left_out` are files that are no pictures by their names."""

    photos: dict[str, list[Path]]
    bad: tuple[str, ...] = ()
    left_out: tuple[Path, ...] = ()


def find_photos(folder: Path) -> FoundPhotos:
    """What lies in a folder: a file's stem, or a folder's name for the photos inside it, is the
    reference. Raises NotFound, and BadInput where there is no photo, or too many."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder} with reference photos")
    found: dict[str, list[Path]] = {}
    inside = files_in(folder)
    bad = [_unread(path) for path in inside.unread]
    left_out = [*inside.others]
    for person in folders_in(folder):
        files = files_in(person)
        bad += [_unread(path) for path in files.unread]
        left_out += files.others
        if files.photos:
            found[person.name] = list(files.photos)
        elif not files.unread:
            bad.append(f"{person} holds no photo")
    for path in inside.photos:
        found.setdefault(path.stem, []).append(path)
    if not found:
        raise BadInput("\n".join([f"{folder} holds no photo ({', '.join(PHOTO_SUFFIXES)})", *bad]))
    if sum(len(paths) for paths in found.values()) > PHOTOS_LIMIT:
        raise BadInput(f"{folder} holds more than {PHOTOS_LIMIT} photos")
    return FoundPhotos(dict(sorted(found.items())), tuple(bad), tuple(left_out))


async def enrol_photos(site: Site, found: FoundPhotos, *, skip_bad: bool = False) -> str:
    """Make a list of the photos by reference; return its id.

    What is left out is said on standard error. Raises BadInput after all were looked at, which
    names every one that cannot be used; with `skip_bad` only where none can.
    """
    for path in found.left_out:
        note(f"left out: {path} is no photo by its name")
    watchlist = await site.watchlists.create_list(
        NewWatchlist("lab", Category.TEST, "a trial in the lab", PRINCIPAL), principal=PRINCIPAL
    )
    bad, missing = [*found.bad], []
    for reference, paths in found.photos.items():
        entry = await site.watchlists.add_entry(
            NewEntry(watchlist.row.id, reference, basis="consent", source="lab"),
            principal=PRINCIPAL,
        )
        refused = [problem for path in paths if (problem := await _enrol(site, entry.row.id, path))]
        bad += refused
        if len(refused) == len(paths):
            missing.append(reference)
    if bad:
        _tell_bad(bad, missing, len(found.photos), skip_bad=skip_bad)
    return watchlist.row.id


async def _enrol(site: Site, entry_id: str, path: Path) -> str:
    """Why a photo cannot be used; empty where it was enrolled."""
    try:
        image = await site.photos.add(entry_id, _read(path), str(path), principal=PRINCIPAL)
    except (UserError, Conflict) as error:
        return str(error)
    for finding in from_json(image.findings):
        if finding.code == "photo-turned":
            note(f"{path}: {finding.message}")
    return ""


def _tell_bad(bad: Sequence[str], missing: Sequence[str], people: int, *, skip_bad: bool) -> None:
    """One bad photo is a sentence, several are a line each and a sentence."""
    if skip_bad:
        for problem in bad:
            note(f"left out: {problem}")
        if len(missing) == people:
            raise BadInput("no photo can be used: there is no person to look for")
        if missing:
            note(f"not looked for: {', '.join(missing)}, without a usable photo")
        return
    if len(bad) == 1:
        raise BadInput(bad[0])
    for problem in bad:
        note(problem)
    raise BadInput(f"{len(bad)} photos cannot be used: mend or remove them")


def _unread(path: Path) -> str:
    return f"photo {path} cannot be used: {unread_words(path)}"


def _read(path: Path) -> bytes:
    """No more than is taken of a photo, and a byte more, so that it is refused as too large."""
    try:
        with path.open("rb") as file:
            return file.read(PHOTO_LIMIT_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read the photo {path}: {error.strerror}") from None
