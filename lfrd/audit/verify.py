"""Check an exported log. This file needs nothing but Python and `cryptography`; it may be copied.

    python verify.py DIR [--key KEY] [--witness KEY] [--copy FILE] [--record FILE] [--json]
    python verify.py LEAF.tlog-proof [--key KEY] [--witness KEY] [--json]
    python verify.py ABSENCE.json [--key KEY] [--witness KEY] [--json]

The log is a Merkle tree (RFC 6962, RFC 9162) whose leaves are canonical JSON. Checkpoints are
c2sp.org/tlog-checkpoint, signatures c2sp.org/signed-note and c2sp.org/tlog-cosignature, a proof is
c2sp.org/tlog-proof with the leaf in its `extra` line.

An export holds `leaves.jsonl` (a leaf a line, exactly as it was hashed), `hashes` (the hash of
each, 32 bytes), `checkpoints` (one after the other), `keys` (a public key a line, oldest first) and
`manifest.json`. The hashes are there to say which leaf is wrong; that they are right themselves,
the signed checkpoints say.
"""

import argparse
import base64
import hashlib
import json
import math
import re
import statistics
import sys
import unicodedata
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

HASH_BYTES = 32
LEAF_BYTES_MAX = 256 * 1024
SMALL_FILE_MAX = 64 * 1024 * 1024
"""Of everything but leaves and hashes, which are read piece by piece."""

EXPORT_FORMAT = "lfrd-audit-export-1"
LEAVES, HASHES, CHECKPOINTS, KEYS, MANIFEST = (
    "leaves.jsonl", "hashes", "checkpoints", "keys", "manifest.json",
)  # fmt: skip
PROOF_HEAD = "c2sp.org/tlog-proof@v1"
RENEWAL = "audit.renew-key"
"""The action of the leaf that says that the log goes on under another key."""

_RENEWAL_MARK = f'"action":"{RENEWAL}"'.encode()


class BadLog(Exception):
    """What is no log, note, key or proof, in one sentence."""


# the tree ----------------------------------------------------------------------------------------


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962, section 2.1: SHA-256(0x00 ‖ leaf)."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The same: SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows by leaves; it keeps only the roots of its whole subtrees, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, hashed: bytes) -> None:
        """Add a leaf by its hash."""
        size = self.size
        while size & 1:
            hashed = node_hash(self._peaks.pop(), hashed)
            size >>= 1
        self._peaks.append(hashed)
        self.size += 1

    @property
    def root(self) -> bytes:
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = node_hash(peak, root)
        return root


def root_of_inclusion(index: int, size: int, hashed: bytes, path: Sequence[bytes]) -> bytes:
    """The root that an inclusion proof leads to (RFC 9162, section 2.1.3.2). Raises BadLog."""
    if not 0 <= index < size:
        raise BadLog(f"leaf {index} is not in a tree of {size}")
    place, last, root = index, size - 1, hashed
    for other in path:
        if last == 0:
            raise BadLog("the proof is longer than the tree is high")
        if place & 1 or place == last:
            root = node_hash(other, root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            root = node_hash(root, other)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise BadLog("the proof is shorter than the tree is high")
    return root


def check_consistency(
    old: tuple[int, bytes], new: tuple[int, bytes], path: Sequence[bytes]
) -> None:
    """That the tree `new` (size and root) begins with the tree `old` (RFC 9162, section 2.1.4.2).

    Raises BadLog.
    """
    wrong = BadLog(f"the tree of {new[0]} leaves does not begin with the one of {old[0]}")
    (old_size, old_root), (new_size, new_root) = old, new
    if old_size > new_size:
        raise wrong
    if old_size in (0, new_size):
        if path or (old_size and old_root != new_root):
            raise wrong
        return
    rest = list(path)
    if old_size & (old_size - 1) == 0:
        rest.insert(0, old_root)
    if not rest:
        raise wrong
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first_root = second_root = rest[0]
    for other in rest[1:]:
        if last == 0:
            raise wrong
        if place & 1 or place == last:
            first_root, second_root = node_hash(other, first_root), node_hash(other, second_root)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second_root = node_hash(second_root, other)
        place, last = place >> 1, last >> 1
    if last or first_root != old_root or second_root != new_root:
        raise wrong


# signed notes ------------------------------------------------------------------------------------

ED25519, COSIGNATURE, ML_DSA_44 = 0x01, 0x04, 0x06
"""Signature types of c2sp.org/signed-note and c2sp.org/tlog-cosignature."""

TIME_BYTES = 8


def cosigned_text(time_s: int, text: bytes) -> bytes:
    """What an Ed25519 cosignature signs."""
    return b"cosignature/v1\ntime %d\n" % time_s + text


def subtree_text(name: str, time_s: int, text: bytes) -> bytes:
    """What an ML-DSA-44 signature of a whole checkpoint signs."""
    read = checkpoint_of(text.decode())
    names = [name.encode(), read.origin.encode()]
    if max(map(len, names)) > 255:
        raise BadLog("a name is longer than 255 bytes")
    cosigner, origin = (bytes([len(item)]) + item for item in names)
    numbers = (0).to_bytes(8, "big") + read.size.to_bytes(8, "big")
    return b"subtree/v1\n\0" + cosigner + time_s.to_bytes(8, "big") + origin + numbers + read.root


def _verify_ed25519(key: "PublicKey", text: bytes, signature: bytes) -> None:
    Ed25519PublicKey.from_public_bytes(key.material).verify(signature, text)


def _verify_cosignature(key: "PublicKey", text: bytes, signature: bytes) -> None:
    time_s = int.from_bytes(signature[:TIME_BYTES], "big")
    signed = cosigned_text(time_s, text)
    Ed25519PublicKey.from_public_bytes(key.material).verify(signature[TIME_BYTES:], signed)


def _verify_ml_dsa_44(key: "PublicKey", text: bytes, signature: bytes) -> None:
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
    except ImportError:
        raise BadLog("this `cryptography` knows no ML-DSA-44: take a newer one") from None
    time_s = int.from_bytes(signature[:TIME_BYTES], "big")
    signed = subtree_text(key.name, time_s, text)
    MLDSA44PublicKey.from_public_bytes(key.material).verify(signature[TIME_BYTES:], signed)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How one type of signature is checked; `verify` raises InvalidSignature."""

    name: str
    key_bytes: int
    verify: Callable[["PublicKey", bytes, bytes], None]


ALGORITHMS = {
    ED25519: Algorithm("ed25519", 32, _verify_ed25519),
    COSIGNATURE: Algorithm("ed25519 cosignature", 32, _verify_cosignature),
    ML_DSA_44: Algorithm("ml-dsa-44", 1312, _verify_ml_dsa_44),
}
"""By the byte that names them in a key."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Whose signatures count. As text: `name+key id+base64(type ‖ key)`."""

    name: str
    algorithm: int
    material: bytes

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256(name ‖ newline ‖ type ‖ key)."""
        typed = bytes([self.algorithm]) + self.material
        return hashlib.sha256(self.name.encode() + b"\n" + typed).digest()[:4]

    @property
    def text(self) -> str:
        material = base64.b64encode(bytes([self.algorithm]) + self.material).decode()
        return f"{self.name}+{self.key_id.hex()}+{material}"

    @property
    def brief(self) -> str:
        return f"{self.name}+{self.key_id.hex()}"

    def signed(self, text: bytes, signature: bytes) -> bool:
        """Whether this is the key's signature of a note's text. Raises BadLog where that cannot be
        found out."""
        try:
            ALGORITHMS[self.algorithm].verify(self, text, signature)
        except (InvalidSignature, ValueError):
            return False
        except UnsupportedAlgorithm as error:
            raise BadLog(str(error)) from None
        return True


def key_of(text: str) -> PublicKey:
    """The key that `PublicKey.text` says. Raises BadLog."""
    name, _, rest = text.strip().partition("+")
    key_id, _, material = rest.partition("+")
    try:
        typed = base64.b64decode(material, validate=True)
    except ValueError:
        typed = b""
    known = ALGORITHMS.get(typed[0]) if typed else None
    if known is None or len(typed) != known.key_bytes + 1 or not is_name(name):
        raise BadLog("a public key is NAME+KEY ID+BASE64, as `lfrd audit key` prints it")
    key = PublicKey(name, typed[0], typed[1:])
    if key.key_id.hex() != key_id:
        raise BadLog(f"the public key of {name} is mistyped: its id is not {key_id}")
    return key


def is_name(name: str) -> bool:
    """Whether a log or a witness can be named so."""
    return bool(name) and name.isprintable() and not re.search(r"[\s+]", name)


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line of a note."""

    name: str
    key_id: bytes
    signature: bytes

    @property
    def line(self) -> str:
        return f"— {self.name} {base64.b64encode(self.key_id + self.signature).decode()}\n"


def signature_of(line: str) -> Signature:
    """The signature in a line without its end. Raises BadLog."""
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except ValueError:
        blob = b""
    if dash != "—" or not is_name(name) or len(blob) <= 4:
        raise BadLog("a signature line is no `— NAME BASE64`")
    return Signature(name, blob[:4], blob[4:])


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A signed size and root. `text` is what is signed, `note` all of it with its signatures."""

    origin: str
    size: int
    root: bytes
    text: str
    signatures: tuple[Signature, ...] = ()

    @property
    def note(self) -> str:
        return f"{self.text}\n" + "".join(item.line for item in self.signatures)

    def signers(self, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
        """Those of `keys` that signed it. Raises BadLog where a signature of one is wrong."""
        found = []
        by_id = {(key.name, key.key_id): key for key in keys}
        for item in self.signatures:
            key = by_id.get((item.name, item.key_id))
            if key is None:
                continue
            if not key.signed(self.text.encode(), item.signature):
                raise BadLog(f"the signature of {key.brief} is wrong")
            found.append(key)
        return tuple(found)


_CHECKPOINT = re.compile(
    r"^(?P<origin>[^\n]+)\n(?P<size>0|[1-9][0-9]{0,15})\n(?P<root>[A-Za-z0-9+/]{43}=)\n"
    r"(?:[^\n]+\n){0,8}",
    re.MULTILINE,
)
_NOTE = re.compile(
    rf"(?P<text>{_CHECKPOINT.pattern})\n(?P<signatures>(?:— [^\n]+\n){{1,32}})", re.MULTILINE
)


def checkpoint_of(text: str) -> Checkpoint:
    """A checkpoint without signatures. Raises BadLog."""
    found = _CHECKPOINT.fullmatch(text)
    if found is None:
        raise BadLog("a checkpoint is an origin, a size and a root, a line each")
    root = base64.b64decode(found["root"])
    return Checkpoint(found["origin"], int(found["size"]), root, text)


def note_of(text: str) -> Checkpoint:
    """A checkpoint with its signatures. Raises BadLog."""
    found = _NOTE.fullmatch(text)
    if found is None:
        raise BadLog("a signed checkpoint is three lines, an empty one, and its signatures")
    return _signed(found)


def _signed(found: re.Match[str]) -> Checkpoint:
    read = checkpoint_of(found["text"])
    lines = found["signatures"].splitlines()
    return Checkpoint(read.origin, read.size, read.root, read.text, tuple(map(signature_of, lines)))


def notes_in(text: str) -> tuple[list[Checkpoint], str]:
    """The checkpoints that follow one another in a file, and the first piece that is none."""
    found, at, stray = [], 0, ""
    for match in _NOTE.finditer(text):
        stray = stray or text[at : match.start()].strip()
        at = match.end()
        try:
            found.append(_signed(match))
        except BadLog:
            stray = stray or match[0]
    return found, stray or text[at:].strip()


# proofs ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Proof:
    """That a leaf is in the tree of a checkpoint."""

    index: int
    leaf: bytes
    path: tuple[bytes, ...]
    checkpoint: Checkpoint

    @property
    def text(self) -> str:
        """As c2sp.org/tlog-proof, with the leaf as its extra data."""
        lines = [PROOF_HEAD, f"extra {base64.b64encode(self.leaf).decode()}", f"index {self.index}"]
        lines += [base64.b64encode(item).decode() for item in self.path]
        return "\n".join(lines) + f"\n\n{self.checkpoint.note}"

    def check(self, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
        """The keys that vouch for it. Raises BadLog where none does, or the path is wrong."""
        signers = self.checkpoint.signers(keys)
        if not any(key.name == self.checkpoint.origin for key in signers):
            raise BadLog(f"no known key of {self.checkpoint.origin} signed the checkpoint")
        root = root_of_inclusion(self.index, self.checkpoint.size, leaf_hash(self.leaf), self.path)
        if root != self.checkpoint.root:
            raise BadLog(
                f"leaf {self.index} is not the one under the checkpoint of {self.checkpoint.size}"
            )
        return signers


_PROOF = re.compile(
    rf"{re.escape(PROOF_HEAD)}\nextra (?P<extra>[A-Za-z0-9+/]+=*)\n"
    r"index (?P<index>0|[1-9][0-9]{0,15})\n(?P<path>(?:[A-Za-z0-9+/]{43}=\n){0,63})\n(?P<note>.+)",
    re.DOTALL,
)


def proof_of(text: str) -> Proof:
    """The proof that `Proof.text` says. Raises BadLog."""
    found = _PROOF.fullmatch(text)
    if found is None:
        raise BadLog(f"this is no proof: its first line is not {PROOF_HEAD}, or it is cut")
    try:
        leaf = base64.b64decode(found["extra"], validate=True)
    except ValueError:
        raise BadLog("the extra line of the proof is no base64") from None
    path = tuple(base64.b64decode(line) for line in found["path"].splitlines())
    return Proof(int(found["index"]), leaf, path, note_of(found["note"]))


# a proof of absence ------------------------------------------------------------------------------

ABSENCE_FORMAT = "lfrd-absence-1"
LISTED = "list.commit"
"""The action of the leaf that commits to who is on a list."""
POSITION_BYTES = 16
ABSENT = hashlib.sha256(b"").digest()
"""The hash of a subtree in which nobody is."""
ABSENCE_KEY_BITS, ABSENCE_EXPONENT = 2048, 65537
ABSENCE_PADDING, ABSENCE_HASH = PKCS1v15, SHA256
"""How a reference is signed: a scheme with one signature for each text, so that a reference has one
position and no other."""


def absence_text(list_id: str, reference: str) -> bytes:
    """What is signed of a reference."""
    plain = unicodedata.normalize("NFC", reference).strip()
    return f"lfrd absence\n{list_id}\n{plain}".encode()


def mark_of(signature: bytes) -> bytes:
    """What is kept of the signature of somebody who is on a list."""
    return hashlib.sha256(signature).digest()


def position_of(mark: bytes, salt: bytes) -> bytes:
    """Where that mark is in the tree of one version of a list, which has a salt of its own: so the
    positions of two versions do not look alike."""
    return hashlib.sha256(salt + mark).digest()[:POSITION_BYTES]


def bit_of(position: bytes, depth: int) -> int:
    """Which way a position goes below `depth`: 0 is left."""
    return position[depth >> 3] >> (7 - (depth & 7)) & 1


@dataclass(frozen=True, slots=True)
class AbsenceProof:
    """That a reference was not on a list when the leaf in `log` committed to it. `path` are the
    neighbours from the root down, `end` is the position that is where the reference's would be,
    empty where none is."""

    list_id: str
    reference: str
    key: bytes
    signature: bytes
    path: tuple[bytes, ...]
    end: bytes
    log: Proof

    @property
    def text(self) -> str:
        """As a line of JSON: the proof, and in `log` the leaf with its tlog-proof."""

        def words(*values: bytes) -> list[str]:
            return [base64.b64encode(value).decode() for value in values]

        key, signature, end = words(self.key, self.signature, self.end)
        return json.dumps(
            {"format": ABSENCE_FORMAT, "list": self.list_id, "reference": self.reference,
             "key": key, "signature": signature, "path": words(*self.path), "end": end,
             "log": self.log.text}, ensure_ascii=False,
        )  # fmt: skip

    @property
    def proof_bytes(self) -> int:
        """How large it is without the leaf and its proof, which all of that version share."""
        log = json.dumps(self.log.text, ensure_ascii=False)
        return len(self.text.encode()) - len(log.encode())

    def check(self, keys: Iterable[PublicKey]) -> tuple[PublicKey, ...]:
        """The keys that vouch for the leaf. Raises BadLog where it does not prove the absence."""
        signers = self.log.check(keys)
        try:
            leaf = json.loads(self.log.leaf)
            facts = leaf["payload"]
            told = (leaf["action"], facts["list"], facts["key"])
            salt, root = bytes.fromhex(facts["salt"]), bytes.fromhex(facts["root"])
        except (ValueError, KeyError, TypeError, RecursionError):
            raise BadLog("the leaf of this proof commits to no list") from None
        if told != (LISTED, self.list_id, hashlib.sha256(self.key).hexdigest()):
            raise BadLog("the leaf of this proof commits to another list, or to another key")
        self._check_signature()
        position = position_of(mark_of(self.signature), salt)
        self._check_end(position)
        if self._root(position) != root:
            raise BadLog(f"the proof does not lead to what the log says of list {self.list_id}")
        return signers

    def _check_signature(self) -> None:
        try:
            key = load_der_public_key(self.key)
        except (ValueError, UnsupportedAlgorithm):
            raise BadLog("the key of this proof is none") from None
        fitting = isinstance(key, RSAPublicKey) and key.key_size >= ABSENCE_KEY_BITS
        if not isinstance(key, RSAPublicKey) or not fitting:
            raise BadLog("the key of this proof is no RSA key of 2048 bits or more")
        if key.public_numbers().e != ABSENCE_EXPONENT:
            raise BadLog(f"the key of this proof has another exponent than {ABSENCE_EXPONENT}")
        try:
            text = absence_text(self.list_id, self.reference)
            key.verify(self.signature, text, ABSENCE_PADDING(), ABSENCE_HASH())
        except InvalidSignature:
            raise BadLog("this proof is about another reference: its signature is wrong") from None

    def _check_end(self, position: bytes) -> None:
        if len(self.path) > 8 * POSITION_BYTES:
            raise BadLog("the proof is longer than the tree is high")
        if not self.end:
            return
        if self.end == position:
            raise BadLog("this proves the contrary: the reference is on the list")
        if len(self.end) != POSITION_BYTES or any(
            bit_of(self.end, depth) != bit_of(position, depth) for depth in range(len(self.path))
        ):
            raise BadLog("the end of this proof is elsewhere in the tree")

    def _root(self, position: bytes) -> bytes:
        root = leaf_hash(self.end) if self.end else ABSENT
        for depth in reversed(range(len(self.path))):
            other = self.path[depth]
            root = node_hash(other, root) if bit_of(position, depth) else node_hash(root, other)
        return root


def absences_text(proofs: Iterable[AbsenceProof]) -> str:
    """A file of proofs, one for each list, a line each."""
    return "".join(f"{proof.text}\n" for proof in proofs)


def absence_of(text: str) -> AbsenceProof:
    """The proof that `AbsenceProof.text` says. Raises BadLog."""
    try:
        read = json.loads(text)
        if read["format"] != ABSENCE_FORMAT:
            raise BadLog(f"this is no proof of the format {ABSENCE_FORMAT}: take a newer lfrd")
        key, signature, end, *path = (
            base64.b64decode(item, validate=True)
            for item in (read["key"], read["signature"], read["end"], *read["path"])
        )
        if any(len(item) != HASH_BYTES for item in path):
            raise BadLog("a neighbour in the proof is no hash")
        names = read["list"], read["reference"]
        if not all(isinstance(name, str) for name in names):
            raise BadLog("list and reference of the proof are no texts")
        return AbsenceProof(*names, key, signature, tuple(path), end, proof_of(read["log"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadLog("this is no proof of absence, or it is cut") from None


# a record ----------------------------------------------------------------------------------------

RECORD_FORMAT = "lfrd-record-1"
PUBLISHED = "record.export"
"""The action of the leaf that holds the SHA-256 of a record as it was published."""
PLANNED = (
    "place", "purpose", "use_case", "profile", "policy_sha256", "documents", "detector_sha256",
    "recogniser_sha256", "planned_start_at_s",
)  # fmt: skip
"""What was decided before a deployment and is published as it is."""
ALERT_KINDS = (
    "true_confirmed", "true_unconfirmed", "false_confirmed", "false_unconfirmed", "unresolved",
    "pending",
)  # fmt: skip
ENGAGEMENTS = ("stopped", "no_action", "arrest", "safeguarding", "other")
_COUNTED = ("faces_seen", "faces_never_compared", "frames_searched", "frames_dropped")
_AUTHORITIES = ("deployment.authorise", "deployment.authorise-standing", "deployment.urgent")
OUTSIDE = "authority:"
"""What the principal of an authority from outside begins with."""
_BISECTIONS = 200

Fact = Any
"""A value of a leaf or of a record: JSON."""


def plan_digest(planned: Mapping[str, Fact]) -> str:
    """SHA-256 of the canonical JSON of what `PLANNED` names."""
    told = {name: planned[name] for name in PLANNED}
    text = json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(slots=True)
class _Alert:
    """What the leaves say of one alert. `given` are decisions that may still be taken back, by
    reviewer; `final` those that count, in the order in which they became final."""

    camera: str
    at_s: float
    latency_ms: float | None
    decoy: bool = False
    closed: bool = False
    given: dict[str, tuple[str, bool, float]] = field(default_factory=dict)
    final: list[tuple[str, str, bool, float]] = field(default_factory=list)
    done: dict[str, Fact] | None = None

    def kind(self, required: int) -> str:
        """Which of `ALERT_KINDS` it is. What was established on the spot outweighs what reviewers
        decided by the pictures."""
        if not self.closed:
            return "pending"
        identity = (self.done or {}).get("identity")
        if identity is not None:
            return "true_confirmed" if identity == "same" else "false_confirmed"
        words = {"match": "true_unconfirmed", "not_match": "false_unconfirmed"}
        return words.get(self._decided(required), "unresolved")

    def _decided(self, required: int) -> str:
        """The common decision of the first `required` reviewers; else what the first supervisor
        decided who was sure."""
        counted = [said for _, said, supervising, _ in self.final if not supervising]
        if len(counted) < required:
            return ""
        if len(set(counted[:required])) == 1:
            return counted[0]
        settled = (said for _, said, supervising, _ in self.final if supervising)
        return next((said for said in settled if said != "unsure"), "")


@dataclass(slots=True)
class _List:
    """A list that was compared with."""

    entries: int
    digest: str
    changes: int = 0
    made_of: dict[str, Fact] = field(default_factory=dict)
    erased_at_s: float | None = None


class Use:
    """One deployment as its leaves tell it, fed in their order; `figures` is what its record has
    to say. Leaves after `until_us` (Unix time in microseconds) count no more."""

    def __init__(self, deployment_id: str, until_us: int) -> None:
        self.leaves = 0
        self._id, self._until_us = deployment_id, until_us
        self._plan: dict[str, Fact] = {}
        self._authority: dict[str, Fact] = {
            "extensions": 0, "ratified_at_s": None, "outside": False,
        }  # fmt: skip
        self._authoriser: Fact = None
        self._absences = 0
        self._end: dict[str, Fact] = {}
        self._alerts: dict[int, _Alert] = {}
        self._lists: dict[str, _List] = {}
        self._cameras: dict[str, dict[str, Fact]] = {}
        self._thresholds: list[dict[str, Fact]] = []

    def add(self, index: int, leaf: Mapping[str, Fact]) -> None:
        """Take in leaf `index`. One that is of another deployment, or came later, changes nothing;
        raises BadLog for one that is not as this deployment's leaves are."""
        facts, action, at_us = leaf["payload"], str(leaf["action"]), int(leaf["at_us"])
        if at_us > self._until_us:
            return
        try:
            if action == "erasure.receipt" and facts.get("list") in self._lists:
                self._lists[facts["list"]].erased_at_s = at_us / 1e6
            elif facts.get("deployment") == self._id:
                self.leaves += 1
                self._take(action, index, at_us / 1e6, str(leaf["principal"]), facts)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise BadLog(
                f"leaf {index} ({action}) lacks what the record is computed from"
            ) from None

    def _take(self, action: str, index: int, at_s: float, by: str, facts: dict[str, Fact]) -> None:
        if "alert" in facts:
            self._of_alert(action, at_s, by, facts)
        elif action == "episode.raise":
            late = facts["latency_ms"]
            self._alerts[index] = _Alert(facts["camera"], at_s, late and float(late))
        elif action in _AUTHORITIES:
            self._authority |= {"authorised_at_s": at_s, "log_entry": index + 1}
            self._authority["urgent"] = action == "deployment.urgent"
            self._authority["standing"] = action == "deployment.authorise-standing"
            self._authoriser = facts.get("authorised_by", by)
            self._authority["lists"] = facts["lists"]
            self._from_outside(facts)
            self._plan["planned_end_at_s"] = facts.get("until_s")
        elif action == "deployment.team-away":
            self._absences += 1
        elif action == "deployment.ratify":
            self._authority["ratified_at_s"] = at_s
            self._from_outside(facts)
        elif action == "deployment.extend":
            self._authority["extensions"] += 1
            self._plan["planned_end_at_s"] = facts["until_s"]
        elif action == "deployment.threshold":
            self._thresholds.append({"at_s": at_s, **facts})
        else:
            self._of_run(action, at_s, by, facts)

    def _from_outside(self, facts: Mapping[str, Fact]) -> None:
        if str(facts.get("authorised_by", "")).startswith(OUTSIDE):
            self._authority["outside"] = True

    def _of_run(self, action: str, at_s: float, by: str, facts: dict[str, Fact]) -> None:
        if action == "deployment.start":
            self._plan |= {"started_at_s": at_s, "digest": facts["plan"]}
            self._plan["required"] = int(facts["reviewers"] or 1)
            self._authority["by_another_than_the_starter"] = self._authoriser != by
            self._authority["list_size_max"] = facts["list_size_max"]
            self._authority["street_team"] = bool(facts.get("street_team"))
            self._plan["tested"] = facts.get("tested", [])
        elif action == "deployment.snapshot":
            self._lists[facts["list"]] = _List(facts["entries"], facts["hash"])
        elif action == "deployment.snapshot-change":
            changed = self._lists[facts["list"]]
            changed.entries, changed.digest = facts["entries"], facts["hash"]
            changed.changes += 1
        elif action == "deployment.list":
            self._lists[facts["list"]].made_of = json.loads(facts["composition"])
        elif action == "deployment.counts":
            self._cameras[facts["camera"]] = facts
        elif action == "deployment.end":
            self._end = {"ended_at_s": at_s, **facts}

    def _of_alert(self, action: str, at_s: float, by: str, facts: dict[str, Fact]) -> None:
        alert = self._alerts[facts["alert"]]
        if action == "decoy.seed":
            alert.decoy = True
        elif action == "review.submit":
            alert.given[by] = (facts["decision"], bool(facts.get("supervising")), at_s)
        elif action == "review.undo":
            del alert.given[facts["reviewer"]]
        elif action == "review.final":
            alert.final.append((facts["reviewer"], *alert.given.pop(facts["reviewer"])))
        elif action in ("episode.close", "episode.lapse"):
            alert.closed = True
        elif action == "episode.engagement":
            alert.done = facts

    @property
    def planned(self) -> str:
        """The digest of what was planned."""
        return str(self._plan.get("digest"))

    def figures(self) -> dict[str, Fact]:
        """Every figure by its place in the record. Raises BadLog where the deployment, or its end,
        is not in these leaves."""
        if "started_at_s" not in self._plan or "threshold" not in self._end:
            raise BadLog(
                f"these leaves do not tell deployment {self._id} from its start to its end: it has "
                "not ended, ran under an earlier lfrd, or is of another log"
            )
        try:
            found = self._made()
        except (KeyError, TypeError, ValueError):
            raise BadLog(
                f"the leaves of deployment {self._id} are not as lfrd writes them"
            ) from None
        return dict(_flat(found))

    def _made(self) -> dict[str, Fact]:
        alerts = [alert for alert in self._alerts.values() if not alert.decoy]
        kinds = [alert.kind(self._plan["required"]) for alert in alerts]
        began_s, end = self._plan["started_at_s"], self._end
        lasted_s = end["ended_at_s"] - began_s
        return {
            "started_at_s": began_s, "ended_at_s": end["ended_at_s"], "end_reason": end["reason"],
            "planned_end_at_s": self._plan["planned_end_at_s"],
            "duration_min": _minutes(lasted_s), "threshold": float(end["threshold"]),
            "authority": self._authority, "thresholds": [_threshold(t) for t in self._thresholds],
            "software": end["software"], "independent_tests": self._plan["tested"],
            "downtime": {
                "paused_min": _minutes(float(end["paused_s"])),
                "away_min": _minutes(lasted_s - float(end["ran_s"])), "cut_offs": end["cut_offs"],
                "team_absences": self._absences,
            },
            "alerts": _alert_counts(kinds), "outcomes": _outcomes(alerts),
            "latency": _latency(alerts, kinds), "reviewers": _reviewers(alerts, kinds),
            **self._list_figures(), **self._camera_figures(alerts, kinds),
        }  # fmt: skip

    def _list_figures(self) -> dict[str, Fact]:
        lists = [self._lists[name] for name in sorted(self._lists)]
        by_category: Counter[str] = Counter()
        for item in lists:
            by_category[item.made_of.get("category") or "unknown"] += item.entries
        return {
            "watchlist_size": sum(item.entries for item in lists),
            "watchlist_by_category": dict(by_category),
            "watchlist_under_18": sum(item.made_of.get("under_18") or 0 for item in lists),
            "watchlists": [
                {**item.made_of, "entries": item.entries, "changes": item.changes,
                 "snapshot_sha256": item.digest, "erased_at_s": item.erased_at_s}
                for item in lists
            ],
        }  # fmt: skip

    def _camera_figures(self, alerts: list[_Alert], kinds: list[str]) -> dict[str, Fact]:
        cameras, rejected = [], Counter[str]()
        for name in sorted(self._cameras.keys() | {alert.camera for alert in alerts}):
            counts = self._cameras.get(name, {})
            active_s, down_s = (float(counts.get(key) or 0) for key in ("active_s", "down_s"))
            looks = dict(_reason(text) for text in counts.get("looks_rejected") or ())
            rejected.update(looks)
            cameras.append({
                "camera_id": name, "active_min": _minutes(active_s), "down_min": _minutes(down_s),
                "coverage": active_s / (active_s + down_s) if active_s + down_s else None,
                "looks_rejected": looks, **{key: counts.get(key, 0) for key in _COUNTED},
                "alerts": _alert_counts(
                    [kind for alert, kind in zip(alerts, kinds, strict=True)
                     if alert.camera == name]
                ),
            })  # fmt: skip
        faces = sum(camera["faces_seen"] for camera in cameras)
        false, true = (sum(kind.startswith(word) for kind in kinds) for word in ("false", "true"))
        decided = len(kinds) - kinds.count("pending")
        return {
            "cameras": cameras, "faces_seen": faces, "looks_rejected": dict(rejected),
            "faces_never_compared": sum(camera["faces_never_compared"] for camera in cameras),
            "false_alerts_of_faces": _rate(false, faces) if false <= faces else None,
            "false_alerts_of_alerts": _rate(false, decided),
            "true_alerts_of_alerts": _rate(true, decided),
        }  # fmt: skip


def _minutes(seconds: float) -> float:
    return round(max(0.0, seconds) / 60.0, 2)


def _reason(text: str) -> tuple[str, int]:
    why, _, count = text.rpartition(" ")
    return why, int(count)


def _threshold(facts: Mapping[str, Fact]) -> dict[str, Fact]:
    rates = ("threshold", "false_alert_rate", "false_alert_rate_lo", "false_alert_rate_hi")
    told = {name: float(facts[name]) for name in rates}
    return {**told, **{name: facts[name] for name in ("at_s", "references", "extrapolated")}}


def _alert_counts(kinds: list[str]) -> dict[str, int]:
    return {"total": len(kinds), **{kind: kinds.count(kind) for kind in ALERT_KINDS}}


def _outcomes(alerts: list[_Alert]) -> dict[str, Fact]:
    done = [alert.done for alert in alerts if alert.done is not None]
    kinds = [facts["kind"] for facts in done]
    return {
        **{kind: kinds.count(kind) for kind in ENGAGEMENTS},
        "none_recorded": len(alerts) - len(done),
        "engagement_min": sum(float(facts["minutes"]) for facts in done),
        "complaints": sum(facts["complaint"] for facts in done),
    }


def _latency(alerts: list[_Alert], kinds: list[str]) -> dict[str, Fact]:
    known = sorted(
        alert.latency_ms for alert, kind in zip(alerts, kinds, strict=True)
        if kind != "pending" and alert.latency_ms is not None
    )  # fmt: skip
    parts = {"p50_ms": 0.50, "p95_ms": 0.95, "p99_ms": 0.99}
    return {"n": len(known), **{
        name: known[max(0, math.ceil(part * len(known)) - 1)] if known else None
        for name, part in parts.items()
    }}  # fmt: skip


def _reviewers(alerts: list[_Alert], kinds: list[str]) -> list[dict[str, Fact]]:
    waits_s: dict[str, list[float]] = {}
    for alert, kind in zip(alerts, kinds, strict=True):
        for who, _, _, at_s in alert.final if kind != "pending" else ():
            waits_s.setdefault(who, []).append(at_s - alert.at_s)
    figures = sorted((-len(waits), statistics.median(waits)) for waits in waits_s.values())
    return [
        {"number": number, "decisions": -fewer, "median_s": median_s}
        for number, (fewer, median_s) in enumerate(figures, start=1)
    ]


def _rate(k: int, n: int) -> dict[str, Fact]:
    """`k` of `n` with its exact 95 % interval, found by bisection on the binomial sum itself."""

    def at(sums_to: float, events: int) -> float:
        low, high = 0.0, 1.0
        for _ in range(_BISECTIONS):
            middle = (low + high) / 2
            low, high = (middle, high) if _at_most(events, n, middle) > sums_to else (low, middle)
        return (low + high) / 2

    return {
        "k": k, "n": n, "value": k / n if k else None,
        "lo": at(0.975, k - 1) if k else 0.0, "hi": at(0.025, k) if k < n else 1.0,
        "at_most": at(0.05, 0) if n and not k else None,
    }  # fmt: skip


def _at_most(k: int, n: int, p: float) -> float:
    """The probability of at most `k` of `n` events of probability `p` each."""
    if p in (0.0, 1.0):
        return 1.0 - p
    whole = math.lgamma(n + 1)
    return math.fsum(
        math.exp(whole - math.lgamma(i + 1) - math.lgamma(n - i + 1)
                 + i * math.log(p) + (n - i) * math.log1p(-p))
        for i in range(k + 1)
    )  # fmt: skip


def _flat(value: Fact, place: str = "") -> Iterator[tuple[str, Fact]]:
    """Every single value with its place, such as `cameras.0.alerts.total`. What is empty is a
    value too, so that nothing is left out unseen."""
    items: Iterable[tuple[Fact, Fact]] = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
        yield f"{place}.length", len(value)
    else:
        yield place, value
    for name, inner in items:
        yield from _flat(inner, f"{place}.{name}" if place else str(name))


def _same(place: str, told: Fact, found: Fact) -> bool:
    """Whether a record says what the leaves do. Times in leaves are whole microseconds, and what is
    rounded may fall to either side."""
    plain = all(isinstance(item, int | float) and not isinstance(item, bool)
                for item in (told, found))  # fmt: skip
    if not plain:
        return bool(told == found)
    allowed = 1e-9 * abs(found)
    if place.endswith(("_at_s", ".at_s", "median_s")):
        allowed = 0.51 if place == "planned_end_at_s" else 1e-3
    elif place.endswith("_min"):
        allowed = 0.0101
    elif place.endswith((".lo", ".hi", ".at_most")):
        allowed = 1e-6 * abs(found)
    return bool(abs(told - found) <= allowed)


_NOT_IN_LEAVES = (
    "format", "made_at_s", "preliminary", "lab", "state", "counting_method", "deployment_id",
    "false_alerts_by_group", "audit", *PLANNED,
)  # fmt: skip
"""What is no figure, or is compared otherwise. Groups are a person's word about another one, and
are in no leaf: they add up to the false alerts, and the digest of what was published holds them."""


def _published_record(path: Path) -> tuple[dict[str, Fact], str]:
    """A record, and the SHA-256 of its file. Raises BadLog."""
    if not path.is_file():
        raise BadLog(f"there is no record {path}: `lfrd record export ID --json FILE` writes one")
    text = _small(path)
    try:
        read = json.loads(text)
        ok = read["format"] == RECORD_FORMAT and isinstance(read["deployment_id"], str)
        float(read["made_at_s"])
        if not ok or not isinstance(read["preliminary"], list):
            raise BadLog(f"{path} is no record of the format {RECORD_FORMAT}")
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadLog(
            f"{path} is no record: `lfrd record export ID --json FILE` writes one"
        ) from None
    read.setdefault("independent_tests", [])  # a record of an earlier lfrd says nothing of them
    if read["preliminary"]:
        why = "; ".join(map(str, read["preliminary"]))
        raise BadLog(f"{path} is preliminary ({why}): export it again when it is the last word")
    return read, hashlib.sha256(text.encode()).hexdigest()


class _RecordCheck:
    """A record that is held against the leaves of its deployment."""

    def __init__(self, path: Path) -> None:
        self._record, self._digest = _published_record(path)
        self._name = str(self._record["deployment_id"])
        self._mark = self._name.encode()
        self._use = Use(self._name, round(float(self._record["made_at_s"]) * 1e6))
        told = self._record.get("audit")
        self._log = told if isinstance(told, dict) else {}
        self._root: bytes | None = None
        self._exported: int | None = None

    def look(self, index: int, leaf: bytes, tree: Tree) -> None:
        """Take in a leaf, which is in the tree by now."""
        if tree.size == self._log.get("size"):
            self._root = tree.root
        if self._mark not in leaf and b'"list":' not in leaf:
            return
        try:
            read = json.loads(leaf)
            facts = read["payload"]
            if read["action"] == PUBLISHED and facts.get("sha256") == self._digest:
                self._exported = index
            self._use.add(index, read)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return  # what is no leaf, the hashes say

    def judge(self, found: "Verdict") -> None:
        """Say which figure is not what the leaves lead to."""
        figures = self._use.figures()
        found.figures, found.published = len(figures), self._exported
        told = dict(_flat({
            name: value for name, value in self._record.items() if name not in _NOT_IN_LEAVES
        }))  # fmt: skip
        for place in sorted(figures.keys() | told.keys()):
            says, leads_to = told.get(place), figures.get(place)
            if not _same(place, says, leads_to):
                found.bad(
                    f"record: {place} is {_short(says)}, and the leaves say {_short(leads_to)}"
                )
        self._judge_rest(found)

    def _judge_rest(self, found: "Verdict") -> None:
        if plan_digest(self._record) != self._use.planned:
            found.bad(f"record: of {', '.join(PLANNED)} something is not what was planned")
        groups = sum(item["false_alerts"] for item in self._record["false_alerts_by_group"])
        alerts = self._record["alerts"]
        if groups != alerts["false_confirmed"] + alerts["false_unconfirmed"]:
            found.bad("record: false_alerts_by_group does not add up to the false alerts")
        if self._root is None or self._root.hex() != self._log.get("root"):
            found.bad("record: audit is not the size and root that the log had at the end")
        if self._exported is None:
            found.bad(
                "record: no leaf says that this very file was published: it was changed, or the "
                "log was exported before the record was"
            )


def _short(value: Fact) -> str:
    return "missing" if value is None else _plain(json.dumps(value, ensure_ascii=False))[:80]


# an export ---------------------------------------------------------------------------------------


@dataclass(slots=True)
class Verdict:
    """What was found. `first_bad` is the place of the first leaf that is not what was logged, and
    `first_bad_before` bounds it where only the checkpoints around it are known."""

    origin: str = ""
    leaves: int = 0
    checkpoints: int = 0
    protected: int = 0
    """So many leaves, from the first on, are under a signed checkpoint."""
    cosigned: int = 0
    """So many are under a checkpoint that every witness asked for cosigned."""
    figures: int = 0
    """So many figures of a record were computed from the leaves."""
    published: int | None = None
    """The leaf that says that the record was published."""
    keys: tuple[str, ...] = ()
    first_bad: int | None = None
    first_bad_before: int | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems

    @property
    def tail(self) -> int:
        """Leaves that could be cut off without anybody seeing it."""
        return max(0, self.leaves - self.protected)

    def bad(self, problem: str, first: int | None = None, before: int | None = None) -> None:
        """Note a problem; of several places the first counts."""
        self.problems.append(problem)
        if first is not None and (self.first_bad is None or first < self.first_bad):
            self.first_bad, self.first_bad_before = first, before


def verify_export(
    folder: Path,
    keys: Sequence[PublicKey] = (),
    witnesses: Sequence[PublicKey] = (),
    copy: Path | None = None,
    record: Path | None = None,
) -> Verdict:
    """Check everything there is to check. `keys`: whose log it has to be; without them the keys in
    the export count, which shows that it is whole, and not whose it is. `copy`: checkpoints of the
    same log that were kept elsewhere. `record`: the published record of a deployment, whose figures
    are computed again from the leaves."""
    found = Verdict()
    try:
        held = None if record is None else _RecordCheck(record)
        _check(found, folder, keys, witnesses, copy, held)
        if held is not None:
            held.judge(found)
    except BadLog as error:
        found.bad(str(error))
    except OSError as error:
        found.bad(f"{error.filename} cannot be read: {error.strerror}")
    return found


def _check(
    found: Verdict,
    folder: Path,
    keys: Sequence[PublicKey],
    witnesses: Sequence[PublicKey],
    copy: Path | None,
    held: _RecordCheck | None,
) -> None:
    manifest = _manifest(folder)
    found.origin = manifest.origin
    trusted = _trusted(found.origin, _small(folder / KEYS), keys)
    found.keys = tuple(key.text for key in trusted)
    signed = _signed_by(found, folder / CHECKPOINTS, "checkpoint", trusted)
    found.checkpoints = len(signed)
    checks = signed + (_signed_by(found, copy, "kept checkpoint", trusted) if copy else [])
    for group in (signed, checks):
        group.sort(key=lambda item: item.checkpoint.size)
    renewed = _walk(found, folder, manifest, checks, held)
    _check_keys(found, trusted, signed, renewed)
    _check_witnesses(found, checks, witnesses)


def _trusted(origin: str, text: str, given: Sequence[PublicKey]) -> list[PublicKey]:
    """The keys that count, oldest first. Raises BadLog where the log is not that of those given."""
    own = [key_of(line) for line in text.splitlines() if line]
    known = [key for key in own if key in given] if given else own
    names = ", ".join(sorted({key.name for key in given or own}))
    if origin not in {key.name for key in given or own}:
        raise BadLog(
            f"this is the log {origin}, and the key is of {names}: a log of another installation"
        )
    if not known:
        raise BadLog(f"this log says that it is {origin}, and has other keys than the one given")
    return known


@dataclass(frozen=True, slots=True)
class _Check:
    """A checkpoint that the leaves have to lead to, and where it is from."""

    checkpoint: Checkpoint
    signer: PublicKey
    what: str


@dataclass(frozen=True, slots=True)
class _Manifest:
    origin: str
    leaves: int


def _small(path: Path) -> str:
    try:
        if path.stat().st_size > SMALL_FILE_MAX:
            raise BadLog(f"{path} is too large for what it is")
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadLog(f"{path} is missing: this is no whole export") from None
    except UnicodeDecodeError:
        raise BadLog(f"{path} is no text") from None


def _manifest(folder: Path) -> _Manifest:
    path = folder / MANIFEST
    try:
        read = json.loads(_small(path))
        if read["format"] != EXPORT_FORMAT:
            raise BadLog(f"{path} is of another format than {EXPORT_FORMAT}: take a newer lfrd")
        return _Manifest(str(read["origin"]), int(read["leaves"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise BadLog(f"{path} is damaged: this is no whole export") from None


def _signed_by(found: Verdict, path: Path, what: str, keys: Sequence[PublicKey]) -> list[_Check]:
    """The checkpoints in a file that a known key of this log signed; all others are problems."""
    notes, stray = notes_in(_small(path))
    if stray:
        found.bad(f"{path} holds what is no checkpoint, or half of one: {_plain(stray)[:60]}")
    checks = []
    for note in notes:
        if note.origin != found.origin:
            found.bad(f"{path} holds a {what} of another log: {_plain(note.origin)}")
            continue
        try:
            signer = next((key for key in note.signers(keys) if key.name == found.origin), None)
        except BadLog as error:
            found.bad(f"the {what} of {note.size} leaves in {path}: {error}")
            continue
        if signer is None:
            found.bad(f"the {what} of {note.size} leaves in {path} is signed by no known key")
        else:
            checks.append(_Check(note, signer, what))
    return checks


@dataclass(slots=True)
class _Walk:
    """Where the walk over the leaves is, and what it met."""

    tree: Tree = field(default_factory=Tree)
    leaves: int = 0
    fitting: int = 0
    """The size of the last checkpoint that fits."""
    differs: int | None = None
    """The first leaf that has not the hash which is kept of it."""
    broken: _Check | None = None
    """The first checkpoint that does not fit."""
    renewed: dict[str, int] = field(default_factory=dict)
    """Which key was announced where."""

    def compare(self, check: _Check) -> None:
        if self.broken is not None:
            return  # what follows a wrong one is wrong as well
        size, root = check.checkpoint.size, check.checkpoint.root
        if (size, root) == (self.tree.size, self.tree.root):
            self.fitting = size
        else:
            self.broken = check


def _walk(
    found: Verdict,
    folder: Path,
    manifest: _Manifest,
    checks: list[_Check],
    held: _RecordCheck | None,
) -> dict[str, int]:
    """Hash every leaf and compare; return which key was announced where."""
    walk, due = _Walk(), deque(checks)
    while due and due[0].checkpoint.size == 0:
        walk.compare(due.popleft())
    with (folder / LEAVES).open("rb") as leaves, (folder / HASHES).open("rb") as hashes:
        for index, (leaf, hashed) in enumerate(_pairs(leaves, hashes)):
            walk.leaves += leaf is not None
            if leaf is None or leaf_hash(leaf) != hashed:
                if walk.differs is None:
                    walk.differs = index
                    found.bad(_difference(index, leaf, hashed), index)
            elif _RENEWAL_MARK in leaf:
                walk.renewed[_renewed_key(leaf)] = index
            if hashed is not None:
                walk.tree.append(hashed)
                while due and due[0].checkpoint.size == walk.tree.size:
                    walk.compare(due.popleft())
            if held is not None and leaf is not None:
                held.look(index, leaf, walk.tree)
    found.leaves, found.protected = walk.leaves, walk.fitting
    _judge(found, walk, manifest, due)
    return walk.renewed


def _judge(found: Verdict, walk: _Walk, manifest: _Manifest, left: deque[_Check]) -> None:
    if walk.leaves < manifest.leaves:
        text = f"the export is cut: {walk.leaves} of its {manifest.leaves} leaves are here"
        found.bad(text, walk.leaves)
    if walk.broken is not None:
        _judge_broken(found, walk, walk.broken)
    elif left:
        last = left[-1]
        found.bad(
            f"the log is cut below a {last.what}: it is of {last.checkpoint.size} leaves, and "
            f"{walk.tree.size} are here", walk.tree.size,
        )  # fmt: skip


def _judge_broken(found: Verdict, walk: _Walk, check: _Check) -> None:
    begun, size = walk.fitting, check.checkpoint.size
    if begun == size:
        found.bad(f"two checkpoints of {size} leaves differ: the log was forked", 0, size)
    elif walk.differs is not None and begun <= walk.differs < size:
        found.bad(f"the {check.what} of {size} leaves does not fit either")
    else:
        found.bad(
            f"the {check.what} of {size} leaves does not fit: of the leaves {begun} to {size - 1} "
            "one was changed, dropped, exchanged or put in, together with its hash", begun, size,
        )  # fmt: skip


def _pairs(leaves: BinaryIO, hashes: BinaryIO) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Each leaf with its hash; None for what is not there any more."""
    while True:
        line, hashed = leaves.readline(LEAF_BYTES_MAX), hashes.read(HASH_BYTES)
        if not line and len(hashed) < HASH_BYTES:
            return
        leaf = line[:-1] if line.endswith(b"\n") else None
        yield leaf, hashed if len(hashed) == HASH_BYTES else None


def _difference(index: int, leaf: bytes | None, hashed: bytes | None) -> str:
    if leaf is None:
        return f"leaf {index} is missing or cut off"
    if hashed is None:
        return f"leaf {index} is one too many: it has no hash"
    return f"leaf {index} is not what was logged there: changed, dropped, exchanged or put in"


def _renewed_key(leaf: bytes) -> str:
    try:
        return str(json.loads(leaf)["payload"]["new"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _check_keys(
    found: Verdict, trusted: list[PublicKey], signed: list[_Check], renewed: dict[str, int]
) -> None:
    """A later key signs only after a leaf that announces it, and then the earlier ones do not."""
    order = [key.text for key in trusted]
    latest = 0
    for check in signed:
        place = order.index(check.signer.text)
        if place < latest:
            found.bad(
                f"the checkpoint of {check.checkpoint.size} leaves is signed by "
                f"{check.signer.brief}, which had been replaced"
            )
        if place > latest and renewed.get(check.signer.text, found.leaves) >= check.checkpoint.size:
            found.bad(
                f"the key {check.signer.brief} signed the checkpoint of {check.checkpoint.size} "
                "leaves, and no leaf before it says that the log goes on under that key"
            )
        latest = max(latest, place)


def _check_witnesses(found: Verdict, checks: list[_Check], witnesses: Sequence[PublicKey]) -> None:
    if not witnesses:
        return
    for check in checks:
        try:
            if len(set(check.checkpoint.signers(witnesses))) == len(set(witnesses)):
                found.cosigned = max(found.cosigned, check.checkpoint.size)
        except BadLog as error:
            found.bad(f"the checkpoint of {check.checkpoint.size} leaves: {error}")
    if not found.cosigned:
        found.bad("no checkpoint is cosigned by every witness that was asked for")


def verify_proof(path: Path, keys: Sequence[PublicKey]) -> tuple[Proof, tuple[PublicKey, ...]]:
    """The proof in a file, and the keys that vouch for it. Raises BadLog."""
    proof = proof_of(_small(path))
    return proof, proof.check(keys)


# the command -------------------------------------------------------------------------------------


def keys_given(words: Sequence[str]) -> list[PublicKey]:
    """Keys as they are given to a command: each a key, or a file with one a line. Raises BadLog."""
    found = []
    for word in words:
        text = word
        if word.count("+") < 2:
            text = _small(Path(word))
        found += [key_of(line) for line in text.splitlines() if line.strip()]
    return found


def add_options(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("path", type=Path, metavar="DIR", help="an export, or a .tlog-proof file")
    parser.add_argument(
        "--key", action="append", default=[],
        help="the log's public key as you were given it, or a file with one a line; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--witness", action="append", default=[],
        help="a witness's public key, or a file: the log must be cosigned by each",
    )  # fmt: skip
    parser.add_argument(
        "--copy", type=Path, help="checkpoints of this log that were kept elsewhere"
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE",
        help="a published record (JSON): its figures are computed again from the leaves",
    )  # fmt: skip


def report(options: argparse.Namespace) -> tuple[bool, str]:
    """Whether all is well, and what to print."""
    try:
        keys, witnesses = keys_given(options.key), keys_given(options.witness)
        if options.path.is_file():
            return _report_proof(options, keys, witnesses)
        found = verify_export(options.path, keys, witnesses, options.copy, options.record)
    except (BadLog, OSError) as error:
        return False, json.dumps({"good": False, "problems": [str(error)]}) if options.json else (
            f"BAD        {_plain(str(error))}"
        )
    if options.json:
        return found.good, json.dumps(
            {"good": found.good, "tail": found.tail, **asdict(found)}, ensure_ascii=False
        )
    return found.good, "\n".join(_lines(found, given=bool(keys), witnesses=len(witnesses)))


def _lines(found: Verdict, *, given: bool, witnesses: int) -> Iterator[str]:
    yield f"log        {_plain(found.origin)}"
    yield (
        f"leaves     {found.leaves}, of which {found.protected} are under "
        f"{found.checkpoints} signed checkpoints"
    )
    whose = "" if given else " (from the export itself: compare it with the one you were given)"
    for key in found.keys:
        yield f"key        {_plain(key)[:200]}{whose}"
    if witnesses:
        yield f"cosigned   {found.cosigned} leaves, by {witnesses} witness(es)"
    if found.tail:
        yield (
            f"tail       leaves {found.protected} to {found.leaves - 1} ({found.tail}) are after "
            "the last checkpoint and not protected yet"
        )
    else:
        yield "tail       none: every leaf is under a checkpoint"
    if found.figures:
        yield f"record     {found.figures} figures computed from the leaves" + (
            "" if found.published is None else f"; published, says leaf {found.published}"
        )
    for problem in found.problems:
        yield f"BAD        {_plain(problem)}"
    if found.first_bad is not None:
        before = found.first_bad_before
        yield f"first bad  {found.first_bad}" + (f" to {before - 1}" if before else "")
    yield "BAD" if found.problems else "ok"


def _report_proof(
    options: argparse.Namespace, keys: Sequence[PublicKey], witnesses: Sequence[PublicKey]
) -> tuple[bool, str]:
    if not keys:
        raise BadLog("a proof needs the log's public key: --key")
    if _small(options.path).startswith("{"):
        return _report_absence(options, keys, witnesses)
    proof, signers = verify_proof(options.path, [*keys, *witnesses])
    _want_all(witnesses, signers)
    if options.json:
        leaf = json.loads(proof.leaf)
        return True, json.dumps(
            {"good": True, "index": proof.index, "size": proof.checkpoint.size,
             "origin": proof.checkpoint.origin, "leaf": leaf}, ensure_ascii=False,
        )  # fmt: skip
    by = ", ".join(key.brief for key in signers)
    return True, "\n".join([
        f"log        {_plain(proof.checkpoint.origin)}",
        f"leaf       {proof.index} of {proof.checkpoint.size}, under a checkpoint signed by {by}",
        _plain(proof.leaf.decode("utf-8", "replace")), "ok",
    ])  # fmt: skip


def _want_all(witnesses: Sequence[PublicKey], signers: Sequence[PublicKey]) -> None:
    missing = [key.brief for key in witnesses if key not in signers]
    if missing:
        raise BadLog(f"the checkpoint is not cosigned by {', '.join(missing)}")


def _report_absence(
    options: argparse.Namespace, keys: Sequence[PublicKey], witnesses: Sequence[PublicKey]
) -> tuple[bool, str]:
    """Of proofs that a reference was on no list."""
    proofs = [absence_of(line) for line in _small(options.path).splitlines()]
    if len({proof.reference for proof in proofs}) != 1:
        raise BadLog("these proofs are about several references")
    found, lines = [], [f"log        {_plain(proofs[0].log.checkpoint.origin)}"]
    for proof in proofs:
        _want_all(witnesses, proof.check([*keys, *witnesses]))
        leaf = json.loads(proof.log.leaf)
        facts, at_s = leaf["payload"], leaf["at_us"] / 1e6
        found.append({"list": proof.list_id, "leaf": proof.log.index, "at_s": at_s,
                      "deployment": facts.get("deployment")})  # fmt: skip
        of = f", deployment {facts['deployment']}" if facts.get("deployment") else ""
        at = datetime.fromtimestamp(at_s, UTC)
        lines.append(_plain(
            f"absent     from list {proof.list_id}{of}: leaf {proof.log.index}, "
            f"{at:%Y-%m-%d %H:%M} UTC, {facts.get('entries')} entries"
        ))  # fmt: skip
    reference = proofs[0].reference
    if options.json:
        told = {"good": True, "reference": reference, "absent": found}
        return True, json.dumps(told, ensure_ascii=False)
    return True, "\n".join([lines[0], f"reference  {_plain(reference)}", *lines[1:], "ok"])


def _plain(text: str) -> str:
    """A text from outside, without what a terminal obeys."""
    return "".join(letter if letter.isprintable() else f"\\u{ord(letter):04x}" for letter in text)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check an exported log of lfrd.")
    add_options(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    good, text = report(parser.parse_args(arguments))
    print(text)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
