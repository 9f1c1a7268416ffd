"""What a site keeps of a camera beside its address: how it is read and what is hidden.

Stored as JSON text in the camera's row. Unknown keys are ignored on reading, so that an older
lfrd can still open a newer row after a downgrade of its own making.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from lfrd.ingest.masks import EVERYWHERE, Polygon, Regions
from lfrd.ingest.settings import AS_SENT, Correction, IceServer

Transport = Literal["tcp", "udp"]


@dataclass(frozen=True, slots=True)
class CameraOptions:
    """`keep_connected`: outside deployments the stream stays connected and is not decoded.

    `publish_digest` is the SHA-256 of the token that a WHIP publisher shows, `bearer_token` what
    we show a WHEP server. See `CameraSettings` for the rest.
    """

    transport: Transport = "tcp"
    ca_file: Path | None = None
    hwaccel: str | None = None
    keep_connected: bool = False
    regions: Regions = EVERYWHERE
    ice_servers: tuple[IceServer, ...] = ()
    bearer_token: str | None = field(default=None, repr=False)
    publish_digest: str | None = None
    correction: Correction = AS_SENT
    stream: int | None = None
    pin: str | None = None

    def with_publish_token(self) -> tuple["CameraOptions", str]:
        """The same with a new token for publishers, and that token: it is shown this once."""
        token = secrets.token_urlsafe(32)
        return replace(self, publish_digest=_digest(token)), token

    def may_publish(self, token: str) -> bool:
        """Whether this is the camera's publishing token; compared in constant time."""
        return self.publish_digest is not None and hmac.compare_digest(
            self.publish_digest, _digest(token)
        )

    def to_json(self) -> str:
        """The text that the camera's row keeps."""
        return json.dumps(
            {
                "transport": self.transport,
                "ca_file": None if self.ca_file is None else str(self.ca_file),
                "hwaccel": self.hwaccel,
                "keep_connected": self.keep_connected,
                "include": [list(polygon.corners) for polygon in self.regions.include],
                "privacy": [list(polygon.corners) for polygon in self.regions.privacy],
                "ice_servers": [
                    {"url": s.url, "username": s.username, "password": s.password}
                    for s in self.ice_servers
                ],
                "bearer_token": self.bearer_token,
                "publish_digest": self.publish_digest,
                **self._shape(),
            }
        )

    def _shape(self) -> dict[str, Any]:
        """Of what is usual nothing is kept: rows of other versions stay as they are."""
        correction = self.correction
        given = {
            "rotate": correction.rotate_deg or None,
            "aspect": correction.aspect,
            "deinterlace": correction.deinterlace if correction.deinterlace != "auto" else None,
            "stream": self.stream,
            "pin": self.pin,
        }
        return {name: value for name, value in given.items() if value is not None}

    @staticmethod
    def from_json(text: str) -> "CameraOptions":
        """What a row keeps; missing keys have their defaults."""
        kept: dict[str, Any] = json.loads(text)
        ca_file = kept.get("ca_file")
        return CameraOptions(
            transport=kept.get("transport", "tcp"),
            ca_file=Path(ca_file) if ca_file else None,
            hwaccel=kept.get("hwaccel"),
            keep_connected=bool(kept.get("keep_connected", False)),
            regions=Regions(_polygons(kept.get("include")), _polygons(kept.get("privacy"))),
            ice_servers=tuple(IceServer(**server) for server in kept.get("ice_servers") or ()),
            bearer_token=kept.get("bearer_token"),
            publish_digest=kept.get("publish_digest"),
            correction=Correction(
                kept.get("rotate", 0), kept.get("aspect"), kept.get("deinterlace", "auto")
            ),
            stream=kept.get("stream"),
            pin=kept.get("pin"),
        )


def _polygons(kept: list[list[list[float]]] | None) -> tuple[Polygon, ...]:
    return tuple(Polygon(tuple((x, y) for x, y in corners)) for corners in kept or ())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
