"""How far an address may lead: no file outside, no link-local host, no foreign redirect."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lfrd.errors import SourceError
from lfrd.ingest.address import of_file, parse
from lfrd.ingest.file import OUTSIDE, UNREADABLE, why_unreadable
from lfrd.ingest.reach import Reach
from lfrd.ingest.settings import CameraSettings, State
from support.bad_wire import tcp_server
from support.cameras import make, take, until_state
from support.video import clip

LOGIN = "admin:zq-secret@"


# redirects ----------------------------------------------------------------------------------------


@asynccontextmanager
async def rtsp_server(
    answers: dict[str, str], host: str = "127.0.0.1"
) -> AsyncIterator[tuple[int, list[str]]]:
    """Answers each method with its lines; keeps the heads that it was sent."""
    heads: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                heads.append(head)
                cseq = next(line for line in head.splitlines() if line.startswith("CSeq"))
                said = answers.get(head.split()[0], "404 Not Found")
                status, *more = said.split("\r\n")
                lines = "".join(f"{line}\r\n" for line in (cseq, *more))
                writer.write(f"RTSP/1.0 {status}\r\n{lines}\r\n".encode())
                await writer.drain()
        except asyncio.IncompleteReadError:
            return

    async with tcp_server(serve, host) as port:
        yield port, heads


@pytest.mark.parametrize("method", ["OPTIONS", "DESCRIBE"])
@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "305 Use Proxy"])
async def test_a_redirect_to_another_host_is_not_followed(method: str, status: str) -> None:
    async with rtsp_server({}, "127.0.0.2") as (elsewhere, heads_there):
        away = f"{status}\r\nLocation: rtsp://127.0.0.2:{elsewhere}/x"
        async with rtsp_server({"OPTIONS": "200 OK", method: away}) as (port, heads):
            settings = CameraSettings("gate", f"rtsp://{LOGIN}127.0.0.1:{port}/live")  # type: ignore[arg-type]
            async with make(settings).camera as camera:
                await until_state(camera, State.LOST)
                reason = camera.status.reason
    assert "sends us on to another host" in reason
    assert "[sources] redirects = true" in reason
    assert "zq-secret" not in reason
    assert heads_there == []
    assert not any("uthorization" in head for head in heads)


async def test_a_redirect_may_be_allowed() -> None:
    async with rtsp_server({"OPTIONS": "200 OK"}, "127.0.0.2") as (elsewhere, heads_there):
        away = f"302 Found\r\nLocation: rtsp://127.0.0.2:{elsewhere}/x"
        async with rtsp_server({"OPTIONS": "200 OK", "DESCRIBE": away}) as (port, _):
            settings = CameraSettings(
                "gate",
                f"rtsp://127.0.0.1:{port}/live",
                reach=Reach(redirects=True),  # type: ignore[arg-type]
            )
            async with make(settings).camera as camera:
                await until_state(camera, State.LOST)
    assert [head.split()[0] for head in heads_there][:1] == ["OPTIONS"]


async def test_a_redirect_on_the_same_host_is_followed_and_then_looked_at() -> None:
    away = "302 Found\r\nLocation: rtsp://127.0.0.2:9/x"
    async with rtsp_server({"OPTIONS": "200 OK", "DESCRIBE": away}) as (second, heads_there):
        near = f"302 Found\r\nLocation: rtsp://localhost:{second}/x"
        async with rtsp_server({"OPTIONS": "200 OK", "DESCRIBE": near}) as (port, _):
            settings = CameraSettings("gate", f"rtsp://127.0.0.1:{port}/live")  # type: ignore[arg-type]
            async with make(settings).camera as camera:
                await until_state(camera, State.LOST)
                assert "sends us on to another host" in camera.status.reason
    assert heads_there, "the second place on this machine was asked"


@pytest.mark.parametrize(
    "location", ["", "Location: \r\n", "Location: rtsp://[\r\n", "Location: /x\r\n"]
)
async def test_a_redirect_to_nowhere_is_refused(location: str) -> None:
    answers = {"OPTIONS": "200 OK", "DESCRIBE": f"302 Found\r\n{location}".removesuffix("\r\n")}
    async with rtsp_server(answers) as (port, _):
        settings = CameraSettings("gate", f"rtsp://127.0.0.1:{port}/live")  # type: ignore[arg-type]
        async with make(settings).camera as camera:
            await until_state(camera, State.LOST)
            assert "sends us on" in camera.status.reason


async def test_a_server_that_prepared_a_stream_is_not_left_before_it_is_opened() -> None:
    """GStreamer's servers refuse everybody (503) while they take back what they prepared."""
    at_once, most = 0, 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                cseq = next(line for line in head.splitlines() if line.startswith("CSeq"))
                status = "200 OK" if head.startswith("OPTIONS") else "404 Not Found"
                said = f"RTSP/1.0 {status}\r\n{cseq}\r\nServer: GStreamer RTSP server\r\n\r\n"
                writer.write(said.encode())
                await writer.drain()
        except asyncio.IncompleteReadError:
            at_once -= 1

    async with tcp_server(serve) as port:
        settings = CameraSettings("gate", f"rtsp://127.0.0.1:{port}/live", must_open=True)  # type: ignore[arg-type]
        async with make(settings).camera as camera:
            with pytest.raises(SourceError, match="404"):
                await take(camera, 1)
        async with asyncio.timeout(5):
            while at_once:
                await asyncio.sleep(0.01)
    assert most == 2


# link-local hosts ---------------------------------------------------------------------------------

LINK_LOCAL = (
    "169.254.169.254", "2852039166", "0xa9fea9fe", "169.254.1.1:8080", "[fe80::1]",
    "[::ffff:169.254.169.254]",
)  # fmt: skip


@pytest.mark.parametrize("host", LINK_LOCAL)
@pytest.mark.parametrize("scheme", ["whep+http", "whep+https", "http", "https"])
def test_link_local_hosts_are_not_asked_over_http(scheme: str, host: str) -> None:
    address = parse(f"{scheme}://{host}/latest")
    with pytest.raises(SourceError, match="leads to a link-local address"):
        Reach().check_host(address)
    Reach(link_local=True).check_host(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "192.168.1.20", "[::1]", "no-such-host.invalid"])
def test_other_hosts_are_left_alone(host: str) -> None:
    Reach().check_host(parse(f"whep+http://{host}/x"))


@pytest.mark.parametrize("scheme", ["whep+http", "http"])
async def test_a_camera_at_a_link_local_host_says_why(scheme: str) -> None:
    settings = CameraSettings(
        "gate", f"{scheme}://169.254.169.254/latest/meta-data", must_open=True
    )  # type: ignore[arg-type]
    async with make(settings).camera as camera:
        with pytest.raises(SourceError, match=r"\[sources\] link_local = true"):
            await take(camera, 1)


# files --------------------------------------------------------------------------------------------


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    inside, outside = tmp_path / "inside", tmp_path / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "clip.mp4").write_bytes(b"x")
    return inside, outside


def test_only_files_in_the_folders_are_read(folders: tuple[Path, Path]) -> None:
    inside, outside = folders
    reach = Reach((inside,))
    (inside / "away.mp4").symlink_to(outside / "clip.mp4")
    (inside / "round.mp4").symlink_to(inside / "round.mp4")
    assert why_unreadable(inside / "clip.mp4", reach) is None
    for path in (
        outside / "clip.mp4", outside / "missing.mp4", inside / "away.mp4", inside / "round.mp4",
        inside / ".." / "outside" / "clip.mp4", Path("/etc/shadow"), Path("/etc/no-such-file"),
        Path(f"{inside}-twin/clip.mp4"),
    ):  # fmt: skip
        assert why_unreadable(path, reach) in (OUTSIDE, UNREADABLE), path
        if path.name != "round.mp4":
            assert why_unreadable(path, reach) == OUTSIDE, path


def test_without_folders_no_file_is_read(folders: tuple[Path, Path]) -> None:
    assert why_unreadable(folders[0] / "clip.mp4", Reach(())) == OUTSIDE
    assert why_unreadable(folders[0] / "clip.mp4") is None, "declared by the configuration"


def test_missing_and_forbidden_are_told_in_the_same_words(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir()
    for path in (tmp_path / "clip.mp4", shut / "clip.mp4"):
        path.write_bytes(b"x")
    (tmp_path / "clip.mp4").chmod(0)
    shut.chmod(0)
    root = os.geteuid() == 0
    try:
        if root:  # to whom nothing is forbidden
            for folder in (tmp_path, *tmp_path.parents[:3]):
                folder.chmod(0o755)
            os.seteuid(65534)
        said = {
            why_unreadable(path)
            for path in (tmp_path / "clip.mp4", shut / "clip.mp4", tmp_path / "missing.mp4")
        }
    finally:
        if root:
            os.seteuid(0)
        shut.chmod(0o700)
    assert said == {UNREADABLE}


async def test_a_link_that_was_changed_since_is_not_followed(tmp_path: Path) -> None:
    """What was looked at when a camera was added is looked at again when it is opened."""
    inside = tmp_path / "inside"
    inside.mkdir()
    real = await asyncio.to_thread(clip, tmp_path / "real.mp4")
    (inside / "gate.mp4").symlink_to(real)
    settings = CameraSettings(
        "gate", of_file(inside / "gate.mp4"), must_open=True, reach=Reach((inside,))
    )
    async with make(settings).camera as camera:
        with pytest.raises(SourceError, match="is in no folder whose files may be cameras"):
            await take(camera, 1)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_ca_file_does_not_tell_which_files_exist(
    tmp_path: Path, content: str | None
) -> None:
    ca_file = tmp_path / "ca.pem"
    if content is not None:
        ca_file.write_text(content)
    for address in ("rtsps://127.0.0.1:9/x", "https://127.0.0.1:9/x", "whep+https://127.0.0.1:9/x"):
        settings = CameraSettings("gate", address, ca_file=ca_file, must_open=True)  # type: ignore[arg-type]
        async with make(settings).camera as camera:
            with pytest.raises(SourceError, match="it is missing, may not be read, or holds no"):
                await take(camera, 1)
