"""Lab pictures become decoys by the models themselves, while a real stream is being watched."""

import asyncio
import shutil
from pathlib import Path

import numpy as np
import pytest

from lfrd.api.server import ApiServer
from lfrd.client import Client
from lfrd.clock import ManualClock
from lfrd.config import ReviewSection
from lfrd.daemon import open_site
from lfrd.demo.stream import rtsp_stream
from lfrd.deployment.decoys import OPEN_LIMIT, Decoys
from lfrd.deployment.replay import replay
from lfrd.errors import ConfigError
from lfrd.site import Site
from lfrd.store import decoys, episodes, watchlists
from lfrd.store.episodes import Episode
from lfrd.types import F32
from lfrd.vision.decoy_frame import Place, cells_of, lay
from lfrd.vision.planes import planes_from_rgb
from lfrd.wire.cameras import CameraCreate
from support.photos import astronaut
from support.program import enrol, look_for
from support.site import Served, config_on, serve

WATCHED_S = 40.0
LOOK_S = 0.1
"""Ten times as often as the daemon looks whether one is due."""


def lab_of(shared: Path, folder: Path, people: int = 4) -> Path:
    """Some people of the test media, three pictures each, which show nobody else."""
    for person in sorted((shared / "media" / "lfw10x10").iterdir())[:people]:
        (folder / person.name).mkdir(parents=True)
        for picture in sorted(person.glob("*.jpg"))[:3]:
            shutil.copy(picture, folder / person.name)
    return folder


def test_a_picture_is_laid_where_it_is_wanted_and_cut_off_at_the_edge() -> None:
    rgb = np.full((200, 100, 3), 50, np.uint8)
    rgb[80:120, 30:70] = 250
    box = np.array([30, 80, 70, 120], np.float32)
    landmarks: F32 = np.array([[40, 95], [60, 95], [50, 105], [42, 112], [58, 112]], np.float32)
    none = np.zeros((0, 4), np.float32)
    cells = np.full((9, 16, 3), 7, np.uint8)
    laid = lay(rgb, box, none, landmarks, cells, Place(320, 180, 0.1, 0.5, 10.0))
    assert laid.rgb.shape == (180, 320, 3)
    np.testing.assert_allclose(laid.box, [22, 80, 42, 100], atol=1)
    assert float(np.linalg.norm(laid.landmarks[0] - laid.landmarks[1])) == pytest.approx(10)
    x0, y0, x1, y1 = laid.box.astype(int).tolist()
    assert laid.rgb[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].min() == 250
    assert (laid.rgb[:, 200:] == 7).all(), "the camera's cells are behind it"
    large = lay(rgb, box, none, landmarks, cells, Place(320, 180, 0.5, 0.5, 500.0))
    assert large.box[2] - large.box[0] == 40, "never scaled up"


def test_of_the_cameras_picture_only_cells_are_taken() -> None:
    rgb = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), np.uint8)
    rgb[:360] //= 4
    cells = cells_of(planes_from_rgb(rgb))
    assert cells.shape == (9, 16, 3)
    assert cells[:4].mean() < 40
    assert cells[5:].mean() > 110


async def test_a_lab_picture_without_a_face_stops_the_start_and_is_named(
    tmp_path: Path, shared: Path
) -> None:
    folder = lab_of(shared, tmp_path / "lab", 2)
    from PIL import Image

    person = next(folder.iterdir())
    Image.new("RGB", (300, 300), (9, 9, 9)).save(person / "grey.png")
    review = ReviewSection(decoys_folder=folder, decoy_every_min=10)
    config = config_on(tmp_path / "state").model_copy(update={"review": review})
    with pytest.raises(ConfigError, match=r"decoys_folder(.|\n)*grey\.png: no face"):
        async with open_site(config):
            pass
    (person / "grey.png").unlink()
    async with open_site(config) as site:
        assert site.vision.enrolled == 0


async def watch(served: Served, address: str) -> str:
    """A deployment that watches a stream with somebody on its list; its id, once it looks."""
    client = served.client
    await client.add_camera(CameraCreate(id="street", address=address))
    deployment_id = await look_for(client, await enrol(client, {"ref-1": astronaut()}))
    async with asyncio.timeout(WATCHED_S):
        while not (found := served.site.fleet.get("street").counters) or not found.frames_detected:
            await asyncio.sleep(0.1)
    return deployment_id


async def seed(maker: Decoys, clock: ManualClock, count: int) -> list[Episode]:
    """What is seeded in so many slots of a minute."""
    found = []
    for _ in range(count * 60):
        clock.advance(1)
        if (made := await maker.sweep()) is not None:
            found.append(made)
    return found


@pytest.mark.e2e
async def test_decoys_of_a_real_deployment_are_scored_by_the_model_and_counted_nowhere(
    tmp_path: Path, shared: Path, demo_clip: Path
) -> None:
    setting = ReviewSection(
        decoys_folder=lab_of(shared, tmp_path / "lab"), decoy_every_min=1, decoys_seed=5
    )
    async with rtsp_stream(demo_clip) as address, serve(tmp_path / "state") as served:
        site = served.site
        deployment_id = await watch(served, address)
        clock = ManualClock(site.clock.wall_s())
        maker = Decoys(
            setting, site.database, clock, site.health, site.fleet, site.vision, site.deployments
        )
        await maker.check()
        enrolled = site.vision.enrolled
        made: list[Episode] = []
        mated: set[bool] = set()
        while len(mated) < 2 or len(made) < 8:
            assert len(made) < 60, "one in two shows the one person: both kinds are among so many"
            before = len(made)
            made += await seed(maker, clock, 4)
            assert len(made) - before == OPEN_LIMIT, "more than these do not wait"
            for episode in made[before:]:
                mated.add(await look_at(served, episode))
                await site.database.write(
                    lambda tx, e=episode: episodes.close(tx, e.id), principal="system"
                )
        assert site.vision.enrolled == enrolled
        await the_model_tells_them_apart(served, made)
        ended = await served.client.end_deployment(deployment_id, "the test is over")
        assert ended.summary is not None
        real = await site.database.read(lambda r: r.count("SELECT count(*) FROM episode"))
        assert ended.summary.candidates == real - len(made)


async def look_at(served: Served, episode: Episode) -> bool:
    """Its pictures are there, as those of a candidate are; it is of this camera and no entry.
    Whether it is mated."""
    shown = await served.client.alert(episode.id)
    assert (shown.camera_id, shown.decoy, shown.revealed) == ("street", None, None)
    assert shown.watchlist_name == "test"
    begun_s = (await served.client.deployment(shown.deployment_id)).started_at_s
    assert int(shown.entry_id.replace("-", "")[:12], 16) / 1000 <= begun_s, "no younger than a list"
    async with Client.over_socket(served.socket) as client:
        images = [
            await client.alert_image(episode.id, "probe"),
            await client.alert_image(episode.id, "reference"),
            await client.scene(episode.id),
        ]
    assert all(image.startswith(b"\xff\xd8\xff") for image in images)
    row = await served.site.database.read(lambda r: decoys.of_episode(r, episode.id))
    assert row is not None
    return row.mated


async def the_model_tells_them_apart(served: Served, made: list[Episode]) -> None:
    """The scores are what the sealed pictures give again; lab people are on no list."""
    site = served.site
    of = {True: [], False: []}  # type: dict[bool, list[float]]
    for episode in made:
        row = await site.database.read(lambda r, e=episode: decoys.of_episode(r, e.id))
        assert row is not None
        of[row.mated].append(episode.score)
        again = await replay(site.database, site.vision, episode.id, principal="user:test")
        assert (again.as_logged, again.crop_agrees, again.fused_agrees) == (True, True, True)
        persons = await site.database.read(
            lambda r, e=episode: watchlists.persons_of(r, [e.entry_id])
        )
        assert persons == {}
    assert of[True]
    assert of[False]
    assert min(of[True]) > max(of[False])


@pytest.mark.e2e
async def test_the_daemon_itself_seeds_while_a_deployment_runs_and_not_before(
    tmp_path: Path, shared: Path, demo_clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfrd.deployment.decoys.LOOK_S", LOOK_S)
    review = ReviewSection(decoys_folder=lab_of(shared, tmp_path / "lab", 2), decoy_every_min=1)
    config = config_on(tmp_path / "state").model_copy(update={"review": review})
    clock = ManualClock()
    async with (
        rtsp_stream(demo_clip) as address,
        open_site(config, clock=clock) as site,
        ApiServer(site) as server,
        Client.over_socket(site.config.socket_path) as client,
    ):
        for _ in range(3):
            clock.advance(60)
            await asyncio.sleep(2 * LOOK_S)
        assert await seeded(site) == 0
        await watch(Served(site, server, client), address)
        async with asyncio.timeout(WATCHED_S):
            while not await seeded(site):
                clock.advance(10)
                await asyncio.sleep(2 * LOOK_S)


async def seeded(site: Site) -> int:
    return await site.database.read(lambda r: r.count("SELECT count(*) FROM decoy"))
