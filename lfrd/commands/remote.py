"""Commands that ask a running daemon: they speak to its API like everybody else."""

import argparse
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from lfrd.api.schema import Camera, CameraCreate, Deployment, DeploymentStart, Wire
from lfrd.client import Client
from lfrd.errors import Conflict, NotFound


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Carry out one action of one noun."""
    action = _ACTIONS[options.noun, options.action]
    async with Client.over_socket(socket) as client:
        shown = await action(client, options)
    if options.json:
        text = "\n".join(item.model_dump_json() for item in shown)
    else:
        text = "\n".join(_row(item) for item in shown)
    sys.stdout.write(text + "\n" if text else "")
    return 0


async def _camera_add(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    new = CameraCreate(
        id=options.id, name=options.name, address=options.address, transport=options.transport
    )
    return [await client.add_camera(new)]


async def _camera_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.cameras()


async def _camera_remove(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    await client.remove_camera(options.id)
    return ()


async def _deployment_start(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    known = {watchlist.name: watchlist.id for watchlist in await client.watchlists()}
    missing = [name for name in options.watchlist if name not in known]
    if missing:
        raise NotFound(f"there is no watchlist named {', '.join(missing)}")
    start = DeploymentStart(
        profile=options.profile,
        purpose=options.purpose,
        place=options.place,
        watchlist_ids=tuple(known[name] for name in options.watchlist),
        duration_s=options.hours * 3600,
    )
    return [await client.start_deployment(start)]


async def _deployment_end(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    current = await client.current_deployment()
    if current is None:
        raise Conflict("no deployment is running")
    return [await client.end_deployment(current.id, "ended from the command line")]


async def _deployment_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.deployments()


def _row(item: Wire) -> str:
    if isinstance(item, Camera):
        return f"{item.id:16} {item.state:11} {item.address}  {item.reason}"
    if isinstance(item, Deployment):
        return f"{item.id}  {item.state:10} {item.profile:8} {item.purpose} at {item.place}"
    return item.model_dump_json()


_ACTIONS: dict[
    tuple[str, str], Callable[[Client, argparse.Namespace], Awaitable[Sequence[Wire]]]
] = {
    ("camera", "add"): _camera_add,
    ("camera", "list"): _camera_list,
    ("camera", "remove"): _camera_remove,
    ("deployment", "start"): _deployment_start,
    ("deployment", "end"): _deployment_end,
    ("deployment", "list"): _deployment_list,
}
