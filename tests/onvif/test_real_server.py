"""Another program's ONVIF camera (ipycam): its discovery, its logins, its answers."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from lfrd.onvif.device import Login, ask
from lfrd.onvif.discovery import discover

pytestmark = pytest.mark.e2e
PASSWORD = "pw & <1>"


@pytest.fixture
def camera() -> Iterator[str]:
    """The address that it answers from."""
    config_module = pytest.importorskip("ipycam.config", reason="the group e2e is not installed")
    from ipycam.discovery import WSDiscoveryServer
    from ipycam.http import IPCameraHTTPHandler
    from ipycam.onvif import ONVIFService

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.254", 9))
        host = probe.getsockname()[0]
    server = ThreadingHTTPServer((host, 0), IPCameraHTTPHandler)
    config = config_module.CameraConfig(
        name="Yard", local_ip=host, onvif_port=server.server_address[1], username="viewer",
        password=PASSWORD,
    )  # fmt: skip
    service = ONVIFService(config)
    IPCameraHTTPHandler.camera = SimpleNamespace(onvif=service, config=config)
    found = WSDiscoveryServer(service)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    found.start()
    thread.start()
    yield host
    found.stop()
    server.shutdown()
    thread.join()
    server.server_close()


def test_it_is_found_and_tells_its_streams(camera: str) -> None:
    devices = [device for device in asyncio.run(discover(1.0)) if device.host == camera]
    assert [device.name for device in devices] == ["Yard"]
    refused = asyncio.run(ask(devices[0], Login("viewer", "wrong")))
    assert "refuses" in (refused.problem or "")
    answer = asyncio.run(ask(devices[0], Login("viewer", PASSWORD)))
    assert answer.problem is None
    assert answer.main is not None
    assert answer.look is not None
    assert (answer.main.width_px, answer.look.width_px) == (1920, 640)
    assert answer.main.address.startswith(f"rtsp://{camera}:8554/")
