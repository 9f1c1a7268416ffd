"""A GStreamer RTSP server; run by the system's Python, which has the gi bindings.

    /usr/bin/python3 rtsp_gst_serve.py '{"port": 8554, ...}'

Keys: port, codec (h264|h265|vp8), width, height, fps, auth (null|basic|digest), user, password,
tls (a PEM file with key and certificate), audio (bool), switch_after_s (change the size then).
Every pipeline is live and shared, at /cam.
"""

import json
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import Gio, GLib, Gst, GstRtspServer  # noqa: E402  gi's own order

_ENCODERS = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} bitrate=2000"
    " ! rtph264pay config-interval=1",
    "h265": "x265enc tune=zerolatency speed-preset=ultrafast key-int-max={fps} bitrate=1000"
    " ! h265parse ! rtph265pay config-interval=1",
    "vp8": "vp8enc deadline=1 cpu-used=8 keyframe-max-dist={fps} ! rtpvp8pay",
}


def launch_line(wanted):
    """The pipeline: a moving test picture, and a tone where sound is asked for."""
    video = (
        "videotestsrc is-live=true pattern=ball ! videorate ! videoscale ! capsfilter name=size "
        "caps=video/x-raw,format=I420,width={width},height={height},framerate={fps}/1 ! "
    ) + _ENCODERS[wanted["codec"]]
    line = f"( {video} name=pay0 pt=96 "
    if wanted["audio"]:
        line += "audiotestsrc is-live=true ! audioconvert ! mulawenc ! rtppcmupay name=pay1 pt=0 "
    return (line + ")").format(**wanted)


def switch_size(media, wanted):
    """Change the resolution in mid-stream."""

    def switch():
        caps = "video/x-raw,format=I420,width={},height={},framerate={}/1"
        half = caps.format(wanted["width"] // 2, wanted["height"] // 2, wanted["fps"])
        media.get_element().get_by_name("size").set_property("caps", Gst.Caps.from_string(half))
        return False

    GLib.timeout_add(int(wanted["switch_after_s"] * 1000), switch)


def authentication(wanted):
    """Basic or Digest for one user, and the TLS certificate."""
    auth = GstRtspServer.RTSPAuth()
    if wanted["tls"]:
        auth.set_tls_certificate(Gio.TlsCertificate.new_from_file(wanted["tls"]))
    if not wanted["auth"]:
        return auth
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    user, password = wanted["user"], wanted["password"]
    if wanted["auth"] == "basic":
        auth.set_supported_methods(1)  # GstRTSP.RTSPAuthMethod.BASIC
        auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), token)
    else:
        auth.set_supported_methods(2)  # GstRTSP.RTSPAuthMethod.DIGEST
        auth.add_digest(user, password, token)
    return auth


def main():
    wanted = json.loads(sys.argv[1])
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(str(wanted["port"]))
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(launch_line(wanted))
    factory.set_shared(True)
    if wanted["switch_after_s"]:
        factory.connect("media-configure", lambda _, media: switch_size(media, wanted))
    if wanted["auth"]:
        permissions = GstRtspServer.RTSPPermissions()
        permissions.add_permission_for_role("viewer", "media.factory.access", True)
        permissions.add_permission_for_role("viewer", "media.factory.construct", True)
        factory.set_permissions(permissions)
    if wanted["auth"] or wanted["tls"]:
        server.set_auth(authentication(wanted))
    server.get_mount_points().add_factory("/cam", factory)
    assert server.attach(None), "the port is taken"
    GLib.MainLoop().run()


main()
