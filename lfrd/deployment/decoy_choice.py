"""When decoys are seeded, and which lab pictures they show: from a seed, and nothing else. Pure but
for listing the folder.

Each deployment's time falls into slots of equal length. In each there is one moment, anywhere in it
with the same chance, so there are never more decoys than slots, and none can be foreseen.
"""

import random
from dataclasses import dataclass
from pathlib import Path

from lfrd.errors import ConfigError

PEOPLE_AT_LEAST, PHOTOS_AT_LEAST = 2, 2
PHOTOS_LIMIT = 500
"""In all: each is looked at when the daemon starts."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
NAME_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Moment:
    """When the decoy of a slot is due, wall time."""

    deployment_id: str
    slot: int
    at_s: float


@dataclass(frozen=True, slots=True)
class LabPerson:
    """Somebody who consented; `name` is what reviewers see as the reference."""

    name: str
    photos: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Pair:
    """What a decoy shows. `mated`: both pictures are of the one person."""

    name: str
    reference: Path
    probe: Path
    mated: bool


def chance(seed: str, deployment_id: str, slot: int, what: str) -> random.Random:
    """What falls to chance in one slot; the same again for the same seed."""
    return random.Random(f"{seed}/{deployment_id}/{slot}/{what}")


def next_moment(
    seed: str, deployment_id: str, started_at_s: float, every_s: float, after_s: float
) -> Moment:
    """The first moment after `after_s`, in a deployment that began at `started_at_s`."""
    slot = max(0, int((after_s - started_at_s) // every_s))
    while True:
        share = chance(seed, deployment_id, slot, "when").random()
        at_s = started_at_s + (slot + share) * every_s
        if at_s > after_s:
            return Moment(deployment_id, slot, at_s)
        slot += 1


def pair_of(people: tuple[LabPerson, ...], draw: random.Random) -> Pair:
    """One in two is mated; nobody is shown the same picture twice over."""
    mated = draw.random() < 0.5
    person = draw.choice(people)
    reference = draw.choice(person.photos)
    shown = person if mated else draw.choice([other for other in people if other != person])
    probe = draw.choice([photo for photo in shown.photos if photo != reference])
    return Pair(person.name, reference, probe, mated)


def people_in(folder: Path) -> tuple[LabPerson, ...]:
    """The lab people of a folder. Raises ConfigError that names all that is wrong with it."""
    try:
        inside = sorted(path for path in folder.iterdir() if path.is_dir())
        found = tuple(LabPerson(path.name, _photos(path)) for path in inside)
    except OSError as error:
        raise ConfigError(
            f"review.decoys_folder: cannot read {error.filename}: {error.strerror}"
        ) from None
    wrong = [
        f"{folder / person.name} has {len(person.photos)} picture(s); {PHOTOS_AT_LEAST} or more "
        "of each person are needed"
        for person in found
        if len(person.photos) < PHOTOS_AT_LEAST
    ]
    wrong += [
        f"{folder / person.name}: a name has at most {NAME_LIMIT} printable characters"
        for person in found
        if len(person.name) > NAME_LIMIT or not person.name.isprintable()
    ]
    if len(found) < PEOPLE_AT_LEAST:
        wrong.append(
            f"{folder} has the folders of {len(found)} people; {PEOPLE_AT_LEAST} or more are needed"
        )
    if sum(len(person.photos) for person in found) > PHOTOS_LIMIT:
        wrong.append(f"{folder} has more than {PHOTOS_LIMIT} pictures")
    if wrong:
        raise ConfigError("review.decoys_folder:\n" + "\n".join(f"  {line}" for line in wrong))
    return found


def _photos(folder: Path) -> tuple[Path, ...]:
    inside = sorted(path for path in folder.iterdir() if path.is_file())
    return tuple(path for path in inside if path.suffix.lower() in SUFFIXES)
