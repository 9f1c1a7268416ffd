"""An export as it is written: a folder that appears whole or not at all. See `lfrd.audit.verify`.

On its way it is one text: a line of JSON that begins it, a line for each leaf (the hash that is
kept of it, a space, the leaf), and `end`, without which it is cut.
"""

import binascii
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from lfrd.audit.verify import (
    CHECKPOINTS,
    EXPORT_FORMAT,
    HASH_BYTES,
    HASHES,
    KEYS,
    LEAVES,
    MANIFEST,
    BadLog,
    Verdict,
    verify_export,
)

END = b"end"
_HASH = re.compile(rb"[0-9a-f]{%d}" % (2 * HASH_BYTES))


@dataclass(frozen=True, slots=True)
class Head:
    """What an export begins with: public keys and checkpoints as texts, oldest first."""

    origin: str
    leaves: int
    keys: tuple[str, ...]
    checkpoints: tuple[str, ...]

    @property
    def line(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode() + b"\n"


def head_of(line: bytes) -> Head:
    """Raises BadLog."""
    try:
        read = json.loads(line)
        return Head(
            str(read["origin"]),
            int(read["leaves"]),
            tuple(read["keys"]),
            tuple(read["checkpoints"]),
        )
    except (ValueError, KeyError, TypeError):
        raise BadLog("what came is no export of a log") from None


def leaf_line(leaf: bytes, hashed: bytes) -> bytes:
    return hashed.hex().encode() + b" " + leaf + b"\n"


class ExportWriter:
    """Takes the text of an export in pieces, and writes its files into a draft folder."""

    def __init__(self, draft: Path) -> None:
        self._draft = draft
        self._rest = b""
        self._head: Head | None = None
        self._written = 0
        self._ended = False
        self._leaves = (draft / LEAVES).open("wb")
        self._hashes = (draft / HASHES).open("wb")

    @property
    def share(self) -> float:
        """How much of it came, 0 to 1."""
        return 0.0 if self._head is None else self._written / max(1, self._head.leaves)

    def feed(self, piece: bytes) -> None:
        """Raises BadLog for what is no export."""
        *lines, self._rest = (self._rest + piece).split(b"\n")
        for line in lines:
            if self._ended:
                raise BadLog("the export goes on after its end")
            if self._head is None:
                self._head = head_of(line)
            elif line == END:
                self._ended = True
            else:
                self._add(line)

    def _add(self, line: bytes) -> None:
        hashed, _, leaf = line.partition(b" ")
        if not _HASH.fullmatch(hashed):
            raise BadLog("a line of the export has no hash")
        self._hashes.write(binascii.unhexlify(hashed))
        self._leaves.write(leaf + b"\n")
        self._written += 1

    def close(self) -> None:
        for file in (self._leaves, self._hashes):
            file.close()

    def finish(self) -> Verdict:
        """Write what is left, and check all of it. Raises BadLog where it is cut or wrong."""
        self.close()
        head = self._head
        if head is None or not self._ended or self._written != head.leaves:
            whole = f" of {head.leaves}" if head else ""
            raise BadLog(f"the export was cut off: {self._written}{whole} leaves came")
        (self._draft / CHECKPOINTS).write_text("\n".join(head.checkpoints), encoding="utf-8")
        (self._draft / KEYS).write_text("".join(f"{key}\n" for key in head.keys), encoding="utf-8")
        manifest = {"format": EXPORT_FORMAT, "origin": head.origin, "leaves": head.leaves}
        (self._draft / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        found = verify_export(self._draft)
        if not found.good:
            raise BadLog(f"the log that came is not in order: {found.problems[0]}")
        for name in (LEAVES, HASHES, CHECKPOINTS, KEYS, MANIFEST, "."):
            _sync(self._draft / name)
        return found


@contextmanager
def export_folder(folder: Path) -> Iterator[ExportWriter]:
    """Where an export is written; it gets its name when the block ends. Raises FileExistsError
    where there is something by that name, also where it came to be meanwhile."""
    if folder.exists():
        raise FileExistsError(folder)
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    writer = ExportWriter(draft)
    try:
        yield writer
        draft.rename(folder)  # fails where another export was faster: a folder that is not empty
        _sync(folder.parent)
    except OSError as error:
        if folder.exists():
            raise FileExistsError(folder) from error
        raise
    finally:
        writer.close()
        shutil.rmtree(draft, ignore_errors=True)


def whole(head: Head, leaves: Sequence[tuple[bytes, bytes]]) -> bytes:
    """The text of a small export."""
    lines = [leaf_line(leaf, hashed) for leaf, hashed in leaves]
    return b"".join([head.line, *lines, END + b"\n"])


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
