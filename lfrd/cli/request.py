"""`lfrd api METHOD PATH`: any route of the API, for what has no command of its own."""

import argparse
import json
import sys
from pathlib import Path

import httpx

from lfrd.cli.outputs import write_private_bytes
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import note, say, say_bytes
from lfrd.client import JSON, OCTETS, Client, next_of
from lfrd.errors import BadInput, UserError

DATA_BYTES_MAX = 64_000_000
"""The daemon takes less, and says how much."""

STREAM = "/v1/events"


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Send one request (with `--all` one for each page) and print what is answered."""
    path = _path(options.path)
    params = [_parameter(text) for text in options.query]
    content, headers = _body(options)
    method = options.method or ("GET" if content is None else "POST")
    async with Client.over_socket(socket, token_of(options)) as client:
        if path == STREAM and method == "GET":
            await _stream(client, path, params)
            return 0
        reply = await client.raw(method, path, params=params, content=content, headers=headers)
        _print(options, reply)
        while options.all and (following := next_of(reply)) is not None:
            given = [(name, value) for name, value in params if name != "next"]
            reply = await client.raw(method, path, params=[*given, ("next", following)])
            _print(options, reply)
        if not options.all and next_of(reply) is not None:
            note(f"there is more: --all, or --query next={next_of(reply)}")
    return 0


def _path(given: str) -> str:
    if not given.startswith(("/v1/", "/openapi.json", "/metrics")) or "?" in given:
        raise BadInput("a path is one such as /v1/alerts; parameters go into --query name=value")
    return given


def _parameter(text: str) -> tuple[str, str]:
    name, mark, value = text.partition("=")
    if not mark:
        raise BadInput("--query: write it name=value")
    return name, value


def _body(options: argparse.Namespace) -> tuple[bytes | None, dict[str, str] | None]:
    """What is sent, and what it is: JSON that was typed or is in a file, or a file as it is."""
    if options.method in ("GET", "HEAD") and (options.data is not None or options.file is not None):
        raise BadInput(
            f"a {options.method} has no body: give what it asks for with --query name=value"
        )
    if options.data is not None:
        text = _read(options.data.removeprefix("@")) if options.data[:1] in "@-" else None
        content = options.data.encode() if text is None else text
        try:
            json.loads(content)
        except ValueError as error:
            raise BadInput(f"--data: this is not JSON: {error}") from None
        return content, dict(JSON)
    if options.file is not None:
        return _read(options.file), dict(OCTETS)
    return None, None


def _read(name: str) -> bytes:
    """A file, or standard input for `-`."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(DATA_BYTES_MAX)
        with Path(name).open("rb") as file:
            return file.read(DATA_BYTES_MAX)
    except OSError as error:
        raise UserError(f"{name} cannot be read: {error.strerror}") from None


async def _stream(client: Client, path: str, params: list[tuple[str, str]]) -> None:
    async with client.raw_stream("GET", path, params=params) as pieces:
        async for piece in pieces:
            say_bytes(piece)


def _print(options: argparse.Namespace, reply: httpx.Response) -> None:
    """JSON for people on a terminal, with `--all` an item a line; anything else as it is."""
    if options.include:
        say(f"HTTP {reply.status_code}\n{_headers(reply)}\n")
    if options.output is not None:
        write_private_bytes(options.output, reply.content)
    elif "json" not in reply.headers.get("content-type", ""):
        say_bytes(reply.content)
    elif options.all and isinstance(answer := reply.json(), list):
        for item in answer:
            say(json.dumps(item, ensure_ascii=False))
    elif reply.content:
        pretty = sys.stdout.isatty() and not options.json
        say(json.dumps(reply.json(), ensure_ascii=False, indent=2) if pretty else reply.text)


def _headers(reply: httpx.Response) -> str:
    return "\n".join(f"{name}: {value}" for name, value in reply.headers.items())
