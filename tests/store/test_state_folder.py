"""One folder, one daemon."""

import subprocess
import sys
from pathlib import Path

import pytest

from lfrd.errors import StateError
from lfrd.store.state_folder import StateFolder

HOLD = """
import sys
from pathlib import Path
from lfrd.store.state_folder import StateFolder
with StateFolder(Path(sys.argv[1])):
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_it_is_created_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    with StateFolder(path) as folder:
        assert folder.path == path
        assert path.stat().st_mode & 0o777 == 0o700
    with StateFolder(path):
        pass


def test_a_second_one_in_this_process_is_refused(tmp_path: Path) -> None:
    with (
        StateFolder(tmp_path),
        pytest.raises(StateError, match=str(tmp_path)),
        StateFolder(tmp_path),
    ):
        pass


def test_a_second_daemon_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        with pytest.raises(StateError, match="in use by another lfrd"), StateFolder(tmp_path):
            pass
        holder.kill()
    with StateFolder(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="cannot be used"), StateFolder(tmp_path / "file" / "x"):
        pass


@pytest.mark.parametrize("mode", [0o777, 0o755, 0o770, 0o701])
def test_a_folder_that_others_may_use_is_refused_with_the_mend(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "state"
    path.mkdir()
    path.chmod(mode)
    with pytest.raises(StateError, match=f"mode {mode:04o}.*`chmod 700 {path}`"), StateFolder(path):
        pass
    path.chmod(0o700)
    with StateFolder(path):
        pass


def test_the_group_may_pass_to_the_socket(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state").chmod(0o750)
    with StateFolder(tmp_path / "state"):
        pass


@pytest.mark.parametrize("name", ["lfrd.db", "keys.db", "index.db", "lfrd.db.before-0009"])
@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
def test_a_file_that_others_may_use_is_refused_with_the_mend(
    tmp_path: Path, name: str, mode: int
) -> None:
    file = tmp_path / name
    file.touch()
    file.chmod(mode)
    mend = f"mode {mode:04o}.*`chmod 600 {file}`"
    with pytest.raises(StateError, match=mend), StateFolder(tmp_path):
        pass
