"""Commands that ask a running daemon: they are clients of its API."""

import argparse
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from lfrd.cli import governance, record, subject
from lfrd.cli.camera_secrets import STANDARD_INPUT, address_of, secret_of, warn_of_argument
from lfrd.cli.names import deployment_of
from lfrd.cli.outputs import write_private_bytes
from lfrd.cli.picture_options import picture_of
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import say
from lfrd.client import Client
from lfrd.errors import Conflict, UserError
from lfrd.wire.base import Wire
from lfrd.wire.cameras import (
    Camera,
    CameraAdded,
    CameraChange,
    CameraCreate,
    CameraPast,
    CameraTestReport,
    Regions,
)
from lfrd.wire.deployments import Deployment

NO_LOOK = "none"
"""What is given for a small stream to take it away."""


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Carry out one action of one noun."""
    action = _ACTIONS[options.noun, options.action]
    async with Client.over_socket(socket, token_of(options)) as client:
        shown = await action(client, options)
    if options.json:
        text = "\n".join(
            item if isinstance(item, str) else item.model_dump_json() for item in shown
        )
    else:
        text = "\n".join(
            item if isinstance(item, str) else _row(item.printable()) for item in shown
        )
    if text:
        say(text)
    return 0


async def _camera_add(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    new = CameraCreate(id=options.id, address=address_of(options.address), **_reading(options))
    added = await client.add_camera(new)
    warn_of_argument(options.address)
    warn_of_argument(options.look_address)
    return [added]


async def _camera_discover(client: Client, options: argparse.Namespace) -> Sequence[Wire | str]:
    from lfrd.cli import discover

    return await discover.run(client, options)


async def _camera_change(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    given = _reading(options)
    if options.address is not None:
        given["address"] = address_of(options.address)
    if not given:
        raise UserError("say what to change, such as --rotate 90")
    changed = await client.change_camera(options.id, CameraChange(**given))
    warn_of_argument(options.address)
    warn_of_argument(options.look_address)
    return [changed]


def _reading(options: argparse.Namespace) -> dict[str, Any]:
    """How the camera is to be read, as far as it was given."""
    password, token = options.password_file, options.bearer_token_file
    if [options.address, password, token].count(STANDARD_INPUT) > 1:
        raise UserError("only one of the address, the password and the token is standard input")
    given = {
        "password": password and secret_of(password, "the password of the camera"),
        "name": options.name,
        "transport": options.transport,
        "ca_file": options.ca_file,
        "hwaccel": options.hwaccel,
        "bearer_token": token and secret_of(token, "the token for the WHEP server"),
        "keep_connected": options.keep_connected,
        "pin": options.pin,
        "look_address": options.look_address,
    }
    given |= picture_of(options)
    kept = {name: value for name, value in given.items() if value is not None}
    if options.look_address == NO_LOOK:
        kept["look_address"] = None
    return kept


async def _camera_pause(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.change_camera(options.id, CameraChange(enabled=False))]


async def _camera_resume(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.change_camera(options.id, CameraChange(enabled=True))]


async def _camera_regions(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    regions = Regions(include=tuple(options.include), privacy=tuple(options.privacy))
    return [await client.change_camera(options.id, CameraChange(regions=regions))]


async def _camera_test(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.check_camera(options.id, options.seconds)]


async def _camera_preview(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    picture = await client.camera_preview(options.id)
    try:
        options.file.write_bytes(picture)
    except OSError as error:
        raise UserError(f"cannot write {options.file}: {error.strerror}") from None
    return ()


async def _camera_snapshot(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    picture = await client.camera_snapshot(options.id, clear=options.clear)
    write_private_bytes(options.file, picture)
    return ()


async def _camera_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.cameras()


async def _camera_show(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.camera(options.id)]


async def _camera_history(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    given = options.deployment
    deployment_id = None if given is None else await deployment_of(client, given)
    page = await client.camera_history(options.id, deployment_id, limit=options.limit)
    if not page.items:
        say(f"camera {options.id} took part in no deployment yet")
    return page.items


async def _camera_remove(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    await client.remove_camera(options.id)
    return ()


async def _deployment_end(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    current = await client.current_deployment()
    if current is None:
        raise Conflict("no deployment is running")
    return [await client.end_deployment(current.id, options.reason)]


async def _deployment_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.deployments()


def _row(item: Wire) -> str:
    if isinstance(item, Camera):
        row = f"{item.id:16} {item.state:11} {item.address}  {item.reason}"
        token = item.publish_token if isinstance(item, CameraAdded) else None
        return f"{row}\ntoken for publishers, shown this once: {token}" if token else row
    if isinstance(item, CameraTestReport):
        return report_text(item)
    if isinstance(item, CameraPast):
        return _past_row(item)
    if isinstance(item, Deployment):
        row = f"{item.id}  {item.state:10} {item.profile:8} {item.purpose} at {item.place}"
        return row if item.end_reason is None else f"{row}; ended: {item.end_reason}"
    return governance.row(item) or record.row(item) or subject.row(item) or item.model_dump_json()


def _past_row(item: CameraPast) -> str:
    since = datetime.fromtimestamp(item.since_at_s).astimezone()
    until_s = item.until_at_s
    lasted = "until now" if until_s is None else f"{until_s - item.since_at_s:.0f} s"
    return f"{since:%Y-%m-%d %H:%M:%S}  {item.state:11} {lasted:>9}  {item.reason}"


def report_text(item: CameraTestReport) -> str:
    """A camera test for people: what was measured, then what to do."""

    def number(value: float | None, unit: str, digits: int = 0) -> str:
        return "unknown" if value is None else f"{value:.{digits}f} {unit}".strip()

    rows = [
        ("picture", f"{item.codec} {item.width_px} x {item.height_px}, "
                    f"{number(item.fps, 'fps', 1)}"),
        ("stream", f"{number(item.bit_rate_kbps, 'kbit/s')}, keyframe every "
                   f"{number(item.keyframe_interval_s, 's', 1)}, first picture after "
                   f"{number(item.first_frame_s, 's', 2)}, decoded by {item.decoder}"),
        ("damage", f"{item.frames_damaged} of {item.frames} pictures"),
        ("faces", f"{item.faces} in {item.frames_searched} pictures, between the eyes "
                  f"{number(item.inter_eye_median_px, 'px')} in the middle, "
                  f"{number(item.inter_eye_largest_px, 'px')} at most "
                  f"(gate {item.gate_px:.0f} px)"),
        ("angle", item.angle_in_words),
        *([("small", item.small_in_words)] if item.small_likeness is not None else []),
        ("light", f"mean {number(item.mean_luma, '', 2)} of 1, sharpness of faces "
                  f"{number(item.sharpness_median, '')}"),
    ]  # fmt: skip
    measured = "\n".join(f"{name:>9}  {text}" for name, text in rows)
    return measured + "\n" + "\n".join(f"- {line}" for line in item.advice)


_ACTIONS: dict[
    tuple[str, str], Callable[[Client, argparse.Namespace], Awaitable[Sequence[Wire | str]]]
] = {
    ("camera", "add"): _camera_add,
    ("camera", "discover"): _camera_discover,
    ("camera", "change"): _camera_change,
    ("camera", "list"): _camera_list,
    ("camera", "show"): _camera_show,
    ("camera", "history"): _camera_history,
    ("camera", "remove"): _camera_remove,
    ("camera", "pause"): _camera_pause,
    ("camera", "resume"): _camera_resume,
    ("camera", "regions"): _camera_regions,
    ("camera", "test"): _camera_test,
    ("camera", "preview"): _camera_preview,
    ("camera", "snapshot"): _camera_snapshot,
    ("deployment", "end"): _deployment_end,
    ("deployment", "list"): _deployment_list,
    **governance.ACTIONS,
    **record.ACTIONS,
    **subject.ACTIONS,
}
