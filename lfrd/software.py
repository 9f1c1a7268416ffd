"""Which program this is: its version, and a digest of what it consists of."""

import functools
import hashlib
from pathlib import Path

from lfrd import __version__

PACKAGE = Path(__file__).parent


@functools.cache
def identity() -> str:
    """`VERSION sha256:DIGEST` over the names and contents of the package's own modules and rules,
    in the order of their names: equal ones are the same program."""
    digest = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*")):
        if path.suffix in {".py", ".toml", ".sql"}:
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(PACKAGE).as_posix()} {content}\n".encode())
    return f"{__version__} sha256:{digest.hexdigest()}"
