"""`lfrd models calibrate FOLDER`: measure how often a pack takes strangers for one person."""

from dataclasses import dataclass
from pathlib import Path

from lfrd.cli.terminal import note, redraw, say
from lfrd.config import Config
from lfrd.errors import UserError
from lfrd.evaluate import calibrate
from lfrd.evaluate.labelled import embed, find_people, left_out, read_errata
from lfrd.matching import curve
from lfrd.matching.evidence import EvidenceRule
from lfrd.vision import packs
from lfrd.vision.providers import vision

TOLD_EVERY = 200


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was asked for. `out` None: where the daemon of this site looks for it."""

    folder: Path
    pack: str | None
    errata: Path | None
    seed: int
    out: Path | None
    as_json: bool


async def run(wanted: Calibration, config: Config) -> None:
    """Embed every photo, fit the curve on half of the people, test it on the others, keep it."""
    photos = find_people(wanted.folder)
    errata = read_errata(wanted.errata) if wanted.errata else frozenset()
    cache_dir = config.models.cache_dir or packs.default_cache_dir()
    pack = packs.load(wanted.pack or config.models.pack, cache_dir)
    threads = config.models.threads or 2
    async with vision(pack, config.models.provider, cache_dir, threads=threads) as opened:
        embedded = await embed(opened, photos, _tell)
    for line in left_out(wanted.folder, embedded.missed):
        note(f"left out: {line}")
    fit, test = calibrate.halves_of(embedded, wanted.seed)
    rule = EvidenceRule()
    people = len({photo.person for photo in embedded.photos})
    measured_on = (
        f"{wanted.folder.name} ({people} people, {len(embedded)} photos), fitted on one half of "
        f"the people and tested on the other, seed {wanted.seed}"
    )
    found = calibrate.fit(fit, pack.model_digest, rule, errata, measured_on)
    found = calibrate.test(found, test, rule, errata, wanted.seed)
    path = wanted.out or _place(config, pack.model_digest)
    _write(path, curve.dump(found))
    if wanted.as_json:
        say(curve.dump(found).decode().rstrip("\n"))
        return
    missed = f"{len(embedded.missed)} photos without a face" if embedded.missed else ""
    say("\n".join([*calibrate.describe(found), missed, f"kept in {path}"]))


def _place(config: Config, model_digest: str) -> Path:
    return config.site.state_dir / "curves" / curve.file_name(model_digest)


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise UserError(f"the curve {path} cannot be written: {error.strerror}") from None


def _tell(done: int, total: int) -> None:
    if done % TOLD_EVERY == 0 or done == total:
        redraw(f"{done} of {total} photos", last=done == total)
