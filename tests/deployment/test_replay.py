"""A replay computes an episode again from what it holds, and says so when it cannot."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from lfrd.client import Client
from lfrd.clock import SystemClock
from lfrd.demo.clip import listed_photo
from lfrd.deployment.recorder import EpisodeWriter
from lfrd.deployment.replay import replay
from lfrd.errors import Conflict, NotFound
from lfrd.matching.evidence import EntryThresholds, EvidenceRule, TrackEvidence
from lfrd.store import episodes, templates
from lfrd.types import Look, Match, Scored, Trail
from lfrd.vision.picture import portrait, scene
from lfrd.vision.planes import planes_from_rgb
from lfrd.vocabulary import Category
from lfrd.wire.alerts import ReviewDecision, ReviewSubmit, Shown
from lfrd.wire.lists import EntryCreate, WatchlistCreate
from support.photos import ASTRONAUT, photo_rgb
from support.program import Call
from support.site import Served, serve
from support.store import start_deployment
from support.values import quality

SEEN = Shown(face_px=64, reference_px=64, seen_s=2.0)
MATCH = ReviewSubmit(shown=SEEN, decision=ReviewDecision.MATCH)
NOBODY = np.zeros((0, 4), np.float32)


@dataclass(frozen=True, slots=True)
class Seen:
    """An alert raised by real models, and the score of its last look."""

    alert_id: str
    score: float


async def raise_real(served: Served) -> Seen:
    """The astronaut enrolled from the photo and seen in a darker picture of it, twice."""
    site, client = served.site, served.client
    watchlist = await client.create_watchlist(
        WatchlistCreate(name="test", category=Category.TEST, purpose="test", owner="test")
    )
    entry = await client.add_entry(
        watchlist.id, EntryCreate(reference="astronaut", basis="test", source="test")
    )
    await client.add_photo(entry.id, listed_photo(), "astronaut.jpg")
    matrix = await site.database.read(
        lambda reader: templates.load(reader, site.vision.model_digest, (watchlist.id,))
    )
    deployment = await site.database.write(start_deployment, principal="user:test")
    sink = EpisodeWriter(site.database, SystemClock(), deployment.id, site.vision.model_digest)
    evidence = TrackEvidence(1, EvidenceRule(), EntryThresholds(deployment.threshold))
    planes = planes_from_rgb(np.ascontiguousarray(photo_rgb(ASTRONAUT) // 4 * 3))
    faces = await site.vision.detect(planes)
    score = 0.0
    for turn, shift in enumerate((6.0, 0.0)):
        crop = await site.vision.align(planes, faces.landmarks[0] + np.float32(shift))
        assert crop is not None
        probe = await site.vision.embed(crop)
        assert probe is not None
        score = float((matrix.vectors @ probe.array).max())
        match = Match(entry.id, entry.person_id, score)
        decision = evidence.consider(
            Look(turn, float(turn), float(turn), float(turn), quality(), (match,), (match,))
        )
        assert decision is not None
        seen = planes, faces.boxes[0], NOBODY
        await sink.record("gate", decision, crop.array, portrait(*seen), scene(*seen))
        probe.release()
        crop.release()
    return Seen((await client.alerts())[0].id, score)


async def decide(client: Client, alert_id: str) -> None:
    await client.submit_review(alert_id, MATCH)
    await client.finish_review(alert_id)


async def test_an_alert_is_computed_again_from_its_own_pictures(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, Client.over_socket(served.socket) as client:
        seen = await raise_real(served)
        with pytest.raises(Conflict, match="your own decision"):
            await client.replay(seen.alert_id)
        await decide(client, seen.alert_id)
        await client.delete_watchlist((await client.alert(seen.alert_id)).watchlist_id)
        found = await client.replay(seen.alert_id)
        assert found.crop_recorded is not None
        assert found.crop_score == pytest.approx(found.crop_recorded, abs=1e-3)
        assert (found.crop_agrees, found.fused_agrees) == (True, True)
        assert (found.as_logged, found.raised) == (True, True)
        assert found.fused_score == pytest.approx(found.fused_recorded)
        assert (await client.scene(seen.alert_id)).startswith(b"\xff\xd8")
        counts = served.site.vision.counts
        assert (counts.held, served.site.vision.crops_held) == (0, 0)


async def test_what_was_altered_does_not_agree(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, Client.over_socket(served.socket) as client:
        seen = await raise_real(served)
        await decide(client, seen.alert_id)

        async def alter(sql: str, *values: object) -> None:
            await served.site.database.write(
                lambda tx: tx.execute(sql, values),  # type: ignore[arg-type]
                principal="mallory",
            )

        kept = await served.site.database.read(lambda r: episodes.get(r, seen.alert_id))
        assert kept.evidence is not None
        trail = Trail.of_json(kept.evidence)
        other = replace(trail, looks=(Scored(0.7, 0.7, 0.0), *trail.looks[2:]), shown=0.99)
        await alter("UPDATE episode SET evidence = ?", other.as_json())
        found = await client.replay(seen.alert_id)
        assert (found.crop_agrees, found.fused_agrees) == (False, False)
        await alter("UPDATE episode SET evidence = ?, threshold = 0.999", kept.evidence)
        assert not (await client.replay(seen.alert_id)).raised
        await alter("UPDATE episode SET faces_salt = zeroblob(16)")
        assert not (await client.replay(seen.alert_id)).as_logged
        await alter("UPDATE episode SET evidence = NULL")
        unknown = await client.replay(seen.alert_id)
        assert (unknown.crop_agrees, unknown.fused_agrees) == (None, None)
        await alter("UPDATE episode SET model_digest = 'sha256:another'")
        with pytest.raises(Conflict, match="in use"):
            await client.replay(seen.alert_id)


async def test_erased_faces_cannot_be_replayed(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, Client.over_socket(served.socket) as client:
        seen = await raise_real(served)
        await served.site.database.write(
            lambda tx: tx.execute("UPDATE episode SET sealed_probe_crop = NULL"), principal="test"
        )
        site = served.site
        with pytest.raises(NotFound, match="erased"):
            await replay(site.database, site.vision, seen.alert_id, principal="user:test")
        assert (await client.alert(seen.alert_id)).id == seen.alert_id


async def test_the_command_line_shows_replays_and_hands_out_tokens(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def lfrd(*words: str | Path, token: str = "") -> tuple[int, str]:
        monkeypatch.setenv("LFRD_TOKEN", token)
        ran = await asyncio.to_thread(call, *words)
        return ran.code, ran.out

    async with serve(tmp_path) as served, Client.over_socket(served.socket) as client:
        seen = await raise_real(served)
        there = ("--socket", served.socket)
        code, listed = await lfrd("alert", "list", *there)
        assert (code, seen.alert_id in listed, "0." in listed) == (0, True, False)
        await decide(client, seen.alert_id)
        code, told = await lfrd("alert", "replay", seen.alert_id, *there)
        assert code == 0, told
        assert ("as logged" in told, "reached" in told, "agrees" in told) == (True, True, True)
        code, secret = await lfrd("token", "create", "--principal", "anna", *there)
        assert (code, secret.startswith("lfrd_")) == (0, True)
        code, shown = await lfrd("alert", "show", seen.alert_id, *there, token=secret.strip())
        assert (code, '"revealed": null' in shown) == (0, True), "anna has not decided"
        code, tokens = await lfrd("token", "list", *there)
        assert ("user:anna" in tokens, secret.strip() in tokens) == (True, False)
        code, revoked = await lfrd("token", "revoke", tokens.split()[0], *there)
        assert (code, "revoked by" in revoked) == (0, True)
        code, _ = await lfrd("alert", "list", *there, token=secret.strip())
        assert code == 2
