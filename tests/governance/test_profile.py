"""Policy profiles: the table's values, floors that hold, and every wrong key named at once."""

import hashlib
import json
import math
import tomllib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lfrd.errors import BadInput, ConfigError
from lfrd.governance import profile
from lfrd.governance.profile import KEYS

TABLE = {
    "lab": (1, False, None, "erase_list", None, 1, 0, 4, False, None, None, None, "no"),
    "standard": (1, False, 168, "erase_snapshot", 0, 24, 12, 12, True, None, None, 1000, "warn"),
    "uk-police": (1, True, 24, "erase_list", 24, 24, 12, 12, False, 4, 15, 6000, "required"),
    "eu-law-enforcement": (
        2, True, 24, "erase_list", 24, 24, 12, 12, False, 24, 15, 6000, "required",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_shipped_profiles_hold_the_values_of_the_table(name: str) -> None:
    rules = profile.load(name).rules
    assert (
        rules.reviewers_required, rules.authoriser_differs, rules.list_confirmed_within_h,
        rules.after_use, rules.after_use_within_h, rules.alert_face_data_h, rules.log_months,
        rules.max_deployment_h, rules.weekly_schedule, rules.urgent_ratified_within_h,
        rules.heartbeat_min, rules.one_false_alert_in, rules.evaluation_report,
    ) == TABLE[name]  # fmt: skip


def test_there_are_four_profiles_and_each_outlives_its_record() -> None:
    assert set(profile.names()) == set(TABLE)
    digests = {profile.load(name).digest for name in profile.names()}
    assert len(digests) == 4
    for name in profile.names():
        policy = profile.load(name)
        assert profile.parse(policy.as_json()) == policy


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("eu-law-enforcement", "reviewers_required", 1),
        ("uk-police", "authoriser_differs", False),
        ("uk-police", "heartbeat_min", "off"),
        ("uk-police", "list_confirmed_within_h", 25),
        ("standard", "list_confirmed_within_h", "off"),
        ("standard", "alert_face_data_h", 745),
        ("standard", "log_months", 5),
        ("standard", "max_deployment_h", 13),
        ("standard", "urgent_ratified_within_h", 4),
        ("standard", "one_false_alert_in", "constant"),
        ("uk-police", "evaluation_report", "warn"),
        ("uk-police", "extrapolated_threshold", "allowed"),
        ("lab", "weekly_schedule", True),
        ("standard", "reviewers_required", True),
        ("standard", "reviewers_required", "many"),
        ("standard", "alert_face_data_h", float("nan")),
        ("standard", "heartbeat", 10),
    ],
)
def test_a_value_outside_its_floor_names_its_key(
    name: str, key: str, value: bool | int | float | str
) -> None:
    with pytest.raises(ConfigError, match=rf"policy\.{key}: "):
        profile.load(name, {key: value})


def test_every_mistake_is_named_at_once() -> None:
    wrong = {"heartbeat_min": "off", "nonsense": 1, "log_months": 5}
    with pytest.raises(ConfigError) as caught:
        profile.load("uk-police", wrong)
    assert all(f"policy.{key}" in str(caught.value) for key in wrong)


def test_tightening_changes_value_and_digest_and_says_so() -> None:
    plain = profile.load("standard")
    site = profile.load(
        "standard", {"heartbeat_min": 10, "alert_face_data_h": 12, "log_months": 12}
    )
    assert (site.rules.heartbeat_min, site.rules.alert_face_data_h) == (10, 12)
    assert site.changed == ("alert_face_data_h", "heartbeat_min")
    assert site.digest != plain.digest
    assert profile.load("standard", {"alert_face_data_h": 24.0}).digest == plain.digest


@given(
    st.sampled_from(sorted(TABLE)),
    st.sampled_from(sorted(KEYS)),
    st.one_of(
        st.integers(-5, 10**10), st.floats(), st.booleans(), st.text(max_size=5),
        st.sampled_from(["off", "no", "constant", "at exit", "erase_list", "required", "refused"]),
    ),
)  # fmt: skip
@example("standard", "log_months", math.nan)
@example("standard", "alert_face_data_h", math.inf)
def test_nothing_that_is_accepted_is_looser_than_its_floor(
    name: str, key: str, value: bool | int | float | str
) -> None:
    floors = tomllib.loads((profile.FOLDER / f"{name}.toml").read_text())["floors"]
    assert isinstance(floors, dict)
    try:
        policy = profile.load(name, {key: value})
    except ConfigError:
        return  # that it names its key is held above
    spec = KEYS[key]
    assert spec.looseness(policy.values()[key]) <= spec.looseness(floors[key])


def test_rules_that_a_later_key_does_not_change_keep_their_digest() -> None:
    plain = profile.load("standard")
    assert profile.load("standard", {"training_required": True}).digest != plain.digest
    kept = json.loads(plain.as_json())
    for key in profile.LATER:
        del kept["values"][key]
    assert profile.parse(json.dumps(kept)) == plain, "as an earlier lfrd recorded it"
    told = json.dumps(
        {"name": "standard", "version": 1, "values": kept["values"]}, sort_keys=True,
        separators=(",", ":"),
    )  # fmt: skip
    assert plain.digest == hashlib.sha256(told.encode()).hexdigest()


def test_a_site_has_its_own_policy_and_the_lab() -> None:
    site = profile.for_site("uk-police", {"heartbeat_min": "10"}, allow_lab=True)
    assert site.own.rules.heartbeat_min == 10
    assert site.named("lab").is_lab
    with pytest.raises(BadInput, match="has: uk-police, lab"):
        site.named("standard")
    strict = profile.for_site("uk-police", {})
    with pytest.raises(BadInput):
        strict.named("lab")
    with pytest.raises(ConfigError, match="no profile 'police'"):
        profile.for_site("police", {})


def edited(tmp_path: Path, old: str, new: str) -> Path:
    text = (profile.FOLDER / "standard.toml").read_text()
    assert old in text
    path = tmp_path / "standard.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("log_months = 12", "log_months = 3", r"values\.log_months"),
        ("log_months = 6", "log_months = 3", r"floors\.log_months: the log is kept"),
        ('heartbeat_min = "off"', "heart_beat = 1", r"values\.heart_beat: no such key"),
        ("alert_face_data_h = 744", "alert_face_data_h = 9999", r"floors\.alert_face_data_h"),
        ("version = 1", "edition = 1", "edition: no such key"),
        ("[values]", "[values", "not valid TOML"),
    ],
)
def test_a_profile_file_with_a_mistake_is_refused(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        profile.read(edited(tmp_path, old, new))


def test_editing_a_file_changes_nothing_that_was_read(tmp_path: Path) -> None:
    path = edited(tmp_path, "alert_face_data_h = 24", "alert_face_data_h = 20")
    policy = profile.read(path)
    path.write_text("")
    assert policy.rules.alert_face_data_h == 20
    with pytest.raises(AttributeError):
        policy.rules.alert_face_data_h = 99  # type: ignore[misc]  # it is frozen, as the test says
