"""`lfrd evaluate CLIP ... --labels CSV ...`: how the daemon does on clips of one's own doorway.

Each clip is played through a whole site in a temporary folder, as `lfrd try --every-frame` does,
and what is raised there is judged by the labels. Nothing of the site is left afterwards.
"""

import asyncio
import hashlib
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lfrd import __version__
from lfrd.cli.evaluate_options import ClipOptions
from lfrd.cli.outputs import check_output, write_private
from lfrd.cli.progress import Progress
from lfrd.cli.temporary import (
    INTERRUPTED,
    PRINCIPAL,
    FoundPhotos,
    camera_section,
    enrol_photos,
    find_photos,
    lab_site,
    stop_on_signals,
)
from lfrd.cli.terminal import say, warn
from lfrd.clock import SystemClock
from lfrd.config import CameraSection, Config
from lfrd.errors import BadInput, SourceError, UserError
from lfrd.evaluate import shots as labelled
from lfrd.evaluate import shots_figures, shots_report
from lfrd.evaluate.naive import Loop, Naive
from lfrd.evaluate.shots import Raised, Score, Shot, check_length, check_names, plain, read_labels
from lfrd.evaluate.shots_figures import Figures, PlayedClip, Setting, Versions
from lfrd.evaluate.shots_report import Crop
from lfrd.governance.deployments import LAB_LIMIT_S
from lfrd.governance.profile import LAB
from lfrd.ingest.address import file_address
from lfrd.ingest.clip_times import ClipTimes, TimesReader
from lfrd.ingest.settings import Correction
from lfrd.matching.gallery import Gallery, GalleryTemplate
from lfrd.site import Site
from lfrd.store import episodes, templates, watchlists
from lfrd.store.transaction import Reader, Transaction
from lfrd.summary import CandidateLine, SummaryLine
from lfrd.types import F32
from lfrd.vision import packs
from lfrd.vision.picture import decoded, jpeg

CAMERA = "clip"
MISSED = 1
EPISODES_LIMIT = 100_000


@dataclass(frozen=True, slots=True)
class Inputs:
    """Clips with their labels, times and cameras, all in one order, and the photos that were found.

    `notes` are what the user should know although it is no mistake.
    """

    wanted: ClipOptions
    photos: FoundPhotos
    shots: tuple[tuple[Shot, ...], ...]
    times: tuple[ClipTimes, ...]
    notes: tuple[str, ...]
    cameras: tuple[CameraSection, ...]


async def run(wanted: ClipOptions, config: Config) -> int:
    """Check everything first, then play, print and write. Returns the exit code."""
    stopped = stop_on_signals()
    try:
        return await _evaluate(wanted, config)
    except asyncio.CancelledError:
        if stopped.is_set():
            return INTERRUPTED
        raise


async def _evaluate(wanted: ClipOptions, config: Config) -> int:
    inputs = await read_inputs(wanted)
    for note in inputs.notes:
        warn(f"lfrd: {note}")
    progress = Progress(sys.stderr)
    played: list[PlayedClip] = []
    crops: list[Crop] = []
    for number in range(len(wanted.clips)):
        clip, seen = await _Play(inputs, number, config, progress).run()
        played.append(clip)
        crops += seen
    found = shots_figures.figures(played, _setting(inputs, config))
    if wanted.report is not None:
        page = shots_report.page(found, played, list(inputs.photos.photos), crops)
        write_private(wanted.report, page)
    if wanted.out is not None:
        write_private(wanted.out, found.as_json() + "\n")
    shown = [found.as_json()] if wanted.as_json else shots_figures.text(found)
    say("\n".join(shown))
    return _bars(found, wanted)


def _setting(inputs: Inputs, config: Config) -> Setting:
    """How it was measured, for the record."""
    pack = packs.info(config.models.pack, config.models.cache_dir or packs.default_cache_dir())
    return Setting(
        versions=Versions(__version__, pack.name, pack.model_digest, onnxruntime_version()),
        threshold=config.matching.threshold,
        list_size=len(inputs.photos.photos),
        detect_hz=inputs.wanted.detect_hz,
        baseline_every=inputs.wanted.baseline_every,
    )


def onnxruntime_version() -> str:
    """The version of the package that runs the models; there is one for CUDA too."""
    for package in ("onnxruntime", "onnxruntime-gpu"):
        try:
            return metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return "unknown"


def _bars(found: Figures, wanted: ClipOptions) -> int:
    """Exit code 1 with a sentence for each bar that was missed."""
    least, most = wanted.require_raised, wanted.require_wrong_at_most
    totals, missed = found.totals, 0
    if least is not None and totals.raised < least:
        warn(f"lfrd: {totals.raised} person-shots raised, {least} are required")
        missed = MISSED
    if most is not None and totals.wrong > most:
        warn(f"lfrd: {totals.wrong} wrong identities, {most} are allowed")
        missed = MISSED
    return missed


class _Looks:
    """Counts templates by frame. A `LookObserver`; it is told places and never whose they are."""

    def __init__(self) -> None:
        self.by_frame: Counter[int] = Counter()

    def looked(self, camera_id: str, track_id: int, sequence: int, box: F32) -> None:  # noqa: ARG002 - an observer's words
        self.by_frame[sequence] += 1


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A raise, and the track by which its episode is found."""

    raised: Raised
    track: int


class _Play:
    """One clip's run through a site of its own."""

    def __init__(self, inputs: Inputs, number: int, config: Config, progress: Progress) -> None:
        self._inputs = inputs
        self._number = number
        self._clip = inputs.wanted.clips[number]
        self._shots: tuple[Shot, ...] = inputs.shots[number]
        self._times: ClipTimes = inputs.times[number]
        self._camera = inputs.cameras[number]
        self._config = config
        self._progress = progress
        self._candidates: list[_Candidate] = []
        self._looks = _Looks()

    async def run(self) -> tuple[PlayedClip, list[Crop]]:
        """What came of it, and the crops for the report, if there will be one."""
        opening = lab_site(
            self._config,
            self._camera,
            media_clock=True,
            detect_hz=self._inputs.wanted.detect_hz,
            must_open=True,
            report=self._report,
            observer=self._looks,
        )
        async with opening as site:
            watchlist_id = await enrol_photos(site, self._inputs.photos)
            summary = await self._deploy(site, watchlist_id)
            score = labelled.score(self._shots, [one.raised for one in self._candidates])
            crops = (
                await self._crops(site, summary.deployment_id) if self._inputs.wanted.report else []
            )
            naive = await self._naive(site, watchlist_id)
        return self._played(score, summary, naive), crops

    def _report(self, line: CandidateLine | SummaryLine) -> None:
        if isinstance(line, CandidateLine) and line.event == "candidate":
            raised = Raised(line.frame, line.at_s, line.entry, line.score)
            self._candidates.append(_Candidate(raised, line.track))

    async def _deploy(self, site: Site, watchlist_id: str) -> SummaryLine:
        """One lab deployment until the clip ends. Raises SourceError where it broke off."""
        await site.deployments.start(
            LAB, "to measure labelled clips", "lab", (watchlist_id,), LAB_LIMIT_S,
            principal=PRINCIPAL,
        )  # fmt: skip

        def done() -> int:
            counts = site.deployments.progress()
            return counts.frames_decoded if counts else 0

        async with self._progress.following(self._clip.name, self._times.frames, done):
            await site.deployments.until_over()
        failure = site.fleet.life.failures.get(CAMERA)
        if failure is not None:
            raise failure
        summary = site.deployments.last
        if summary is None or summary.frames_decoded < self._times.frames:
            raise SourceError(
                f"{self._clip} broke off after {summary.frames_decoded if summary else 0:,} of "
                f"{self._times.frames:,} frames: cut it into shorter clips"
            )
        return summary

    async def _crops(self, site: Site, deployment_id: str) -> list[Crop]:
        """The kept crop of each raise that agrees with the labels. A better look may have taken the
        place of the deciding one: it is shown only if the person is there by the labels too, since
        a track may go on over a cut."""
        fitting = {
            (one.track, one.raised.entry)
            for one in self._candidates
            if labelled.fits(self._shots, one.raised)
        }

        def read(tx: Transaction) -> list[Crop]:
            found: list[Crop] = []
            wanted = episodes.EpisodeFilter(deployment_id=deployment_id)
            for episode in episodes.page(tx, wanted, limit=EPISODES_LIMIT):
                known = (episode.track_id, episode.reference) in fitting
                shown = Raised(episode.sequence, episode.media_at_s, episode.reference)
                if known and labelled.fits(self._shots, shown):
                    kept = decoded(episodes.open_crops(tx, episode.id).probe)
                    found.append(Crop(self._number, shown.entry, shown.frame, jpeg(kept)))
            return sorted(found, key=lambda crop: crop.frame)

        return await site.database.write(read, principal=PRINCIPAL)

    async def _naive(self, site: Site, watchlist_id: str) -> Naive | None:
        """The loop that is compared with, on the same models and references."""
        if self._inputs.wanted.baseline_every is None:
            return None
        vision, now_s, camera = site.vision, site.clock.wall_s(), self._camera

        def load(reader: Reader) -> tuple[templates.TemplateMatrix, dict[str, str]]:
            known = watchlists.entries(reader, watchlist_id)
            names = {entry.id: entry.reference for entry in known}
            lists, digest = (watchlist_id,), vision.model_digest
            return templates.load(reader, digest, lists, valid_at_s=now_s), names

        matrix, names = await site.database.read(load)
        gallery = Gallery(vision.model_digest, vision.dim)
        gallery.add(
            GalleryTemplate(*row)
            for row in zip(
                matrix.template_ids, matrix.entry_ids, matrix.person_ids, matrix.vectors,
                strict=True,
            )
        )  # fmt: skip
        loop = Loop(
            vision, gallery, names, self._config.matching.threshold,
            self._inputs.wanted.baseline_every, self._config.detection.smallest_inter_eye_px,
            correction=Correction(camera.rotate, camera.aspect, camera.deinterlace),
            stream=camera.stream,
        )  # fmt: skip
        reached = 0

        def told(frame: int) -> None:
            nonlocal reached
            reached = frame

        named = f"{self._clip.name}, naive loop"
        try:
            async with self._progress.following(named, self._times.frames, lambda: reached):
                return await loop.play(self._clip, SystemClock(), told)
        finally:
            gallery.clear()
            matrix.vectors.fill(0.0)

    def _played(self, score: Score, summary: SummaryLine, naive: Naive | None) -> PlayedClip:
        in_shots, _ = labelled.by_shot(self._shots, self._looks.by_frame)
        return PlayedClip(
            clip=str(self._clip),
            labels=str(self._inputs.wanted.labels[self._number]),
            at_s=self._times.at_s,
            shots=self._shots,
            score=score,
            templates_by_shot=tuple(in_shots),
            templates=summary.templates_made,
            wall_s=summary.wall_s,
            naive=naive,
        )


async def read_inputs(wanted: ClipOptions) -> Inputs:
    """Read everything, the clips to their ends. Raises UserError for what is wrong."""
    for output in (wanted.report, wanted.out):
        if output is not None:
            check_output(output, (*wanted.clips, *wanted.labels))
    cameras = tuple(
        camera_section(CAMERA, file_address(clip), wanted.picture) for clip in wanted.clips
    )
    photos = find_photos(wanted.watchlist)
    notes = check_people(photos.photos, wanted.watchlist)
    shots = tuple(check_names(read_labels(path), photos.photos, path) for path in wanted.labels)
    expected = sum(len(shot.present) for labels in shots for shot in labels)
    if wanted.require_raised is not None and wanted.require_raised > expected:
        raise BadInput(
            f"--require-raised {wanted.require_raised} cannot be met: the labels expect {expected} "
            "person-shots"
        )
    times = []
    for clip, labels, path in zip(wanted.clips, shots, wanted.labels, strict=True):
        found = await _times(clip, wanted.picture.get("stream"))
        if found.frames < 2:
            raise BadInput(f"{clip} has a single picture: a passage takes several")
        check_length(labels, found.frames, path, clip)
        if not found.stamped:
            notes.append(
                f"{clip} does not say when its pictures are shown: seconds go by its frame rate"
            )
        times.append(found)
    return Inputs(wanted, photos, shots, tuple(times), tuple(notes), cameras)


def check_people(photos: Mapping[str, list[Path]], folder: Path) -> list[str]:
    """Notes about people with photos in several places and about photos that two people share.

    Raises BadInput for names that only a computer tells apart, and for a photo given twice.
    """
    alike: dict[str, str] = {}
    for name in photos:
        if ";" in name:
            raise BadInput(
                f"{folder}: labels separate names by semicolons, so no name may have one: {name}"
            )
        other = alike.setdefault(plain(name).casefold(), name)
        if other != name:
            raise BadInput(
                f"{folder} has both {other} and {name}: if they are one person, put the photos "
                "into one folder; if they are two, name them apart"
            )
    notes = []
    for name, paths in photos.items():
        if len(paths) > 1 and any(path.parent == folder for path in paths):
            shown = ", ".join(str(path.relative_to(folder)) for path in paths)
            notes.append(f"{name} has several photos in {folder}, taken as one person's: {shown}")
    return notes + _shared(photos)


def _shared(photos: Mapping[str, list[Path]]) -> list[str]:
    """A note for each two people who have a photo in common, byte for byte.

    Raises BadInput where one person has the same photo twice, which a list refuses.
    """
    seen: dict[str, tuple[str, Path]] = {}
    notes = []
    for name, paths in photos.items():
        for path in paths:
            other, before = seen.setdefault(_digest(path), (name, path))
            if other != name:
                notes.append(f"{other} and {name} have the same photo: {before} and {path}")
            elif before != path:
                raise BadInput(f"{name} has the same photo twice, {before} and {path}: remove one")
    return notes


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise UserError(f"cannot read the photo {path}: {error.strerror}") from None


async def _times(clip: Path, stream: int | None) -> ClipTimes:
    """Read a clip in a thread, which ends soon if we are cancelled."""
    reader = TimesReader(clip, SystemClock(), stream)
    try:
        return await asyncio.to_thread(reader.read)
    finally:
        reader.stop()
