"""The machine and the program on it: processor, models, disk, clock, versions."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from lfrd.config import Config
from lfrd.doctor.finding import Finding, fail, ok, warn
from lfrd.errors import ModelError, NotFound, StateError
from lfrd.governance.timekeeping import is_kept_by_network
from lfrd.process import processor_name, usable_cores
from lfrd.software import identity
from lfrd.store.sqlite import connect, vector_version
from lfrd.vision import packs

GIB = 1 << 30
ROOM_FAIL_BYTES, ROOM_WARN_BYTES = GIB // 4, 2 * GIB
INODES_WARN = 10_000
FEATURES = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "amx_bf16", "asimd")
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "fuse.sshfs", "afs",
     "fuse.glusterfs", "lustre", "beegfs", "fuse.s3fs", "fuse.rclone", "davfs", "ncpfs"}
)  # fmt: skip
RUNTIMES = ("onnxruntime", "onnxruntime-gpu")
TOLD_PACKAGES = (*RUNTIMES, "openvino", "av", "apsw-sqlite3mc", "sqlite-vec", "pyrage", "numpy")
UNITS = "lfrd*.[st]*"
UNIT_FOLDERS = (Path("/etc/systemd/system"), Path("/lib/systemd/system"))
ANALYZE_LIMIT_S, LINES_TOLD = 20.0, 3
MOUNTS = Path("/proc/self/mountinfo")


def cache_dir(config: Config) -> Path:
    """Where models are kept."""
    return config.models.cache_dir or packs.default_cache_dir()


def processor(config: Config) -> Iterator[Finding]:
    """What it can, and what the models run on because of that."""
    flags = set(_cpu_flags())
    has = [name for name in FEATURES if name in flags]
    cores = usable_cores()
    text = (
        f"{processor_name()}, {cores} processors may be used, {', '.join(has) or 'no extensions'}"
    )
    yield ok("processor", text)
    if platform.machine() in ("x86_64", "AMD64") and "avx2" not in flags:
        yield warn("processor", "it has no AVX2: models take several times as long",
                   "take a machine of the last ten years")  # fmt: skip
    from lfrd.vision.providers import remembered

    known = remembered(config.models.provider, _pack(config), cache_dir(config))
    if known is None:
        yield ok("provider", f"{config.models.provider}: measured at the next start")
    else:
        yield ok("provider", f"{known.provider}: {known.why}")


def runtime(config: Config) -> Iterator[Finding]:
    """Which package holds the module that runs the models: two of them overwrite each other."""
    there = [name for name in RUNTIMES if _version(name)]
    text = " and ".join(f"{name} {_version(name)}" for name in there)
    cuda = config.models.provider == "cuda"
    if len(there) > 1:
        wanted = RUNTIMES[int(cuda)]
        mend = (
            f"`{sys.executable} -m pip uninstall --yes {' '.join(there)}`, then "
            f"`{sys.executable} -m pip install --no-deps {wanted}=={_version(wanted)}`"
        )
        yield (fail if cuda else warn)(
            "runtime", f"{text} hold one module: the later was installed over the other", mend
        )
    elif cuda and RUNTIMES[1] not in there:
        yield fail("runtime", f"[models] provider is cuda, which {text or 'nothing here'} has not",
                   "install from requirements-cuda.txt, or choose another provider")  # fmt: skip
    else:
        yield ok("runtime", text)


def models(config: Config) -> Iterator[Finding]:
    """Each file of the pack in use against its digest."""
    try:
        pack = packs.load(config.models.pack, cache_dir(config))
    except NotFound as error:
        yield fail("models", str(error), "`lfrd models install …`, or another [models] pack")
        return
    except ModelError as error:
        yield fail("models", str(error), "remove the folder that it names, and start lfrd again")
        return
    yield ok("models", f"{pack.name}: {len(pack.manifest.files)} files are as they were installed "
                       f"(recogniser {pack.model_digest[:19]}…)")  # fmt: skip


def sqlite_vec(_: Config) -> Iterator[Finding]:
    """Whether the extension for vector search loads."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            connection = connect(Path(folder) / "x.db", None, vectors=True)
        except StateError as error:
            yield fail("sqlite-vec", str(error), "install lfrd again")
            return
        try:
            yield ok("sqlite-vec", f"{vector_version(connection)} loads")
        finally:
            connection.close()


def disk(config: Config) -> Iterator[Finding]:
    """Room and kind of the file systems that state and backups are on."""
    places = [("disk", config.site.state_dir), ("backup disk", config.backup.folder)]
    for what, path in places:
        if path is None:
            continue
        if not path.exists():
            yield warn(what, f"there is no {path} yet", "start lfrd once, or mount its disk")
            continue
        kind = file_system_of(path)
        if what == "disk" and kind in NETWORK_FILE_SYSTEMS:
            yield fail(what, f"{path} is on {kind}, where a lock or a sync means nothing",
                       "put the state folder on a local disk")  # fmt: skip
        free, inodes = shutil.disk_usage(path).free, os.statvfs(path).f_favail
        text = f"{path} on {kind or 'an unknown file system'}: {free / GIB:.1f} GiB free"
        if free < ROOM_FAIL_BYTES:
            yield fail(what, text, "free some space: writes fail soon")
        elif free < ROOM_WARN_BYTES:
            yield warn(what, text, "free some space")
        elif 0 < inodes < INODES_WARN:
            yield warn(what, f"{text}, and {inodes} files may be made", "delete small files")
        else:
            yield ok(what, text)


def file_system_of(path: Path, mounts: Path = MOUNTS) -> str | None:
    """The kind of the file system that a path is on, as the kernel names it (Linux)."""
    whole, best, kind = path.resolve(), Path("/"), None
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        before, _, after = line.partition(" - ")
        place = Path(before.split()[4].replace("\\040", " "))
        if whole.is_relative_to(place) and len(place.parts) >= len(best.parts):
            best, kind = place, after.split()[0]
    return kind


def clock(_: Config) -> Iterator[Finding]:
    """Whether network time keeps it."""
    if is_kept_by_network():
        yield ok("clock", "kept by network time")
    else:
        yield warn("clock", "the kernel does not know it to be kept by network time",
                   "`timedatectl set-ntp true`, or see to chrony")  # fmt: skip


def units(_: Config, folders: tuple[Path, ...] = UNIT_FOLDERS) -> Iterator[Finding]:
    """Whether systemd can read the units that are installed, and what was added to them."""
    analyze = shutil.which("systemd-analyze")
    found = sorted(path for folder in folders for path in folder.glob(UNITS) if path.is_file())
    if analyze is None or not found:
        return
    done = subprocess.run(  # noqa: S603  # words of ours, no shell
        [analyze, "verify", "--man=no", *found],
        capture_output=True, text=True, timeout=ANALYZE_LIMIT_S, check=False,
    )  # fmt: skip
    said = [line for line in done.stderr.splitlines() if "lfrd" in line]
    for line in said[:LINES_TOLD]:
        yield fail("units", line, "put it right; `systemctl edit lfrd` is for what is yours, and "
                                  "`sudo lfrd service install` writes ours anew")  # fmt: skip
    if not said:
        yield ok("units", f"{', '.join(path.name for path in found)} are understood by systemd")


def versions(_: Config) -> Iterator[Finding]:
    """What runs here."""
    found = [f"{name} {version}" for name in TOLD_PACKAGES if (version := _version(name))]
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    yield ok("versions", f"lfrd {identity()}, {system}, {', '.join(found)}")


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _pack(config: Config) -> packs.Pack:
    return packs.info(config.models.pack, cache_dir(config))


def _cpu_flags() -> list[str]:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return []
    found = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return next(found, "").split()
