"""Hostile values for every command, beside a real daemon: no traceback, no secret, nothing
that a terminal obeys, no ended daemon.

    python -m benchmarks.fuzz_cli [--cases 2000] [--seed 1]

Commands run one after the other in a process that calls `main`, every fiftieth in one of its own,
all in a temporary folder: some write the file that they are given. The same seed makes the same
cases; what is wrong is printed with its words and the exit code is 1.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from lfrd.__main__ import main as lfrd_main
from lfrd.__main__ import parser
from lfrd.errors import LfrdError
from lfrd.text import printable

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from support.program import daemon, enrol, environment

ROOT = Path(__file__).resolve().parents[1]
MARKER = "gEhEiM7"
LIMIT_S = 40.0
OWN_PROCESS_EVERY = 50
SHOWN = 20

LEFT_OUT = {
    ("run",): "the daemon itself", ("tui",): "needs a terminal", ("demo",): "takes no values",
    ("models", "install"): "a name is looked up in the network",
}  # fmt: skip

ALWAYS = {(("bench",), "clip")}
"""Options that are not left out: without its clip `bench` measures for most of a minute."""

STORED = {
    "name", "purpose", "place", "principal", "owner", "reason", "expect", "document", "profile",
}  # fmt: skip
STORING = {"add", "start", "draft", "create"}
"""What is kept as it was typed and shown for what it is holds no marker."""

ADDRESSES = (
    f"rtsp://anna:{MARKER}@192.0.2.1/x", f"rtsp://me@mail.com:{MARKER}@192.0.2.1/x",
    f"admin:{MARKER}@192.0.2.1/stream", f" rtsp://a:{MARKER}@192.0.2.1/", f"rtsp:/a:{MARKER}@h/",
    f"'rtsp://a:{MARKER}@192.0.2.1/'", f"http://192.0.2.1/?user=a&loginpas={MARKER}",
    f"whep+https://a:{MARKER}@192.0.2.1/", f"rtsp://a:{MARKER}@[::1/x", f"rtsp://a:{MARKER}@h:x/",
)  # fmt: skip
HOSTILE = (
    "", " ", ".", "..", "../../gone/file", "a/b", "a?b#c", "%00", "%2e%2e", "{}", "%s%n", "-",
    "--", "-1", "0", "99", "1e400", "nan", "inf", "-inf", "0x10", "1_0", "٣", "red", "#FF0000",
    "9" * 40, "Main entrance", "x" * 300, "x" * 70_000, "\udcff", "\x1b[31m", "\u202eä", "\n",
    "a\r\nb", "\t", "0000-00-00", "9999-12-31T23:59:59-23:59", "0001-01-01", "monday 99:99 nan",
    "1,2", ",,,,,,", "nan,nan,nan,nan,nan,nan", "00000000-0000-0000-0000-000000000000", "null",
    "true", "[]", *ADDRESSES,
)  # fmt: skip

PLAUSIBLE = {
    "address": ("whip://door", *ADDRESSES), "camera": ("door",), "cameras": ("door",),
    "category": ("test", "wanted"), "colour": ("#d13438",), "days": ("1",), "detect_hz": ("5",),
    "expect": ("they live here",), "expires": ("2030-12-01",), "hours": ("1", "0.5"),
    "hwaccel": ("cuda",), "include": ("0.1,0.1,0.9,0.1,0.5,0.8",), "limit": ("1", "500"),
    "list": ("test",), "margin": ("0.1",), "minutes": ("1",), "name": ("test", "new"),
    "one_in": ("1000",), "owner": ("me",), "pack": ("yunet-sface",), "place": ("here",),
    "principal": ("anna",), "profile": ("lab", "standard"), "purpose": ("a test",),
    "reason": ("because",), "reference": ("astronaut",), "seconds": ("1",), "timezone": ("UTC",),
    "watchlist": ("test",), "window": ("monday 09:00 8",), "id": ("door", "current"),
}  # fmt: skip


@dataclass(slots=True)
class Tally:
    """What came of the cases."""

    codes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=dict)

    def blame(self, kind: str, words: list[str], said: str) -> None:
        shown = " ".join(word if len(word) < 60 else word[:20] + "…" for word in words)
        self.faults.setdefault(kind, []).append(f"lfrd {shown!a}: {said[-300:].strip()}")


def leaves(
    top: argparse.ArgumentParser, path: tuple[str, ...] = ()
) -> dict[tuple[str, ...], argparse.ArgumentParser]:
    """Every command that does something, by its words."""
    nested = [a for a in top._actions if isinstance(a, argparse._SubParsersAction)]
    if not nested:
        return {path: top}
    found = {}
    for name, inner in nested[0].choices.items():
        found |= leaves(inner, (*path, name))
    return found


class Words:
    """Draws the words of a case."""

    def __init__(self, seed: int, folder: Path) -> None:
        self._random = random.Random(seed)
        self._commands = {
            path: command for path, command in leaves(parser()).items() if path not in LEFT_OUT
        }
        self._files = _files(folder)

    @property
    def commands(self) -> int:
        return len(self._commands)

    def draw(self, number: int) -> list[str]:
        """Every command in turn; about half of its values are hostile."""
        path = list(self._commands)[number % len(self._commands)]
        words = [*path]
        for action in self._commands[path]._actions:
            if action.dest in {"help", "socket", "config", "verbose"}:
                continue
            wanted = action.required or (path, action.dest) in ALWAYS
            if wanted or self._random.random() < 0.4:
                words += self._argument(path, action)
        if self._random.random() < 0.05:
            words.insert(self._random.randrange(len(words) + 1), self._random.choice(HOSTILE))
        return words

    def _argument(self, path: tuple[str, ...], action: argparse.Action) -> list[str]:
        name = action.option_strings[-1:]
        if action.nargs == 0:
            return name
        value = self._value(action)
        if path == ("camera", "add") and action.dest == "id" and self._random.random() < 0.7:
            value = f"camera-{self._random.randrange(10**6)}"
        if action.dest in STORED and path[-1] in STORING:
            value = value.replace(MARKER, "shown")
        if name and self._random.random() < 0.5:
            return [f"{name[0]}={value}"]
        return [*name, value]

    def _value(self, action: argparse.Action) -> str:
        if self._random.random() < 0.5:
            return self._random.choice(HOSTILE)
        if action.type is Path:
            return self._random.choice(self._files)
        if action.choices is not None:
            return str(self._random.choice(list(action.choices)))
        if action.dest == "token":
            return MARKER
        return self._random.choice(PLAUSIBLE.get(action.dest, ("1", "x")))


def _files(folder: Path) -> list[str]:
    """What a file may be: none, empty, of secrets, of bytes, a folder, a table, a device."""
    (folder / "photos").mkdir()
    (folder / "photos" / "table.csv").write_text("reference,file\nanna,a.jpg\n")
    (folder / "photos" / "a.jpg").write_bytes(b"\xff\xd8\xff" + bytes(50))
    contents = {
        "empty": b"", "secret": MARKER.encode(), "two": f"{MARKER}\nx\n".encode(),
        "bytes": bytes(range(256)), "x.zip": b"PK\x05\x06" + bytes(18), "x.csv": b"a;b\n1;2\n",
        "x.mp4": b"no video" * 99, "x.json": b'{"pack": 1}', "x.toml": b"[site]\nnode = 7\n",
    }  # fmt: skip
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    made = [str(folder / name) for name in (*contents, "photos", "gone", "no/such/folder")]
    return [*made, "/", str(folder / "out")]


class Caller:
    """Calls `main` in a process of its own, which is started again where it does not answer."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self._folder, self._variables = folder, variables
        self._process: asyncio.subprocess.Process | None = None

    async def call(self, words: list[str]) -> dict[str, str] | None:
        """Exit code, output and traceback; None where it took too long."""
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "benchmarks.fuzz_cli", "--serve",
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                env=self._variables, cwd=self._folder, limit=100_000_000,
            )  # fmt: skip
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(words).encode() + b"\n")
        try:
            async with asyncio.timeout(LIMIT_S):
                line = await self._process.stdout.readline()
        except TimeoutError:
            line = b""
        if not line:
            await self.close()
            return None
        found: dict[str, str] = json.loads(line)
        return found

    async def alone(self, words: list[str]) -> dict[str, str] | None:
        """The same as its user would: a process for one command."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lfrd", *(os.fsencode(word) for word in words),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT, env=self._variables, cwd=self._folder,
        )  # fmt: skip
        try:
            async with asyncio.timeout(LIMIT_S):
                said, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return None
        text = said.decode("utf-8", "replace")
        trace = text if "Traceback" in text else ""
        return {"code": str(process.returncode), "said": text, "trace": trace}

    async def close(self) -> None:
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None


def serve_calls() -> None:
    """The process that `Caller` speaks to: a line of words in, a line of what came of them out."""
    answers = os.fdopen(os.dup(1), "w")
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 1)
        os.dup2(held.fileno(), 2)
        for line in sys.stdin:
            held.seek(0)
            held.truncate()
            trace = ""
            try:
                code = lfrd_main(json.loads(line))
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0
            except BaseException:
                code, trace = 1, traceback.format_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            held.seek(0)
            said = held.read().decode("utf-8", "replace")
            trace = trace or (said if "Traceback" in said else "")
            answers.write(json.dumps({"code": str(code), "said": said, "trace": trace}) + "\n")
            answers.flush()


async def fuzz(cases: int, seed: int) -> int:
    tally, began_s = Tally(), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lfrd-fuzz-") as folder:
        state = Path(folder) / "state"
        state.mkdir(mode=0o700)
        files = Path(folder) / "files"
        files.mkdir()
        words = Words(seed, files)
        variables = environment(
            LFRD_SITE__STATE_DIR=str(state), LFRD_API__SOCKET=str(state / "api.sock"),
            LFRD_SOURCES__FOLDERS="/",
            PYTHONPATH=str(ROOT),
        )  # fmt: skip
        caller = Caller(files, variables)
        done, case = 0, list[str]()
        try:
            while done < cases:
                async with daemon(state) as (process, client):
                    if not await client.watchlists():
                        await enrol(client)
                    while done < cases and process.returncode is None:
                        case = words.draw(done)
                        await one(caller, case, done, tally)
                        done += 1
                        if done % 250 == 0:
                            sys.stderr.write(f"{done} of {cases}\n")
                    if process.returncode is None:
                        await look_inside(client, tally)
                    else:
                        tally.blame(
                            "ended daemons", case, f"by or before it; code {process.returncode}"
                        )
        finally:
            await caller.close()
        log = (state.parent / "daemon.log").read_text(errors="replace")
        if printable(log) != log:
            tally.blame("control characters", ["(the daemon's log)"], repr(log[-3000:]))
        for kind, sign in (("tracebacks", "Traceback"), ("marker passwords", MARKER)):
            if sign in log:
                tally.blame(kind, ["(the daemon's log)"], log[log.index(sign) :][:300])
    return told(tally, words.commands, done, time.monotonic() - began_s)


async def one(caller: Caller, words: list[str], number: int, tally: Tally) -> None:
    alone = number % OWN_PROCESS_EVERY == 0 and all(len(word) < 10_000 for word in words)
    found = await (caller.alone(words) if alone else caller.call(words))
    if found is None:
        tally.blame("unanswered", words, f"nothing within {LIMIT_S:g} s")
        return
    tally.codes[found["code"]] += 1
    if found["trace"]:
        tally.blame("tracebacks", words, found["trace"])
    elif found["code"] not in {"0", "1", "2"}:
        tally.blame("strange exit codes", words, found["code"] + found["said"])
    if MARKER in found["said"]:
        tally.blame("marker passwords", words, found["said"])
    if printable(found["said"]) != found["said"]:
        tally.blame("control characters", words, repr(found["said"]))


async def look_inside(client: object, tally: Tally) -> None:
    """What the daemon tells of itself and of its cameras."""
    for path in ("/v1/health", "/v1/cameras", "/v1/deployments"):
        try:
            text = (await client._send("GET", path)).text  # type: ignore[attr-defined]
        except LfrdError as error:
            text = str(error)
        if MARKER in text:
            tally.blame("marker passwords", [f"({path})"], text[text.index(MARKER) - 100 :][:300])


def told(tally: Tally, commands: int, done: int, took_s: float) -> int:
    codes = ", ".join(f"{count} with {code}" for code, count in sorted(tally.codes.items()))
    print(f"{done} cases of {commands} commands in {took_s:.0f} s; ended {codes}")
    for kind in ("tracebacks", "marker passwords", "control characters", "ended daemons",
                 "unanswered", "strange exit codes"):  # fmt: skip
        found = tally.faults.get(kind, [])
        print(f"{len(found):5} {kind}")
        for text in found[:SHOWN]:
            print(f"      {text}")
    return 1 if tally.faults else 0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--cases", type=int, default=2000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.serve:
        serve_calls()
        return 0
    return asyncio.run(fuzz(given.cases, given.seed))


if __name__ == "__main__":
    sys.exit(main())
