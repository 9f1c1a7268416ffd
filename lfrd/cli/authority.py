"""`lfrd authority new-key | sign`: for who authorises from outside. Needs no daemon.

Another program that makes signed notes (c2sp.org/signed-note) with an Ed25519 key does as well.
"""

import argparse
import os
from pathlib import Path

from lfrd.audit.signing import AUTHORITY_HEAD, SEED_BYTES, PrivateKey, private_key_of
from lfrd.audit.verify import ED25519, BadLog, is_name
from lfrd.cli.terminal import make_sure, note, say
from lfrd.errors import BadInput, UserError
from lfrd.tables import read_file

FILE_LIMIT_BYTES = 100_000


def run(options: argparse.Namespace) -> int:
    """Carry out one action."""
    return {"new-key": _new_key, "sign": _sign}[options.action](options)


def _new_key(options: argparse.Namespace) -> int:
    if not is_name(options.name):
        raise BadInput("a name has no spaces and no plus signs, such as court.example/authority")
    key = PrivateKey(options.name, ED25519, os.urandom(SEED_BYTES))
    try:
        handle = os.open(options.file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise BadInput(f"{options.file} is there already: name a new file") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(key.text + "\n")
    note(f"the private key is in {options.file}; the site sets under [authority] keys:")
    say(key.public.text)
    return 0


def _sign(options: argparse.Namespace) -> int:
    text = _text_of(options.request)
    try:
        key = private_key_of(_text_of(options.key))
    except BadLog:
        raise BadInput(f"{options.key} is no private key of `lfrd authority new-key`") from None
    if not text.startswith(f"{AUTHORITY_HEAD}\n") or "\n\n" in text:
        raise UserError(f"{options.request} is not what `lfrd deployment request-authority` prints")
    for line in text.splitlines():
        note("".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in line))
    make_sure(options, "This is what you authorise.")
    signed = f"{text}\n{key.sign(text).line}"
    if options.out is None:
        say(signed.removesuffix("\n"))
    else:
        options.out.write_text(signed, encoding="utf-8")
        note(f"written: {options.out}")
    return 0


def _text_of(path: Path) -> str:
    try:
        return read_file(path, FILE_LIMIT_BYTES).decode()
    except UnicodeDecodeError:
        raise BadInput(f"{path} is no text") from None
