"""Cameras and phones that send MJPEG over HTTP: pictures as the parts of one long answer."""

from contextlib import AbstractContextManager, nullcontext
from typing import Final

from lfrd.ingest.rtsp import RtspSource

_OPTIONS: Final = {
    "format_whitelist": "mpjpeg,mjpeg",
    "protocol_whitelist": "http,https,httpproxy,tcp,tls",
    "max_redirects": "0",  # another host shall get neither the password nor the connection
    "use_wallclock_as_timestamps": "1",  # the pictures have no time of their own
    "probesize": "32768",
    "analyzeduration": "1",
}


class MjpegSource(RtspSource):
    """Pulls one stream; it opens, checks certificates and ends as an RTSP camera does."""

    unreadable = (
        "sends no MJPEG (multipart/x-mixed-replace, the one kind of HTTP stream read here), "
        "or only leads to another address"
    )
    timed = False

    def _within_reach(self) -> AbstractContextManager[None]:
        self._reach.check_host(self._address)
        return nullcontext()

    def _options(self) -> dict[str, str]:
        return dict(_OPTIONS)
