"""A list as one encrypted file: to take it to another site, or to keep it beside the daemon.

    LFRDLIST1 LF ‖ salt[16] ‖ frame, frame, ... ‖ last frame
    frame = length u32 big-endian ‖ nonce[12] ‖ AES-256-GCM ciphertext

The key is scrypt(passphrase, salt) with n = 2^15, r = 8, p = 1 (RFC 7914). Each frame's associated
data is its number and whether it is the last, so that a missing, moved or cut-off frame does not
open. The first frame is the list as JSON; each one after it a row as JSON, LF, and the photo as it
was given; the last is empty. Written and read frame by frame.
"""

import asyncio
import functools
import json
import os
import struct
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from lfrd.errors import BadInput, NotFound
from lfrd.lists.table import Row
from lfrd.store import reference_images
from lfrd.store import watchlists as stored
from lfrd.store.audit import AuditClass
from lfrd.store.database import Database
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import Entry

MAGIC = b"LFRDLIST1\n"
SALT_BYTES, NONCE_BYTES, KEY_BYTES = 16, 12, 32
FRAME_LIMIT_BYTES = 64_000_000


@dataclass(frozen=True, slots=True)
class ArchivedList:
    """What the archive says of the list itself; how many photos follow."""

    name: str
    category: str
    purpose: str
    owner: str
    colour: str
    margin: float
    expires_at_s: float | None
    photos: int


class ArchiveWriter:
    """Makes the bytes of an archive, piece after piece."""

    def __init__(self, passphrase: str) -> None:
        self._salt = os.urandom(SALT_BYTES)
        self._cipher = AESGCM(_key(passphrase, self._salt))
        self._number = 0

    def start(self, listed: ArchivedList) -> bytes:
        """The beginning of the file."""
        return MAGIC + self._salt + self._frame(json.dumps(asdict(listed)).encode(), last=False)

    def row(self, row: Row, photo: bytes) -> bytes:
        """One photo of one entry."""
        return self._frame(json.dumps(asdict(row)).encode() + b"\n" + photo, last=False)

    def end(self) -> bytes:
        """The end of the file."""
        return self._frame(b"", last=True)

    def _frame(self, plain: bytes, *, last: bool) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, plain, _label(self._number, last=last))
        self._number += 1
        return struct.pack(">I", len(nonce) + len(sealed)) + nonce + sealed


class ArchiveSource:
    """An archive as the source of an import. It is gone through once to learn its rows and that it
    is whole; each photo is then read again from its place."""

    notes: Sequence[str] = ()

    def __init__(self, path: Path, passphrase: str) -> None:
        try:
            self._file: BinaryIO = path.open("rb")
        except OSError as error:
            raise BadInput(f"the archive {path} cannot be read: {error.strerror}") from None
        self.name = path.name
        self._reading = threading.Lock()
        try:
            self._cipher = self._open(passphrase)
            self._places: dict[int, tuple[int, int]] = {}
            self.listed, self.rows = self._index()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> "ArchiveSource":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def photo(self, row: Row) -> bytes:
        """The photo of a row; for any thread, several rows are read at once."""
        place, frame = self._places[row.number]
        with self._reading:
            self._file.seek(place)
            plain = self._frame(frame)
        assert plain is not None
        return plain.partition(b"\n")[2]

    def _open(self, passphrase: str) -> AESGCM:
        start = self._file.read(len(MAGIC) + SALT_BYTES)
        if not start.startswith(MAGIC) or len(start) != len(MAGIC) + SALT_BYTES:
            raise BadInput(f"{self.name} is not an archive of a list")
        salt = start[len(MAGIC) :]
        self.sha256 = salt.hex() * 2  # one export is one source; the salt is its name
        return AESGCM(_key(passphrase, salt))

    def _index(self) -> tuple[ArchivedList, Sequence[Row]]:
        first = self._frame(0)
        if first is None:
            raise BadInput(f"{self.name} is cut off")
        listed = ArchivedList(**json.loads(first))
        rows = list(self._rows())
        if len(rows) != listed.photos:
            raise BadInput(f"{self.name} holds {len(rows)} photos instead of {listed.photos}")
        return listed, rows

    def _rows(self) -> Iterator[Row]:
        frame = 1
        while True:
            place = self._file.tell()
            plain = self._frame(frame)
            if plain is None:
                return
            row = Row(**json.loads(plain.partition(b"\n")[0]))
            self._places[row.number] = (place, frame)
            yield row
            frame += 1

    def _frame(self, number: int) -> bytes | None:
        """The plain bytes of the frame at the file's position; None for the last one."""
        head = self._file.read(4)
        length = struct.unpack(">I", head)[0] if len(head) == 4 else 0
        sealed = self._file.read(length) if NONCE_BYTES < length <= FRAME_LIMIT_BYTES else b""
        if len(sealed) != length or not length:
            raise BadInput(f"{self.name} is cut off or damaged at frame {number}")
        for last in (False, True):
            try:
                plain = self._cipher.decrypt(
                    sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _label(number, last=last)
                )
            except InvalidTag:
                continue
            return None if last else plain
        reason = "the passphrase is wrong" if number == 0 else f"frame {number} is damaged"
        raise BadInput(f"{self.name} does not open: {reason}")


def _key(passphrase: str, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=KEY_BYTES, n=2**15, r=8, p=1).derive(passphrase.encode())


def _label(number: int, *, last: bool) -> bytes:
    return f"lfrd list frame {number} {'last' if last else 'more'}".encode()


@dataclass(frozen=True, slots=True)
class _Planned:
    entry: Entry
    photo_ids: tuple[str, ...]


async def export_list(
    database: Database, watchlist_id: str, passphrase: str, reason: str, *, principal: str
) -> AsyncIterator[bytes]:
    """The pieces of a list's archive; photos in quarantine stay behind.

    The disclosure is logged first. What is erased while the archive is being made is left out, and
    then the archive says of itself that it is not whole. Raises NotFound.
    """
    listed, plan = await database.write(
        lambda tx: _begin(tx, watchlist_id, reason), principal=principal
    )
    writer = await asyncio.to_thread(ArchiveWriter, passphrase)
    return _pieces(database, writer, listed, plan)


async def _pieces(
    database: Database, writer: ArchiveWriter, listed: ArchivedList, plan: tuple[_Planned, ...]
) -> AsyncIterator[bytes]:
    yield writer.start(listed)
    number = 0
    for item in plan:
        for photo_id in item.photo_ids:
            number += 1
            try:
                photo = await database.read(
                    functools.partial(reference_images.open_image, image_id=photo_id)
                )
            except NotFound:
                continue
            yield writer.row(_row(number, item.entry, photo_id), photo)
    yield writer.end()


def _begin(
    tx: Transaction, watchlist_id: str, reason: str
) -> tuple[ArchivedList, tuple[_Planned, ...]]:
    row = stored.get(tx, watchlist_id)
    plan = tuple(_Planned(entry, _photos(tx, entry)) for entry in stored.entries(tx, watchlist_id))
    photos = sum(len(item.photo_ids) for item in plan)
    tx.audit(
        AuditClass.DISCLOSURE,
        "watchlist.export",
        (watchlist_id, *(item.entry.id for item in plan)),
        {"photos": photos, "reason": reason},
    )
    listed = ArchivedList(
        row.name, row.category.value, row.purpose, row.owner, row.colour, row.margin,
        row.expires_at_s, photos,
    )  # fmt: skip
    return listed, plan


def _photos(reader: Reader, entry: Entry) -> tuple[str, ...]:
    found = reference_images.of_entry(reader, entry.id)
    return tuple(photo.id for photo in found if photo.quarantined_at_s is None)


def _row(number: int, entry: Entry, photo_id: str) -> Row:
    return Row(
        number, entry.reference, photo_id, entry.basis, entry.source, entry.reviewer,
        entry.under_18, entry.under_18_reason, entry.margin, entry.expires_at_s,
        entry.status_checked_at_s, entry.person_id,
    )  # fmt: skip
