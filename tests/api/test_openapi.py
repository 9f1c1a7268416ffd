"""The description of the API is whole: every route, every refusal, every model it names."""

import json
import re
from pathlib import Path

import httpx

import lfrd
from lfrd.api.examples import EXAMPLES
from support.site import http, serve

ROUTES = {
    "/v1/health": {"get"},
    "/v1/me": {"get"},
    "/v1/reload": {"post"},
    "/v1/cameras": {"get", "post"},
    "/v1/cameras/{camera_id}": {"get", "patch", "delete"},
    "/v1/cameras/{camera_id}/history": {"get"},
    "/v1/cameras/{camera_id}/test": {"post"},
    "/v1/cameras/{camera_id}/preview": {"get"},
    "/v1/cameras/{camera_id}/snapshot": {"get"},
    "/v1/cameras/{camera_id}/mjpeg": {"get"},
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
    "/v1/deployments/current/pause": {"put"},
    "/v1/deployments/current/presence": {"post"},
    "/v1/deployments/{deployment_id}/gate": {"get"},
    "/v1/deployments/{deployment_id}/lapse": {"post"},
    "/v1/deployments/{deployment_id}/authority-request": {"get"},
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
    "/v1/photos/inspect": {"post"},
    "/v1/photos/{photo_id}/quarantine": {"post", "delete"},
    "/v1/imports/{import_id}": {"get"},
    "/v1/imports/{import_id}/rows": {"get", "post"},
    "/v1/imports/{import_id}/end": {"post"},
    "/v1/thresholds": {"get"},
    "/v1/deployments/{deployment_id}/thresholds": {"get"},
    "/v1/cameras/{camera_id}/flow": {"get"},
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
    "/v1/subjects/prove-absence": {"post"},
    "/v1/incidents": {"get", "post"},
    "/v1/incidents/{incident_id}/report": {"post"},
    "/v1/incidents/{incident_id}/amend": {"post"},
    "/v1/incidents/{incident_id}/close": {"post"},
    "/v1/years/{year}": {"get"},
    "/v1/years/{year}/{what}": {"post"},
    "/v1/evaluations/independent": {"get", "post"},
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


async def test_a_client_can_be_made_of_the_description(tmp_path: Path) -> None:
    """Names that a generated function can have, what is asked for, and what comes."""
    async with serve(tmp_path) as served, http(served.socket) as client:
        described = (await client.get("/openapi.json")).json()
    operations = {
        (method.upper(), path): operation
        for path, item in described["paths"].items()
        for method, operation in item.items()
    }
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z_]{3,40}", name) for name in names), names
    assert operations["GET", "/v1/alerts"]["operationId"] == "list_alerts"
    assert described["security"] == [{"token": []}, {}]
    assert set(described["components"]["securitySchemes"]) == {"token", "publisher"}
    for (method, path), operation in operations.items():
        done = next(code for code in operation["responses"] if code[0] == "2")
        if done == "201":
            assert "Location" in operation["responses"]["201"]["headers"], path
        if done != "204" and (method, path) != ("DELETE", "/v1/whip/{camera_id}/{session_id}"):
            assert operation["responses"][done].get("content"), f"{method} {path} answers what?"
        given = {item["name"] for item in operation.get("parameters", [])}
        whip = path.startswith("/v1/whip")
        assert ("Idempotency-Key" in given) == (method != "GET" and not whip), path
    whip = operations["POST", "/v1/whip/{camera_id}"]
    assert list(whip["requestBody"]["content"]) == ["application/sdp"]
    assert whip["security"] == [{"publisher": []}]
    log = operations["POST", "/v1/audit/export"]["responses"]["200"]["content"]
    assert list(log) == ["text/plain"]


def test_the_examples_are_what_is_taken() -> None:
    for model, example in EXAMPLES.items():
        model.model_validate(example)


def test_the_client_has_a_call_for_every_route() -> None:
    """By the paths in its source: what has none cannot be asked for by the terminal or a script."""
    source = (Path(__file__).resolve().parents[2] / "lfrd" / "client.py").read_text()
    source = re.sub(r"camera_path\([a-z_]+, \"([^\"]*)\"\)", r'"/v1/cameras/{}\1"', source)
    source = source.replace("camera_path(camera_id)", '"/v1/cameras/{}"')
    source = source.replace('"/v1/deployments/{deployment_id}/{step}"', " ".join(
        f'"/v1/deployments/{{}}/{step}"' for step in ("authorise", "start", "ratify", "extend")
    ))  # fmt: skip
    source = source.replace('self.deployment("current")', '"/v1/deployments/current"')
    known = {re.sub(r"{[^}]*}", "{}", path) for path in re.findall(r'"(/v1/[^"?]*)', source)}
    wanted = {re.sub(r"{[^}]*}", "{}", path) for path in ROUTES if "/whip/" not in path}
    assert wanted - known == set()


def test_the_document_names_every_route() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text()
    for path, methods in ROUTES.items():
        for method in methods:
            shown = re.sub(r"\{\w+\}", "{id}", path).replace("images/{id}", "images/{which}")
            line = f"`{method.upper()} {shown}`"
            assert line in text, f"docs/api.md lacks {line}"
