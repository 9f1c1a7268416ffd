"""Sealing: what shows or describes a face is stored encrypted under a key that can be destroyed.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce in front. One key seals far fewer than
2^32 blobs, where random nonces are safe. The associated data names what the blob is, so one that
was moved to another row, or passed off as another model's, does not open.
"""

import hmac
import os
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from lfrd.errors import StateError

NONCE_BYTES = 12
KEY_BYTES = 32

BlobKind = Literal[
    "reference-image", "reference-crop", "reference-portrait", "template", "probe-crop",
    "probe-portrait", "episode-reference", "episode-portrait", "rival-reference", "scene",
    "absence-key",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Label:
    """What a blob is: its kind, the id of its row, and the model that made it (else empty)."""

    kind: BlobKind
    row_id: str
    model_digest: str = ""

    def associated_data(self) -> bytes:
        return f"{self.kind}\n{self.row_id}\n{self.model_digest}".encode()


class DataKey:
    """The key of one watchlist or deployment, or of a part of it: a photo, an episode. Safe to use
    from several threads."""

    __slots__ = ("_cipher", "_key")

    def __init__(self, key: bytes) -> None:
        assert len(key) == KEY_BYTES
        self._key = key
        self._cipher = AESGCM(key)

    def part(self, secret: bytes) -> "DataKey":
        """HMAC-SHA256 of this key over a part's own secret: without either of them it is gone."""
        assert len(secret) == KEY_BYTES
        return DataKey(hmac.digest(self._key, secret, "sha256"))

    def commit(self, *parts: bytes) -> bytes:
        """HMAC-SHA256 of some texts in turn: says nothing of them without this key."""
        lengths = b"".join(len(part).to_bytes(4, "big") for part in parts)
        return hmac.digest(self._key, b"lfrd commitment\n" + lengths + b"".join(parts), "sha256")

    def seal(self, label: Label, plain: bytes) -> bytes:
        """nonce ‖ ciphertext ‖ tag: 28 bytes longer than `plain`."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, label.associated_data())

    def open(self, label: Label, sealed: bytes) -> bytes:
        """The plain bytes. Raises StateError where this blob is not this row's under this key."""
        try:
            return self._cipher.decrypt(
                sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], label.associated_data()
            )
        except (InvalidTag, ValueError) as error:
            raise StateError(
                f"the sealed {label.kind} of {label.row_id} does not open: the database was "
                "altered, or is mixed with another's keys; restore it from a backup"
            ) from error
