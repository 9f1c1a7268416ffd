"""Cameras are added, changed and deleted, each with its log entry and event."""

from dataclasses import replace
from pathlib import Path

import pytest

from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.store import cameras
from support.store import opened


async def test_a_camera_from_adding_to_deleting(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        camera = await db.write(
            lambda tx: cameras.add(tx, "gate-1", name="Gate", address="rtsp://a/1"),
            principal="ada",
        )
        assert camera.enabled is True
        assert await db.read(lambda r: cameras.get(r, "gate-1")) == camera
        changed = replace(camera, name="North gate", settings='{"detect_hz": 5}', enabled=False)
        updated = await db.write(lambda tx: cameras.update(tx, changed), principal="ben")
        assert await db.read(cameras.list_all) == [updated] == [replace(changed, principal="ben")]
        assert await db.write(lambda tx: cameras.delete(tx, "gate-1"), principal="ada")
        assert not await db.write(lambda tx: cameras.delete(tx, "gate-1"), principal="ada")
        with pytest.raises(NotFound, match="camera gate-1"):
            await db.read(lambda r: cameras.get(r, "gate-1"))
        with pytest.raises(NotFound):
            await db.write(lambda tx: cameras.update(tx, camera), principal="ada")
        actions = await db.read(lambda r: list(r.rows("SELECT action, principal FROM audit_leaf")))
        assert [(row["action"], row["principal"]) for row in actions] == [
            ("camera.add", "ada"), ("camera.update", "ben"), ("camera.delete", "ada"),
        ]  # fmt: skip
        assert await db.read(lambda r: r.count("SELECT count(*) FROM event")) == 3


@pytest.mark.parametrize("camera_id", ["", "Gate", "gate 1", "../x", "g" * 65, "gäte"])
async def test_an_id_that_is_no_slug_is_refused(tmp_path: Path, camera_id: str) -> None:
    async with opened(tmp_path) as db:
        with pytest.raises(BadInput):
            await db.write(
                lambda tx: cameras.add(tx, camera_id, name="x", address="rtsp://a/1"),
                principal="ada",
            )


async def test_a_taken_id_and_broken_settings_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(
            lambda tx: cameras.add(tx, "gate", name="x", address="rtsp://a/1"), principal="ada"
        )
        with pytest.raises(Conflict, match="already a camera"):
            await db.write(
                lambda tx: cameras.add(tx, "gate", name="x", address="rtsp://a/1"),
                principal="ada",
            )
        with pytest.raises(BadInput):
            await db.write(
                lambda tx: cameras.add(tx, "new", name="x", address="a", settings="{"),
                principal="ada",
            )
