"""`lfrd service install`: this very program as a systemd service; and taking it away again."""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lfrd.cli.terminal import say
from lfrd.errors import StateError, UserError

PACKAGED = "/opt/lfrd/.venv/bin/lfrd"
"""As the shipped units name the program."""
UNITS = ("lfrd.service", "lfrd.socket", "lfrd-backup.service", "lfrd-backup.timer")
UNIT_FOLDER = Path("etc/systemd/system")
OTHERS = {
    "lfrd.sysusers": Path("etc/sysusers.d/lfrd.conf"),
    "lfrd.tmpfiles": Path("etc/tmpfiles.d/lfrd.conf"),
}
CONFIG = Path("etc/lfrd/lfrd.toml")
COMMAND_LIMIT_S = 120
STAYS = (
    "the state in /var/lib/lfrd and the configuration in /etc/lfrd are still there: `rm -r` them "
    "to give up every list, face and record for good; `userdel lfrd` then removes the user"
)


@dataclass(frozen=True, slots=True)
class Step:
    """A file to be written (None: deleted), or a command to be run."""

    text: str
    path: Path | None = None
    content: str | None = None
    command: tuple[str, ...] = ()


def run(options: argparse.Namespace) -> int:
    """Install or uninstall; with --dry-run only say what would be done."""
    root: Path = options.root
    steps = _removal(root) if options.uninstall else _installation(root, _program())
    if not options.dry_run and root == Path("/") and os.geteuid() != 0:
        raise UserError("this writes below /etc: run it as root, `sudo lfrd service install`")
    for step in steps:
        say(step.text)
        if not options.dry_run:
            _do(step)
    if options.uninstall:
        say(STAYS)
    elif not options.dry_run:
        say(f"now look over {root / CONFIG}, then `systemctl enable --now lfrd.socket lfrd`, and "
            "`sudo -u lfrd lfrd doctor`")  # fmt: skip
    return 0


def shipped() -> Path:
    """The units: inside the installed package, or at the root of a source checkout."""
    package = Path(__file__).parent.parent
    for folder in (package / "systemd", package.parent / "systemd"):
        if (folder / UNITS[0]).is_file():
            return folder
    raise StateError(f"the units are missing beside {package}: install lfrd again")


def _program() -> Path:
    beside = Path(sys.executable).with_name("lfrd")
    found = beside if beside.exists() else shutil.which("lfrd")
    if found is None:
        raise StateError("there is no program `lfrd` on this machine: `pip install lfrd` makes it")
    path = Path(found).absolute()
    if path.is_relative_to("/home") or path.is_relative_to("/root") or path.is_relative_to("/tmp"):  # noqa: S108
        say(f"note: {path} lies where the service cannot look (ProtectHome, PrivateTmp): install "
            "lfrd below /opt for a service")  # fmt: skip
    return path


def _installation(root: Path, program: Path) -> list[Step]:
    folder = shipped()
    steps = []
    for name in UNITS:
        content = (folder / name).read_text().replace(PACKAGED, str(program))
        steps.append(_file(root / UNIT_FOLDER / name, content))
    steps += [_file(root / place, (folder / name).read_text()) for name, place in OTHERS.items()]
    at = () if root == Path("/") else (f"--root={root}",)
    users = root / OTHERS["lfrd.sysusers"]
    folders = root / OTHERS["lfrd.tmpfiles"]
    steps.append(_command("systemd-sysusers", *at, str(users)))
    steps.append(_command("systemd-tmpfiles", "--create", *at, str(folders)))
    if not (root / CONFIG).exists():
        steps.append(_file(root / CONFIG, FIRST_CONFIG))
    if root == Path("/"):
        steps.append(_command("systemctl", "daemon-reload"))
    return steps


FIRST_CONFIG = """\
# The configuration of lfrd; `lfrd check-config` names every mistake, `lfrd doctor` what is missing.
[site]
node = "lfrd"

[backup]
# folder = "/mnt/backup"
# recipients = ["age1..."]
"""


def _removal(root: Path) -> list[Step]:
    steps = []
    if root == Path("/"):
        steps.append(_command("systemctl", "disable", "--now", *UNITS))
    places = [*(UNIT_FOLDER / name for name in UNITS), *OTHERS.values()]
    steps += [
        Step(f"delete {root / place}", root / place) for place in places if (root / place).exists()
    ]
    if root == Path("/"):
        steps.append(_command("systemctl", "daemon-reload"))
    return steps


def _file(path: Path, content: str) -> Step:
    return Step(f"write {path}", path, content)


def _command(*words: str) -> Step:
    return Step(f"run {' '.join(words)}", command=words)


def _do(step: Step) -> None:
    try:
        if step.path is not None and step.content is not None:
            step.path.parent.mkdir(parents=True, exist_ok=True)
            step.path.write_text(step.content)
            step.path.chmod(0o644)
        elif step.path is not None:
            step.path.unlink(missing_ok=True)
        if step.command:
            _run(step.command)
    except OSError as error:
        raise StateError(f"{step.text}: {error.strerror}") from error


def _run(words: Sequence[str]) -> None:
    if shutil.which(words[0]) is None:
        say(f"note: there is no {words[0]} here: do it by hand")
        return
    done = subprocess.run(  # noqa: S603  # words of ours, no shell
        words, capture_output=True, text=True, timeout=COMMAND_LIMIT_S, check=False
    )
    if done.returncode:
        raise StateError(f"{' '.join(words)} failed: {done.stderr.strip()[:500]}")
