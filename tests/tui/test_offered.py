"""Each role walks through all that the terminal offers it, on a real site.

Four walks of 150 keys take a minute, so they run with the end-to-end tests.
"""

from pathlib import Path

import pytest

from lfrd.demo.clip import listed_photo
from lfrd.vocabulary import Role
from lfrd.wire.alerts import ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.cameras import CameraCreate
from lfrd.wire.people import TokenCreate
from support.desk import desk, listed, made, planned
from support.offered import Round, refusals
from support.site import Served, deploy, make_list, see_somebody, serve
from support.terminal import jpeg, until
from tui.screens.main import MainScreen
from tui.widgets.faces import FacePanel

pytestmark = pytest.mark.e2e

ONLY_SHOWN = {
    "CameraHistoryScreen", "CommandPalette", "CompareScreen", "FilterScreen", "HelpScreen",
    "PreviewScreen", "SceneScreen",
}  # fmt: skip
"""Dialogues in which nothing is decided, changed or taken out."""
SUPERVISORS = {
    "AimScreen", "EraseScreen", "ExportListScreen", "ExportLogScreen", "ExportRecordScreen",
    "ExtendScreen", "QuarantineScreen",
}  # fmt: skip
FOR_SUPERVISORS = {
    ("AuditScreen", ""): "the audit log is read by supervisors",
    ("CamerasScreen", "aim"): "a supervisor may do this",
    ("WatchlistsScreen", "export"): "a supervisor may do this",
    ("WatchlistsScreen", "erase"): "a supervisor may do this",
    ("WatchlistsScreen", "quarantine"): "a supervisor may do this",
    ("RecordScreen", "write"): "a supervisor may do this",
    ("DeploymentsScreen", "extend"): "a supervisor may do this",
    ("DeploymentsScreen", "authorise"): "a supervisor may do this",
}  # fmt: skip


async def with_everything(served: Served) -> None:
    """A site that has each thing that can be worked on."""
    client = served.client
    for name in ("gate", "north"):
        await client.add_camera(CameraCreate(id=name, address="rtsp://127.0.0.1:9/x"))
    bans = await made(client)
    await listed(client, bans, "P-001", listed_photo())
    list_id = await make_list(served.site)
    running = (await deploy(served.site, list_id)).id
    decided = await see_somebody(served.site, running, list_id, 1)
    await see_somebody(served.site, running, list_id, 2, probe=jpeg("red"))
    shown = Shown(face_px=64, reference_px=64, seen_s=2.0)
    await client.submit_review(decided.id, ReviewSubmit(shown=shown, decision=ReviewDecision.MATCH))
    await client.finish_review(decided.id)
    await planned(client, bans)


@pytest.mark.parametrize("who", ["operator", "supervisor", "admin", "wall"])
async def test_what_is_offered_to_a_role_is_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """Each key of each screen, each dialogue that opens, answered: nothing is asked for that is
    refused for want of a right, and what is not offered says who may."""
    photo = tmp_path / "photos" / "P-009.jpg"
    photo.parent.mkdir()
    photo.write_bytes(listed_photo())
    role = Role.SUPERVISOR if who == "wall" else Role(who)
    async with serve(tmp_path / "state") as served:
        await with_everything(served)
        made_token = await served.client.create_token(TokenCreate(principal="clara", role=role))
        with refusals(monkeypatch) as refused:
            async with desk(served, (120, 40), made_token.secret, read_only=who == "wall") as at:
                await at.sees("wanted-1")
                panel = at.screen.query_one(FacePanel)
                await until(at.pilot, lambda: panel.pictures is not None)
                assert ("n Not a match" in at.text()) is (who != "wall")
                offer = Round(at, tmp_path, photo)
                await walk(offer)
    assert refused == []
    assert "UrgentScreen" not in offer.opened, "these rules know no urgent start"
    assert "CompareScreen" in offer.opened
    if who == "wall":
        assert offer.opened <= ONLY_SHOWN, offer.opened
    elif who == "operator":
        for step, words in FOR_SUPERVISORS.items():
            assert words in offer.said[step], step
    else:
        assert offer.opened >= SUPERVISORS, SUPERVISORS - offer.opened


PLACES = ("audit", "cameras", "deployments", "end", "history", "lists", "search", "statistics")
"""Opened by themselves, and what would end the walk."""


async def walk(offer: Round) -> None:
    """Through all screens; what ends the deployment comes last."""
    await offer.try_all(*PLACES)
    for key in ("c", "h", "S", "A", "l"):
        await offer.open(key)
        if isinstance(offer.at.screen, MainScreen):
            offer.said["AuditScreen", ""] = offer.at.text()
            continue
        await offer.try_all()
        if key == "l":
            await offer.open("right")
            await offer.try_all()
        if key == "c":
            await offer.open("g")
            await offer.try_all()
            await offer.leave()
        await offer.leave()
    await offer.open("d")
    await offer.open("r")
    await offer.try_all()
    await offer.leave()
    await offer.try_all("end")
    await offer.open("j")
    await offer.try_all()
    await offer.open("k")
    await offer.try_all()
