"""Check an exported log. This file needs nothing but Python and `cryptography`; it may be copied.

    python verify.py DIR [--key KEY] [--witness KEY] [--copy FILE] [--json]
    python verify.py LEAF.tlog-proof [--key KEY] [--witness KEY] [--json]

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
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

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
) -> Verdict:
    """Check everything there is to check. `keys`: whose log it has to be; without them the keys in
    the export count, which shows that it is whole, and not whose it is. `copy`: checkpoints of the
    same log that were kept elsewhere."""
    found = Verdict()
    try:
        _check(found, folder, keys, witnesses, copy)
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
    renewed = _walk(found, folder, manifest, checks)
    _check_keys(found, trusted, signed, renewed)
    _check_witnesses(found, signed, witnesses)


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
    found: Verdict, folder: Path, manifest: _Manifest, checks: list[_Check]
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


def _check_witnesses(found: Verdict, signed: list[_Check], witnesses: Sequence[PublicKey]) -> None:
    if not witnesses:
        return
    for check in signed:
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


def report(options: argparse.Namespace) -> tuple[bool, str]:
    """Whether all is well, and what to print."""
    try:
        keys, witnesses = keys_given(options.key), keys_given(options.witness)
        if options.path.is_file():
            return _report_proof(options, keys, witnesses)
        found = verify_export(options.path, keys, witnesses, options.copy)
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
    proof, signers = verify_proof(options.path, [*keys, *witnesses])
    missing = [key.brief for key in witnesses if key not in signers]
    if missing:
        raise BadLog(f"the checkpoint is not cosigned by {', '.join(missing)}")
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
