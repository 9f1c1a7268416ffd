"""`lfrd camera discover`, as its user calls it."""

import argparse
import asyncio
import io
import json
import re
import sys
from pathlib import Path

import pytest

from lfrd.__main__ import parser
from lfrd.cli import discover
from lfrd.client import Client
from lfrd.errors import UserError
from support.onvif_device import PASSWORD, USER, OnvifDevice, serving
from support.program import Typed
from support.site import Served, serve


def run(device: OnvifDevice, secret: Path, *words: str) -> list[str]:
    secret.write_text(f"{PASSWORD}\n")
    with serving(device):
        options = parser().parse_args([
            "camera", "discover", "--host", f"127.0.0.1:{device.port}", "--user", USER,
            "--password-file", str(secret), *words,
        ])  # fmt: skip
        return [str(item) for item in asyncio.run(_run(options, secret))]


async def _run(options: argparse.Namespace, folder: Path) -> list[object]:
    async with Client.over_socket(folder.parent / "no.socket", None) as client:
        return list(await discover.run(client, options))


def test_the_command_that_adds_a_camera_is_printed(tmp_path: Path) -> None:
    (text,) = run(OnvifDevice(), tmp_path / "secret")
    assert text.splitlines()[-1].strip() == (
        "lfrd camera add camera-127-0-0-1 rtsp://viewer@127.0.0.1:554/Streaming/Channels/101 "
        "--look /Streaming/Channels/102 --password-file -"
    )
    assert "s3cret" not in text
    assert "1920 x 1080" in text


def test_as_json(tmp_path: Path) -> None:
    (text,) = run(OnvifDevice(profile_t=True), tmp_path / "secret", "--json")
    found = json.loads(text)
    assert found["main"]["width_px"] == 1920
    assert found["look"]["width_px"] == 640
    assert (found["maker"], found["problem"]) == ("Acme", None)


def test_what_a_camera_names_is_no_command_of_ours(tmp_path: Path) -> None:
    (text,) = run(OnvifDevice(path="/$(reboot);{n}'x"), tmp_path / "secret")
    assert "'rtsp://viewer@127.0.0.1:554/$(reboot);1'\"'\"'x'" in text


def test_addresses_that_hold_the_password_are_not_shown(tmp_path: Path) -> None:
    device = OnvifDevice(path="/user=viewer&amp;password=s3cret%20%26%20%3Cmore%3E&amp;n={n}")
    for words in ((), ("--json",)):
        assert "s3cret" not in "".join(run(device, tmp_path / "secret", *words))


def test_adding_needs_a_word_without_a_terminal(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"daemon|socket"):
        run(OnvifDevice(), tmp_path / "secret", "--add", "--yes")


async def add(served: Served, device: OnvifDevice, secret: Path, *words: str) -> list[object]:
    options = parser().parse_args([
        "camera", "discover", "--host", f"127.0.0.1:{device.port}", "--user", USER,
        "--password-file", str(secret), "--add", *words,
    ])  # fmt: skip
    return list(await discover.run(served.client, options))


async def test_it_asks_before_it_adds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = OnvifDevice()
    secret = tmp_path / "secret"
    await asyncio.to_thread(secret.write_text, f"{PASSWORD}\n")
    async with serve(tmp_path / "state") as served:
        with serving(device):
            for answer in ("", "\n", "n\n", "yep\n"):
                monkeypatch.setattr(sys, "stdin", Typed(answer))
                with pytest.raises(UserError, match="nothing was added"):
                    await add(served, device, secret)
            assert "Add camera-127-0-0-1? [y/N]" in capsys.readouterr().err
            monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
            with pytest.raises(UserError, match=r"add camera-127-0-0-1: say --yes"):
                await add(served, device, secret)
            assert await served.client.cameras() == ()

            capsys.readouterr()
            monkeypatch.setattr(sys, "stdin", Typed("Yes\n"))
            (added,) = await add(served, device, secret)
            shown = capsys.readouterr()
            assert re.search(r"main +\w+ +1920 x 1080", shown.out)  # what is asked about
            assert PASSWORD not in f"{added}{shown.out}{shown.err}"
            (camera,) = await served.client.cameras()
            assert (camera.id, camera.look_address is None) == ("camera-127-0-0-1", False)

            monkeypatch.setattr(sys, "stdin", Typed(""))
            assert await add(served, device, secret) == []  # no question
            shown = capsys.readouterr()
            assert "nothing to add: every camera" in shown.err
            assert "[y/N]" not in shown.err


@pytest.mark.parametrize("host", ["a b", "ftp://x", "http://u:p@h/", ""])
def test_strange_hosts_are_refused(host: str, tmp_path: Path) -> None:
    options = parser().parse_args(["camera", "discover", "--host", host])
    with pytest.raises(UserError, match="--host is"):
        asyncio.run(_run(options, tmp_path / "x"))
