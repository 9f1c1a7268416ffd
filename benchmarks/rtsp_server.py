"""A folder's clips as RTSP cameras, played once each in their own time, by GStreamer.

    /usr/bin/python3 rtsp_server.py FOLDER PORT

Run by the system's Python, which has the bindings. It sends a picture in as many packets of 1,400
bytes as cameras do, and costs a quarter of a server in Python, whose part of the processors would
be taken from what is measured.
"""

import sys
from pathlib import Path

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402  gi's own order

_PIPELINE = '( filesrc location="{}" ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 )'


def main():
    folder, port = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    mounts = server.get_mount_points()
    for clip in Path(folder).glob("*.mp4"):
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(_PIPELINE.format(clip))
        mounts.add_factory(f"/{clip.name}", factory)
    server.attach(None)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
