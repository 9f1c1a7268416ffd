"""Hostile cameras beside a running deployment: none of them ends the daemon or prints a password.

    make fuzz-cameras ARGS="--cases 2000 --seed 1"

A case is an address, a file, a stream, a publisher's offer, an option or a name that makes no
sense, given to a real daemon in which a lab deployment watches a good camera. A marker stands
wherever a password or a token may. Counted are daemons that ended, deployments that ended, answers
of 500, tracebacks, and markers in answers, in the event stream, in health, in the log and in the
titles of processes.
"""

import argparse
import asyncio
import contextlib
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from lfrd.client import Client
from support.bad_wire import tcp_server
from support.program import daemon, enrol, lfrd, look_for
from support.video import RtspServer, clip

MARKER = "Zq9Marker"
AT_ONCE = 12
STOP_LIMIT_S = 10.0
COMMAND_EVERY = 100
"""One case in so many goes through the command line, which takes a second."""


@dataclass
class Found:
    """What came of it; everything but `cases` and `by_kind` must stay 0."""

    cases: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    ended_daemons: int = 0
    ended_deployments: int = 0
    answers_500: int = 0
    tracebacks: int = 0
    markers: list[str] = field(default_factory=list)
    stop_s: float = 0.0

    def saw(self, where: str, text: str) -> None:
        if MARKER.lower() in text.lower():
            place = text.lower().index(MARKER.lower())
            self.markers.append(f"{where}: {text[max(0, place - 80) : place + 40]!r}")

    @property
    def is_well(self) -> bool:
        bad = (self.ended_daemons, self.ended_deployments, self.answers_500, self.tracebacks)
        return not any(bad) and not self.markers and self.stop_s < STOP_LIMIT_S

    def __str__(self) -> str:
        kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(self.by_kind.items()))
        lines = [
            f"{self.cases} cases ({kinds})",
            f"{self.ended_daemons} ended daemons, {self.ended_deployments} ended deployments, "
            f"{self.answers_500} answers of 500, {self.tracebacks} tracebacks, "
            f"{len(self.markers)} markers shown, stopped in {self.stop_s:.1f} s",
            *self.markers[:20],
        ]
        return "\n".join(lines)


class Fuzz:
    """One run; `dice` decides everything."""

    def __init__(
        self, folder: Path, http: httpx.AsyncClient, whip: httpx.AsyncClient, port: int, seed: int
    ) -> None:
        self.found = Found()
        self._folder = folder
        self._http = http
        self._whip = whip
        self._port = port
        self._dice = random.Random(seed)
        self._whole = clip(folder / "whole.mp4", width=64, height=48, frames=20).read_bytes()
        self._next = 0

    async def run(self, cases: int) -> None:
        room = asyncio.Semaphore(AT_ONCE)

        async def one(case: int, seed: int) -> None:
            async with room:
                await self._case(case, random.Random(seed))

        async with asyncio.TaskGroup() as tasks:
            for case in range(cases):
                tasks.create_task(one(case, self._dice.randrange(2**63)))

    async def _case(self, case: int, dice: random.Random) -> None:
        kinds = (self._address, self._address, self._address, self._file, self._stream,
                 self._offer, self._option, self._name)  # fmt: skip
        kind = self._command if case % COMMAND_EVERY == 0 else dice.choice(kinds)
        self.found.cases += 1
        self.found.by_kind[kind.__name__.strip("_")] += 1
        await kind(f"fuzz-{case}", dice)

    async def _ask(self, method: str, path: str, **rest: object) -> httpx.Response:
        reply = await self._http.request(method, path, **rest)  # type: ignore[arg-type]
        self.found.answers_500 += reply.status_code == 500
        self.found.saw(f"{method} {path[:40]}", reply.text + str(reply.headers))
        return reply

    async def _live(self, camera: str, dice: random.Random, **body: object) -> None:
        """Add it, leave it for a moment, perhaps look through it, and remove it."""
        added = await self._ask("POST", "/v1/cameras", json={"id": camera, **body})
        if added.status_code != 201:
            return
        await asyncio.sleep(dice.random() * 0.6)
        if dice.random() < 0.15:
            with contextlib.suppress(httpx.ReadTimeout):
                path = f"/v1/cameras/{camera}/" + dice.choice(["test", "preview"])
                method, given = ("POST", {"seconds": 1}) if "test" in path else ("GET", None)
                await self._ask(method, path, json=given, timeout=2.0)
        await self._ask("GET", f"/v1/cameras/{camera}")
        if dice.random() < 0.2:
            await self._ask(
                "PATCH", f"/v1/cameras/{camera}", json={"address": _address(dice, self._port)}
            )
        await self._ask("DELETE", f"/v1/cameras/{camera}")

    async def _address(self, camera: str, dice: random.Random) -> None:
        await self._live(camera, dice, address=_address(dice, self._port))

    async def _file(self, camera: str, dice: random.Random) -> None:
        place = self._folder / camera
        kind = dice.choice(["noise", "cut", "changed", "text", "empty", "pipe", "folder", "loop",
                            "device", "gone", "locked", "playlist"])  # fmt: skip
        content = bytearray(self._whole)
        if kind == "changed":
            for _ in range(dice.randrange(1, 400)):
                content[dice.randrange(len(content))] = dice.randrange(256)
        path = place if kind != "device" else Path("/dev/zero")
        if kind in ("noise", "text", "empty", "locked"):
            made = dice.randbytes(3000) if kind == "noise" else b"no video\n" * (kind == "text")
            place.write_bytes(made)
        elif kind in ("cut", "changed"):
            place.write_bytes(content[: dice.randrange(len(content))] if kind == "cut" else content)
        elif kind == "playlist":
            place.write_text(f"#EXTM3U\n#EXTINF:1,\nhttp://u:{MARKER}@127.0.0.1:1/a.ts\n")
        elif kind == "folder":
            place.mkdir()
        elif kind == "loop":
            place.symlink_to(place)
        elif kind == "pipe":
            os.mkfifo(place)
        if kind == "locked":
            place.chmod(0)
        if kind == "pipe" and dice.random() < 0.5:  # it becomes one when it has been added
            place.unlink()
            place.write_bytes(self._whole)
            swap = asyncio.ensure_future(self._swap(place, dice.random() * 0.3))
            await self._live(camera, dice, address=str(path))
            await swap
        else:
            await self._live(camera, dice, address=str(path))

    async def _swap(self, place: Path, after_s: float) -> None:
        await asyncio.sleep(after_s)
        await asyncio.to_thread(place.unlink)
        os.mkfifo(place)

    async def _stream(self, camera: str, dice: random.Random) -> None:
        """The server behind this port answers by what it is asked for."""
        scheme = dice.choice(["rtsp", "rtsp", "rtsp", "rtsps", "whep+http"])
        login = dice.choice(["", f"u:{MARKER}@"])
        address = f"{scheme}://{login}127.0.0.1:{self._port}/{dice.randrange(2**31)}"
        await self._live(camera, dice, address=address, transport=dice.choice(["tcp", "udp"]))

    async def _offer(self, camera: str, dice: random.Random) -> None:
        added = await self._ask("POST", "/v1/cameras", json={"id": camera, "address": "whip://"})
        token = added.json()["publish_token"]
        await asyncio.sleep(dice.random() * 0.3)
        sdp = bytearray(_SDP.encode())
        for _ in range(dice.randrange(12)):
            at = dice.randrange(len(sdp))
            sdp[at : at + dice.randrange(8)] = dice.randbytes(dice.randrange(8))
        given = token if dice.random() < 0.9 else MARKER
        headers = {"authorization": f"Bearer {given}", "content-type": "application/sdp"}
        with contextlib.suppress(httpx.ReadTimeout):
            reply = await self._whip.post(
                f"/v1/whip/{camera}", content=bytes(sdp), headers=headers, timeout=1.5
            )
            self.found.answers_500 += reply.status_code == 500
            self.found.saw("whip", reply.text)
        await self._ask("DELETE", f"/v1/cameras/{camera}")

    async def _option(self, camera: str, dice: random.Random) -> None:
        hostile = ["", "\0", "x" * 3000, -1, 1e308, None, [], {}, "../" * 40, "cuda", "é\n", 90]
        names = ["ca_file", "hwaccel", "bearer_token", "transport", "regions", "keep_connected",
                 "name", "id", "address", "rotate", "aspect", "deinterlace", "stream", "pin",
                 "nonsense"]  # fmt: skip
        body: dict[str, object] = {"address": f"rtsp://u:{MARKER}@127.0.0.1:{self._port}/1"}
        for name in dice.sample(names, 2):
            secret = name in ("bearer_token", "transport", "hwaccel", "pin", "deinterlace")
            body[name] = dice.choice([*hostile, MARKER] if secret else hostile)
        body.setdefault("id", camera)
        if body["id"] == camera:
            await self._live(camera, dice, **{k: v for k, v in body.items() if k != "id"})
        else:
            await self._ask("POST", "/v1/cameras", json=body)

    async def _name(self, _camera: str, dice: random.Random) -> None:
        """An address where the id of a camera stands."""
        address = _address(dice, self._port).replace("?", "%3F").replace("#", "%23")
        rest = dice.choice(["", "/test", "/preview", "/why"])
        with contextlib.suppress(httpx.InvalidURL, UnicodeError):
            url = f"/v1/cameras/{address}{rest}"
            await self._ask(dice.choice(["GET", "POST", "DELETE", "PATCH", "PUT"]), url)

    async def _command(self, camera: str, dice: random.Random) -> None:
        address = _address(dice, self._port).replace("\0", "")
        words = dice.choice([("add", camera, "--", address), ("test", "--", address),
                             ("remove", "--", address), (f"--{address}",)])  # fmt: skip
        ran = await asyncio.to_thread(
            lfrd, "camera", *words, LFRD_SITE__STATE_DIR=str(self._folder.parent / "state")
        )
        self.found.saw("command", ran.out + ran.err)
        self.found.tracebacks += "Traceback" in ran.err
        await self._ask("DELETE", f"/v1/cameras/{camera}")


def _address(dice: random.Random, port: int) -> str:
    """An address that is almost one; the marker is where its secret is."""
    m, host = MARKER, dice.choice([f"127.0.0.1:{port}", "127.0.0.1:1", "[::1]:1", "h.invalid"])
    scheme = dice.choice(["rtsp", "rtsps", "whep+http", "RTSP", "http", "https", "rtmp", "whip"])
    texts = [
        f"{scheme}://u:{m}@{host}/x", f"{scheme}://me@mail.com:{m}@{host}/x", f"u:{m}@{host}/x",
        f" {scheme}://u:{m}@{host}/x", f"'{scheme}://u:{m}@{host}/x'", f"{scheme}:/u:{m}@{host}/x",
        f"{scheme}:u:{m}@{host}", f"{scheme}//u:{m}@{host}/x", f"//u:{m}@{host}/x", f"{m}:x@{host}",
        f"{scheme}://u:a/{m}@{host}/x", f"{scheme}://u:a#{m}@{host}", f"{scheme}://u:a?{m}@{host}",
        f"{scheme}://{host}/{m}", f"{scheme}://{host}/x?{m}", f"{scheme}://{host}/x?loginpas={m}",
        f"{scheme}://{m}@{host}/x", f"{scheme}://:{m}@{host}/x", f"{scheme}://u:{m}@", f"{m}://{host}",
        f"{scheme}://{host}/user=u_password={m}_channel=1", f"192.168.1.2/{m}", f"file:{m}@x",
        f"{scheme}://u:{m}%40%zz@{host}/%00", f"{scheme}://u:{m}@{host}:99999/x",
        f"192.168.1.20:554/stream1?{m}", f"{scheme}：//u：{m}＠{host}",
    ]  # fmt: skip
    text = dice.choice(texts)
    if dice.random() < 0.3:  # a slip of the finger, but not inside of the secret
        at = dice.randrange(len(text) + 1)
        inside = text.find(m) < at < text.find(m) + len(m)
        if not inside:
            text = text[:at] + dice.choice([*"@:/?#%&= \\'\"[]", "é", "\t", "::", "//"]) + text[at:]
    return text


async def _misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer as a camera does, or as none ever did; which of it the request itself decides."""
    while head := await reader.readuntil(b"\r\n\r\n"):
        dice = random.Random(head)
        cseq = next((line for line in head.split(b"\r\n") if line.lower().startswith(b"cseq")), b"")
        status = dice.choice([b"200 OK", b"200 OK", b"200 OK", b"401 Unauthorized", b"404 No",
                              b"302 Moved", b"500 Oops", b"abc", b"-1 x"])  # fmt: skip
        body = dice.choice([_SDP.encode(), b"", dice.randbytes(300), b"v=0\r\n" * 50])
        extra = dice.choice([
            b"Content-Type: application/sdp\r\n", b"Session: " + b"x" * 9000 + b"\r\n",
            b"Location: rtsp://u:" + MARKER.encode() + b"@127.0.0.1:1/x\r\n",
            b'WWW-Authenticate: Digest realm="x", nonce="y", algorithm=SHA-256\r\n',
            b"Transport: RTP/AVP/TCP;interleaved=0-1\r\nSession: 1\r\n", b"",
        ])  # fmt: skip
        length = dice.choice([len(body), len(body), 2**40, -1])
        version = b"HTTP/1.1" if head.split(b"\r\n")[0].endswith(b"HTTP/1.1") else b"RTSP/1.0"
        writer.write(b"%s %s\r\n%s\r\n%sContent-Length: %d\r\n\r\n%s"
                     % (version, status, cseq, extra, length, body))  # fmt: skip
        if dice.random() < 0.3:
            writer.write(b"$\0" + dice.randbytes(2000))
        await writer.drain()
        if dice.random() < 0.3:
            return


async def _camera(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        await _misbehave(reader, writer)


_SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=rtpmap:96 H264/90000\r\n"
    "a=fmtp:96 packetization-mode=1;profile-level-id=42e01f\r\na=ice-ufrag:abcd\r\n"
    "a=ice-pwd:abcdefghijklmnopqrstuvwx\r\na=fingerprint:sha-256 " + ":".join(["AB"] * 32) + "\r\n"
    "a=setup:actpass\r\na=mid:0\r\na=sendonly\r\na=rtcp-mux\r\na=control:track1\r\n"
)


async def fuzz(folder: Path, cases: int, seed: int) -> Found:
    """Run the cases; what was found."""
    files = folder / "files"
    files.mkdir()
    clip(files / "good.mp4", width=160, height=120, frames=50, fps=10)
    async with (
        RtspServer(files).running() as good,
        tcp_server(_camera) as port,
        daemon(folder / "state", LFRD_API__TCP="127.0.0.1:0", LFRD_POLICY__PROFILE="lab",
               LFRD_LOG__LEVEL="debug") as (process, client),
    ):  # fmt: skip
        socket = folder / "state" / "api.sock"
        whip = httpx.AsyncHTTPTransport(uds=str(socket))
        over = httpx.AsyncHTTPTransport(uds=str(socket))
        async with (
            httpx.AsyncClient(transport=over, base_url="http://lfrd", timeout=30) as http,
            httpx.AsyncClient(transport=whip, base_url="http://lfrd", timeout=30) as publisher,
        ):
            fuzzing = Fuzz(files, http, publisher, port, seed)
            found = fuzzing.found
            body = {"id": "good", "address": good.url("good.mp4")}
            assert (await http.post("/v1/cameras", json=body)).status_code == 201
            deployment_id = await look_for(client, await enrol(client))
            async with _events(http, found):
                await _bounded(fuzzing.run(cases), process, found)
                await _look_back(client, http, deployment_id, found)
        await _stop(process, found)
    found.saw("log", (folder / "daemon.log").read_text(errors="replace"))
    found.tracebacks += (folder / "daemon.log").read_text(errors="replace").count("Traceback (most")
    return found


async def _bounded(running: object, process: asyncio.subprocess.Process, found: Found) -> None:
    """Fuzz until the end, or until the daemon has ended."""
    work = asyncio.ensure_future(running)  # type: ignore[call-overload]
    ended = asyncio.ensure_future(process.wait())
    await asyncio.wait({work, ended}, return_when=asyncio.FIRST_COMPLETED)
    if ended.done():
        found.ended_daemons += 1
        work.cancel()
    ended.cancel()
    await asyncio.wait({work, ended})
    if not found.ended_daemons:
        work.result()


async def _look_back(
    client: Client, http: httpx.AsyncClient, deployment_id: str, found: Found
) -> None:
    if found.ended_daemons:
        return
    found.ended_deployments += (await client.deployment(deployment_id)).state != "running"
    found.ended_deployments += (await client.camera("good")).state != "live"
    for path in ("/v1/health", "/v1/cameras", "/openapi.json"):
        found.saw(path, (await http.get(path)).text)


@asynccontextmanager
async def _events(http: httpx.AsyncClient, found: Found) -> AsyncIterator[None]:
    async def listen() -> None:
        with contextlib.suppress(httpx.HTTPError):
            async with http.stream("GET", "/v1/events", timeout=None) as reply:
                async for line in reply.aiter_lines():
                    found.saw("events", line)

    listening = asyncio.ensure_future(listen())
    try:
        yield
    finally:
        listening.cancel()
        await asyncio.wait({listening})


async def _stop(process: asyncio.subprocess.Process, found: Found) -> None:
    if process.returncode is not None:
        return
    title = await asyncio.to_thread(Path(f"/proc/{process.pid}/cmdline").read_text)
    found.saw("title", title)
    process.terminate()
    began_s = time.monotonic()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(6 * STOP_LIMIT_S):
            found.ended_daemons += await process.wait() != 0
    found.stop_s = time.monotonic() - began_s


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lfrd-fuzz-") as folder:
        found = asyncio.run(fuzz(Path(folder), options.cases, options.seed))
        if not found.is_well:
            print((Path(folder) / "daemon.log").read_text(errors="replace")[-20_000:])
    print(found)
    return 0 if found.is_well else 1


if __name__ == "__main__":
    sys.exit(main())
