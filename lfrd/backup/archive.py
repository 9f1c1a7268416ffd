"""One archive: a line in the clear that says what it is and until when it may be opened, then a tar
file under age. `tail -n +2 FILE | age -d -i KEY | tar t` lists it without lfrd.

    lfrd.db      a consistent copy, its pages under the master key
    keys.db      the data keys as they are, wrapped by the master key
    master.key   the master key itself
    horizons     when each key is to be gone, where that is before the archive's own end
    config.toml  the configuration without secrets
    log          the newest signed checkpoint of the log
    curves/      measured thresholds
    manifest     the digest of each, and the first line once more; it is the last
"""

import hashlib
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lfrd.backup.sealing import Identity, Recipient, opened, seal
from lfrd.clock import stamp
from lfrd.errors import BadInput, StoreFailed
from lfrd.store.state_folder import sync_file, sync_folder

VERSION = 1
SUFFIX = ".lfrd"
HEADER_BYTES = 8_192
MANIFEST = "manifest"
MANIFEST_BYTES = 1 << 20
DATABASE, KEYS, MASTER, HORIZONS, CONFIG, LOG = (
    "lfrd.db", "keys.db", "master.key", "horizons", "config.toml", "log",
)  # fmt: skip
NAMES = frozenset({DATABASE, KEYS, MASTER, HORIZONS, CONFIG, LOG})
CURVES = "curves/"
PIECE_BYTES = 1 << 20
SYNC_BYTES = 8 << 20
"""So much at most waits for the disk: what the daemon writes waits behind it."""


class Header(BaseModel):
    """The first line. Nothing in it is secret."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    format: Literal["lfrd-backup"] = "lfrd-backup"
    version: int = VERSION
    lfrd: str
    schema_number: int
    installation: str
    made_at_s: float
    expires_at_s: float
    """When the last key in it is to be gone: from then on its faces are not restored."""
    size_bytes: int = Field(ge=0)
    """Of what is in it."""
    recipients: tuple[str, ...]


class Manifest(BaseModel):
    """The last member."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    header: Header
    sha256: dict[str, str]
    log_size: int
    """How many leaves the log had."""
    pack: str
    """The models that its faces are compared by."""


def read_header(path: Path) -> tuple[Header, int]:
    """The first line of an archive, and where the rest begins. Raises BadInput."""
    try:
        with path.open("rb") as file:
            line = file.readline(HEADER_BYTES)
    except OSError as error:
        raise BadInput(f"{path} cannot be read: {error.strerror}") from None
    try:
        known = json.loads(line)
        version = known["version"] if known["format"] == "lfrd-backup" else None
    except (ValueError, KeyError, TypeError):
        version = None
    if not isinstance(version, int) or not line.endswith(b"\n"):
        raise BadInput(f"{path} is no archive of `lfrd backup`")
    if version > VERSION:
        raise BadInput(
            f"{path} was made by a newer lfrd ({known.get('lfrd')}, form {version}; this one knows "
            f"{VERSION}): install that version to restore it"
        )
    try:
        return Header.model_validate(known), len(line)
    except ValidationError:
        raise BadInput(f"{path} is no whole archive of `lfrd backup`") from None


def write(
    path: Path,
    header: Header,
    members: Mapping[str, Path],
    recipients: Sequence[Recipient],
    *,
    log_size: int,
    pack: str,
) -> None:
    """Write an archive; it has its name once it is whole and on the disk. Raises StoreFailed."""
    draft = path.with_name(path.name + ".partial")
    try:
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)
        with draft.open("r+b") as file:
            file.write(header.model_dump_json().encode() + b"\n")
            packed = _Packed(members, header, log_size, pack)
            seal(packed, _Synced(file), recipients)
        sync_file(draft)
        draft.rename(path)
        sync_folder(path.parent)
    except OSError as error:
        raise StoreFailed(f"{path} cannot be written: {error.strerror}") from error
    except StoreFailed as error:
        full = "No space left" in str(error)
        mend = "the disk is full; free some space, or name another folder" if full else str(error)
        raise StoreFailed(f"{path} cannot be written: {mend}") from error
    finally:
        draft.unlink(missing_ok=True)


class _Synced:
    """A file that is brought to the disk piece by piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._waiting = 0

    def write(self, data: bytes) -> int:
        self._waiting += self._file.write(data)
        if self._waiting >= SYNC_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        self._file.flush()
        sync_file(Path(self._file.name))
        self._waiting = 0


class _Packed:
    """The tar file, made while it is read."""

    def __init__(
        self, members: Mapping[str, Path], header: Header, log_size: int, pack: str
    ) -> None:
        self._pieces = _pieces(members, header, log_size, pack)
        self._left = b""

    def read(self, size: int, /) -> bytes:
        while not self._left:
            try:
                self._left = next(self._pieces)
            except StopIteration:
                return b""
        out, self._left = self._left[:size], self._left[size:]
        return out


def _pieces(
    members: Mapping[str, Path], header: Header, log_size: int, pack: str
) -> Iterator[bytes]:
    digests = {}
    for name, path in members.items():
        size, digest = path.stat().st_size, hashlib.sha256()
        yield _tar_header(name, size)
        with path.open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                digest.update(piece)
                yield piece
        yield _padding(size)
        digests[name] = digest.hexdigest()
    last = Manifest(header=header, sha256=digests, log_size=log_size, pack=pack)
    text = last.model_dump_json().encode()
    yield _tar_header(MANIFEST, len(text)) + text + _padding(len(text)) + bytes(1024)


def _tar_header(name: str, size: int) -> bytes:
    item = tarfile.TarInfo(name)
    item.size, item.mode = size, 0o600
    return item.tobuf(tarfile.PAX_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % tarfile.BLOCKSIZE)


def unpack(path: Path, identities: Sequence[Identity], into: Path | None) -> Manifest:
    """Open an archive, write what is in it into a folder (None: nowhere), and hold each member
    against its digest. Raises BadInput where it is not whole, StoreFailed."""
    header, start = read_header(path)
    digests: dict[str, str] = {}
    manifest: Manifest | None = None
    with path.open("rb") as file:
        file.seek(start)
        try:
            with (
                opened(file, identities, str(path)) as plain,
                tarfile.open(fileobj=plain, mode="r|") as tar,
            ):
                for item in tar:
                    content = tar.extractfile(item)
                    if content is None or not _is_known(item.name) or item.name in digests:
                        raise BadInput(f"{path} holds something that is of no archive of lfrd")
                    if item.name == MANIFEST:
                        manifest = _manifest(path, content.read(MANIFEST_BYTES))
                    else:
                        digests[item.name] = _take_out(content, item.name, into)
        except tarfile.TarError:
            raise BadInput(f"{path} is no archive of `lfrd backup`") from None
    if manifest is None or manifest.header != header or manifest.sha256 != digests:
        raise BadInput(
            f"{path} was altered, or is not whole: take another copy of it, or an earlier archive"
        )
    return manifest


def _is_known(name: str) -> bool:
    inner = name.removeprefix(CURVES)
    is_curve = name.startswith(CURVES) and "/" not in inner and inner not in ("", ".", "..")
    return name in NAMES or name == MANIFEST or is_curve


def _manifest(path: Path, text: bytes) -> Manifest:
    try:
        return Manifest.model_validate_json(text)
    except ValidationError:
        raise BadInput(f"{path} has a list of contents that cannot be read") from None


def _take_out(content: IO[bytes], name: str, into: Path | None) -> str:
    digest = hashlib.sha256()
    target = None
    try:
        if into is not None:
            (into / name).parent.mkdir(mode=0o700, exist_ok=True)
            (into / name).touch(mode=0o600)
            target = (into / name).open("r+b")
        while piece := content.read(PIECE_BYTES):
            digest.update(piece)
            if target is not None:
                target.write(piece)
    except OSError as error:
        raise StoreFailed(f"{into} cannot be written: {error.strerror}") from error
    finally:
        if target is not None:
            target.close()
    return digest.hexdigest()


def described(header: Header) -> str:
    """What an archive is, for people."""
    return (
        f"made {stamp(header.made_at_s)} by lfrd {header.lfrd} (schema {header.schema_number}), "
        f"{header.size_bytes:,} bytes; faces until {stamp(header.expires_at_s)}"
    )
