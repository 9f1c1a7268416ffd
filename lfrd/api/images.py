"""Faces on the wire: never cached, and of no type that a browser would run."""

from typing import Any

from fastapi import Response

OTHER = "application/octet-stream"

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The image file",
        "content": {"image/png": {}, "image/jpeg": {}, "image/webp": {}, OTHER: {}},
    }
}


def answer(image: bytes) -> Response:
    """An image file as an answer."""
    headers = {"Cache-Control": "no-store", "Content-Disposition": "inline"}
    return Response(image, media_type=media_type(image), headers=headers)


def media_type(image: bytes) -> str:
    """What kind of image file this is, by its first bytes."""
    if image.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if image.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if image[:4] == b"RIFF" and image[8:12] == b"WEBP":
        return "image/webp"
    return OTHER
