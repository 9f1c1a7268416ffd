"""A client that a generator made of our description works: what it names, takes and gives is so."""

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from lfrd.client import Client
from lfrd.vocabulary import Role
from lfrd.wire.people import TokenCreate
from support.program import environment
from support.site import serve
from support.store import raise_some

pytestmark = pytest.mark.e2e

PROGRAM = """
import sys
from lfrd_client import AuthenticatedClient
from lfrd_client.api.alerts import list_alerts, read_alert
from lfrd_client.api.watchlists import add_entry, change_watchlist, create_watchlist, list_entries
from lfrd_client.models import (
    AlertState, Category, EntryCreate, Problem, WatchlistChange, WatchlistCreate,
)

with AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2]) as client:
    alerts = list_alerts.sync(client=client, state=AlertState.OPEN, limit=2)
    assert len(alerts) == 2, alerts
    assert read_alert.sync(alerts[0].id, client=client).revealed is None
    page = list_alerts.sync_detailed(client=client, limit=2)
    assert 'rel="next"' in page.headers["link"]
    new = WatchlistCreate(
        name="bans", category=Category.EXCLUDED, purpose="ban", owner="security"
    )
    made = create_watchlist.sync_detailed(client=client, body=new, idempotency_key="one")
    again = create_watchlist.sync_detailed(client=client, body=new, idempotency_key="one")
    assert made.parsed.id == again.parsed.id
    body = EntryCreate(reference="2026-041", basis="ban", source="incident 12")
    entry = add_entry.sync(made.parsed.id, client=client, body=body)
    assert [item.id for item in list_entries.sync(made.parsed.id, client=client)] == [entry.id]
    refused = change_watchlist.sync_detailed(
        made.parsed.id, client=client, body=WatchlistChange(purpose="x"), if_match='"stale"'
    )
    assert refused.status_code == 412, refused
    assert isinstance(refused.parsed, Problem) and refused.parsed.code == "changed"
"""


async def test_a_generated_client_works(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    async with serve(folder, tcp="127.0.0.1:0") as served:
        await raise_some(served.site.database, 3)
        async with Client.over_socket(served.socket) as admin:
            new = TokenCreate(principal="sue", role=Role.SUPERVISOR)
            secret = (await admin.create_token(new)).secret
        base = f"http://127.0.0.1:{served.server.tcp_port}"
        async with httpx.AsyncClient(base_url=base) as client:
            head = {"Authorization": f"Bearer {secret}"}
            document = tmp_path / "openapi.json"
            document.write_bytes((await client.get("/openapi.json", headers=head)).content)
        config = tmp_path / "config.yml"  # the generator knows neither SDP nor pictures
        unknown = ("application/sdp", "image/jpeg", "multipart/x-mixed-replace")
        config.write_text("post_hooks: []\ncontent_type_overrides:\n" + "".join(
            f"  {kind}: application/octet-stream\n" for kind in unknown
        ))  # fmt: skip
        made = await asyncio.to_thread(
            subprocess.run,
            [str(Path(sys.executable).parent / "openapi-python-client"), "generate",
             "--path", str(document), "--meta", "none", "--output-path",
             str(tmp_path / "lfrd_client"), "--fail-on-warning",
             "--config", str(config)],
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert made.returncode == 0, made.stdout + made.stderr
        ran = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-c", PROGRAM, base, secret],
            capture_output=True, text=True, timeout=60, env=environment(PYTHONPATH=str(tmp_path)),
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
