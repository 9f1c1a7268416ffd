"""`lfrd key rotate | escrow | abandon`: on the state folder itself, not through a daemon."""

import argparse
import os
import pwd
from pathlib import Path

from lfrd.audit.verify import ED25519, ML_DSA_44
from lfrd.cli.outputs import refuse_folder
from lfrd.cli.terminal import make_sure, note, say
from lfrd.clock import SystemClock
from lfrd.config import Config
from lfrd.errors import BadInput, StateError
from lfrd.store import key_care
from lfrd.store.keys import MasterKey, load_master_key, read_key
from lfrd.store.state_folder import StateFolder


async def run(options: argparse.Namespace, config: Config) -> int:
    """Carry out one action."""
    folder = StateFolder(config.site.state_dir)
    if options.action == "recipient":
        return _recipient(options)
    if options.action == "escrow":
        return _escrow(options, config, folder)
    with folder:  # no daemon runs meanwhile
        master = _current(options, folder)
        if options.action == "rotate":
            _rotate(options, config, folder, master)
        else:
            make_sure(options, f"Every face that was sealed before in {folder.path} is given up.")
            await key_care.abandon(folder, master, SystemClock())
            say(
                "lfrd goes on without the lost keys.db: every record can be read, and no face that "
                "was sealed before. Delete the lists, and enrol their photos anew."
            )
    return 0


async def renew_audit_key(options: argparse.Namespace, config: Config) -> int:
    """`lfrd audit renew-key`: the log goes on under a new key, and says so."""
    reason = options.reason.strip()
    if not reason:
        raise BadInput("say why: --reason …")
    with StateFolder(config.site.state_dir) as folder:  # no daemon runs meanwhile
        if not folder.database_path.exists():
            raise StateError(f"there is no {folder.database_path}: start lfrd once")
        new = await key_care.renew_audit_key(
            folder, load_master_key(folder, os.environ), SystemClock(), reason,
            ALGORITHMS[options.algorithm],
            principal=f"user:{pwd.getpwuid(os.getuid()).pw_name}",
        )  # fmt: skip
    say(new.text)
    note("the log goes on under this key: give it to whoever checks the log, beside the old one")
    return 0


ALGORITHMS = {"ed25519": ED25519, "ml-dsa-44": ML_DSA_44}


def _rotate(
    options: argparse.Namespace, config: Config, folder: StateFolder, master: MasterKey
) -> None:
    outside = master.origin != str(folder.master_key_path)
    if outside and options.new_key is None:
        raise BadInput(
            f"the current key is {master.origin}: give --new-key FILE, and put that file in its "
            "place afterwards"
        )
    new = read_key(options.new_key) if options.new_key else None
    key_care.rotate(folder, master, new)
    if new is None:
        say(f"{folder.master_key_path} is new, and everything is under it: keep a copy of it")
    else:
        say(f"everything is under {options.new_key} now: start lfrd with that key only")
    if config.keys.escrow is not None:
        key_care.escrow(folder, new or load_master_key(folder), config.keys.escrow)


def _recipient(options: argparse.Namespace) -> int:
    refuse_folder(options.file)
    from lfrd.backup.sealing import Identity  # the other actions do without

    pair = Identity.new()
    pair.save(options.file)
    say(pair.recipient.text)
    note(
        f"{options.file} opens every archive that is made for this recipient: take it off this "
        "machine, and name the recipient in [backup] recipients"
    )
    return 0


def _escrow(options: argparse.Namespace, config: Config, folder: StateFolder) -> int:
    path: Path | None = options.file or config.keys.escrow
    if path is None:
        raise BadInput("say where: `lfrd key escrow FILE`, or keys.escrow in the configuration")
    refuse_folder(path)
    key_care.escrow(folder, _current(options, folder), path)
    say(f"{path} holds the keys as they are now")
    if path != config.keys.escrow:
        say(
            "a key that is destroyed later stays readable in this copy: set keys.escrow, so that "
            "the daemon overwrites it"
        )
    return 0


def _current(options: argparse.Namespace, folder: StateFolder) -> MasterKey:
    return read_key(options.key) if options.key else load_master_key(folder, os.environ)
