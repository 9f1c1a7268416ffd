"""Passwords of cameras come from files and standard input, and not as arguments."""

import asyncio
from pathlib import Path

import pytest

from lfrd.cli.camera_secrets import secret_of, warn_of_argument
from lfrd.errors import UserError
from lfrd.wire.cameras import CameraChange, CameraCreate
from support.program import Call, Ran, refused
from support.site import serve

SECRET = "zq:s/e@c r#t"
ESCAPED = "zq%3As%2Fe%40c%20r%23t"


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def test_a_password_as_an_argument_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    warn_of_argument("rtsp://anna:zq@h/x")
    said = told(capsys)
    assert "--password-file" in said
    assert "zq" not in said
    for address in ("rtsp://anna@h/x", "rtsp://h:554/x", "clip.mp4", "rtsp://h/a:b@c", "-", None):
        warn_of_argument(address)
        assert told(capsys) == ""


def test_a_file_holds_one_line(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    assert secret_of(str(path), "the password") == SECRET
    for text in ("", "\n", "zq\nzq\n", "zq\x1b", "zq" * 2000):
        path.write_text(text)
        with pytest.raises(UserError, match="one line of 1 to 2048") as caught:
            secret_of(str(path), "the password")
        assert "zq" not in str(caught.value)
    for place in (tmp_path, tmp_path / "none", "\0"):
        with pytest.raises(UserError, match=r"the password: .*cannot be read"):
            secret_of(str(place), "the password")


async def test_cameras_are_added_and_changed_without_a_secret_argument(
    call: Call, tmp_path: Path
) -> None:
    def asked(*words: str | Path, given: str) -> Ran:
        return call(*words, "--socket", served.socket, given=given)

    file = tmp_path / "secret"
    file.write_text(SECRET + "\n")
    async with serve(tmp_path / "state") as served:
        for words, given in (
            (("camera", "add", "a", "rtsp://anna@127.0.0.1:9/x", "--password-file", file), ""),
            (("camera", "add", "b", "rtsp://anna@127.0.0.1:9/x", "--password-file", "-"), SECRET),
            (("camera", "add", "c", "-"), f"rtsp://anna:{ESCAPED}@127.0.0.1:9/x\n"),
            (("camera", "add", "d", "rtsp://anna:old@127.0.0.1:9/x"), ""),
            (("camera", "change", "d", "--password-file", "-"), SECRET),
        ):
            ran = await asyncio.to_thread(asked, *words, given=given)
            assert ran.code == 0, ran.err
            assert "zq" not in ran.out + ran.err
            assert ran.err == "" or "old" in str(words)
        for name in "abcd":
            location = served.site.fleet.settings(name).address.secret_location
            assert location == f"rtsp://anna:{ESCAPED}@127.0.0.1:9/x", name
        twice = ("camera", "add", "e", "-", "--password-file", "-")
        ran = await asyncio.to_thread(asked, *twice, given="x")
        assert ran.code == 2
        assert "only one of" in ran.err


async def test_a_password_of_its_own_goes_into_the_address(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        client, fleet = served.client, served.site.fleet
        new = CameraCreate(id="a", address="rtsp://anna@127.0.0.1:9/x", password=SECRET)
        added = await client.add_camera(new)
        assert added.address == "rtsp://anna:***@127.0.0.1:9/x"
        changed = await client.change_camera("a", CameraChange(password="zq2"))
        assert changed.address == added.address
        location = fleet.settings("a").address.secret_location
        assert location == "rtsp://anna:zq2@127.0.0.1:9/x"
        assert "zq" not in changed.model_dump_json()


def test_a_token_is_no_argument(call: Call) -> None:
    ran = call("camera", "add", "a", "whep+http://h/x", "--token", "zq")
    assert ran.code == 2
    assert "--bearer-token-file FILE" in ran.err
    assert "zq" not in ran.err


def test_try_takes_the_password_from_a_file(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("zq-secret\n")
    ran = call("try", "rtsp://h/x", "--password-file", file, "--watchlist", tmp_path)
    refused(ran, "names its user")
    ran = call("try", "-", "--password-file", "-", "--watchlist", tmp_path)
    refused(ran, "only one of")
    ran = call("try", "-", "--watchlist", tmp_path)
    refused(ran, "standard input should hold one line")
