"""Every operation of the API tried by schemathesis with every check, as each role."""

import argparse
import asyncio
import json
import os
import shutil
import socket
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.report import Figure, Report
from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.vocabulary import Category, Role
from lfrd.wire.lists import EntryCreate, WatchlistCreate
from lfrd.wire.people import TokenCreate

LIMIT_S = 900.0
START_S = 30.0
OPERATIONS = 90
"""About so many there are: how many examples each gets to reach the cases that are wanted."""
ENDLESS = "^/v1/events$"
EXAMPLE_FLOOR = 10


@dataclass(slots=True)
class Found:
    """What one run of schemathesis found."""

    cases: int = 0
    server_errors: int = 0
    undocumented: int = 0
    other: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


async def measure(report: Report, chosen: argparse.Namespace) -> None:
    found: dict[Role, Found] = {}
    with tempfile.TemporaryDirectory(prefix="lfrd-fuzz-") as temporary:
        folder = Path(temporary)
        port = _free_port()
        process = await _daemon(folder / "state", port)
        try:
            secrets = await _prepare(folder / "state" / "api.sock")
            document = await _document(folder, port, secrets[Role.OPERATOR])
            each = max(EXAMPLE_FLOOR, chosen.cases // len(Role) // OPERATIONS)
            for role in chosen.role or Role:
                found[role] = await _fuzz(folder, document, port, role, secrets[role], each)
                if chosen.keep:
                    _keep(folder, role, chosen.keep)
            async with Client.over_socket(folder / "state" / "api.sock") as client:
                await client.health()  # it is still there
        finally:
            process.terminate()
            await process.wait()
    every = list(found.values())
    for role, one in found.items():
        report.add(Figure(f"requests as {role.value}", one.cases))
        for text in one.examples[:20]:
            print(f"    {text}")
    others = sum((one.other for one in every), Counter())
    report.add(
        Figure("hostile requests, all roles", sum(f.cases for f in every), at_least=chosen.cases),
        Figure("server errors", sum(f.server_errors for f in every), at_most=0),
        Figure("undocumented answers", sum(f.undocumented for f in every), at_most=0),
        Figure("other findings of its checks", others.total(), at_most=0,
               note=", ".join(f"{name} {count}" for name, count in others.most_common(5))),
    )  # fmt: skip


async def _daemon(state: Path, port: int) -> asyncio.subprocess.Process:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("LFRD_")},
        "LFRD_SITE__STATE_DIR": str(state),
        "LFRD_API__TCP": f"127.0.0.1:{port}",
        "LFRD_POLICY__ALLOW_LAB": "true",
        "LFRD_LOG__LEVEL": "error",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lfrd", "run", env=environment
    )
    async with asyncio.timeout(START_S), Client.over_socket(state / "api.sock") as client:
        while True:
            try:
                await client.health()
            except LfrdError:
                await asyncio.sleep(0.1)
            else:
                return process


async def _prepare(place: Path) -> dict[Role, str]:
    """Something to find, and a token for each role."""
    async with Client.over_socket(place) as client:
        new = WatchlistCreate(name="bans", category=Category.TEST, purpose="test", owner="test")
        listed = await client.create_watchlist(new)
        for number in range(3):
            entry = EntryCreate(reference=f"person-{number}", basis="test", source="test")
            await client.add_entry(listed.id, entry)
        return {
            role: (await client.create_token(TokenCreate(principal=role.value, role=role))).secret
            for role in Role
        }


async def _document(folder: Path, port: int, secret: str) -> Path:
    """The description without Idempotency-Key: the fuzzer sends the same one with everything, which
    is refused rightly and before anything else."""
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {secret}"}) as http:
        described = (await http.get(f"http://127.0.0.1:{port}/openapi.json")).json()
    for methods in described["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [
                item
                for item in operation.get("parameters", [])
                if item["name"] != "Idempotency-Key"
            ]
    path = folder / "openapi.json"
    path.write_text(json.dumps(described))
    return path


async def _fuzz(
    folder: Path, document: Path, port: int, role: Role, secret: str, examples: int
) -> Found:
    """Run schemathesis as one role, and read what it wrote."""
    written = folder / f"{role.value}.ndjson"
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "uv"), "tool", "run", "schemathesis", "run",
        str(document), "--url", f"http://127.0.0.1:{port}", "--checks", "all", "--phases",
        "examples,coverage,fuzzing", "--max-examples", str(examples), "--header",
        f"Authorization: Bearer {secret}", "--exclude-path-regex", ENDLESS, "--continue-on-failure",
        "--no-shrink", "--seed", "7", "--suppress-health-check", "all", "--warnings", "off",
        "--request-timeout", "70", "--report", "ndjson", "--report-ndjson-path", str(written),
        "--output-sanitize", "false", "--generation-database", "none",
        cwd=folder, stdout=(folder / f"{role.value}.txt").open("wb"),
    )  # fmt: skip
    async with asyncio.timeout(LIMIT_S):
        await process.wait()
    return await asyncio.to_thread(_read, written)


def _read(path: Path) -> Found:
    found = Found()
    with path.open() as lines:
        for line in lines:
            _note(found, json.loads(line))
    return found


def _note(found: Found, event: dict) -> None:
    for recorded in (
        (event.get("ScenarioFinished") or {}).get("recorder", {}).get("checks", {}).items()
    ):
        _, checks = recorded
        found.cases += 1
        for check in checks:
            if check.get("status") == "success":
                continue
            name = check["name"]
            if name == "not_a_server_error":
                found.server_errors += 1
            elif name in {"status_code_conformance", "content_type_conformance"}:
                found.undocumented += 1
            else:
                found.other[name] += 1
            failure = check.get("failure_info") or {}
            found.examples.append(f"{name}: {json.dumps(failure)[:300]}")


def _keep(folder: Path, role: Role, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name in (f"{role.value}.ndjson", f"{role.value}.txt"):
        shutil.copy(folder / name, place / name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
