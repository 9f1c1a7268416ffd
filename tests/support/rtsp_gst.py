"""The GStreamer RTSP server of Debian as a test's camera: login, TLS, UDP, HEVC, sound."""

import json
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from support.video import ServerProcess, free_port

_PYTHON = Path("/usr/bin/python3")
_CHECK = """
import gi
gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gst, GstRtspServer
Gst.init(None)
missing = [name for name in ("x264enc", "x265enc", "rtph264pay", "vp8enc")
           if Gst.ElementFactory.find(name) is None]
raise SystemExit("no " + ", ".join(missing) if missing else 0)
"""


@dataclass(frozen=True, slots=True)
class Stream:
    """What the server at /cam shall be; see rtsp_gst_serve.py."""

    codec: str = "h264"
    width: int = 320
    height: int = 240
    fps: int = 25
    auth: str | None = None
    user: str = "watcher"
    password: str = "p@ss:w/ord"
    tls: str | None = None
    audio: bool = False
    switch_after_s: float = 0.0


def require_gstreamer() -> None:
    """Skip the test where Debian's server or its plugins are not installed."""
    if not _PYTHON.exists():
        pytest.skip("no /usr/bin/python3 for gst-rtsp-server")
    done = subprocess.run([_PYTHON, "-c", _CHECK], capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["unknown reason"])[-1]
        pytest.skip(f"gst-rtsp-server cannot run here: {last}")


class GstServer(ServerProcess):
    """Serves one live stream at /cam."""

    def __init__(self, stream: Stream, port: int | None = None) -> None:
        port = port or free_port()
        wanted = json.dumps({"port": port, **asdict(stream)})
        script = Path(__file__).with_name("rtsp_gst_serve.py")
        super().__init__([str(_PYTHON), str(script), wanted], port)

    def url(self, login: str = "", scheme: str = "rtsp") -> str:
        """Return the address; `login` is `user:password`, already percent-encoded."""
        return f"{scheme}://{login}{'@' if login else ''}127.0.0.1:{self.port}/cam"
