"""Finding cameras on the local network (ONVIF), and adding them."""

import argparse
import asyncio
import json
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from urllib.parse import quote, urlsplit, urlunsplit

from lfrd.cli.camera_secrets import STANDARD_INPUT, secret_of
from lfrd.cli.terminal import ask as ask_user
from lfrd.cli.terminal import say, warn
from lfrd.client import Client
from lfrd.errors import LfrdError, UserError
from lfrd.onvif import device as onvif
from lfrd.onvif import discovery
from lfrd.wire.base import Wire
from lfrd.wire.cameras import CameraCreate

AT_ONCE = 8
"""Devices asked at the same time."""


async def run(client: Client, options: argparse.Namespace) -> Sequence[Wire | str]:
    """Find cameras, ask them for their streams, and add them where that is wanted."""
    devices = await _devices(options)
    if not devices:
        warn("lfrd: no ONVIF camera answered; ask one by its address: --host 192.0.2.20")
        return ()
    login = None
    if options.user is not None:
        where = options.password_file or STANDARD_INPUT
        login = onvif.Login(options.user, secret_of(where, f"the password of {options.user}"))
    gate = asyncio.Semaphore(AT_ONCE)

    async def answer(device: discovery.Device) -> onvif.Answer:
        async with gate:
            return await onvif.ask(device, login)

    answers = await asyncio.gather(*map(answer, devices))
    names = _ids(answers)
    if options.json:
        shown = [_as_json(item, name, login) for item, name in zip(answers, names, strict=True)]
    else:
        shown = [_as_text(item, name, login) for item, name in zip(answers, names, strict=True)]
    if not options.add:
        return shown
    for text in shown:
        say(text)
    return await _add(client, options, login, list(zip(answers, names, strict=True)))


async def _devices(options: argparse.Namespace) -> list[discovery.Device]:
    if options.host:
        return [_by_hand(given) for given in options.host]
    if not options.json:
        warn(f"lfrd: asking the local network for {options.seconds:g} s")
    try:
        return await discovery.discover(options.seconds, options.interface)
    except OSError as error:
        raise UserError(
            f"the local network cannot be asked ({error.strerror or error}): name an interface "
            "with --interface, or a camera with --host"
        ) from None


def _by_hand(given: str) -> discovery.Device:
    address = given if "://" in given else f"http://{given}/onvif/device_service"
    host = discovery.host_of(address)
    if not host or not given.isprintable() or " " in given:
        raise UserError("--host is a host or HOST:PORT, or the whole address of a device service")
    return discovery.Device(host, address)


def _ids(answers: Sequence[onvif.Answer]) -> list[str]:
    """A name for each as cameras are called here, none twice: `front-door`, else by its address."""
    names: list[str] = []
    for answer in answers:
        host = _slug(answer.device.host)[:48]
        name = _slug(answer.device.name)[:32].strip("-") or f"camera-{host}"
        names.append(name if name not in names else f"{name}-{host}")
    return names


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def _command(answer: onvif.Answer, name: str, login: onvif.Login | None) -> str | None:
    """What adds the camera; None where it has no stream."""
    main = answer.main
    if main is None:
        return None
    user = login.user if login else None
    words = ["lfrd", "camera", "add", name, with_user(main.address, user)]
    if answer.look is not None:
        words += ["--look", after_host(answer.look.address, main.address)]
    if user:
        words += ["--password-file", "-"]
    return shlex.join(words)


def with_user(address: str, user: str | None) -> str:
    """The address with its user's name, escaped, in it."""
    parts = urlsplit(address)
    place = f"{quote(user, safe='')}@{parts.netloc}" if user else parts.netloc
    return urlunsplit(parts._replace(netloc=place))


def after_host(address: str, main: str) -> str:
    """What comes after the host, where that is the main stream's too; else the whole address."""
    parts, other = urlsplit(address), urlsplit(main)
    same = (parts.scheme, parts.netloc) == (other.scheme, other.netloc)
    return urlunsplit(("", "", parts.path or "/", parts.query, "")) if same else address


def _holds_password(answer: onvif.Answer, login: onvif.Login | None) -> bool:
    """Some recorders write the login into the path of a stream."""
    return login is not None and any(
        login.password in stream.address or quote(login.password, safe="") in stream.address
        for stream in answer.streams
    )


def _as_text(answer: onvif.Answer, name: str, login: onvif.Login | None) -> str:
    device = answer.device
    what = " ".join(part for part in (answer.maker, answer.model or device.hardware) if part)
    lines = [f"{device.host:16} {what or device.name or 'unknown'}"]
    if answer.problem is not None:
        return f"{lines[0]}: {answer.problem}"
    for stream in answer.streams:
        use = {answer.main: "main", answer.look: "look"}.get(stream, "")
        rate = "" if stream.fps is None else f" {stream.fps:g} fps"
        size = f"{stream.width_px} x {stream.height_px}"
        lines.append(f"  {use:5} {stream.codec:5} {size:11}{rate}  {stream.name}")
    if _holds_password(answer, login):
        lines.append("  the addresses hold the password and are not shown: use --add")
    else:
        lines.append(f"  {_command(answer, name, login)}")
    return "\n".join(lines)


def _as_json(answer: onvif.Answer, name: str, login: onvif.Login | None) -> str:
    hidden = _holds_password(answer, login)

    def told(stream: onvif.Stream | None) -> dict[str, object] | None:
        if stream is None:
            return None
        return asdict(stream) | ({"address": None} if hidden else {})

    return json.dumps({
        "id": name, "host": answer.device.host, "name": answer.device.name, "maker": answer.maker,
        "model": answer.model or answer.device.hardware, "problem": answer.problem,
        "streams": [told(stream) for stream in answer.streams],
        "main": told(answer.main), "look": told(answer.look),
        "command": None if hidden else _command(answer, name, login),
    })  # fmt: skip


async def _add(
    client: Client,
    options: argparse.Namespace,
    login: onvif.Login | None,
    answers: Sequence[tuple[onvif.Answer, str]],
) -> Sequence[Wire]:
    """Add those that are not there yet, by their hosts."""
    known = {urlsplit(camera.address).hostname for camera in await client.cameras()}
    new = [
        (answer, name) for answer, name in answers
        if answer.main is not None and answer.device.host not in known
    ]  # fmt: skip
    if not new:
        warn("lfrd: nothing to add: every camera that gave a stream is there already")
        return ()
    named = ", ".join(name for _, name in new)
    if not options.yes:
        if not sys.stdin.isatty():
            raise UserError(f"add {named}: say --yes to do it without a question")
        if ask_user(f"Add {named}? [y/N]").lower() not in ("y", "yes"):
            raise UserError("nothing was added")
    added: list[Wire] = []
    for answer, name in new:
        try:
            added.append(await client.add_camera(_create(answer, name, login)))
        except LfrdError as error:
            warn(f"lfrd: {name} was not added: {error}")
    return added


def _create(answer: onvif.Answer, name: str, login: onvif.Login | None) -> CameraCreate:
    assert answer.main is not None
    small = answer.look
    look = None if small is None else after_host(small.address, answer.main.address)
    return CameraCreate(
        id=name, name=answer.device.name or None, look_address=look,
        address=with_user(answer.main.address, login.user if login else None),
        password=login.password if login else None,
    )  # fmt: skip
