"""A real MQTT broker (Mosquitto) on a port of this machine, and a site that tells it."""

import asyncio
import os
import pwd
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lfrd.config import CameraSection, Config, MqttSection
from support.site import config_on

PROGRAM = shutil.which("mosquitto") or "/usr/sbin/mosquitto"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


@asynccontextmanager
async def mosquitto(folder: Path, port: int, *lines: str) -> AsyncIterator[None]:
    """The broker on a port; what is retained stays in `folder`."""
    settings = written(folder, port, lines)
    process = await asyncio.create_subprocess_exec(PROGRAM, "-c", str(settings))
    try:
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


def written(folder: Path, port: int, lines: tuple[str, ...]) -> Path:
    """Its settings."""
    folder.mkdir(exist_ok=True)
    settings = folder / "mosquitto.conf"
    user = pwd.getpwuid(os.getuid()).pw_name  # started by root it would become another
    settings.write_text("\n".join([
        f"user {user}", f"listener {port} 127.0.0.1", "persistence true",
        f"persistence_location {folder}/", *(lines or ("allow_anonymous true",)), "",
    ]))  # fmt: skip
    return settings


def config_with(folder: Path, port: int, **more: Any) -> Config:
    camera = CameraSection(id="gate", name="North gate", address="rtsp://127.0.0.1:9/1")
    section = MqttSection(url=f"mqtt://127.0.0.1:{port}", private=True, **more)
    return config_on(folder).model_copy(update={"mqtt": section, "camera": (camera,)})
