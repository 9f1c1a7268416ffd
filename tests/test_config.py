import re
import tomllib
from pathlib import Path

import pytest

from lfrd.config import Config, Section, load
from lfrd.errors import ConfigError

EXAMPLE = Path(__file__).resolve().parent.parent / "lfrd.example.toml"


def write(folder: Path, text: str) -> Path:
    path = folder / "lfrd.toml"
    path.write_text(text)
    return path


def test_every_mistake_is_named_at_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "[api]\ntcp = '0.0.0.0:80'\nsockte = 'x'\n[matching]\nthreshold = 45\n[camra]\nid = 'a'\n",
    )
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    message = str(caught.value)
    assert "4 mistake(s)" in message
    for key in ("api.tcp", "api.sockte: no such setting", "matching.threshold", "camra"):
        assert key in message


def test_a_password_in_a_camera_address_is_not_shown(tmp_path: Path) -> None:
    path = write(tmp_path, "[[camera]]\nid='A B'\naddress='rtsp://u:hunter2@h/x'\ntransprt='x'\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert "camera[0].id" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_variable_overrides_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "[matching]\nthreshold = 0.5\n")
    config = load(path, {"LFRD_MATCHING__THRESHOLD": "0.6", "LFRD_SHARED": "/x", "HOME": "/"})
    assert config.matching.threshold == 0.6


@pytest.mark.parametrize("name", ["LFRD_TYPO", "LFRD_API"])
def test_a_variable_that_is_no_setting_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=name):
        load(None, {name: "1"})


@pytest.mark.parametrize("text", ["[api", "\xff"])
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lfrd.toml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"lfrd\.toml"):
        load(path, {})


def test_the_example_documents_every_setting_with_its_default() -> None:
    text = EXAMPLE.read_text()
    assert load(EXAMPLE, {}) == Config()
    uncommented = re.sub(r"(?m)^# (?=\w+ = |\[\[)", "", text)
    documented = tomllib.loads(uncommented)
    for section, field in Config.model_fields.items():
        model = field.annotation
        keys = documented[section]
        if section == "camera":
            from lfrd.config import CameraSection

            model, keys = CameraSection, keys[0]
        assert isinstance(model, type)
        assert issubclass(model, Section)
        assert set(model.model_fields) == set(keys), section


@pytest.mark.parametrize(
    "address", ["admin:Zq9Secret@cam/x", "rtsp:/u:Zq9Secret@cam", "rtsp://u:a/Zq9Secret@cam"]
)
def test_a_camera_address_that_cannot_be_understood_is_not_repeated(
    tmp_path: Path, address: str
) -> None:
    path = tmp_path / "lfrd.toml"
    path.write_text(f'[[camera]]\nid = "door"\naddress = "{address}"\n')
    with pytest.raises(ConfigError, match=r"camera\[0\]\.address") as caught:
        load(path, {})
    assert "Zq9Secret" not in str(caught.value)


def test_a_configuration_prints_without_its_addresses(tmp_path: Path) -> None:
    path = tmp_path / "lfrd.toml"
    path.write_text('[[camera]]\nid = "door"\naddress = "rtsp://u:Zq9Secret@cam/x"\n')
    assert "Zq9Secret" not in repr(load(path, {}))
