"""Faces on the wire: never cached, and of no type that a browser would run."""

from typing import Any

from fastapi import Response

from lfrd.lists.photo_file import MEDIA_TYPES, media_type

OTHER = "application/octet-stream"

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The image file",
        "content": {kind: {} for kind in (*sorted(MEDIA_TYPES), OTHER)},
    }
}


def answer(image: bytes) -> Response:
    """An image file, as it was given or as we made it, as an answer."""
    headers = {"Cache-Control": "no-store", "Content-Disposition": "inline"}
    return Response(image, media_type=media_type(image) or OTHER, headers=headers)
