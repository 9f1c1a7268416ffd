"""`lfrd backup` and `lfrd restore`: on the state folder itself."""

import argparse
import json
import os
import pwd
import sys
from pathlib import Path

from lfrd.backup import archive, make
from lfrd.backup import restore as restoring
from lfrd.backup.restore import Restored, Sources
from lfrd.backup.sealing import IDENTITY_BYTES, Identity, Recipient, identities_in
from lfrd.cli.progress import step
from lfrd.cli.terminal import note, say
from lfrd.clock import SystemClock, stamp
from lfrd.config import Config
from lfrd.errors import BadInput, StateError
from lfrd.store.keys import MasterKey, credential_key, load_master_key, read_key
from lfrd.store.state_folder import StateFolder

NOBODY_LOGGED_IN = 0xFFFFFFFF
"""What the kernel has for a process of a timer or a service."""

SHOWN = 20
"""References of a closed list that are printed; `--json` has all."""


def make_archive(options: argparse.Namespace, config: Config) -> int:
    """`lfrd backup`."""
    folder = StateFolder(config.site.state_dir)
    _demand_owner(folder)
    target: Path | None = options.target or config.backup.folder
    if target is None:
        raise BadInput("say where: `lfrd backup FILE|DIR`, or [backup] folder in the configuration")
    recipients = [Recipient.of(text) for text in options.recipient or config.backup.recipients]
    master = read_key(options.key) if options.key else load_master_key(folder)
    os.nice(10)  # the daemon comes first
    with step() as shown:
        made = make.make(
            folder, master, config, target, recipients, SystemClock().wall_s(), shown, _caller()
        )
    if options.json:
        say(
            json.dumps(
                {
                    "path": str(made.path), **made.header.model_dump(), "sha256": made.sha256,
                    "seconds": round(made.seconds, 3),
                    "deleted": [str(path) for path in made.deleted],
                }
            )
        )  # fmt: skip
    else:
        say(make.told(made))
    return 0


async def restore(options: argparse.Namespace, config: Config) -> int:
    """`lfrd restore`. Exit code 0 also where lists are closed: that is said."""
    identities = _identities(options.identity)
    if options.check:
        return _check(options, identities)
    folder = StateFolder(config.site.state_dir)
    if folder.path.exists():
        _demand_owner(folder)
    sources = Sources(
        options.escrow or config.keys.escrow, options.checkpoints or config.audit.copy_to
    )
    for path in (options.escrow, options.checkpoints):
        if path is not None and not path.exists():
            raise BadInput(f"there is no {path}")
    principal = f"user:{pwd.getpwuid(os.getuid()).pw_name}"
    credential: MasterKey | None = credential_key()
    with step() as shown:
        restored = await restoring.restore(
            options.file, identities, folder.path, sources, SystemClock(), principal, credential,
            shown,
        )  # fmt: skip
    say(_as_json(restored) if options.json else _as_text(restored, folder.path))
    return 0


def _caller() -> make.By:
    try:
        login = Path("/proc/self/loginuid").read_text().strip()
    except OSError:
        login = str(NOBODY_LOGGED_IN)
    return make.By(
        f"user:{_user(os.getuid())}",
        "" if int(login) == NOBODY_LOGGED_IN else _user(int(login)),
    )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _check(options: argparse.Namespace, identities: list[Identity]) -> int:
    with step() as shown:
        shown("reading the archive")
        manifest = restoring.check(options.file, identities)
    if options.json:
        say(manifest.model_dump_json())
    else:
        say(f"{options.file} is whole: {archive.described(manifest.header)}")
    return 0


def _demand_owner(folder: StateFolder) -> None:
    """Files of another user in the folder would keep the daemon from starting."""
    try:
        owner = folder.path.stat().st_uid
    except OSError as error:
        raise StateError(f"the state folder {folder.path} cannot be used: {error}") from None
    if owner != os.geteuid():
        name = _user(owner)
        raise StateError(
            f"{folder.path} belongs to {name}: run this as that user, `sudo -u {name} lfrd …`"
        )


def _identities(path: Path) -> list[Identity]:
    if str(path) == "-":
        return identities_in(sys.stdin.read(IDENTITY_BYTES), "standard input")
    try:
        with path.open(encoding="ascii", errors="replace") as file:
            return identities_in(file.read(IDENTITY_BYTES), str(path))
    except OSError as error:
        raise BadInput(f"the identity {path} cannot be read: {error.strerror}") from None


def _as_json(restored: Restored) -> str:
    again = restored.reapplied
    return json.dumps(
        {
            "made_at_s": restored.header.made_at_s, "lists": restored.lists,
            "entries": restored.entries, "episodes": restored.episodes,
            "keys_past": restored.keys_past,
            "erased_again": {
                "lists": again.lists, "entries": again.entries, "photos": again.photos,
                "episodes": again.episodes,
            },
            "vouched_by": restored.vouched_by,
            "closed": [
                {"list": item.name, "references": list(item.references)}
                for item in restored.closed
            ],
            "log_key": restored.log_key, "pack": restored.pack,
        }
    )  # fmt: skip


def _as_text(restored: Restored, folder: Path) -> str:
    again = restored.reapplied
    lines = [
        f"{folder} is as it was at {stamp(restored.header.made_at_s)}: {restored.lists} lists with "
        f"{restored.entries} entries, {restored.episodes} episodes; models {restored.pack}",
    ]
    if restored.keys_past:
        lines.append(f"{restored.keys_past} keys were not brought back: their time is over")
    if restored.vouched_by is not None:
        lines.append(
            f"erased again: {again.lists} lists, {again.entries} entries, {again.photos} photos, "
            f"the faces of {again.episodes} episodes, as said by {restored.vouched_by}"
        )
    for item in restored.closed:
        shown = ", ".join(item.references[:SHOWN])
        more = len(item.references) - SHOWN
        lines.append(
            f"CLOSED: nobody can say who was taken off {item.name!r} since: {shown}"
            + (f" and {more} more" if more > 0 else "")
        )
    if restored.closed:
        lines.append(
            "no face is compared with these lists before a supervisor has looked them over: "
            "`lfrd watchlist confirm NAME`"
        )
    lines += [
        f"the log goes on under a new key: {restored.log_key}",
        f"its configuration, without secrets, is in {folder / restoring.CONFIG_NAME}",
    ]
    note("start lfrd; if the old machine was stolen, first `lfrd key rotate`")
    return "\n".join(lines)
