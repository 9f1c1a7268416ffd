"""The figures of a site: what Prometheus reads, and that no person is among them."""

import json
import re
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from lfrd.counters import Spread
from lfrd.ingest.settings import State
from support.site import Served, http, make_list, serve
from support.store import raise_some

DOCS = Path(__file__).resolve().parents[2] / "docs"
NAME = re.compile(r"\b((?:lfrd|process)_[a-z_]+)\b")


async def scraped(served: Served) -> httpx.Response:
    async with http(served.socket) as client:
        return await client.get("/metrics")


def families(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """The samples by their names."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        found.setdefault(family.name, [])
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def test_a_spread_counts_what_took_at_most_so_long() -> None:
    spread = Spread((0.1, 1.0))
    for took_s in (0.1, 0.5, 5.0):
        spread.note(took_s)
    assert spread.read() == ([("0.1", 1.0), ("1.0", 2.0), ("+Inf", 3.0)], pytest.approx(5.6))


async def test_the_figures_are_those_of_the_site(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await raise_some(served.site.database, 3)
        served.site.health.degrade("x", "without something")
        await served.client.health()
        answer = await scraped(served)
        assert answer.headers["content-type"].startswith("text/plain; version=")
        found = families(answer.text)
        assert found["lfrd_reviews_waiting"] == [({}, 3.0)]
        assert ({"status": "degraded"}, 1.0) in found["lfrd_health"]
        assert found["lfrd_deployment_running"] == [({}, 0.0)]
        assert found["process_resident_memory_bytes"][0][1] > 1e6
        sizes = {labels["file"]: size for labels, size in found["lfrd_file_bytes"]}
        assert sizes["lfrd.db"] >= 4096
        commits = {labels["le"]: n for labels, n in found["lfrd_commit_seconds_bucket"]}
        assert commits["+Inf"] >= 3
        requests = found["lfrd_request_seconds_count"]
        assert ({"method": "GET", "status": "2xx"}, 1.0) in requests


async def test_no_person_is_among_them(tmp_path: Path) -> None:
    """Neither a reference nor any id of what is on a list or was raised."""
    async with serve(tmp_path) as served:
        listed = await make_list(served.site)
        raised = await raise_some(served.site.database, 2)
        text = (await scraped(served)).text
        for episode in raised:
            for value in (episode.id, episode.entry_id, episode.person_id, episode.reference):
                assert value not in text
        assert listed not in text
        assert not re.search(r"[0-9a-f]{8}-[0-9a-f]{4}-", text)


async def test_over_loopback_it_needs_a_token(tmp_path: Path) -> None:
    async with serve(tmp_path, tcp="127.0.0.1:0") as served:
        base = f"http://127.0.0.1:{served.server.tcp_port}"
        async with httpx.AsyncClient(base_url=base) as client:
            assert (await client.get("/metrics")).status_code == 401


async def test_what_the_documents_ask_for_is_there(tmp_path: Path) -> None:
    """Each figure that the dashboard and the alert rules name is one that the daemon gives."""
    async with serve(tmp_path) as served:
        text = (await scraped(served)).text
    known = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    wanted: set[str] = set()
    board = json.loads((DOCS / "grafana.json").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            wanted |= set(NAME.findall(target["expr"]))
    rules = (DOCS / "alerts.rules.yml").read_text()
    wanted |= set(NAME.findall(rules))
    missing = {
        name for name in wanted if not {name, re.sub(r"_(bucket|sum|count)$", "", name)} & known
    }
    assert missing == set()
    (states,) = re.findall(r'state=~"([\w|]+)"', rules)
    assert set(states.split("|")) <= {state.value for state in State}
