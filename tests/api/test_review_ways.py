"""The ways that reviews end, through the socket: at once, twice, in disagreement, or settled."""

import asyncio
import os
import pwd
from pathlib import Path

import httpx

from lfrd.clock import ManualClock
from lfrd.governance.reviews import UNDO_WINDOW_S
from lfrd.vocabulary import Role
from support.site import decide, people, serve
from support.store import raise_one

SEEN = {"face_px": 64, "reference_px": 64, "seen_s": 2.0}
MATCH = {"shown": SEEN, "decision": "match", "reason": "the scar"}
NO_MATCH = {"shown": SEEN, "decision": "not_a_match"}
UNSURE = {"shown": SEEN, "decision": "unsure"}
OPERATORS = {"anna": Role.OPERATOR, "ben": Role.OPERATOR}


async def test_an_undone_decision_is_none_and_a_final_one_stays(tmp_path: Path) -> None:
    clock = ManualClock()
    async with serve(tmp_path, clock) as served, people(served, OPERATORS) as (anna, _):
        path = f"/v1/alerts/{(await raise_one(served.site.database)).id}/review"
        await anna.post(path, json=MATCH)
        clock.advance(UNDO_WINDOW_S - 0.01)
        assert (await anna.delete(path)).json()["my_review"] is None
        await anna.post(path, json=NO_MATCH)
        clock.advance(UNDO_WINDOW_S)
        late = await anna.delete(path)
        assert (late.status_code, "can no longer be undone" in late.text) == (409, True)
        await served.site.reviews.sweep()
        assert (await anna.post(path, json=MATCH)).status_code == 409


async def test_two_second_reviews_at_once_close_it_once(tmp_path: Path) -> None:
    three = {**OPERATORS, "clara": Role.OPERATOR}
    async with serve(tmp_path) as served, people(served, three) as (anna, ben, clara):
        served.site.reviews.required = 2
        path = f"/v1/alerts/{(await raise_one(served.site.database)).id}"
        await decide(anna, path, MATCH)
        await asyncio.gather(decide(ben, path, MATCH), decide(clara, path, NO_MATCH))
        views = [(await person.get(path)).json() for person in (anna, ben, clara)]
        assert len({view["state"] for view in views}) == 1
        assert len({view["revealed"]["outcome"] for view in views}) == 1
        assert all(len(view["revealed"]["reviews"]) == 3 for view in views)
        closed = views[0]["state"] == "closed"
        assert views[0]["revealed"]["outcome"] == ("match" if closed else "unresolved")
        assert views[0]["escalated"] is not closed


async def test_one_person_by_two_doors_is_one_principal(tmp_path: Path) -> None:
    """The system user and the holder of a token of that name are the same reviewer."""
    me = pwd.getpwuid(os.getuid()).pw_name
    async with serve(tmp_path) as served, people(served, {me: Role.ADMIN}) as (token,):
        served.site.reviews.required = 2
        path = f"/v1/alerts/{(await raise_one(served.site.database)).id}"
        await decide(token, path, MATCH)
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket), verify=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as user:
            again = await user.post(f"{path}/review", json=MATCH)
            assert (again.status_code, "already" in again.text) == (409, True)
            assert (await user.get(path)).json()["state"] == "open"


async def test_an_unsure_supervisor_closes_it_unresolved(tmp_path: Path) -> None:
    roles = {**OPERATORS, "clara": Role.SUPERVISOR}
    async with serve(tmp_path) as served, people(served, roles) as (anna, ben, clara):
        served.site.reviews.required = 2
        path = f"/v1/alerts/{(await raise_one(served.site.database)).id}"
        await decide(anna, path, MATCH)
        await decide(ben, path, NO_MATCH)
        for person, told in ((anna, True), (ben, True), (clara, True)):
            assert (await person.get(path)).json()["escalated"] is told
        assert (await anna.post(f"{path}/review", json=MATCH)).status_code == 409
        await decide(clara, path, UNSURE)
        shown = (await clara.get(path)).json()
        assert (shown["state"], shown["revealed"]["outcome"]) == ("closed", "unresolved")


async def test_one_primary_outcome_even_of_two_at_once(tmp_path: Path) -> None:
    async with serve(tmp_path) as served, people(served, OPERATORS) as (anna, ben):
        path = f"/v1/alerts/{(await raise_one(served.site.database)).id}"
        early = await anna.post(f"{path}/engagement", json={"kind": "stopped"})
        assert early.status_code == 409
        await decide(anna, path, MATCH)
        both = await asyncio.gather(
            anna.post(f"{path}/engagement", json={"kind": "stopped", "engagement_min": 4}),
            ben.post(f"{path}/engagement", json={"kind": "arrest"}),
        )
        assert sorted(reply.status_code for reply in both) == [201, 409]
        kept = (await anna.get(path)).json()["engagement"]["kind"]
        assert kept == ("stopped" if both[0].status_code == 201 else "arrest")
        unknown = await anna.post(f"{path}/engagement", json={"kind": "forgotten"})
        assert unknown.status_code == 422


async def test_a_supervisor_sees_how_reviewers_decide_once_it_is_closed(tmp_path: Path) -> None:
    roles = {**OPERATORS, "clara": Role.SUPERVISOR}
    async with serve(tmp_path) as served, people(served, roles) as (anna, ben, clara):
        served.site.reviews.required = 2
        episode = await raise_one(served.site.database)
        path = f"/v1/alerts/{episode.id}"
        await decide(anna, path, MATCH)
        assert (await clara.get("/v1/reviewers")).json() == [], "it is under review"
        await decide(ben, path, MATCH)
        assert (await anna.get("/v1/reviewers")).status_code == 403
        for query in ("", f"?deployment_id={episode.deployment_id}"):
            found = (await clara.get(f"/v1/reviewers{query}")).json()
            assert [item["principal"] for item in found] == ["user:anna", "user:ben"]
            assert all((item["compared"], item["agreed"]) == (1, 1) for item in found)
        assert (await clara.get("/v1/reviewers?deployment_id=none")).json() == []
