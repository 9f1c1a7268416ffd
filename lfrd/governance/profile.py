"""Policy profiles: rules as data. A TOML file with values and floors becomes one frozen Policy.

A floor is the loosest value that a site's configuration may set; tighter is always allowed. An
unknown key, or a value outside its floor, is an error that names the key, and the daemon does not
start. The files are read once, at start: editing one changes nothing until the next start.
"""

import functools
import hashlib
import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from lfrd.errors import BadInput, ConfigError

FOLDER = Path(__file__).parent / "profiles"
LAB = "lab"
STANDARD = "standard"

Value = str | int | float | bool
"""A value as the files and JSON have it; words such as "off" stand for what has no number."""


@dataclass(frozen=True, slots=True)
class Rules:
    """The values that are in force. None is the key's word (`off`, `no`, `constant`, `at exit`)."""

    reviewers_required: int
    authoriser_differs: bool
    list_confirmed_within_h: float | None
    after_use: Literal["erase_list", "erase_snapshot"]
    after_use_within_h: float | None
    alert_face_data_h: float
    log_months: int
    max_deployment_h: float
    weekly_schedule: bool
    urgent_ratified_within_h: float | None
    heartbeat_min: float | None
    one_false_alert_in: int | None
    extrapolated_threshold: Literal["refused", "allowed"]
    evaluation_report: Literal["required", "warn", "no"]
    documents_required: bool
    photo_age_years: float | None
    training_required: bool
    street_team_required: bool
    outward_images: bool
    street_team_min: float | None
    street_team_gone: Literal["end", "pause"]
    references_required: bool
    outside_authority: bool
    independent_test: Literal["required", "warn", "no"]


@dataclass(frozen=True, slots=True)
class Key:
    """What a key takes, and in which direction it gets tighter.

    `choices` are ordered from the tightest on; `word` stands for None, and is the loosest or the
    tightest of all. `low` and `high` hold whatever a file says: the law's limits are among them.
    """

    kind: Literal["number", "whole", "yes-no", "choice"]
    tighter: Literal["less", "more", "yes", "no", "first"]
    low: float = 0.0
    high: float = math.inf
    word: str | None = None
    word_is_loosest: bool = True
    choices: tuple[str, ...] = ()

    def accepts(self, value: object) -> bool:
        """Whether this is a value of the right kind and within the outer limits."""
        if self.word is not None and value == self.word:
            return True
        if self.kind == "yes-no":
            return isinstance(value, bool)
        if self.kind == "choice":
            return value in self.choices
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not math.isfinite(value):
            return False
        if self.kind == "whole" and value != int(value):
            return False
        return self.low <= value <= self.high

    def looseness(self, value: Value) -> float:
        """Orders accepted values: greater is looser."""
        if self.word is not None and value == self.word:
            return math.inf if self.word_is_loosest else -math.inf
        if self.kind == "choice":
            return float(self.choices.index(str(value)))
        return -float(value) if self.tighter in ("more", "yes") else float(value)

    def say(self) -> str:
        """What may be written, for a message."""
        word = f', or "{self.word}"' if self.word else ""
        if self.kind == "yes-no":
            return "true or false"
        if self.kind == "choice":
            return " or ".join(f'"{choice}"' for choice in self.choices)
        kind = "a whole number" if self.kind == "whole" else "a number"
        top = "" if self.high == math.inf else f" to {self.high:g}"
        return f"{kind} from {self.low:g}{top}{word}"


KEYS: Mapping[str, Key] = {
    "reviewers_required": Key("whole", "more", 1, 2),
    "authoriser_differs": Key("yes-no", "yes"),
    "list_confirmed_within_h": Key("number", "less", 0.25, 8760, word="off"),
    "after_use": Key("choice", "first", choices=("erase_list", "erase_snapshot")),
    "after_use_within_h": Key("number", "less", 0, 24, word="at exit"),
    "alert_face_data_h": Key("number", "less", 0.01, 744),
    "log_months": Key("whole", "more", 0, 120),
    "max_deployment_h": Key("number", "less", 0.01, 24),
    "weekly_schedule": Key("yes-no", "no"),
    "urgent_ratified_within_h": Key("number", "less", 0.1, 24, word="no", word_is_loosest=False),
    "heartbeat_min": Key("number", "less", 1, 240, word="off"),
    "one_false_alert_in": Key("whole", "more", 2, 10**9, word="constant"),
    "extrapolated_threshold": Key("choice", "first", choices=("refused", "allowed")),
    "evaluation_report": Key("choice", "first", choices=("required", "warn", "no")),
    "documents_required": Key("yes-no", "yes"),
    "photo_age_years": Key("number", "less", 0.1, 100, word="off"),
    "training_required": Key("yes-no", "yes"),
    "street_team_required": Key("yes-no", "yes"),
    "outward_images": Key("yes-no", "no"),
    "street_team_min": Key("number", "less", 1, 240, word="off"),
    "street_team_gone": Key("choice", "first", choices=("end", "pause")),
    "references_required": Key("yes-no", "yes"),
    "outside_authority": Key("yes-no", "yes"),
    "independent_test": Key("choice", "first", choices=("required", "warn", "no")),
}
LATER: Mapping[str, Value] = {
    "photo_age_years": "off", "training_required": False, "street_team_required": False,
    "street_team_min": "off", "street_team_gone": "pause", "references_required": False,
    "outside_authority": False, "independent_test": "no", "outward_images": False,
}  # fmt: skip
"""Keys that an earlier lfrd did not have, with what it did. They are in a digest only where they
say something else, so that rules that did not change keep theirs."""
assert set(KEYS) == {field.name for field in fields(Rules)}

LOG_MONTHS_AT_LEAST = 6
"""EU AI Act, articles 19 and 26(6); the lab apart."""


@dataclass(frozen=True, slots=True)
class Policy:
    """A profile as it is in force: its values with what the site tightened.

    `digest` is the SHA-256 of name, version and values: two equal digests are the same rules.
    `changed` are the keys that the site's configuration set.
    """

    name: str
    version: int
    title: str
    rules: Rules
    digest: str
    changed: tuple[str, ...] = ()

    @property
    def is_lab(self) -> bool:
        return self.name == LAB

    def values(self) -> dict[str, Value]:
        """The rules as files and JSON have them."""
        return {name: _plain(name, getattr(self.rules, name)) for name in KEYS}

    def as_json(self) -> str:
        """For the record of a deployment; `parse` reads it back."""
        return json.dumps(
            {
                "name": self.name,
                "version": self.version,
                "title": self.title,
                "changed": list(self.changed),
                "values": self.values(),
            },
            sort_keys=True,
        )


@functools.lru_cache(maxsize=64)
def parse(text: str) -> Policy:
    """The policy that `as_json` wrote. What an earlier lfrd recorded has to be complete."""
    kept = json.loads(text)
    return _policy(
        kept["name"], kept["version"], kept["title"], kept["values"], tuple(kept["changed"])
    )


@dataclass(frozen=True, slots=True)
class SitePolicies:
    """What may be in force at this site: its own policy, and the lab's where it was allowed."""

    own: Policy
    lab: Policy | None

    def named(self, name: str) -> Policy:
        """Raises BadInput for a policy that is not this site's."""
        for policy in (self.own, self.lab):
            if policy is not None and policy.name == name:
                return policy
        here = [policy.name for policy in (self.own, self.lab) if policy is not None]
        hint = "; [policy] allow_lab = true allows the lab's" if name == LAB else ""
        raise BadInput(f"this site has no policy profile {name!r}; it has: {', '.join(here)}{hint}")


def for_site(name: str, tightened: Mapping[str, Value], *, allow_lab: bool = False) -> SitePolicies:
    """The policies of a site; what it tightens applies to its own. Raises ConfigError."""
    own = load(name, {key: _from_text(key, value) for key, value in tightened.items()})
    return SitePolicies(own, own if own.is_lab else load(LAB) if allow_lab else None)


def _from_text(key: str, value: Value) -> Value:
    """Variables of the environment are texts: make "12" a number and "true" a yes."""
    spec = KEYS.get(key)
    if spec is None or not isinstance(value, str) or value == spec.word:
        return value
    if spec.kind == "yes-no" and value in ("true", "false"):
        return value == "true"
    if spec.kind in ("number", "whole"):
        try:
            return float(value)
        except ValueError:
            return value
    return value


def names() -> tuple[str, ...]:
    """The profiles that are shipped."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.toml")))


def load(name: str, tightened: Mapping[str, Value] | None = None) -> Policy:
    """A shipped profile, with what a site tightens. Raises ConfigError naming each wrong key."""
    if name not in names():
        raise ConfigError(f"policy.profile: there is no profile {name!r}; there is: "
                          f"{', '.join(names())}")  # fmt: skip
    return read(FOLDER / f"{name}.toml", tightened)


def read(path: Path, tightened: Mapping[str, Value] | None = None) -> Policy:
    """A profile from a file. Raises ConfigError that lists every wrong key of it, a line each."""
    document = _document(path)
    mistakes = _mistakes_in(document)
    if mistakes:
        raise ConfigError(f"the profile {path} has {len(mistakes)} mistake(s):\n"
                          + "\n".join(f"  {line}" for line in mistakes))  # fmt: skip
    values: dict[str, Value] = _table(document, "values")
    floors: dict[str, Value] = _table(document, "floors")
    wanted = dict(tightened or {})
    mistakes = [line for key, value in wanted.items() if (line := _refused(key, value, floors))]
    if mistakes:
        raise ConfigError(f"the policy {document['name']} is not what the site may set:\n"
                          + "\n".join(f"  policy.{line}" for line in mistakes))  # fmt: skip
    changed = tuple(sorted(key for key, value in wanted.items() if value != values[key]))
    values.update(wanted)
    return _policy(
        str(document["name"]),
        int(str(document["version"])),
        str(document["title"]),
        values,
        changed,
    )


def is_profile(path: Path) -> bool:
    """Whether a file is meant to be a profile, and not a configuration. Raises ConfigError where
    it cannot be read as either."""
    return "values" in _document(path)


def _document(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the profile {path}: {error.strerror}") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the profile {path} is not valid TOML: {error}") from None


def _table(document: Mapping[str, object], name: str) -> dict[str, Value]:
    held = document[name]
    assert isinstance(held, dict)
    return dict(held)


def _mistakes_in(document: Mapping[str, object]) -> list[str]:
    """Every key of a profile's file that is unknown, missing, or holds what it must not."""
    wanted = {"name": str, "version": int, "title": str, "values": dict, "floors": dict}
    found = [f"{key}: no such key" for key in document if key not in wanted]
    found += [
        f"{key}: is missing or not a {kind.__name__}"
        for key, kind in wanted.items()
        if not isinstance(document.get(key), kind)
    ]
    if found:
        return found
    for table in ("values", "floors"):
        held = document[table]
        assert isinstance(held, dict)
        found += [f"{table}.{key}: no such key" for key in held if key not in KEYS]
        found += [
            f"{table}.{key}: must be {spec.say()}"
            for key, spec in KEYS.items()
            if not spec.accepts(held.get(key))
        ]
    return found or _mistakes_between(document)


def _mistakes_between(document: Mapping[str, object]) -> list[str]:
    """Values against their own floors, and floors against the law."""
    values, floors = document["values"], document["floors"]
    assert isinstance(values, dict)
    assert isinstance(floors, dict)
    found = [
        f"values.{key}: {values[key]!r} is looser than its floor {floors[key]!r}"
        for key, spec in KEYS.items()
        if spec.looseness(values[key]) > spec.looseness(floors[key])
    ]
    if document["name"] != LAB and floors["log_months"] < LOG_MONTHS_AT_LEAST:
        found.append(f"floors.log_months: the log is kept for {LOG_MONTHS_AT_LEAST} months or more")
    return found


def _refused(key: str, value: Value, floors: Mapping[str, Value]) -> str | None:
    """Why a site may not set this, if it may not."""
    spec = KEYS.get(key)
    if spec is None:
        return f"{key}: no such key"
    if not spec.accepts(value):
        return f"{key}: must be {spec.say()}"
    if spec.looseness(value) > spec.looseness(floors[key]):
        return f"{key}: {value!r} is looser than the floor {floors[key]!r}"
    return None


def _policy(
    name: str, version: int, title: str, values: Mapping[str, Value], changed: tuple[str, ...]
) -> Policy:
    known = {**LATER, **values}
    plain = {key: _normal(key, known[key]) for key in KEYS}
    told = {key: value for key, value in plain.items() if LATER.get(key, ...) != value}
    text = json.dumps(
        {"name": name, "version": version, "values": told}, sort_keys=True, separators=(",", ":")
    )
    held = {key: None if value == KEYS[key].word else value for key, value in plain.items()}
    rules = Rules(**held)  # type: ignore[arg-type]  # each value was accepted by its key
    return Policy(name, version, title, rules, hashlib.sha256(text.encode()).hexdigest(), changed)


def _normal(key: str, value: Value) -> Value:
    """One form for equal values, so that 24 and 24.0 have one digest."""
    spec = KEYS[key]
    if isinstance(value, str | bool):
        return value
    return int(value) if spec.kind == "whole" else float(value)


def _plain(key: str, value: Value | None) -> Value:
    word = KEYS[key].word
    if value is None:
        assert word is not None
        return word
    return value
