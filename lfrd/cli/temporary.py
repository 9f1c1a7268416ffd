"""What `try` and `demo` share: a lab site in a temporary folder, and its candidates."""

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from lfrd.config import CameraSection, Config
from lfrd.daemon import open_site
from lfrd.deployment.pipeline import LookObserver
from lfrd.errors import BadInput, NotFound, UserError
from lfrd.site import Site
from lfrd.store.watchlists import NewEntry, NewWatchlist
from lfrd.summary import Report
from lfrd.vocabulary import Category

PRINCIPAL = "user:lab"
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
PHOTOS_LIMIT = 10_000


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
        config = base.model_copy(
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


async def enrol_photos(site: Site, photos: dict[str, list[Path]]) -> str:
    """Make a list of the photos by reference; return its id."""
    watchlist = await site.watchlists.create_list(
        NewWatchlist("lab", Category.TEST, "a trial in the lab", PRINCIPAL), principal=PRINCIPAL
    )
    for reference, paths in photos.items():
        entry = await site.watchlists.add_entry(
            NewEntry(watchlist.row.id, reference, basis="consent", source="lab"),
            principal=PRINCIPAL,
        )
        for path in paths:
            await site.photos.add(entry.row.id, _read(path), str(path), principal=PRINCIPAL)
    return watchlist.row.id


def find_photos(folder: Path) -> dict[str, list[Path]]:
    """Photos by reference: a file's stem, or a folder's name for the photos inside it."""
    if not folder.is_dir():
        raise NotFound(f"there is no folder {folder} with reference photos")
    found: dict[str, list[Path]] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            photos = [photo for photo in sorted(path.iterdir()) if _is_photo(photo)]
            if photos:
                found.setdefault(path.name, []).extend(photos)
        elif _is_photo(path):
            found.setdefault(path.stem, []).append(path)
    if not found:
        raise BadInput(f"{folder} holds no photo ({', '.join(sorted(SUFFIXES))})")
    if sum(len(paths) for paths in found.values()) > PHOTOS_LIMIT:
        raise BadInput(f"{folder} holds more than {PHOTOS_LIMIT} photos")
    return found


def _is_photo(path: Path) -> bool:
    return path.is_file() and path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read the photo {path}: {error.strerror}") from None
