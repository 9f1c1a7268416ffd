"""Does in a booted Debian what docs/administrator.md tells an administrator to do, and tries what
the units promise. `packaging/boot.sh` starts it there as root, after the package was installed; it
needs the standard library alone.

    python3 administrator.py administrator.md
"""

import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
"""Its language, which commands have none of, and its text."""
CONFIG = Path("/etc/lfrd/lfrd.toml")
DROP_IN = Path("/etc/systemd/system/lfrd.service.d/try.conf")
STATE = Path("/var/lib/lfrd")
ROLES = {
    "lfrd": ["-u", "lfrd"],
    "anna": ["-u", "anna"],
    "reader": ["-u", "lfrd", "-g", "lfrd-admin"],
}
"""`reader` may read the configuration too."""
BY_THE_PACKAGE = "the Debian package has done it; `make wheel-test` does it"


def commands(document: str) -> Iterator[str]:
    """The command lines of a document, without what they are for."""
    for language, block in BLOCK.findall(document):
        for line in () if language else block.replace("\\\n", " ").splitlines():
            text = re.sub(r"^sudo (-u \S+ )?(-g \S+ )?", "", line.split(" #")[0].strip())
            if text:
                yield text


def run(
    *words: str | Path, user: str = "root", stdin: str = "", codes: tuple[int, ...] = (0,)
) -> str:
    """Run a command to its end; what it printed. Ends the whole where its code is not expected."""
    who = [] if user == "root" else ["sudo", *ROLES[user]]
    begun_s = time.monotonic()
    done = subprocess.run(
        [*who, *map(str, words)], input=stdin, capture_output=True, text=True, timeout=300
    )
    said = f"{done.stdout}{done.stderr}".strip()
    print(f"{done.returncode} {time.monotonic() - begun_s:5.1f} s  {' '.join(map(str, words))}")
    if done.returncode not in codes:
        journal = subprocess.run(
            ["/bin/journalctl", "-u", "lfrd*", "-n", "30", "--no-pager"],
            capture_output=True, text=True,
        ).stdout  # fmt: skip
        sys.exit(f"{said}\n{journal}\nended with code {done.returncode}, where {codes} is right")
    return done.stdout


@dataclass(frozen=True)
class Step:
    """How a command of the document is done here."""

    user: str = "root"
    stdin: Callable[[], str] = lambda: ""
    before: Callable[[], object] = lambda: None
    codes: tuple[int, ...] = (0,)
    instead: Callable[[str], str] = lambda text: text


def newest_archive(text: str) -> str:
    (*_, path) = sorted(Path("/mnt/backup").glob("*.lfrd"))
    return re.sub(r"/mnt/backup/lfrd-\S+\.lfrd", str(path), text)


def write(path: str, text: str, mode: int = 0o640) -> None:
    """A file of root that the group lfrd may read."""
    Path(path).write_text(text)
    Path(path).chmod(mode)
    run("chgrp", "lfrd", path)


def configured_for_backups() -> None:
    """The key pair, the folder, where the escrow lies, and a receiver of messages; once."""
    if DROP_IN.exists():
        return
    run("install", "-d", "-o", "lfrd", "-g", "lfrd", "-m", "700", "/mnt/backup")
    recipient = run("lfrd", "key", "recipient", "/root/first.key").split()[0]
    write("/etc/lfrd/dispatch.secret", "whsec_" + "A" * 43 + "=\n")
    CONFIG.write_text(
        f'[keys]\nescrow = "/mnt/backup/keys.escrow"\n[backup]\nfolder = "/mnt/backup"\n'
        f'recipients = ["{recipient}"]\n[[webhook]]\nid = "dispatch"\n'
        'url = "https://127.0.0.1:9/"\nprivate = true\nsecret_file = "/etc/lfrd/dispatch.secret"\n'
    )
    DROP_IN.parent.mkdir(parents=True, exist_ok=True)
    DROP_IN.write_text("[Service]\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "lfrd")


def for_us(text: str) -> str:
    """With the recipient of the key pair that the document made before."""
    found = re.search(r"age1\w+", Path("/root/lfrd-backup.key").read_text())
    assert found is not None
    return text.replace("age1…", found[0])


def emptied() -> None:
    """A list to come back, then the machine that was lost."""
    run("lfrd", "watchlist", "add", "wanted", "--category", "wanted", "--purpose", "test",
        "--owner", "test")  # fmt: skip
    time.sleep(1)  # archives are named by the second
    run(*for_us("lfrd backup /mnt/backup --recipient age1…").split(), user="lfrd")
    run("systemctl", "stop", "lfrd.socket", "lfrd")
    run("mv", STATE, "/root/before")
    run("install", "-d", "-o", "lfrd", "-g", "lfrd", "-m", "700", STATE)


def started() -> None:
    run("systemctl", "start", "lfrd.socket", "lfrd")


STEPS = {
    "lfrd service install --dry-run": Step(),
    "lfrd service install": Step(),
    "usermod -aG lfrd-operators anna": Step(before=lambda: run("useradd", "anna")),
    "systemctl enable --now lfrd.socket lfrd": Step(),
    "lfrd doctor --config /etc/lfrd/lfrd.toml": Step(user="reader", codes=(0, 1)),
    "lfrd health": Step(user="anna", codes=(0, 1)),
    "systemctl start lfrd-backup": Step(before=configured_for_backups),
    "lfrd upgrade --check": Step(user="lfrd"),
    "systemctl restart lfrd": Step(),
    "lfrd bench": Step(user="lfrd"),
    "lfrd bench --size 720p --fps 15": Step(user="lfrd"),
    "lfrd support-bundle /tmp/lfrd-support.tar.gz": Step(user="lfrd"),
    "lfrd reload": Step(),
    "lfrd camera add entrance rtsp://user@192.0.2.10/stream --password-file "
    "/root/entrance.password": Step(
        before=lambda: write("/root/entrance.password", "p@ss\n", 0o600)
    ),
    "lfrd camera change entrance --password-file -": Step(stdin=lambda: "another\n"),
    "lfrd camera add yard -": Step(stdin=lambda: "rtsp://192.0.2.11/token\n"),
    "install -d -o lfrd -g lfrd -m 700 /mnt/backup": Step(),
    "lfrd key recipient /root/lfrd-backup.key": Step(),
    "lfrd backup /mnt/backup --recipient age1…": Step(user="lfrd", instead=for_us),
    "lfrd restore /mnt/backup/lfrd-20260301T030000Z.lfrd --identity /root/lfrd-backup.key "
    "--check": Step(instead=newest_archive),
    "lfrd restore /mnt/backup/lfrd-20260301T030000Z.lfrd --identity - --escrow "
    "/mnt/backup/keys.escrow": Step(
        user="lfrd", before=emptied, instead=newest_archive,
        stdin=lambda: Path("/root/lfrd-backup.key").read_text(),
    ),
    "lfrd watchlist confirm wanted": Step(before=started),
    "lfrd outbox test dispatch": Step(codes=(1,)),  # nobody listens, which it says
    "lfrd outbox list": Step(),
    "lfrd api GET /metrics": Step(user="anna"),
    "lfrd token create --principal prometheus": Step(),
    "lfrd service install --uninstall --dry-run": Step(),
    "lfrd service install --uninstall": Step(),
    "rm -r /var/lib/lfrd /etc/lfrd /opt/lfrd": Step(),
    "userdel lfrd": Step(),
}  # fmt: skip
SKIPPED = {
    "dpkg -i lfrd_*.deb": "done before this began; `make deb-test` installs an upgrade, too",
    "dpkg -r lfrd": "the units are taken away below; `make deb-test` does it",
    "dpkg -P lfrd": "it would take away this Debian's program; `make deb-test` does it",
    "apt-get install python3 python3-venv": "done before it was booted: it needs the network",
    "python3 -m venv /opt/lfrd/.venv": BY_THE_PACKAGE,
    "/opt/lfrd/.venv/bin/pip install --no-deps --require-hashes -r requirements.txt":
        BY_THE_PACKAGE,
    "/opt/lfrd/.venv/bin/pip install --no-deps lfrd-*.whl": BY_THE_PACKAGE,
    "/opt/lfrd/.venv/bin/pip install --no-deps --upgrade lfrd-*.whl": BY_THE_PACKAGE,
    "ln -s /opt/lfrd/.venv/bin/lfrd /usr/local/bin/lfrd": BY_THE_PACKAGE,
    "lfrd bench doorway.mp4": "a clip of one's own; tests/cli has one",
}  # fmt: skip
"""What is not done here, and why."""
OTHER_PROGRAMS = {
    "make": "of the source tree, not of a machine that lfrd is installed on",
    "podman": "a container in a container; `make container-test` does it",
}
LAST = "lfrd service install --uninstall --dry-run"
"""From here on the document takes the site away: done after everything else."""


def in_order(document: str) -> list[str]:
    """The document's commands, what takes the site away at the end."""
    found = list(commands(document))
    begin = found.index(LAST)
    end = found.index("userdel lfrd") + 1
    return [*found[:begin], *found[end:], *found[begin:end]]


def why_not(text: str) -> str | None:
    """The reason for which a command is not done here."""
    return SKIPPED.get(text) or OTHER_PROGRAMS.get(text.split()[0])


def do(text: str) -> None:
    if reason := why_not(text):
        print(f"- not done here: {text} ({reason})")
        return
    step = STEPS[text]
    step.before()
    words = step.instead(text).split()
    run(*words, user=step.user, stdin=step.stdin(), codes=step.codes)


def shown(unit: str, name: str) -> str:
    return run("systemctl", "show", "-P", name, unit).strip()


def until(true: Callable[[], bool], limit_s: float = 60.0) -> None:
    end_s = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > end_s:
            run("false")
        time.sleep(0.5)


def answers() -> None:
    """Wait until the daemon does."""
    health = ["/usr/bin/lfrd", "health"]
    until(lambda: subprocess.run(health, capture_output=True).returncode in (0, 1))


def units() -> None:
    """What the units promise, under systemd as process 1."""
    run("systemd-analyze", "verify", "--man=no", "lfrd.service", "lfrd.socket", "lfrd-backup.timer")
    for unit in ("lfrd.service", "lfrd-backup.service"):
        said = run("systemd-analyze", "security", "--no-pager", unit)
        found = re.search(r"exposure level for \S+: ([\d.]+)", said)
        assert found is not None
        assert float(found[1]) <= 1.4, said.splitlines()[-1]
    assert shown("lfrd", "Type") == "notify"
    assert shown("lfrd", "StatusErrno") == "0"
    print("== a request starts the daemon by its socket")
    run("systemctl", "stop", "lfrd")
    run("lfrd", "health", user="anna", codes=(0, 1))
    assert shown("lfrd", "ActiveState") == "active"
    print("== one that hangs is ended by the watchdog, and started anew")
    usual = DROP_IN.read_text()
    DROP_IN.write_text(usual + "WatchdogSec=10\nTimeoutAbortSec=2\n")
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "lfrd")
    before = shown("lfrd", "MainPID")
    run("kill", "-STOP", before)
    until(lambda: shown("lfrd", "MainPID") not in (before, "0"))
    answers()
    assert int(shown("lfrd", "NRestarts")) >= 1
    DROP_IN.write_text(usual)
    run("systemctl", "daemon-reload")
    run("systemctl", "restart", "lfrd")
    run("systemctl", "reload", "lfrd")
    print("== a backup by its timer, and who made it in the log")
    run("systemctl", "enable", "--now", "lfrd-backup.timer")
    run("systemctl", "start", "lfrd-backup.service")
    until(lambda: "backup.make" in run("lfrd", "audit", "show", "--json"))
    assert Path("/mnt/backup/keys.escrow").exists()


def credentials() -> None:
    """The master key and a camera's password, encrypted for this machine."""
    print("== master key and camera password as encrypted credentials")
    run("systemctl", "stop", "lfrd.socket", "lfrd")
    run("systemd-creds", "encrypt", "--name=lfrd-master-key", STATE / "master.key",
        "/etc/lfrd/master.cred")  # fmt: skip
    run("systemd-creds", "encrypt", "--name=gate", "-", "/etc/lfrd/gate.cred", stdin="p@ss")
    run("shred", "-u", STATE / "master.key")
    with CONFIG.open("a") as file:
        file.write('[[camera]]\nid = "gate"\naddress = "rtsp://user@192.0.2.12/"\n'
                   'password_file = "gate"\n')  # fmt: skip
    DROP_IN.write_text(
        DROP_IN.read_text() + "LoadCredentialEncrypted=lfrd-master-key:/etc/lfrd/master.cred\n"
        "LoadCredentialEncrypted=gate:/etc/lfrd/gate.cred\n"
    )
    run("systemctl", "daemon-reload")
    started()
    answers()
    assert not (STATE / "master.key").exists()
    assert "gate" in run("lfrd", "camera", "list")


def main() -> None:
    order = in_order(Path(sys.argv[1]).read_text())
    last = order.index(LAST)
    for text in order[:last]:
        do(text)
    units()
    credentials()
    for text in order[last:]:
        do(text)
    for left in ("/var/lib/lfrd", "/etc/lfrd", "/opt/lfrd"):
        assert not Path(left).exists(), left
    print("== all well")


if __name__ == "__main__":
    main()
