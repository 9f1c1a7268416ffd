"""The whole vision part on real models and photos that are on every machine."""

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import pytest_asyncio

from lfrd.errors import ConfigError, Conflict, InferenceFailed, ModelError
from lfrd.types import F32, Match, Planes
from lfrd.vision import packs
from lfrd.vision.aligner import VIEWS, Aligner
from lfrd.vision.engine import _TRACKS_A_CROP, Probe, Vision
from lfrd.vision.planes import planes_from_rgb
from lfrd.vision.pool import PoolCounts
from lfrd.vision.session import Session
from support.photos import ASTRONAUT, SIX_FACES, photo_planes


@pytest_asyncio.fixture
async def vision(pack: packs.Pack) -> AsyncIterator[Vision]:
    async with Vision(pack, threads=2, pool_size=8) as vision:
        yield vision


async def _probe(vision: Vision, planes: Planes, landmarks: np.ndarray) -> Probe:
    crop = await vision.align(planes, landmarks)
    assert crop is not None
    probe = await vision.embed(crop)
    assert probe is not None
    crop.release()
    return probe


async def test_six_faces_are_found_largest_first_and_are_six_people(vision: Vision) -> None:
    planes = photo_planes(SIX_FACES)
    faces = await vision.detect(planes)
    assert len(faces) == 6
    assert faces.scores.min() > 0.8
    assert (np.diff(np.prod(faces.boxes[:, 2:] - faces.boxes[:, :2], axis=1)) <= 0).all()
    inside = (faces.landmarks >= faces.boxes[:, None, :2]) & (
        faces.landmarks <= faces.boxes[:, None, 2:]
    )
    assert inside.all()
    probes = await asyncio.gather(*(_probe(vision, planes, mark) for mark in faces.landmarks))
    vectors = np.array([probe.array for probe in probes])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert (vectors @ vectors.T - np.eye(6)).max() < 0.45
    assert (vision.counts.made, vision.counts.held) == (6, 6)
    for probe in probes:
        probe.release()
    assert (vision.counts.destroyed, vision.counts.held, vision.crops_held) == (6, 0, 0)


async def test_one_person_is_recognised_at_another_size_mirrored_and_tilted(
    vision: Vision,
) -> None:
    upright = photo_planes(ASTRONAUT)
    turned = Planes(
        *(np.ascontiguousarray(plane[::2, ::-2]) for plane in (upright.y, upright.u, upright.v)),
        full_range=True,
    )
    vectors = []
    for planes in (upright, turned):
        faces = await vision.detect(planes)
        assert len(faces) == 1
        probe = await _probe(vision, planes, faces.landmarks[0])
        vectors.append(probe.array.copy())
        probe.release()
    assert vectors[0] @ vectors[1] > 0.7


async def test_a_look_gives_the_same_vector_alone_and_among_others(vision: Vision) -> None:
    planes = photo_planes(SIX_FACES)
    faces = await vision.detect(planes)
    alone = await _probe(vision, planes, faces.landmarks[2])
    together = await asyncio.gather(*(_probe(vision, planes, mark) for mark in faces.landmarks))
    assert alone.array @ together[2].array == pytest.approx(1, abs=1e-4)


async def test_rough_landmarks_are_corrected_before_the_crop_is_cut(vision: Vision) -> None:
    planes = photo_planes(ASTRONAUT)
    landmarks = (await vision.detect(planes)).landmarks[0]
    turn = np.radians(20)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    tilted = (landmarks - landmarks[2]) @ rotation + landmarks[2]
    exact, corrected = [
        await _probe(vision, planes, marks.astype(np.float32)) for marks in (landmarks, tilted)
    ]
    assert exact.array @ corrected.array > 0.85  # 0.59 without the second look


async def test_landmarks_on_no_face_still_give_a_crop(vision: Vision) -> None:
    planes = photo_planes(ASTRONAUT)
    corner = np.array([[5, 5], [45, 5], [25, 25], [10, 45], [40, 45]], np.float32)
    crop = await vision.align(planes, corner)
    assert crop is not None
    assert crop.array.any()
    nowhere = await vision.align(planes, np.zeros((5, 2), np.float32))
    assert nowhere is not None
    assert not nowhere.array.any()


async def test_exhausted_pools_give_none_and_recover(vision: Vision) -> None:
    planes = photo_planes(ASTRONAUT)
    landmarks = (await vision.detect(planes)).landmarks[0]
    crops = [await vision.align(planes, landmarks) for _ in range(8)]
    assert all(crops)
    assert await vision.align(planes, landmarks) is None
    first = crops[0]
    assert first is not None
    probes = [await vision.embed(first) for _ in range(_TRACKS_A_CROP * 8)]
    assert all(probes)
    assert await vision.embed(first) is None
    for held in (*crops, *probes):
        assert held is not None
        held.release()
    again = await vision.align(planes, landmarks)
    assert again is not None


async def test_the_norm_says_how_much_a_look_tells(vision: Vision) -> None:
    planes = photo_planes(ASTRONAUT)
    landmarks = (await vision.detect(planes)).landmarks[0]
    clear = await vision.align(planes, landmarks)
    assert clear is not None
    blurred = vision.lend(cv2.GaussianBlur(clear.array, (31, 31), 8))
    assert blurred is not None
    probes = [await vision.embed(crop) for crop in (clear, blurred)]
    first, second = probes
    assert first is not None
    assert second is not None
    assert first.norm > 1.3 * second.norm > 0
    assert [np.linalg.norm(probe.array) for probe in (first, second)] == pytest.approx([1, 1])


async def test_a_turned_face_is_aligned_as_the_same_person(vision: Vision) -> None:
    planes = photo_planes(ASTRONAUT)
    faces = await vision.detect(planes)
    plain = await _probe(vision, planes, faces.landmarks[0])
    crop = await vision.align_turned(planes, faces.boxes[0], faces.landmarks[0])
    assert crop is not None
    turned = await vision.embed(crop)
    assert turned is not None
    assert plain.array @ turned.array > 0.85


async def test_the_views_of_a_face_are_of_one_person_and_of_nobody_else(vision: Vision) -> None:
    planes = photo_planes(SIX_FACES)
    faces = await vision.detect(planes)
    plain = [await _probe(vision, planes, landmarks) for landmarks in faces.landmarks[:2]]
    crops = await vision.views(planes, faces.boxes[0], faces.landmarks[0])
    assert len(crops) == VIEWS
    for crop in crops:
        probe = await vision.embed(crop)
        assert probe is not None
        assert plain[0].array @ probe.array > 0.6
        assert plain[1].array @ probe.array < 0.4
        probe.release()
        crop.release()
    assert vision.crops_held == 0


async def test_too_few_crops_give_no_views_and_hold_none(vision: Vision) -> None:
    planes = photo_planes(ASTRONAUT)
    faces = await vision.detect(planes)
    held = [await vision.align(planes, faces.landmarks[0]) for _ in range(8 - VIEWS + 1)]
    assert await vision.views(planes, faces.boxes[0], faces.landmarks[0]) == []
    assert vision.crops_held == len(held)
    assert held[0] is not None
    held[0].release()
    assert len(await vision.views(planes, faces.boxes[0], faces.landmarks[0])) == VIEWS
    assert await vision.align_turned(planes, faces.boxes[0], faces.landmarks[0]) is None


async def test_views_that_break_hold_nothing(
    vision: Vision, monkeypatch: pytest.MonkeyPatch
) -> None:
    planes = photo_planes(ASTRONAUT)
    faces = await vision.detect(planes)

    def broken(*_: object) -> None:
        raise InferenceFailed("the device is gone")

    monkeypatch.setattr(Aligner, "views", broken)
    monkeypatch.setattr(Aligner, "crop", broken)
    with pytest.raises(InferenceFailed):
        await vision.views(planes, faces.boxes[0], faces.landmarks[0])
    with pytest.raises(InferenceFailed):
        await vision.align_turned(planes, faces.boxes[0], faces.landmarks[0])
    assert vision.crops_held == 0


async def test_cancelled_views_hold_nothing(vision: Vision) -> None:
    planes = photo_planes(SIX_FACES)
    faces = await vision.detect(planes)
    tasks = [
        asyncio.create_task(vision.views(planes, box, landmarks))
        for box, landmarks in zip(faces.boxes[:2], faces.landmarks[:2], strict=True)
    ]
    await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert vision.crops_held == sum(len(found) for found in done if isinstance(found, list))


async def test_a_pack_without_a_second_detector_does_without(pack: packs.Pack) -> None:
    without = replace(pack, manifest=replace(pack.manifest, landmarks=None))
    async with Vision(without, threads=1, pool_size=8) as vision:
        planes = photo_planes(ASTRONAUT)
        faces = await vision.detect(planes)
        assert not vision.has_views
        assert await vision.views(planes, faces.boxes[0], faces.landmarks[0]) == []
        plain = await vision.align(planes, faces.landmarks[0])
        turned = await vision.align_turned(planes, faces.boxes[0], faces.landmarks[0])
        assert plain is not None
        assert turned is not None
        assert np.array_equal(plain.array, turned.array)
        plain.release()
        turned.release()
        await vision.drain()
        assert vision.crops_held == 0


async def test_a_drain_shows_zeros_to_every_session_that_saw_a_face(
    pack: packs.Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    last: dict[str, bool] = {}
    real_run = Session.run

    def run(self: Session, feed: F32, results: Sequence[F32]) -> None:
        last[f"{self.label} {id(self)} {feed.shape}"] = bool(feed.any())
        real_run(self, feed, results)

    monkeypatch.setattr(Session, "run", run)
    planes = photo_planes(SIX_FACES)
    async with Vision(pack, threads=5, pool_size=24) as vision:
        faces = await vision.detect(planes)
        found = await asyncio.gather(
            *(
                vision.views(planes, box, landmarks)
                for box, landmarks in zip(faces.boxes, faces.landmarks, strict=True)
            )
        )
        for crop in (crop for crops in found for crop in crops):
            probe = await vision.embed(crop)
            assert probe is not None
            probe.release()
            crop.release()
        strong = [name for name in last if name.startswith("centerface")]
        assert len({name.split()[1] for name in strong}) == 2, "five threads share two"
        assert any(last[name] for name in strong)
        counts = await vision.drain()
        assert (counts.held, vision.crops_held) == (0, 0)
        assert not any(last.values())


async def test_reference_templates_are_kept_and_counted_apart(vision: Vision) -> None:
    planes = photo_planes(ASTRONAUT)
    faces = await vision.detect(planes)
    crop = await vision.align(planes, faces.landmarks[0])
    assert crop is not None
    template = await vision.embed_reference(crop)
    probe = await vision.embed(crop)
    assert probe is not None
    assert template.model_digest == vision.model_digest
    assert template.vector @ probe.array == pytest.approx(1, abs=1e-5)
    assert (vision.enrolled, vision.counts.made) == (1, 1)


async def test_draining_leaves_results_as_they_were(vision: Vision) -> None:
    planes = photo_planes(ASTRONAUT)
    before = await vision.detect(planes)
    probe = await _probe(vision, planes, before.landmarks[0])
    vector = probe.array.copy()
    probe.release()
    assert (await vision.drain()).held == 0
    after = await vision.detect(planes)
    assert np.array_equal(before.boxes, after.boxes)
    again = await _probe(vision, planes, after.landmarks[0])
    assert np.allclose(again.array, vector, atol=1e-6)
    assert (await vision.drain()).held == 1


async def test_a_cancelled_look_holds_no_buffer(vision: Vision) -> None:
    planes = photo_planes(SIX_FACES)
    faces = await vision.detect(planes)
    tasks = [asyncio.create_task(_probe(vision, planes, mark)) for mark in faces.landmarks]
    await asyncio.sleep(0.005)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    finished = [task for task in tasks if not task.cancelled()]
    assert vision.counts.held == len(finished)


async def test_outside_its_context_it_refuses(pack: packs.Pack) -> None:
    planes = photo_planes(ASTRONAUT)
    async with Vision(pack, threads=1) as vision:
        pass
    with pytest.raises(Conflict, match="shut down"):
        await vision.detect(planes)


async def test_an_unknown_provider_stops_the_start(pack: packs.Pack) -> None:
    with pytest.raises(ConfigError, match="choose one of"):
        async with Vision(pack, threads=2, provider="abacus"):
            pytest.fail("must not open")


async def test_a_changed_file_stops_the_start(pack: packs.Pack, tmp_path: Path) -> None:
    for path in pack.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match="sha256 differs"):
        async with Vision(replace(pack, folder=tmp_path), threads=1):
            pytest.fail("must not open")


async def test_probes_that_wait_are_searched_together_and_none_is_left_behind(
    vision: Vision,
) -> None:
    gallery = _Slow()
    probes = np.eye(8, vision.dim, dtype=np.float32)
    found = await asyncio.gather(*(vision.search(gallery, probe, 2) for probe in probes))
    assert [matches[0].entry_id for matches in found] == [str(n) for n in range(8)]
    assert all(len(matches) == 2 for matches in found)
    assert len(gallery.asked) < 8, "the later ones share a pass"
    assert not any(array.any() for array in gallery.asked), "copies of probes are overwritten"
    assert probes.any(), "the callers' own arrays are theirs"


class _Slow:
    """A gallery that is too large to be searched on the event loop, and takes its time."""

    dim = 128

    def __init__(self) -> None:
        self.asked: list[np.ndarray] = []

    def __len__(self) -> int:
        return 1_000_000

    def search(self, probes: np.ndarray, k: int) -> list[tuple[Match, ...]]:
        assert threading.current_thread() is not threading.main_thread()
        self.asked.append(probes)
        time.sleep(0.02)
        return [(Match(str(probe.argmax()), "p", 1.0),) * k for probe in probes]


async def test_left_alone_the_models_run_on_zeros_once(
    pack: packs.Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An enrolment or a replay outside a deployment leaves nothing in the models' memory."""
    last: dict[str, bool] = {}
    drains = 0
    real_run, real_drain = Session.run, Vision.drain

    def run(self: Session, feed: F32, results: Sequence[F32]) -> None:
        last[f"{self.label} {id(self)} {feed.shape}"] = bool(feed.any())
        real_run(self, feed, results)

    async def drain(self: Vision) -> PoolCounts:
        nonlocal drains
        drains += 1
        return await real_drain(self)

    monkeypatch.setattr(Session, "run", run)
    monkeypatch.setattr(Vision, "drain", drain)
    rgb = np.random.default_rng(1).integers(0, 255, (112, 112, 3), np.uint8)
    async with Vision(pack, threads=2) as vision:
        cleaning = asyncio.create_task(vision.stay_clean(idle_s=0.05))
        await asyncio.sleep(0.2)
        assert drains == 0, "nothing was shown to it"
        await vision.detect(planes_from_rgb(rgb))
        crop = vision.lend(rgb)
        assert crop is not None
        await vision.embed_reference(crop)
        crop.release()
        assert any(last.values())
        async with asyncio.timeout(20):
            while not drains or any(last.values()):
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        assert drains == 1
        cleaning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await cleaning
