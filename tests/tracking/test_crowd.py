"""The tracker on a real crowd, counted against a labelling of who is where."""

import csv
import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import av
import pytest

from lfrd.ingest.pictures import planes_of
from lfrd.tracking.tracker import Tracker
from lfrd.types import Detections, TrackView
from lfrd.vision import packs
from lfrd.vision.detector import choose_size
from lfrd.vision.finder import Finder
from lfrd.vision.session import Session

pytestmark = [pytest.mark.shared, pytest.mark.slow]

LABELS = Path(__file__).parent / "labels" / "crowd.csv"
FPS = 25
NEAR = 0.6
"""A track is on a person when its centre is this near to theirs, in face widths."""


@dataclass(frozen=True, slots=True)
class Face:
    """One labelled face."""

    person: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Score:
    """`switches`: a track goes from one person to another; `fragments`: a person's track is
    replaced by another one; `seen` of `labelled` faces had a track on them."""

    switches: int
    fragments: int
    seen: int
    labelled: int
    people_followed: int


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[Detections]:
    """The faces of every frame of the clip."""
    shared = Path(os.environ.get("LFRD_SHARED", Path(__file__).parents[3] / "shared"))
    clip = shared / "media" / "crowd" / "video.mp4"
    if not clip.exists():
        pytest.skip("no test media")
    pack = packs.load(packs.DEFAULT_PACK, tmp_path_factory.mktemp("cache"))
    finder = Finder(Session(pack.read(pack.detector), label="detector"), pack.detector)
    with av.open(str(clip)) as container:
        pictures = (planes_of(frame) for frame in container.decode(video=0))
        return [
            finder.find([p], choose_size(p.width_px, p.height_px, 24.0))[0].detections
            for p in pictures
        ]


@pytest.mark.parametrize(
    ("every", "switches", "fragments"), [(1, 1, 8), (3, 0, 2)], ids=["every frame", "8 a second"]
)
@pytest.mark.usefixtures("shared")
def test_people_keep_their_tracks(
    found: list[Detections], every: int, switches: int, fragments: int
) -> None:
    """The grey-haired man and the curly-haired woman are hidden for whole seconds, and the woman
    on the phone covers her face: a new track after that is right, and counts as a fragment here.
    The bars are what is reached, so that a change for the worse is noticed."""
    tracker = Tracker()
    views = {
        number: tracker.step(found[number], number / FPS).live
        for number in range(0, len(found), every)
    }
    score = _score(views, _labels())
    assert score.switches <= switches, score
    assert score.fragments <= fragments, score
    assert score.people_followed == 11, score
    assert score.seen >= 0.9 * score.labelled, score


def _labels() -> dict[int, list[Face]]:
    faces: dict[int, list[Face]] = defaultdict(list)
    lines = [line for line in LABELS.read_text().splitlines() if not line.startswith("#")]
    for row in csv.DictReader(lines):
        faces[int(row["frame"])].append(
            Face(row["person"], float(row["x"]), float(row["y"]), float(row["width"]))
        )
    return faces


def _score(views: dict[int, tuple[TrackView, ...]], labels: dict[int, list[Face]]) -> Score:
    on_person: dict[str, int] = {}
    on_track: dict[int, str] = {}
    switches = fragments = seen = labelled = 0
    for frame in sorted(views):
        for face in labels.get(frame, []):
            labelled += 1
            track = _nearest(views[frame], face)
            if track is None:
                continue
            seen += 1
            switches += on_track.get(track, face.person) != face.person
            fragments += on_person.get(face.person, track) != track
            on_track[track], on_person[face.person] = face.person, track
    return Score(switches, fragments, seen, labelled, len(on_person))


def _nearest(live: tuple[TrackView, ...], face: Face) -> int | None:
    best, near = None, NEAR * face.width
    for view in live:
        if not view.detected:
            continue
        x, y = (view.box[0] + view.box[2]) / 2, (view.box[1] + view.box[3]) / 2
        gap = float(((x - face.x) ** 2 + (y - face.y) ** 2) ** 0.5)
        if gap <= near:
            best, near = view.track_id, gap
    return best
