"""The Home Assistant app is what Home Assistant takes, and its options are settings of ours.

The keys and types are those of https://developers.home-assistant.io/docs/apps/configuration.
"""

import importlib.util
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

import lfrd
from lfrd.config import Config, load
from lfrd.vocabulary import SLUG

ROOT = Path(__file__).resolve().parents[1]
APP = ROOT / "packaging" / "home-assistant"

BOOLEANS = {
    "host_network", "host_ipc", "host_dbus", "host_pid", "host_uts", "hassio_api",
    "homeassistant_api", "docker_api", "full_access", "audio", "video", "gpio", "usb", "uart",
    "udev", "devicetree", "kernel_modules", "stdin", "legacy", "tmpfs", "auth_api", "ingress",
    "ingress_stream", "panel_admin", "init", "realtime", "journald",
}  # fmt: skip
TEXTS = {
    "name", "version", "slug", "description", "url", "webui", "homeassistant", "hassio_role",
    "image", "ingress_entry", "panel_icon", "panel_title", "backup_pre", "backup_post", "watchdog",
}  # fmt: skip
LISTS = {
    "arch", "machine", "devices", "privileged", "discovery", "services", "backup_exclude",
    "breaking_versions",
}  # fmt: skip
OTHERS: dict[str, Callable[[Any], bool]] = {
    "startup": {"initialize", "system", "services", "application", "once"}.__contains__,
    "boot": {"auto", "manual", "manual_only"}.__contains__,
    "stage": {"stable", "experimental", "deprecated"}.__contains__,
    "backup": {"hot", "cold"}.__contains__,
    "timeout": lambda value: type(value) is int and 10 <= value <= 300,
    "ingress_port": lambda value: type(value) is int,
    "apparmor": lambda value: isinstance(value, bool | str),
    "map": lambda value: all(
        isinstance(item, dict)
        and item.get("type") in FOLDERS
        and isinstance(item.get("read_only", True), bool)
        and set(item) <= {"type", "read_only", "path"}
        for item in value
    ),
    **dict.fromkeys(
        ("ports", "ports_description", "environment", "options", "schema", "ulimits"),
        lambda value: isinstance(value, dict),
    ),
}
FOLDERS = {
    "homeassistant_config", "app_config", "all_app_configs", "local_apps", "ssl", "backup", "share",
    "media", "data",
}  # fmt: skip
REQUIRED = {"name", "version", "slug", "description", "arch"}
KIND = re.compile(
    r"(bool|email|url|port|device(\(subsystem=[a-z]+\))?|str(\(\d*,\d*\))?|password(\(\d*,\d*\))?"
    r"|int(\(\d*,\d*\))?|float(\([\d.]*,[\d.]*\))?|match\(.*\)|list\(.+\))\??"
)


def faults(config: dict[str, Any]) -> list[str]:
    """What Home Assistant would not take, or not know."""
    found = [f"{name} is missing" for name in sorted(REQUIRED - set(config))]
    for name, value in config.items():
        fits = (
            isinstance(value, bool) if name in BOOLEANS
            else isinstance(value, str) if name in TEXTS
            else isinstance(value, list) and all(isinstance(item, str) for item in value)
            if name in LISTS
            else OTHERS[name](value) if name in OTHERS
            else False
        )  # fmt: skip
        if not fits:
            found.append(f"{name}: {value!r}")
    found += [
        f"arch: {name}" for name in config.get("arch", ()) if name not in {"aarch64", "amd64"}
    ]
    found += [
        f"services: {text}" for text in config.get("services", ())
        if not re.fullmatch(r"(mqtt|mysql):(provide|want|need)", text)
    ]  # fmt: skip
    if not re.fullmatch(r"[-_.A-Za-z0-9]+", config.get("slug", "")):
        found.append("slug")
    schema, options = config.get("schema", {}), config.get("options", {})
    for name, kind in schema.items():
        if not KIND.fullmatch(kind):
            found.append(f"schema: {name}: {kind}")
        if kind.endswith("?") == (name in options):
            found.append(f"{name} is optional and has a value, or neither")
    return found + [f"options: {name}" for name in set(options) - set(schema)]


def described() -> dict[str, Any]:
    return yaml.safe_load((APP / "config.yaml").read_text())


def run_script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("home_assistant_run", APP / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_home_assistant_takes_it() -> None:
    config = described()
    assert faults(config) == []
    assert config["version"] == lfrd.__version__
    assert config["schema"]["node"] == f"match(^{SLUG}$)"
    broken = config | {"startup": "soon", "arch": ["i386"], "teh": True, "services": ["mqtt:wish"]}
    assert len(faults(broken)) == 4
    no_kind = config | {"schema": config["schema"] | {"node": "word"}}
    assert faults(no_kind) == ["schema: node: word"]


def test_it_asks_for_no_more_than_it_needs() -> None:
    config = described()
    given = {name for name in BOOLEANS if config.get(name)}
    assert given == {"tmpfs"}
    assert not {"ports", "privileged", "devices", "apparmor", "webui"} & set(config)
    assert {"state/*", "secrets/*"} <= set(config["backup_exclude"])


def test_each_option_is_described_and_set() -> None:
    config = described()
    options = set(config["schema"])
    words = yaml.safe_load((APP / "translations" / "en.yaml").read_text())
    assert set(words) == {"configuration"}
    assert set(words["configuration"]) == options
    assert all(set(item) == {"name", "description"} for item in words["configuration"].values())
    documented = set(re.findall(r"`(\w+)`", (APP / "DOCS.md").read_text()))
    assert options <= documented
    assert set(run_script().VARIABLES) == options - {"mqtt"}


def test_the_options_become_our_settings() -> None:
    run = run_script()
    recipient = "age1" + "q" * 58
    chosen = described()["options"] | {
        "node": "shop", "log_level": "debug", "allow_lab": True, "target_hz": 4, "threads": 1,
        "responsible": "Anna's shop", "contact": "anna@example.org", "backup_recipient": recipient,
    }  # fmt: skip
    config = load(None, run.settings(chosen))
    assert (config.site.node, config.log.level, config.policy.allow_lab) == ("shop", "debug", True)
    assert (config.detection.target_hz, config.models.threads) == (4.0, 1)
    assert (config.notice.responsible, config.notice.contact) == ("Anna's shop", "anna@example.org")
    assert (config.backup.recipients, config.backup.folder) == ((recipient,), Path("/share/lfrd"))
    unset = load(None, run.settings({"threads": 0, "allow_lab": False, "contact": ""}))
    assert unset == Config()


@contextmanager
def supervisor(status: int, body: bytes) -> Iterator[tuple[str, list[str | None]]]:
    """Answers every question with the same, and keeps who asked."""
    asked: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers["Authorization"])
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", asked
        finally:
            server.shutdown()
            thread.join()


def test_the_broker_is_the_one_that_home_assistant_names(tmp_path: Path) -> None:
    run = run_script()
    file = tmp_path / "password"
    broker = {
        "host": "core-mosquitto", "port": 1883, "ssl": False, "username": "addons",
        "password": "s3cret", "protocol": "3.1.1",
    }  # fmt: skip
    told = json.dumps({"result": "ok", "data": broker}).encode()
    with supervisor(200, told) as (address, asked):
        assert run.ask_broker("token", address) == broker
    assert asked == ["Bearer token"]
    variables = run.broker_settings(broker, file)
    assert "s3cret" not in "".join(variables.values())
    mqtt = load(None, variables).mqtt
    assert (mqtt.url, mqtt.username) == ("mqtt://core-mosquitto:1883", "addons")
    assert (mqtt.password_file, mqtt.private) == (file, True)
    closed = load(None, run.broker_settings({"host": "b", "ssl": True, "port": 8883}, file)).mqtt
    assert (closed.url, closed.password_file) == ("mqtts://b:8883", None)


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, b'{"result": "error"}'), (200, b"{"), (200, b"[]"), (200, b'{"data": {}}')],
)
def test_without_a_broker_there_is_none(status: int, body: bytes) -> None:
    with supervisor(status, body) as (address, _):
        assert run_script().ask_broker("token", address) is None
    assert run_script().ask_broker("token", "http://127.0.0.1:9") is None
