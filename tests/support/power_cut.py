"""The power is cut: what a daemon had written and not synced is lost, or torn.

A daemon writes under strace, which records each write, sync and change of a name in its state
folder. What a disk may hold after a cut at some moment is made from that: everything before the
last sync of a file; of each later write all, nothing, or some of its sectors; of later changes of
names the first so many. (After Pillai et al., "All File Systems Are Not Created Equal", OSDI 2014,
for a file system that keeps changes of names in their order, as ext4 and XFS do.)
"""

import asyncio
import random
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lfrd.demo.clip import listed_photo
from lfrd.errors import LfrdError
from lfrd.store.keys import KeyStore, load_master_key
from lfrd.store.sqlite import connect
from lfrd.store.state_folder import StateFolder
from lfrd.vocabulary import Category
from lfrd.wire.lists import EntryCreate, WatchlistCreate
from support.faulty_site import NOWHERE, Site, add_cameras, deploy, enrol_somebody, log_of, site
from support.store import opened

SECTOR = 512
WRITING_S = 5.0
CUTS_A_TRACE = 25
STARTED_EVERY = 8
"""So often the daemon itself is started on what is left; the others are opened by the store."""
CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename"
STRACE = ("strace", "-D", "-f", "--seccomp-bpf", "-qq", "-ttt", "-y", "-xx", "-s", "2000000",
          "-e", f"trace={CALLS}", "-e", "signal=none", "-o")  # fmt: skip


@dataclass(slots=True)
class PowerToll:
    """Over all cuts so far."""

    cuts: int = 0
    acknowledged: int = 0
    writes_hurt: int = 0
    damaged: int = 0
    started: int = 0
    control: int = 0
    """What is lost or damaged where no sync is heeded: that this can be seen at all."""
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Op:
    """One call, in the order in which they were done. `other` is the new name of a rename."""

    at_s: float
    call: str
    path: str
    data: bytes = b""
    place: int | None = None
    other: str = ""


@dataclass(frozen=True, slots=True)
class Ack:
    """What the daemon said is there (`gone`: is not there any more), from `at_s` on."""

    at_s: float
    kind: str
    subject: str


async def cut_once(folder: Path, toll: PowerToll, rng: random.Random, cuts: int) -> None:
    """One daemon, and the cuts of up to CUTS_A_TRACE moments of its life."""
    base, state = folder / "base", folder / "state"
    if not base.exists():
        async with site(state) as at:
            await add_cameras(at.client, {"gate": NOWHERE})
            await deploy(at, await enrol_somebody(at.client))
            await at.end()
        shutil.copytree(state, base, ignore=shutil.ignore_patterns("*.sock"))
    trace = folder / "trace"
    async with site(state, prefix=(*STRACE, str(trace)), limit_s=60) as at:
        acks = await _write(at, random.Random(rng.random()))
        at.process.kill()
        await at.process.wait()
    await asyncio.sleep(0.5)  # the tracer writes the last lines
    ops = await asyncio.to_thread(lambda: list(read_trace(trace, state)))
    assert any(op.call == "sync" for op in ops), "nothing was recorded"
    for _ in range(min(CUTS_A_TRACE, cuts - toll.cuts)):
        moment = rng.randrange(1, len(ops))
        left = folder / "left"
        shutil.rmtree(left, ignore_errors=True)
        toll.writes_hurt += await asyncio.to_thread(
            make_left, base, left, ops[:moment], rng, str(state)
        )
        before = [ack for ack in acks if ack.at_s <= ops[moment].at_s]
        requested = {ack.subject for ack in before if ack.kind == "asked"}
        await _look(left, before, requested, toll)
        toll.cuts += 1
        toll.acknowledged += len(before)
    toll.control += await _without_syncs(folder, ops, acks, rng)


async def _without_syncs(folder: Path, ops: list[Op], acks: list[Ack], rng: random.Random) -> int:
    """How much would be lost or damaged at the end if nothing had been synced."""
    left, toll = folder / "control", PowerToll(cuts=1)
    shutil.rmtree(left, ignore_errors=True)
    unsynced = [op for op in ops if op.call != "sync"]
    await asyncio.to_thread(make_left, folder / "base", left, unsynced, rng, str(folder / "state"))
    try:
        await _look(left, acks, {ack.subject for ack in acks if ack.kind == "asked"}, toll)
    except LfrdError:
        return 1
    return len(toll.lost)


async def _write(at: Site, rng: random.Random) -> list[Ack]:
    """Lists, entries, photos, erasures; each noted once it was acknowledged."""
    acks: list[Ack] = []
    photo = listed_photo()
    end_s = time.monotonic() + WRITING_S

    def ack(kind: str, subject: str) -> None:
        acks.append(Ack(time.time(), kind, subject))

    while time.monotonic() < end_s:
        made = await at.client.create_watchlist(
            WatchlistCreate(name=f"l{rng.getrandbits(60):x}", category=Category.TEST,
                            purpose="test", owner="test")
        )  # fmt: skip
        ack("watchlist", made.id)
        entry = await at.client.add_entry(
            made.id, EntryCreate(reference="e", basis="test", source="test")
        )
        acks.append(Ack(time.time(), "entry", f"{entry.id} {made.id}"))
        if rng.random() < 0.5:
            added = await at.client.add_photo(entry.id, photo, "photo.jpg")
            acks.append(Ack(time.time(), "reference_image", f"{added.id} {made.id}"))
        if rng.random() < 0.4:
            ack("asked", made.id)
            await at.client.delete_watchlist(made.id)
            ack("gone", made.id)
    return acks


async def _look(left: Path, acks: list[Ack], asked: set[str], toll: PowerToll) -> None:
    toll.damaged += len(found := _damaged(left))
    toll.lost += found
    if found:
        return
    if toll.cuts % STARTED_EVERY == 0:
        async with site(left) as at:
            await at.is_whole()
            await at.end()
        assert "Traceback" not in log_of(left)
        toll.started += 1
    async with opened(left) as database:
        for kind in ("watchlist", "entry", "reference_image"):
            there = set(await database.read(lambda r, k=kind: r.column(f"SELECT id FROM {k}")))
            for ack in acks:
                subject, _, owner = ack.subject.partition(" ")
                if ack.kind == kind and subject not in there and (owner or subject) not in asked:
                    toll.lost.append(f"{kind} {subject}")
                if ack.kind == "gone" and kind == "watchlist" and subject in there:
                    toll.lost.append(f"watchlist {subject} came back")


def _damaged(state: Path) -> list[str]:
    folder = StateFolder(state)
    master = load_master_key(folder, {})
    found = []
    with KeyStore(folder, master):
        pass  # what the journal of keys.db has to take back is taken back
    for path in (folder.database_path, folder.keys_path, folder.index_path):
        journal = "persist" if path == folder.keys_path else "wal"
        connection = connect(path, master.derive(f"pages of {path.name}"), journal=journal,
                             vectors=True)  # fmt: skip
        if (said := connection.value("PRAGMA quick_check")) != "ok":
            found.append(f"{path.name} is damaged: {said}")
        connection.close()
    return found


_LINE = re.compile(r"^(\d+) +(\d+\.\d+) (.*)$")
_RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
_CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)", re.DOTALL)


def read_trace(trace: Path, state: Path) -> Iterator[Op]:
    """The calls of a trace that succeeded and are about the state folder."""
    begun: dict[str, str] = {}
    with trace.open(errors="replace") as lines:
        for line in lines:
            if (found := _LINE.match(line.rstrip("\n"))) is None:
                continue
            pid, at_s, text = found.groups()
            if text.endswith("<unfinished ...>"):
                begun[pid] = text.removesuffix("<unfinished ...>")
                continue
            if (resumed := _RESUMED.match(text)) is not None:
                text = begun.pop(pid, "") + resumed.group(2)
            if (call := _CALL.match(text)) is not None and int(call.group(3)) >= 0:
                op = _op(float(at_s), call.group(1), call.group(2), int(call.group(3)), state)
                if op is not None:
                    yield op


def _op(at_s: float, call: str, given: str, result: int, state: Path) -> Op | None:
    texts = [_plain(text) for text in re.findall(r'"((?:[^"\\]|\\.)*)"', given)]
    if call in ("unlink", "rename", "openat"):
        name = texts[0].decode()
        other = texts[1].decode() if call == "rename" else ""
        if not name.startswith(f"{state}/") or (call == "openat" and "O_CREAT" not in given):
            return None
        return Op(at_s, "create" if call == "openat" else call, name, other=other)
    found = re.match(r"\d+<([^>]*)>", given)
    if found is None:
        return None
    path = _plain(found.group(1)).decode() if "\\x" in found.group(1) else found.group(1)
    if path != str(state) and not path.startswith(f"{state}/"):
        return None
    last = given.rpartition(", ")[2]
    if call == "pwrite64":
        return Op(at_s, "write", path, texts[0][:result], int(last))
    if call == "write":
        return Op(at_s, "write", path, texts[0][:result])
    if call == "ftruncate":
        return Op(at_s, "truncate", path, place=int(last))
    return Op(at_s, "sync", path)


def _plain(text: str) -> bytes:
    """The bytes of a string that strace printed with -xx."""
    return bytes.fromhex(text.replace("\\x", ""))


def make_left(base: Path, left: Path, ops: list[Op], rng: random.Random, state: str) -> int:
    """What a disk may hold after these calls and a cut; how many writes were lost or torn."""
    disk = {path.relative_to(base).as_posix(): path.read_bytes()
            for path in base.rglob("*") if path.is_file()}  # fmt: skip
    waiting: dict[str, list[Op]] = {}
    names: list[Op] = []
    now = {name: bytearray(content) for name, content in disk.items()}
    for op in ops:
        name = op.path[len(state) + 1 :]
        if op.call == "sync":
            for change in names:
                _rename(disk, change, state)
            names.clear()
            if name in now:
                disk[name] = bytes(now[name])
                waiting.pop(name, None)
        elif op.call in ("write", "truncate"):
            _apply(now.setdefault(name, bytearray()), op)
            waiting.setdefault(name, []).append(op)
        else:
            names.append(op)
            _rename(now, op, state)
            if op.call == "rename":
                waiting[op.other[len(state) + 1 :]] = waiting.pop(name, [])
    for change in names[: rng.randint(0, len(names))]:
        _rename(disk, change, state)
    hurt = 0
    for name, content in disk.items():
        held = bytearray(content)
        hurt += sum(_maybe(held, op, rng) for op in waiting.get(name, []))
        path = left / name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_bytes(held)
        path.chmod(0o600)
    left.chmod(0o700)
    return hurt


def _rename(names: "dict[str, bytes] | dict[str, bytearray]", op: Op, state: str) -> None:
    name = op.path[len(state) + 1 :]
    if op.call == "create":
        names.setdefault(name, type(next(iter(names.values())))())  # type: ignore[arg-type]
    elif name in names:
        content = names.pop(name)
        if op.call == "rename":
            names[op.other[len(state) + 1 :]] = content  # type: ignore[assignment]


def _apply(held: bytearray, op: Op) -> None:
    if op.call == "truncate":
        assert op.place is not None
        del held[op.place :]
        held.extend(bytes(op.place - len(held)))
        return
    begin = len(held) if op.place is None else op.place
    if len(held) < begin + len(op.data):
        held.extend(bytes(begin + len(op.data) - len(held)))
    held[begin : begin + len(op.data)] = op.data


def _maybe(held: bytearray, op: Op, rng: random.Random) -> bool:
    """Do a call that was not synced, or not, or in part; whether it was hurt."""
    fate = rng.random()
    if fate < 0.4:
        _apply(held, op)
        return False
    if fate > 0.8 and op.call == "write" and op.place is not None:
        for at in range(0, len(op.data), SECTOR):
            if rng.random() < 0.5:
                part = op.data[at : at + SECTOR]
                _apply(held, Op(op.at_s, "write", op.path, part, op.place + at))
    return True
