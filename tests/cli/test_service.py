"""Installing the service below a root of its own, and taking it away."""

import sys
from pathlib import Path

import pytest

from lfrd.cli import service
from support.program import Call


def below(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and ("lfrd" in path.name)
    }


def test_it_is_installed_and_taken_away_again(
    tmp_path: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(service, "_run", lambda words: ran.append(tuple(words)))
    root = ("--root", tmp_path)
    dry = call("service", "install", "--dry-run", *root)
    assert dry.code == 0
    assert below(tmp_path) == {}
    assert call("service", "install", *root).code == 0
    found = below(tmp_path)
    unit = found["etc/systemd/system/lfrd.service"]
    assert f"ExecStart={Path(sys.executable).with_name('lfrd')} run" in unit
    assert service.PACKAGED not in "".join(found.values())
    assert {"etc/sysusers.d/lfrd.conf", "etc/tmpfiles.d/lfrd.conf", "etc/lfrd/lfrd.toml",
            "etc/systemd/system/lfrd-backup.timer"} <= found.keys()  # fmt: skip
    assert [words[0] for words in ran] == ["systemd-sysusers", "systemd-tmpfiles"]
    assert all(path in dry.out for path in found)
    (tmp_path / "etc/lfrd/lfrd.toml").write_text("[site]\n")
    assert call("service", "install", *root).code == 0
    assert (tmp_path / "etc/lfrd/lfrd.toml").read_text() == "[site]\n", "what is set stays"
    gone = call("service", "install", "--uninstall", *root)
    assert "/var/lib/lfrd" in gone.out
    assert below(tmp_path).keys() == {"etc/lfrd/lfrd.toml"}


def test_the_wheel_has_what_it_installs() -> None:
    import tomllib

    root = Path(service.__file__).parent.parent.parent
    built = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    assert built["targets"]["wheel"]["force-include"]["systemd"] == "lfrd/systemd"
    assert (service.shipped() / "lfrd.service").is_file()
