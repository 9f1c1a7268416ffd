"""The site's own things: configuration, rights, keys, database, backups, ports, cameras, daemon."""

import os
import pwd
import socket
import stat
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lfrd.backup import horizons, keep, last
from lfrd.clock import stamp
from lfrd.config import CameraSection, Config, is_there
from lfrd.doctor.finding import Finding, fail, ok, warn
from lfrd.errors import LfrdError, StateError
from lfrd.governance import profile
from lfrd.ingest import address
from lfrd.store import erasures, examination, key_care
from lfrd.store.keys import MasterKey, load_master_key
from lfrd.store.migrate import migrations_folder, read_migrations
from lfrd.store.state_folder import StateFolder, refuse_others

CONNECT_LIMIT_S = 3.0
AT_ONCE = 16
LATE_S = 600.0
"""The sweeper comes every few seconds; what is due for longer than this it cannot do."""
FAR_S = 366 * 86_400.0


def permissions(config: Config) -> Iterator[Finding]:
    """Who may read what the daemon alone should."""
    path = config.site.state_dir
    if not path.exists():
        yield warn("permissions", f"there is no {path}", "start lfrd once")
        return
    owner = path.stat().st_uid
    if owner != os.geteuid():
        yield fail("permissions", f"{path} belongs to {_name_of(owner)}, and this is another user",
                   f"run `sudo -u {_name_of(owner)} lfrd doctor`")  # fmt: skip
        return
    refuse_others(path)
    foreign = [entry.name for entry in path.iterdir() if entry.stat().st_uid != owner]
    if foreign:
        yield fail("permissions", f"{', '.join(sorted(foreign)[:5])} in {path} belong to another "
                   "user", f"`chown {_name_of(owner)}` them")  # fmt: skip
    else:
        yield ok("permissions", f"{path} is {_name_of(owner)}'s alone")
    for camera in config.camera:
        for file in (camera.address_file, camera.password_file):
            if file is not None and file.is_absolute() and file.stat().st_mode & stat.S_IRWXO:
                yield fail("permissions", f"others may read {file}", f"`chmod o= {file}`")


def keys(config: Config) -> Iterator[Finding]:
    """The master key, the data keys, and their escrow."""
    folder = StateFolder(config.site.state_dir)
    if not folder.keys_path.exists():
        yield warn("keys", f"there is no {folder.keys_path}", "start lfrd once")
        return
    master = _master(folder)
    with key_care.reading_live(folder, master) as reader:
        lost = examination.lists_without_key(reader, folder, master)
    if lost:
        yield warn("keys", f"{lost} lists have lost their key, and with it their faces",
                   "delete these lists, and enrol their photos anew")  # fmt: skip
    else:
        yield ok("keys", f"the master key ({master.origin}) opens everything")
    escrow = config.keys.escrow
    if escrow is None:
        yield warn("escrow", "there is none: after a restore nobody can say who was erased since",
                   "set [keys] escrow, on the disk of the backups")  # fmt: skip
    elif not escrow.exists():
        yield fail("escrow", f"{escrow} is missing", "mount its disk; the daemon writes it anew")
    else:
        state = key_care.escrow_state(folder, master, escrow)
        if state:
            yield fail("escrow", f"{escrow} {state}", "`lfrd key escrow`, and see to its disk")
        else:
            yield ok("escrow", f"{escrow} holds the keys as they are")


def database(config: Config) -> Iterator[Finding]:
    """Schema, and what should be gone by now."""
    folder = StateFolder(config.site.state_dir)
    if not folder.database_path.exists():
        yield warn("database", f"there is no {folder.database_path}", "start lfrd once")
        return
    known, now_s = len(read_migrations(migrations_folder())), time.time()
    with key_care.reading_live(folder, _master(folder)) as reader:
        found = examination.examine(reader)
        if found.schema > known:
            yield fail("database", f"it has schema {found.schema}, this lfrd knows {known}",
                       "install the newer lfrd")  # fmt: skip
            return
        if found.schema < known:
            yield warn("database", f"it has schema {found.schema}, this lfrd knows {known}",
                       "`lfrd upgrade --check`; the next start brings it up to date")  # fmt: skip
            return
        yield ok("database", f"schema {found.schema}, {found.bytes:,} bytes, "
                             f"{found.leaves:,} entries in the log")  # fmt: skip
        yield from _due(now_s, horizons.horizons(
            reader, _policies(config), config.lists.expired_kept_h * 3600, now_s + FAR_S
        ), erasures.unfinished(reader))  # fmt: skip
        if found.last_log_s > now_s + LATE_S:
            yield fail("clock", f"the log ends in the future ({stamp(found.last_log_s)})",
                       "set the clock; or `lfrd clock accept --reason …`")  # fmt: skip
        if found.outbox_dead or found.outbox_late(now_s):
            yield warn("outbox", f"{found.outbox_dead} messages could not be delivered, and the "
                       f"oldest waits since {stamp(found.outbox_since_s or now_s)}",
                       "see to the systems that are told")  # fmt: skip
        elif found.has_outbox:
            yield ok("outbox", f"{found.outbox_waiting} messages wait")


def _due(
    now_s: float, due: dict[str, float], unfinished: list[erasures.Erasure]
) -> Iterator[Finding]:
    late = sum(1 for at_s in due.values() if at_s < now_s - LATE_S)
    stuck = [item for item in unfinished if item.asked_at_s < now_s - LATE_S]
    if late or stuck:
        yield fail("retention", f"{late} keys are past their time, {len(stuck)} erasures have no "
                   "receipt", "start lfrd, which erases what is due")  # fmt: skip
    else:
        yield ok("retention", f"nothing is past its time; {len(due)} keys have one ahead")


def backups(config: Config) -> Iterator[Finding]:
    """The last archive, and those that should be gone."""
    folder, rules, now_s = StateFolder(config.site.state_dir), config.backup, time.time()
    known = last.last_of(folder)
    if rules.folder is None:
        yield warn("backup", "none is configured", "set [backup] folder and recipients; enable "
                   "lfrd-backup.timer")  # fmt: skip
        return
    if not rules.recipients:
        yield fail("backup", "nobody could open one", "`lfrd key recipient FILE`, and name what it "
                   "prints in [backup] recipients")  # fmt: skip
    late = last.too_old(folder, rules, now_s)
    if late is not None or known is None:
        yield fail("backup", late or "", "run `lfrd backup`, and see to lfrd-backup.timer")
    elif not Path(known.path).exists():
        yield warn("backup", f"{known.path} is not there any more", "run `lfrd backup`")
    else:
        yield ok("backup", f"{known.path} of {stamp(known.made_at_s)} was opened again and checked")
    if known is not None and rules.folder.is_dir():
        header = keep.archives(rules.folder)
        gone = [path for path, item in header if item.expires_at_s <= now_s]
        if gone:
            yield warn("backup", f"{gone[0]} is past its time", "`lfrd backup` deletes it")


def ports(config: Config) -> Iterator[Finding]:
    """The socket and the loopback port."""
    path = config.socket_path
    if not is_there(path):
        yield ok("socket", f"{path}: no daemon runs")
    else:
        answers = _answers(socket.AF_UNIX, str(path))
        if answers:
            yield ok("socket", f"{path} answers")
        else:
            yield warn("socket", f"{path} is there, and nobody answers", "start lfrd")
    if config.api.tcp is not None:
        host, _, port = config.api.tcp.rpartition(":")
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        taken = _answers(family, (host.strip("[]"), int(port)))
        running = is_there(path) and _answers(socket.AF_UNIX, str(path))
        if taken and not running:
            yield fail("port", f"{config.api.tcp} is another program's", "choose another [api] tcp")
        else:
            yield ok("port", f"{config.api.tcp} is {'ours' if taken else 'free'}")


def cameras(config: Config) -> Iterator[Finding]:
    """Whether each camera that the configuration or the database names can be reached."""
    named = {camera.id: _address_of(camera) for camera in config.camera}
    folder = StateFolder(config.site.state_dir)
    if folder.database_path.exists():
        with key_care.reading_live(folder, _master(folder)) as reader:
            named |= examination.cameras(reader)
    if not named:
        yield warn("cameras", "there is none", "`lfrd camera add ID ADDRESS`")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(_reach, named.keys(), named.values())


def _address_of(camera: CameraSection) -> str:
    try:
        return camera.whole_address()
    except LfrdError:
        return camera.address or ""


def _reach(camera_id: str, text: str) -> Finding:
    what = f"camera {camera_id}"
    mend = "is it on, and in this network? Then `lfrd camera test`"
    if not text:
        return warn(what, "its address lies in a credential that only the service reads",
                    "`lfrd camera list` says how it is")  # fmt: skip
    try:
        parsed = address.parse(text)
        if parsed.kind in (address.Kind.RTSP, address.Kind.WHEP, address.Kind.MJPEG):
            host, port = address.host_and_port(parsed)
            with socket.create_connection((host, port), CONNECT_LIMIT_S):
                return ok(what, f"{host} answers on port {port}")
    except socket.gaierror:
        return fail(what, "its host has no address", "see to DNS, or name the camera by its number")
    except OSError as error:
        return fail(what, f"it cannot be reached: {error.strerror or 'no answer in time'}", mend)
    except LfrdError as error:
        return fail(what, str(error), "`lfrd camera change`")
    return ok(what, "it connects to us, or is a file")


def _answers(family: int, place: str | tuple[str, int]) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(place)
        except OSError:
            return False
        return True


def _master(folder: StateFolder) -> MasterKey:
    if not folder.database_path.exists():
        raise StateError(f"there is no {folder.database_path}: start lfrd once")
    return load_master_key(folder)


def _policies(config: Config) -> profile.SitePolicies:
    rules = config.policy
    return profile.for_site(rules.profile, rules.tightened, allow_lab=rules.allow_lab)


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"
