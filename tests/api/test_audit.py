"""The log over its routes: who may read it, what is held back, proofs, exports; and no face and no
export leaves without an entry."""

import asyncio
import base64
import contextlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lfrd.api.server import ApiServer
from lfrd.audit.export import export_folder
from lfrd.audit.verify import Proof, key_of, note_of, verify_export
from lfrd.client import Client
from lfrd.clock import ManualClock
from lfrd.config import AuditSection
from lfrd.daemon import open_site
from lfrd.errors import Conflict, Denied, NotFound, StoreFailed
from lfrd.store.database import Database
from lfrd.vocabulary import AuditClass, Category, Role
from lfrd.wire.alerts import ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.audit import AuditExportStart, AuditProof
from lfrd.wire.health import HealthStatus
from lfrd.wire.lists import Watchlist, WatchlistCreate
from lfrd.wire.people import TokenCreate
from support.site import Served, config_on, http, serve
from support.store import add_rival, disk_full, raise_one

SEEN = Shown(face_px=64, reference_px=64, seen_s=2.0)
REVIEW = ReviewSubmit(shown=SEEN, decision=ReviewDecision.MATCH, reason="the scar over the eye")
WHY = AuditExportStart(reason="asked for by the court")


@asynccontextmanager
async def as_role(served: Served, name: str, role: Role) -> AsyncIterator[Client]:
    made = await served.client.create_token(TokenCreate(principal=name, role=role))
    async with Client.over_socket(served.socket, made.secret) as client:
        yield client


def proof_of(found: AuditProof) -> Proof:
    path = tuple(base64.b64decode(item) for item in found.path)
    return Proof(found.index, found.leaf.encode(), path, note_of(found.checkpoint))


async def test_the_log_is_read_and_proved(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, as_role(served, "sue", Role.SUPERVISOR) as sue:
        await sue.delete_watchlist((await made_list(served)).id)
        page = await sue.audit_leaves({"limit": 1_000})
        assert [leaf.index for leaf in page.leaves] == list(range(len(page.leaves)))[::-1]
        assert page.held_back_from is None
        erased = next(leaf for leaf in page.leaves if leaf.action == "erasure.receipt")
        assert (erased.event_class, erased.principal) == (AuditClass.ERASURE, "user:sue")
        assert erased.facts["kind"] == "watchlist"
        some = await sue.audit_leaves({"class": "erasure", "actor": "user:sue", "limit": 1})
        assert [leaf.index for leaf in some.leaves] == [
            max(leaf.index for leaf in page.leaves if leaf.event_class == "erasure")
        ]
        keys = await sue.audit_keys()
        assert (await sue.health()).audit_key == keys.keys[-1]
        for leaf in page.leaves:
            found = await sue.audit_proof(leaf.index)
            proof = proof_of(found)
            assert proof.check([key_of(keys.keys[-1])])
            assert leaf.action in found.leaf
        with pytest.raises(NotFound, match="the log has no leaf 9999"):
            await sue.audit_proof(9_999)


async def made_list(served: Served) -> Watchlist:
    return await served.client.create_watchlist(
        WatchlistCreate(name="a", category=Category.TEST, purpose="p", owner="o")
    )


async def exported(client: Client, folder: Path) -> int:
    with export_folder(folder) as writer:
        async with client.audit_export(WHY) as pieces:
            async for piece in pieces:
                writer.feed(piece)
        return writer.finish().leaves


async def test_an_export_is_whole_and_says_that_it_left(tmp_path: Path) -> None:
    async with serve(tmp_path / "state") as served:
        async with as_role(served, "sue", Role.SUPERVISOR) as sue:
            leaves = await exported(sue, tmp_path / "out")
        assert b'"action":"audit.export"' in (tmp_path / "out" / "leaves.jsonl").read_bytes()
        async with as_role(served, "oli", Role.OPERATOR) as oli:
            with pytest.raises(Denied):
                await exported(oli, tmp_path / "other")
            with pytest.raises(Denied):
                await oli.audit_leaves({})
            assert (await oli.audit_keys()).origin.startswith("lfrd/")
        assert not (tmp_path / "other").exists()
    found = verify_export(tmp_path / "out")
    assert (found.good, found.leaves, found.tail) == (True, leaves, 0)


async def test_the_log_says_nothing_of_others_to_who_has_yet_to_decide(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path / "state", clock) as served:
        served.site.reviews.required = 2
        async with (
            as_role(served, "sue", Role.SUPERVISOR) as sue,
            as_role(served, "bo", Role.ADMIN) as bo,
        ):
            await served.site.database.sign_log()
            episode = await raise_one(served.site.database)
            await bo.submit_review(episode.id, REVIEW)
            await bo.finish_review(episode.id)
            page = await sue.audit_leaves({"limit": 1_000})
            raised = page.held_back_from
            assert raised is not None
            assert page.leaves[0].index == raised - 1
            assert not [leaf for leaf in page.leaves if leaf.action.startswith("review")]
            with pytest.raises(Conflict, match="held back"):
                await sue.audit_proof(raised)
            await exported(sue, tmp_path / "early")
            assert verify_export(tmp_path / "early").leaves <= raised
            seen = await bo.audit_leaves({"limit": 1_000})
            assert "review.final" in [leaf.action for leaf in seen.leaves]
            assert seen.held_back_from is None
            await sue.submit_review(episode.id, REVIEW)
            await sue.finish_review(episode.id)
            page = await sue.audit_leaves({"limit": 1_000})
            assert page.held_back_from is None
            assert "review.final" in [leaf.action for leaf in page.leaves]


FACES = {
    "/v1/photos/{photo_id}/image": ("consultation", "image.read"),
    "/v1/alerts/{alert_id}/images/{which}": ("consultation", "episode.read-image"),
    "/v1/alerts/{alert_id}/rivals/{person_id}/image": ("consultation", "episode.read-image"),
}
NO_FACE = {
    "/v1/cameras/{camera_id}/preview": "flat cells in which nobody can be known",
    "/v1/cameras/{camera_id}/snapshot": "the same; in the clear see test_camera_life.py",
}
EXPORTS = {
    "/v1/watchlists/{watchlist_id}/export": ("disclosure", "watchlist.export"),
    "/v1/audit/export": ("disclosure", "audit.export"),
}
NO_EXPORT = {
    "/v1/events": "ids only",
    "/v1/cameras/{camera_id}/mjpeg": "as snapshot",
    "/v1/whip/{camera_id}": "a publisher's answer",
    "/v1/whip/{camera_id}/{session_id}": "a publisher's answer",
}


async def test_every_route_that_gives_a_picture_or_a_file_is_known(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, http(served.socket) as client:
        described = (await client.get("/openapi.json")).json()
    pictures, files = set(), set()
    for path, methods in described["paths"].items():
        for operation in methods.values():
            content = operation["responses"].get("200", {}).get("content", {})
            if any(kind.startswith("image/") for kind in content):
                pictures.add(path)
            elif "application/json" not in content and "204" not in operation["responses"]:
                files |= {path} if not set(operation["responses"]) & {"201", "202"} else set()
    assert pictures == FACES.keys() | NO_FACE.keys()
    assert files - NO_EXPORT.keys() == EXPORTS.keys()


async def test_a_copy_that_cannot_be_written_turns_health_red_and_stops_every_action(
    tmp_path: Path,
) -> None:
    copy = tmp_path / "checkpoints"
    config = config_on(tmp_path / "state").model_copy(
        update={"audit": AuditSection(every=1, copy_to=copy)}
    )
    async with (
        open_site(config) as site,
        ApiServer(site),
        Client.over_socket(config.socket_path) as client,
    ):
        new = WatchlistCreate(name="a", category=Category.TEST, purpose="p", owner="o")
        made = await client.create_watchlist(new)
        copy.rename(tmp_path / "away")
        with pytest.raises(StoreFailed, match=r"the copy of the log's checkpoints, cannot be"):
            await client.create_watchlist(new.model_copy(update={"name": "b"}))
        async with asyncio.timeout(10):
            while (await client.health()).status is not HealthStatus.FAILED:
                await asyncio.sleep(0.1)
        assert "or mount its disk again" in (await client.health()).reasons[0]
        assert [item.id for item in await client.watchlists()] == [made.id]
        (tmp_path / "away").rename(copy)
        async with asyncio.timeout(10):
            while (await client.health()).status is not HealthStatus.OK:
                await asyncio.sleep(0.1)
        await client.create_watchlist(new.model_copy(update={"name": "b"}))


async def test_a_look_at_a_photo_has_its_reason(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        episode = await raise_one(served.site.database)
        photo = (await served.client.entries(episode.watchlist_id))[0].photos[0]
        await served.client.photo_image(photo.id, "the subject asked for it")
        await served.client.photo_image(photo.id)
        payloads = await served.site.database.read(
            lambda r: r.column("SELECT payload FROM audit_leaf WHERE action = 'image.read'")
        )
        assert payloads == [
            '{"reason":"the subject asked for it","what":"reference-image"}',
            '{"what":"reference-image"}',
        ]


async def requests_of(served: Served) -> dict[str, tuple[str, str, dict[str, str] | None]]:
    """A request that succeeds for each of these routes."""
    episode = await raise_one(served.site.database)
    rival = await add_rival(served.site.database, episode)
    photo = (await served.client.entries(episode.watchlist_id))[0].photos[0]
    await served.client.submit_review(episode.id, REVIEW)
    await served.client.finish_review(episode.id)
    values = {
        "photo_id": photo.id, "alert_id": episode.id, "which": "probe",
        "person_id": rival.person_id, "watchlist_id": episode.watchlist_id,
    }  # fmt: skip
    export = {"passphrase": "long enough for it", "reason": "asked for"}
    bodies = dict.fromkeys(EXPORTS, export) | {"/v1/audit/export": {"reason": "asked for"}}

    def filled(path: str) -> str:
        return re.sub(r"{(\w+)}", lambda found: values[found[1]], path)

    return {
        path: ("POST" if path in EXPORTS else "GET", filled(path), bodies.get(path))
        for path in (FACES | EXPORTS)
    }


async def fill_up(database: Database) -> None:
    """Until the last page is full."""
    with contextlib.suppress(StoreFailed):
        while True:
            await database.write(lambda tx: tx.audit(AuditClass.ALTERATION, "a"), principal="x")


async def test_who_saw_a_face_or_took_something_out_is_in_the_log_or_did_not(
    tmp_path: Path,
) -> None:
    async with serve(tmp_path, ManualClock()) as served, http(served.socket) as client:
        wanted = await requests_of(served)
        database = served.site.database
        me = (await served.client.me()).principal

        async def logged(event_class: str, action: str) -> list[str]:
            return await database.read(
                lambda r: r.column(
                    "SELECT principal || ' ' || payload FROM audit_leaf"
                    " WHERE class = ? AND action = ? ORDER BY id",
                    (event_class, action),
                )
            )

        for path, (method, url, body) in wanted.items():
            kind = (FACES | EXPORTS)[path]
            before = await logged(*kind)
            reply = await client.request(method, url, json=body)
            assert reply.status_code == 200, (path, reply.text)
            after = await logged(*kind)
            assert len(after) == len(before) + 1, path
            assert after[-1].startswith(f"{me} "), path
            if path in EXPORTS:
                assert "asked for" in after[-1]
        async with disk_full(database):
            await fill_up(database)
            for path, (method, url, body) in wanted.items():
                kind = (FACES | EXPORTS)[path]
                before = await logged(*kind)
                reply = await client.request(method, url, json=body)
                assert reply.status_code == 503, (path, reply.status_code)
                assert reply.headers["content-type"] == "application/problem+json"
                assert await logged(*kind) == before
