import re
import tomllib
from pathlib import Path

import pytest

from lfrd.config import CameraSection, Config, Section, WebhookSection, check_secrets, dump, load
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
        if section in {"camera", "webhook"}:
            model = {"camera": CameraSection, "webhook": WebhookSection}[section]
            keys = keys[0]
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


def test_a_group_needs_a_socket_that_it_can_reach(tmp_path: Path) -> None:
    path = write(tmp_path, "[api]\nsocket_group = 'lfrd-operators'\n")
    with pytest.raises(ConfigError, match=r"(?m)^  api\.socket_group: it needs an api\.socket"):
        load(path, {})
    config = load(path, {"LFRD_API__SOCKET": "/run/lfrd/api.sock"})
    assert config.api.socket_group == "lfrd-operators"


def test_folders_of_files_are_whole_paths(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sources\.folders: give folders with their full path"):
        load(write(tmp_path, "[sources]\nfolders = ['video']\n"), {})
    config = load(None, {"LFRD_SOURCES__FOLDERS": "/srv/a:/srv/b"})
    assert config.sources.folders == (Path("/srv/a"), Path("/srv/b"))


# secrets of cameras -------------------------------------------------------------------------------


def camera_of(folder: Path, **given: str) -> CameraSection:
    values = "".join(f"{name} = {value!r}\n" for name, value in given.items())
    return load(write(folder, f"[[camera]]\nid = 'door'\n{values}"), {}).camera[0]


def secret_file(folder: Path, text: str, mode: int = 0o640) -> Path:
    path = folder / "secret"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_a_password_comes_from_a_file_as_it_is(tmp_path: Path) -> None:
    file = secret_file(tmp_path, "zq:s/e@c#r%e t\n")
    camera = camera_of(tmp_path, address="rtsp://anna@h/x", password_file=str(file))
    assert camera.whole_address() == "rtsp://anna:zq%3As%2Fe%40c%23r%25e%20t@h/x"
    assert "zq" not in repr(camera)


def test_a_whole_address_comes_from_a_file(tmp_path: Path) -> None:
    file = secret_file(tmp_path, "http://h/video?token=zq")
    camera = camera_of(tmp_path, address_file=str(file))
    assert camera.whole_address() == "http://h/video?token=zq"


def test_a_name_without_a_folder_is_a_credential(tmp_path: Path) -> None:
    secret_file(tmp_path, "zq", 0o400)
    camera = camera_of(tmp_path, address="rtsp://anna@h/x", password_file="secret")
    given = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert camera.whole_address(given) == "rtsp://anna:zq@h/x"
    with pytest.raises(ConfigError, match="there is no systemd credential secret: LoadCredential="):
        camera.whole_address({})


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        ("zq", 0o644, "others may read"),
        ("zq", 0o642, "others may read"),
        ("", 0o600, "one line"),
        ("zq\nzq", 0o600, "one line"),
        ("zq" * 5000, 0o600, "one line"),
    ],
)
def test_a_file_that_holds_no_secret_is_refused(
    tmp_path: Path, text: str, mode: int, said: str
) -> None:
    file = secret_file(tmp_path, text, mode)
    camera = camera_of(tmp_path, address="rtsp://anna@h/x", password_file=str(file))
    with pytest.raises(ConfigError, match=said) as caught:
        camera.whole_address()
    assert "camera door: " in str(caught.value)
    assert "zq" not in str(caught.value)


def test_a_password_needs_a_user_and_a_camera_an_address(tmp_path: Path) -> None:
    file = secret_file(tmp_path, "zq")
    camera = camera_of(tmp_path, address="rtsp://h/x", password_file=str(file))
    with pytest.raises(ConfigError, match="an address that names its user"):
        camera.whole_address()
    bad = secret_file(tmp_path, "h:zq@x/y")
    with pytest.raises(ConfigError, match="camera door: ") as caught:
        camera_of(tmp_path, address_file=str(bad)).whole_address()
    assert "zq" not in str(caught.value)
    for given in ({}, {"address": "rtsp://h/x", "address_file": str(file)}):
        with pytest.raises(ConfigError, match="give the address, or an address_file"):
            camera_of(tmp_path, **given)


# endpoints ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[webhook]]\nid='a'\nurl='http://h/x'\nsecret_file='s'", "private = true"),
        (
            "[[webhook]]\nid='a'\nurl='http://h/x'\nprivate=true\nimages=true\nsecret_file='s'",
            "over https:// only",
        ),
        ("[[webhook]]\nid='mqtt'\nurl='https://h/x'\nsecret_file='s'", "another endpoint"),
        ("[[webhook]]\nid='a'\nurl='https://u:Zq9Secret@h/x'\nsecret_file='s'", "url"),
        ("[mqtt]\nurl='mqtt://h'", "private = true"),
        ("[mqtt]\nurl='mqtts://h'\nprefix='a/#'", "prefix"),
        ("[ntfy]\nurl='https://h/'", "url"),
        ("[smtp]\nurl='smtps://h'", "mail needs url, sender and to"),
        ("[smtp]\nto=['a b@c']", "to"),
        ("[ntfy]\nkinds=['face.seen']", "kinds"),
    ],
)
def test_an_endpoint_that_is_wrong_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        load(write(tmp_path, text), {})
    assert "Zq9Secret" not in str(caught.value)


def test_a_webhook_has_a_secret_of_its_own(tmp_path: Path) -> None:
    path = secret_file(tmp_path, "whsec_" + "QUFB" * 11)
    hook = f"[[webhook]]\nid='a'\nurl='https://h/x'\nsecret_file='{path}'\n"
    config = load(write(tmp_path, hook), {})
    assert config.webhook[0].secrets() == ("whsec_" + "QUFB" * 11,)
    check_secrets(config)
    assert config.telling_nobody.webhook == ()
    again = dump(config).replace("# url is a secret: set it again", "url = 'https://h/x'")
    assert load(write(tmp_path, again), {}) == config
    for wrong in ("hunter2hunter2", "whsec_c2hvcnQ=", "whsec_***"):
        secret_file(tmp_path, wrong)
        with pytest.raises(ConfigError, match="a: its secret should be whsec_") as caught:
            check_secrets(config)
        assert wrong not in str(caught.value)


def test_what_is_dumped_is_the_same_configuration_without_its_secrets(tmp_path: Path) -> None:
    given = {
        "site": {"node": "station"},
        "backup": {"keep_days": 3.0, "recipients": []},
        "notice": {"responsible": 'the "desk" of Köln', "groups": ["a", "b"]},
        "camera": [{"id": "gate", "address": "rtsp://eva:hunter2@192.0.2.1/1", "rotate": 90}],
        "webhook": [
            {"id": "desk", "url": "https://desk.example/tok3n", "secret_file": "/etc/lfrd/desk"}
        ],
    }
    text = dump(Config.model_validate(given))
    for secret in ("hunter2", "tok3n"):
        assert secret not in text
    read = tomllib.loads(text)
    assert read["camera"][0]["rotate"] == 90
    assert read["notice"] == given["notice"]
    assert "secret: set it again" in text
    del read["webhook"]
    assert Config.model_validate(read).backup.keep_days == 3.0
    assert dump(Config()) == ""
