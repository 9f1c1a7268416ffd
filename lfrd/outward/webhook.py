"""Webhooks, signed as https://www.standardwebhooks.com describes it."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook as Signer

from lfrd.outward.endpoint import Letter
from lfrd.outward.post import Post, Poster


class Webhook(Poster):
    """One receiver. `secrets` are `whsec_…`: each signs, so that an old one may be replaced without
    a message that the receiver cannot check."""

    def __init__(self, post: Post, secrets: Sequence[str]) -> None:
        super().__init__(post)
        self._signers = [Signer(secret) for secret in secrets]

    async def send(self, letter: Letter) -> None:
        """Sign it with the time of the machine's own clock, as the receiver compares it with its
        own, and post it."""
        text = body_of(letter)
        at = datetime.now(UTC)
        signatures = [signer.sign(letter.id, at, text) for signer in self._signers]
        headers = {
            "Content-Type": "application/json",
            "webhook-id": letter.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": " ".join(signatures),
        }
        await self._post.send(text.encode(), headers)


def body_of(letter: Letter) -> str:
    """The payload: type, time, and ids and states; a picture as base64 of a JPEG."""
    data: dict[str, object] = dict(letter.facts)
    if letter.image is not None:
        data["image_jpeg"] = base64.b64encode(letter.image).decode()
    return json.dumps(
        {"type": letter.kind.value, "timestamp": rfc3339(letter.at_s), "data": data},
        ensure_ascii=False,
    )


def rfc3339(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat(timespec="milliseconds")
