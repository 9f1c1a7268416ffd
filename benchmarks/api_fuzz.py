"""Every operation of the API tried by schemathesis with every check, as each role."""

import argparse
import asyncio
import base64
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.program import until_it_answers
from benchmarks.report import Figure, Report
from lfrd.client import Client
from lfrd.vocabulary import Category, Role
from lfrd.wire.lists import EntryCreate, WatchlistCreate
from lfrd.wire.people import TokenCreate

LIMIT_S = 900.0
START_S = 30.0
OPERATIONS = 90
"""About so many there are: how many examples each gets to reach the cases that are wanted."""
ENDLESS = "^/v1/events$"
EXAMPLE_FLOOR = 10
OTHER_SHOWN = 40


REFUSED_VALID = "positive_data_acceptance"
TAKEN_INVALID = "negative_data_rejection"
BLANKS_ALONE = "too long by blanks alone: "
LINE_LENGTH = 200
"""Of a text of one line, the blanks around it not counted."""


KNOWN: dict[str, dict[str, str]] = {
    REFUSED_VALID: {
        "If-Match is compared with the record as it is now": "^412 changed:",
        "no camera answers at the address of the example": "^422 (bad-source|source-stalled):",
        "the pictures that are made up show no face, or are none": (
            "^422 (photo-refused:|bad-input: photo .* is not a JPEG)"
        ),
        "`next` is opaque: only one that a page gave is taken": "^422 bad-input: next: ",
        "a row is JSON within a text of the query": "^422 bad-input: row: ",
        "it depends on the configuration of the site": (
            "^422 bad-input: (this site has no policy profile|this is no group that the site"
            "|no key of an authority is configured|there is no time zone"
            "|.* is in no folder whose files)"
        ),
        "a moment is compared with the clock": (
            "^422 bad-input: (it would end before|a standing authorisation expires"
            "|expires_at_s: this moment is over|the test lies in the future"
            "|a training is recorded while it is valid|an incident is recorded after it happened)"
        ),
        "it is compared with what is recorded": "^422 bad-input: that is what is recorded",
        "fields are compared with each other": (
            "^422 bad-input: (an entry of a person under 18|an aspect is|a region needs an area"
            "|a second, small stream|a certificate is pinned for|a password goes with an address"
            "|box is left|two windows of the schedule overlap"
            "|name a list, or a deployment|a span of time ends|body: value error, the thresholds"
            "|.*k of n must lie between lo and hi)"
        ),
        "blanks around a text are no part of it": "should have at least 1 character$",
        "which signs are printable is no pattern": "^422 bad-input: a camera address is one line",
        "a rule about what a person saw, refused in its own words": (
            "^422 bad-input: (both faces were to be seen|the .* was drawn)"
        ),
    },
    TAKEN_INVALID: {
        "it is refused before it is read": "^413 too-large:",
        "it is refused for its If-Match before the rest is read": "^412 changed:",
        "blanks around a text are no part of it": f"^{BLANKS_ALONE}2",
    },
}
"""Findings of a check that are no fault: the reason, and how such an answer begins. Any other
finding misses a bar."""


@dataclass(slots=True)
class Found:
    """What one run found: `known` by reason, `other` as check, operation, answer."""

    cases: int = 0
    server_errors: int = 0
    undocumented: int = 0
    known: Counter[str] = field(default_factory=Counter)
    other: Counter[str] = field(default_factory=Counter)


async def measure(report: Report, chosen: argparse.Namespace) -> None:
    found: dict[Role, Found] = {}
    if chosen.read:
        for role in chosen.role or Role:
            found[role] = await asyncio.to_thread(read, chosen.read / f"{role.value}.ndjson")
        _tell(report, found, chosen.cases)
        return
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
    _tell(report, found, chosen.cases)


def _tell(report: Report, found: dict[Role, Found], wanted: int) -> None:
    for role in Role:
        one = found.get(role, Found())
        report.add(Figure(f"requests as {role.value}", one.cases, at_least=wanted // len(Role)))
        for text, count in one.other.most_common(OTHER_SHOWN):
            print(f"    {count} x {text}")
    every = list(found.values())
    others = sum((one.other for one in every), Counter())
    known = sum((one.known for one in every), Counter())
    report.add(
        Figure("hostile requests, all roles", sum(f.cases for f in every), at_least=wanted),
        Figure("server errors", sum(f.server_errors for f in every), at_most=0),
        Figure("undocumented answers", sum(f.undocumented for f in every), at_most=0),
        Figure("findings without a reason", others.total(), at_most=0,
               note="; ".join(f"{count} x {name}" for name, count in others.most_common(5))),
        *(Figure("findings with a reason", count, note=why) for why, count in known.most_common()),
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
    async with Client.over_socket(state / "api.sock") as client:
        await until_it_answers(client, START_S)
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
    try:
        async with asyncio.timeout(LIMIT_S):
            await process.wait()
    except TimeoutError:
        process.terminate()
        await process.wait()
    return await asyncio.to_thread(read, written)


def read(path: Path) -> Found:
    found = Found()
    with path.open() as lines:
        for line in lines:
            if line.endswith("\n"):  # the last one of a run that was cut off is not whole
                _note(found, json.loads(line))
    return found


def _note(found: Found, event: dict) -> None:
    recorder = (event.get("ScenarioFinished") or {}).get("recorder") or {}
    for case, checks in recorder.get("checks", {}).items():
        found.cases += 1
        for check in checks:
            if check.get("status") == "success":
                continue
            name = check["name"]
            answer = _answer(recorder.get("interactions", {}).get(case) or {})
            if _is_long_by_blanks((recorder.get("cases", {}).get(case) or {}).get("value") or {}):
                answer = BLANKS_ALONE + answer
            if name == "not_a_server_error":
                found.server_errors += 1
            elif name in {"status_code_conformance", "content_type_conformance"}:
                found.undocumented += 1
            why = reason(name, answer)
            if why is not None:
                found.known[why] += 1
            else:
                found.other[f"{name}: {recorder.get('label')}: {answer}"] += 1


def _answer(interaction: dict) -> str:
    """Status, code and sentence of a problem document; else the status and how it begins."""
    response = interaction.get("response") or {}
    content = (response.get("content") or {}).get("$base64", "")
    text = base64.b64decode(content).decode(errors="replace")
    try:
        problem = json.loads(text)
        text = f"{problem['code']}: {problem['detail']}"
    except (ValueError, LookupError, TypeError):
        text = text[:80]
    return f"{response.get('status_code')} {text}"[:300]


def _is_long_by_blanks(request: dict) -> bool:
    """Whether all that was made invalid are texts of the body that fit without the blanks around
    them, which are taken off before a text is measured."""
    told = ((request.get("meta") or {}).get("phase") or {}).get("data") or {}
    changes, body = told.get("mutations") or [], request.get("body")
    return bool(changes) and all(
        "maxLength" in change["keywords"]
        and {"maxLength", "minLength"}.issuperset(change["keywords"])
        and len(change["path"]) == 1
        and isinstance(body, dict)
        and isinstance(text := body.get(change["path"][0]), str)
        and len(text) > LINE_LENGTH >= len(text.strip()) > 0
        for change in changes
    )


def reason(check: str, answer: str) -> str | None:
    """Why a finding is no fault; None where nobody has said so."""
    for why, pattern in KNOWN.get(check, {}).items():
        if re.search(pattern, answer, re.DOTALL):
            return why
    return None


def _keep(folder: Path, role: Role, place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    for name in (f"{role.value}.ndjson", f"{role.value}.txt"):
        shutil.copy(folder / name, place / name)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
