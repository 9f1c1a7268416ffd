"""The private side of signed notes: a key, and what it signs. See `lfrd.audit.verify`."""

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from lfrd.audit.verify import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    TIME_BYTES,
    BadLog,
    Checkpoint,
    PublicKey,
    Signature,
    cosigned_text,
    subtree_text,
)

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

SEED_BYTES = 32
AUTHORITY_HEAD = "lfrd authority v1"
"""The first line of what an authority from outside signs."""
_HEAD = "PRIVATE+KEY"


@dataclass(frozen=True, slots=True)
class _Signer:
    """How one type of signature is made: the public key of a seed, and the signature of a text."""

    public: Callable[[bytes], bytes]
    sign: Callable[["PrivateKey", bytes, int], bytes]


def _ed25519_public(seed: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()


def _ed25519_sign(key: "PrivateKey", text: bytes, _time_s: int) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(key.seed).sign(text)


def _cosign(key: "PrivateKey", text: bytes, time_s: int) -> bytes:
    signed = Ed25519PrivateKey.from_private_bytes(key.seed).sign(cosigned_text(time_s, text))
    return time_s.to_bytes(TIME_BYTES, "big") + signed


def _ml_dsa_44(seed: bytes) -> "MLDSA44PrivateKey":
    from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

    return MLDSA44PrivateKey.from_seed_bytes(seed)


def _ml_dsa_44_public(seed: bytes) -> bytes:
    return _ml_dsa_44(seed).public_key().public_bytes_raw()


def _ml_dsa_44_sign(key: "PrivateKey", text: bytes, time_s: int) -> bytes:
    signed = _ml_dsa_44(key.seed).sign(subtree_text(key.name, time_s, text))
    return time_s.to_bytes(TIME_BYTES, "big") + signed


_SIGNERS = {
    ED25519: _Signer(_ed25519_public, _ed25519_sign),
    COSIGNATURE: _Signer(_ed25519_public, _cosign),
    ML_DSA_44: _Signer(_ml_dsa_44_public, _ml_dsa_44_sign),
}
"""By the byte of their type, as `lfrd.audit.verify.ALGORITHMS`."""


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """Who signs. As text: `PRIVATE+KEY+name+key id+base64(type ‖ seed)`."""

    name: str
    algorithm: int
    seed: bytes = field(repr=False)

    @property
    def public(self) -> PublicKey:
        return PublicKey(self.name, self.algorithm, _SIGNERS[self.algorithm].public(self.seed))

    @property
    def text(self) -> str:
        typed = base64.b64encode(bytes([self.algorithm]) + self.seed).decode()
        return f"{_HEAD}+{self.name}+{self.public.key_id.hex()}+{typed}"

    def sign(self, text: str, time_s: float | None = None) -> Signature:
        """The signature line of a note's text, with the time where its type has one."""
        at_s = int(time.time() if time_s is None else time_s)
        signed = _SIGNERS[self.algorithm].sign(self, text.encode(), at_s)
        return Signature(self.name, self.public.key_id, signed)


def checkpoint(key: PrivateKey, size: int, root: bytes, time_s: float | None = None) -> Checkpoint:
    """A signed checkpoint of the log that the key is named after."""
    text = f"{key.name}\n{size}\n{base64.b64encode(root).decode()}\n"
    return Checkpoint(key.name, size, root, text, (key.sign(text, time_s),))


def private_key_of(text: str) -> PrivateKey:
    """The key that `PrivateKey.text` says. Raises BadLog, which repeats nothing of it."""
    parts = text.strip().split("+", 4)
    try:
        typed = base64.b64decode(parts[-1], validate=True)
    except ValueError:
        typed = b""
    whole = len(parts) == 5 and "+".join(parts[:2]) == _HEAD and len(typed) == SEED_BYTES + 1
    if not whole or typed[0] not in _SIGNERS:
        raise BadLog("this is no private key of a log")
    key = PrivateKey(parts[2], typed[0], typed[1:])
    if key.public.key_id.hex() != parts[3]:
        raise BadLog("this private key is damaged: its id is not that of the key")
    return key
