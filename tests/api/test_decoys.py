"""A decoy looks like any candidate until one's own decision is final, and says so from then on."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from lfrd.__main__ import parser
from lfrd.cli import alert
from lfrd.store import deployments
from lfrd.store.episodes import Episode
from lfrd.vocabulary import Role
from support.site import Served, decide, people, serve
from support.store import raise_one, seed_beside

SEEN = {"face_px": 64, "reference_px": 64, "seen_s": 2.0}
MATCH = {"shown": SEEN, "decision": "match", "reason": "the scar"}
NO_MATCH = {"shown": SEEN, "decision": "not_a_match", "reason": "another nose"}
TWO = {"anna": Role.OPERATOR, "ben": Role.SUPERVISOR}
SUMMARY = {
    "frames_decoded": 9, "frames_detected": 9, "frames_dropped": 0, "tracks": 4, "candidates": 1,
    "templates_made": 5, "templates_destroyed": 5, "latency_p50_ms": None, "latency_p95_ms": None,
}  # fmt: skip


def shape(value: Any) -> Any:
    """What is left of JSON without its values: keys, kinds, lengths, and what is null."""
    if isinstance(value, dict):
        return {key: shape(held) for key, held in value.items()}
    return [shape(held) for held in value] if isinstance(value, list) else type(value).__name__


async def shapes(client: httpx.AsyncClient, alert_id: str) -> dict[str, Any]:
    """How every route of an alert answers somebody who has not decided about it."""
    described = (await client.get("/openapi.json")).json()
    found: dict[str, Any] = {}
    for template, methods in described["paths"].items():
        if "{alert_id}" not in template:
            continue
        paths = [template.replace("{alert_id}", alert_id).replace("{person_id}", "x")]
        if "{which}" in template:
            paths = [paths[0].replace("{which}", w) for w in ("probe", "reference", "scene")]
        for path in paths:
            for method in methods:
                if method == "post" and template.endswith("/review"):
                    continue
                body = {"kind": "arrest"} if template.endswith("engagement") else None
                reply = await client.request(method.upper(), path, json=body)
                is_json = "json" in reply.headers["content-type"]
                text = reply.text.replace(alert_id, "ID") if reply.status_code >= 400 else ""
                seen = shape(reply.json()) if is_json else reply.headers["content-type"]
                found[f"{method} {path.replace(alert_id, 'ID')}"] = (reply.status_code, seen, text)
    return found


async def with_summary(served: Served, deployment_id: str) -> None:
    await served.site.database.write(
        lambda tx: deployments.keep_counts(tx, deployment_id, json.dumps(SUMMARY)),
        principal="system",
    )


async def candidates(client: httpx.AsyncClient, episode: Episode) -> int:
    reply = await client.get(f"/v1/deployments/{episode.deployment_id}")
    return int(reply.json()["summary"]["candidates"])


async def test_before_the_decision_a_decoy_has_the_shape_of_a_real_candidate(
    tmp_path: Path,
) -> None:
    async with serve(tmp_path) as served, people(served, TWO) as (anna, ben):
        served.site.reviews.required = 2
        real = await raise_one(served.site.database)
        decoy = await seed_beside(served.site.database, real, mated=False)
        for client in (anna, ben):
            of_real, of_decoy = await shapes(client, real.id), await shapes(client, decoy.id)
            assert len(of_real) >= 8
            assert of_decoy == of_real
            listed = (await client.get("/v1/alerts")).json()
            assert len(listed) == 2
            assert shape(listed[0]) == shape(listed[1])
            assert [item["decoy"] for item in listed] == [None, None]
        # ... nor does another's decision tell the second reviewer.
        before = await shapes(ben, decoy.id), (await ben.get("/v1/alerts")).content
        await decide(anna, f"/v1/alerts/{decoy.id}", MATCH)
        assert (await shapes(ben, decoy.id), (await ben.get("/v1/alerts")).content) == before


async def test_it_is_revealed_to_those_who_decided_and_nothing_follows(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, people(served, TWO) as (anna, ben):
        served.site.reviews.required = 2
        real = await raise_one(served.site.database)
        decoy = await seed_beside(served.site.database, real, mated=False)
        path = f"/v1/alerts/{decoy.id}"
        await anna.post(f"{path}/review", json=MATCH)
        assert (await anna.get(path)).json()["decoy"] is None, "it may still be undone"
        await anna.post(f"{path}/review/final")
        shown = (await anna.get(path)).json()
        assert (shown["decoy"], shown["decoy_right"]) == (True, "not_a_match")
        assert shown["revealed"]["score"] == 0.58
        assert (await ben.get(path)).json()["decoy"] is None
        await decide(ben, f"/v1/alerts/{decoy.id}", NO_MATCH)
        closed = (await ben.get(path)).json()
        assert (closed["state"], closed["escalated"], closed["decoy"]) == ("closed", False, True)
        refused = await ben.post(f"{path}/engagement", json={"kind": "arrest"})
        assert (refused.status_code, "decoy" in refused.text) == (409, True)
        await decide(anna, f"/v1/alerts/{real.id}", MATCH)
        told = (await anna.get(f"/v1/alerts/{real.id}")).json()
        assert (told["revealed"]["score"], told["decoy"], told["decoy_right"]) == (0.61, None, None)


async def test_a_count_of_candidates_leaves_out_decoys_and_tells_nobody_which_they_are(
    tmp_path: Path,
) -> None:
    async with serve(tmp_path) as served, people(served, TWO) as (anna, ben):
        served.site.reviews.required = 2
        real = await raise_one(served.site.database)
        await with_summary(served, real.deployment_id)
        assert await candidates(anna, real) == 1
        decoy = await seed_beside(served.site.database, real)
        assert [await candidates(client, real) for client in (anna, ben)] == [2, 2]
        await decide(anna, f"/v1/alerts/{decoy.id}", MATCH)
        assert [await candidates(client, real) for client in (anna, ben)] == [1, 2]
        await decide(ben, f"/v1/alerts/{decoy.id}", MATCH)
        assert [await candidates(client, real) for client in (anna, ben)] == [1, 1]
        kept = await served.site.database.read(lambda r: deployments.get(r, real.deployment_id))
        assert json.loads(kept.summary or "{}")["candidates"] == 1


async def test_supervisors_read_how_many_decoys_each_reviewer_got_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(tmp_path) as served, people(served, TWO) as (anna, ben):
        served.site.reviews.required = 1
        real = await raise_one(served.site.database)
        for mated, said in ((True, MATCH), (False, MATCH), (False, NO_MATCH)):
            decoy = await seed_beside(served.site.database, real, mated=mated)
            await decide(anna, f"/v1/alerts/{decoy.id}", said)
        (figures,) = (await ben.get("/v1/reviewers")).json()
        assert (figures["decoys_shown"], figures["decoys_right"]) == (3, 2)
        assert 0.2 < figures["decoys_right_lo"] < 2 / 3 < figures["decoys_right_hi"] < 0.95
        assert (figures["matches"], figures["median_s"]) == (0, None)
        options = parser().parse_args(["alert", "reviewers"])
        assert await alert.run(options, served.socket) == 0
        assert "no candidate; decoys right: 2 of 3 (21 to 94 %)" in capsys.readouterr().out
        assert (await anna.get("/v1/reviewers")).status_code == 403
        assert not re.search("decoy", (await anna.get("/v1/health")).text)
