"""The description of the API is whole: every route, every refusal, every model it names."""

import json
import re
from pathlib import Path

import httpx

import lfrd
from support.site import serve

ROUTES = {
    "/v1/health": {"get"},
    "/v1/me": {"get"},
    "/v1/cameras": {"get", "post"},
    "/v1/cameras/{camera_id}": {"get", "patch", "delete"},
    "/v1/cameras/{camera_id}/test": {"post"},
    "/v1/cameras/{camera_id}/preview": {"get"},
    "/v1/whip/{camera_id}": {"post"},
    "/v1/whip/{camera_id}/{session_id}": {"delete"},
    "/v1/watchlists": {"get", "post"},
    "/v1/watchlists/{watchlist_id}": {"get", "delete", "patch"},
    "/v1/watchlists/{watchlist_id}/entries": {"get", "post"},
    "/v1/entries/{entry_id}": {"get", "delete", "patch"},
    "/v1/entries/{entry_id}/photos": {"post"},
    "/v1/photos/{photo_id}": {"delete"},
    "/v1/photos/{photo_id}/image": {"get"},
    "/v1/deployments": {"get", "post"},
    "/v1/deployments/current": {"get"},
    "/v1/deployments/{deployment_id}": {"get", "patch"},
    "/v1/deployments/{deployment_id}/end": {"post"},
    "/v1/deployments/drafts": {"post"},
    "/v1/deployments/current/presence": {"post"},
    "/v1/deployments/{deployment_id}/gate": {"get"},
    "/v1/deployments/{deployment_id}/authorise": {"post"},
    "/v1/deployments/{deployment_id}/start": {"post"},
    "/v1/deployments/{deployment_id}/ratify": {"post"},
    "/v1/deployments/{deployment_id}/extend": {"post"},
    "/v1/policy": {"get"},
    "/v1/schedules": {"get", "post"},
    "/v1/schedules/{schedule_id}/authorise": {"post"},
    "/v1/schedules/{schedule_id}/revoke": {"post"},
    "/v1/holds": {"get", "post"},
    "/v1/holds/{hold_id}/confirm": {"post"},
    "/v1/holds/{hold_id}/release": {"post"},
    "/v1/erasures": {"get", "post"},
    "/v1/evaluations": {"get", "post"},
    "/v1/evaluations/{evaluation_id}/withdraw": {"post"},
    "/v1/alerts": {"get"},
    "/v1/alerts/{alert_id}": {"get"},
    "/v1/alerts/{alert_id}/images/{which}": {"get"},
    "/v1/alerts/{alert_id}/rivals/{person_id}/image": {"get"},
    "/v1/alerts/{alert_id}/review": {"post", "delete"},
    "/v1/alerts/{alert_id}/review/final": {"post"},
    "/v1/alerts/{alert_id}/engagement": {"post"},
    "/v1/alerts/{alert_id}/replay": {"post"},
    "/v1/reviewers": {"get"},
    "/v1/outbox/endpoints": {"get"},
    "/v1/outbox/endpoints/{endpoint}/test": {"post"},
    "/v1/outbox/messages": {"get"},
    "/v1/outbox/messages/{message_id}": {"get"},
    "/v1/outbox/messages/{message_id}/redeliver": {"post"},
    "/v1/tokens": {"get", "post"},
    "/v1/tokens/{token_id}/revoke": {"post"},
    "/v1/watchlists/{watchlist_id}/cameras": {"put"},
    "/v1/watchlists/{watchlist_id}/confirm": {"post"},
    "/v1/watchlists/{watchlist_id}/imports": {"post"},
    "/v1/watchlists/{watchlist_id}/import-check": {"post"},
    "/v1/watchlists/{watchlist_id}/export": {"post"},
    "/v1/entries/{entry_id}/approve": {"post"},
    "/v1/photos/check": {"post"},
    "/v1/photos/{photo_id}/quarantine": {"post", "delete"},
    "/v1/imports/{import_id}": {"get"},
    "/v1/imports/{import_id}/rows": {"get", "post"},
    "/v1/imports/{import_id}/end": {"post"},
    "/v1/thresholds": {"get"},
    "/v1/deployments/{deployment_id}/thresholds": {"get"},
    "/v1/cameras/{camera_id}/why": {"get"},
    "/v1/trial-passages": {"post"},
    "/v1/trial-passages/{passage_id}": {"delete"},
    "/v1/deployments/{deployment_id}/trial": {"get"},
    "/v1/deployments/{deployment_id}/record": {"get", "post"},
    "/v1/deployments/{deployment_id}/notice": {"get"},
    "/v1/subjects/lookup": {"post"},
    "/v1/trainings": {"get", "post"},
    "/v1/subjects/lookup-photo": {"post"},
    "/v1/subjects/export": {"post"},
    "/v1/deployments/{deployment_id}/trial-passages": {"get"},
    "/v1/models/preparation": {"get", "post"},
    "/v1/models/switch": {"post"},
    "/v1/events": {"get"},
    "/v1/events/kept": {"get"},
    "/v1/audit/leaves": {"get"},
    "/v1/audit/leaves/{index}/proof": {"get"},
    "/v1/audit/keys": {"get"},
    "/v1/audit/export": {"post"},
}


async def test_the_description_is_whole(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        transport = httpx.AsyncHTTPTransport(uds=str(served.socket))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            answer = await client.get("/openapi.json")
            again = await client.get("/openapi.json")
    described = answer.json()
    assert described == again.json()
    assert described["info"]["version"] == lfrd.__version__
    assert {path: set(item) for path, item in described["paths"].items()} == ROUTES
    for path, item in described["paths"].items():
        for method, operation in item.items():
            assert operation.get("description"), f"{method} {path} says nothing about itself"
            for refused in ("4XX", "5XX"):
                content = operation["responses"][refused]["content"]
                assert list(content) == ["application/problem+json"], path
            assert "422" not in operation["responses"], "a refusal is always a Problem"
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(described)))
    known = described["components"]["schemas"].keys()
    assert named <= known
    assert {"Problem", "EventMessage", "HealthChange", "EventKind"} <= known


def test_the_document_names_every_route() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
    for path, methods in ROUTES.items():
        for method in methods:
            shown = re.sub(r"\{\w+\}", "{id}", path).replace("images/{id}", "images/{which}")
            line = f"`{method.upper()} {shown}`"
            assert line in text, f"docs/api.md lacks {line}"
