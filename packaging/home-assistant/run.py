"""Starts lfrd as an app of Home Assistant: the options become LFRD_* variables, root is given up.

It runs alone in the container, with the standard library.
"""

import http.client
import json
import os
import pwd
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

DATA = Path("/data")
SHARE = Path("/share/lfrd")
SUPERVISOR = "http://supervisor"
USER = "lfrd"
ANSWER_LIMIT_S = 10.0
ANSWER_LIMIT_BYTES = 65_536

VARIABLES = {
    "node": "LFRD_SITE__NODE",
    "log_level": "LFRD_LOG__LEVEL",
    "allow_lab": "LFRD_POLICY__ALLOW_LAB",
    "target_hz": "LFRD_DETECTION__TARGET_HZ",
    "threads": "LFRD_MODELS__THREADS",
    "responsible": "LFRD_NOTICE__RESPONSIBLE",
    "contact": "LFRD_NOTICE__CONTACT",
    "backup_recipient": "LFRD_BACKUP__RECIPIENTS",
}
"""Options that are settings; `mqtt` asks for the broker instead."""


def settings(options: Mapping[str, object]) -> dict[str, str]:
    """The variables of what the user chose; what is left empty stays as lfrd has it."""
    found = {
        variable: str(value).lower() if isinstance(value, bool) else str(value)
        for name, variable in VARIABLES.items()
        if (value := options.get(name)) not in (None, "")
    }
    if "LFRD_BACKUP__RECIPIENTS" in found:
        found["LFRD_BACKUP__FOLDER"] = str(SHARE)
    return found


def ask_broker(token: str, supervisor: str = SUPERVISOR) -> dict[str, object] | None:
    """The broker that Home Assistant has; None without one."""
    request = urllib.request.Request(  # noqa: S310  # the one address that Home Assistant gives
        f"{supervisor}/services/mqtt", headers={"Authorization": f"Bearer {token}"}
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_LIMIT_S) as answer:  # noqa: S310
            told = json.loads(answer.read(ANSWER_LIMIT_BYTES))
        data = told["data"]
    except (OSError, urllib.error.URLError, http.client.HTTPException, ValueError, LookupError):
        return None
    except TypeError:  # no object
        return None
    return data if isinstance(data, dict) and data.get("host") else None


def broker_settings(broker: Mapping[str, object], password_file: Path) -> dict[str, str]:
    """The variables of a broker; its password is in the file."""
    scheme = "mqtts" if broker.get("ssl") else "mqtt"
    found = {
        "LFRD_MQTT__URL": f"{scheme}://{broker['host']}:{broker.get('port') or 1883}",
        "LFRD_MQTT__PRIVATE": "true",
    }
    if broker.get("username"):
        found["LFRD_MQTT__USERNAME"] = str(broker["username"])
    if broker.get("password"):
        found["LFRD_MQTT__PASSWORD_FILE"] = str(password_file)
    return found


def tell(text: str) -> None:
    sys.stderr.write(f"lfrd: {text}\n")


def main() -> None:
    os.umask(0o077)
    user = pwd.getpwnam(USER)
    options = json.loads((DATA / "options.json").read_text(encoding="utf-8"))
    variables = settings(options)
    folders = [DATA / "state", DATA / "cache"]
    for folder in [*folders, SHARE] if "LFRD_BACKUP__FOLDER" in variables else folders:
        folder.mkdir(parents=True, exist_ok=True)
        os.chown(folder, user.pw_uid, user.pw_gid)
    secrets = DATA / "secrets"
    secrets.mkdir(exist_ok=True)
    for folder in (DATA, secrets):  # the user passes through, and reads its own
        folder.chmod(0o711)
    # The token of the supervisor is for this program alone.
    token = os.environ.pop("SUPERVISOR_TOKEN", "")
    os.environ.pop("HASSIO_TOKEN", None)
    if options.get("mqtt"):
        broker = ask_broker(token)
        if broker is None:
            tell("Home Assistant names no MQTT broker: install the Mosquitto app, or unset `mqtt`")
        else:
            file = secrets / "mqtt.password"
            file.unlink(missing_ok=True)
            file.write_text(str(broker.get("password") or ""), encoding="utf-8")
            os.chown(file, user.pw_uid, user.pw_gid)
            variables |= broker_settings(broker, file)
    os.environ.update(variables)
    os.initgroups(USER, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.execvp("lfrd", ["lfrd", "run"])  # noqa: S606, S607  # no shell; the path is the image's


if __name__ == "__main__":
    main()
