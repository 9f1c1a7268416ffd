"""What one deployment counted so far, camera by camera and in all."""

import json
import time
from dataclasses import replace

from lfrd.counters import CameraCounters
from lfrd.deployment.recorder import EpisodeWriter
from lfrd.matching.live_search import LiveTracks
from lfrd.matching.why import CameraCounts
from lfrd.store.tallies import CameraTally, Tallies, summed
from lfrd.summary import SummaryLine, over_restart, percentile
from lfrd.vision.engine import Vision


class RunCounts:
    """Numbers, never faces. `before`: the counts from before a restart; None for a new run."""

    def __init__(
        self,
        deployment_id: str,
        vision: Vision,
        writer: EpisodeWriter,
        born_at_s: float,
        before: SummaryLine | None = None,
    ) -> None:
        self.cameras: dict[str, CameraCounters] = {}
        """Of each camera, as it runs now or ran last."""
        self._deployment_id = deployment_id
        self._vision = vision
        self._writer = writer
        self._born_at_s = born_at_s
        self._before = before
        self._earlier: list[tuple[str, CameraCounters]] = []
        self._last_end_s: float | None = None
        self._made_before = vision.counts

    def camera_begins(self, camera_id: str, counters: CameraCounters) -> None:
        """Its counts stay when the camera is removed or added again."""
        if camera_id in self.cameras:
            self._earlier.append((camera_id, self.cameras[camera_id]))
        self.cameras[camera_id] = counters

    def camera_ends(self) -> None:
        """No frame of it comes any more."""
        self._last_end_s = time.monotonic()

    @property
    def templates_made(self) -> int:
        """By this run alone."""
        return self._vision.counts.made - self._made_before.made

    def summary(self) -> SummaryLine:
        """The counts so far, those from before a restart included."""
        now = self._summary()
        return over_restart(self._before, now) if self._before else now

    @property
    def candidates(self) -> int:
        """Those from before a restart included."""
        return self._writer.raised + (self._before.candidates if self._before else 0)

    def by_camera(self, tracks: LiveTracks) -> dict[str, CameraTally]:
        """What each camera counted since this run began; `tracks` know how theirs ended."""
        begun = [*self._earlier, *self.cameras.items()]
        found = summed([_tally(self._deployment_id, *item) for item in begun])
        return {
            camera_id: replace(
                tally,
                never_compared=tracks.never_compared[camera_id],
                below=tracks.below[camera_id],
                raised=tracks.raised[camera_id],
                best_inter_eye_px=max(tally.best_inter_eye_px, tracks.best_inter_eye_px(camera_id)),
            )
            for camera_id, tally in found.items()
        }

    def _summary(self) -> SummaryLine:
        cameras = [*self.cameras.values(), *(counters for _, counters in self._earlier)]
        writer = self._writer
        begun = [camera for camera in cameras if camera.first_frame_at_s is not None]
        first = min(begun, key=lambda camera: camera.cpu_at_first_s, default=None)
        begin_s, end_s = first.first_frame_at_s if first else None, self._last_end_s
        counts = self._vision.counts
        return SummaryLine(
            event="summary",
            frames_decoded=sum(camera.frames_decoded for camera in cameras),
            frames_detected=sum(camera.frames_detected for camera in cameras),
            frames_dropped=sum(camera.frames_dropped for camera in cameras),
            tracks=sum(camera.tracks for camera in cameras),
            candidates=writer.raised,
            templates_made=self.templates_made,
            templates_destroyed=counts.destroyed - self._made_before.destroyed,
            templates_enrolled=self._vision.enrolled,
            startup_s=(begin_s or time.monotonic()) - self._born_at_s,
            wall_s=end_s - begin_s if begin_s and end_s else 0.0,
            cpu_s=time.process_time() - first.cpu_at_first_s if first and end_s else 0.0,
            latency_p50_ms=percentile(writer.latencies_ms, 0.50),
            latency_p95_ms=percentile(writer.latencies_ms, 0.95),
            deployment_id=self._deployment_id,
            tracks_split=sum(camera.tracks_split for camera in cameras),
        )


def _tally(deployment_id: str, camera_id: str, counters: CameraCounters) -> CameraTally:
    return CameraTally(
        deployment_id=deployment_id,
        camera_id=camera_id,
        frames_decoded=counters.frames_decoded,
        frames_detected=counters.frames_detected,
        frames_dropped=counters.frames_dropped,
        faces_detected=counters.faces_detected,
        tracks=counters.tracks,
        tracks_split=counters.tracks_split,
        scene_cuts=counters.scene_cuts,
        best_inter_eye_px=counters.recent_inter_eye_px,
        looks_skipped=json.dumps(counters.looks_skipped, sort_keys=True),
    )


def before_restart(kept: Tallies) -> dict[str, CameraCounts]:
    """What each camera counted before this run, for those who ask why it raised nobody."""
    return {
        camera_id: CameraCounts(
            tally.frames_decoded, tally.frames_dropped, tally.frames_detected,
            tally.faces_detected, tally.tracks, tally.tracks_split, tally.scene_cuts,
            tally.never_compared, tally.below, tally.raised, tally.best_inter_eye_px,
            json.loads(tally.looks_skipped),
        )
        for camera_id, tally in kept.cameras.items()
    }  # fmt: skip
