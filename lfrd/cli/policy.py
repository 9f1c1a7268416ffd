"""`lfrd policy show | check`: the rules, without a daemon."""

import argparse
import json
from pathlib import Path

from lfrd import config
from lfrd.cli.terminal import say
from lfrd.governance import profile
from lfrd.governance.profile import KEYS, Policy


def run(options: argparse.Namespace, loaded: config.Config) -> None:
    """Carry out one action and print what it found."""
    if options.action == "check":
        say(check(options.file))
        return
    policy = site_policy(loaded) if options.name is None else profile.load(options.name)
    say(json.dumps(_as_values(policy), indent=2) if options.json else _as_text(policy))


def site_policy(loaded: config.Config) -> Policy:
    """The rules that this configuration puts in force. Raises ConfigError."""
    section = loaded.policy
    return profile.for_site(section.profile, section.tightened, allow_lab=section.allow_lab).own


def check(path: Path) -> str:
    """Say that a profile's file, or the [policy] of a configuration, is in order.

    Raises ConfigError that names every wrong key.
    """
    policy = profile.read(path) if profile.is_profile(path) else site_policy(config.load(path))
    return f"{path} is fine: {policy.name} {policy.version}, digest {policy.digest}"


def _as_values(policy: Policy) -> dict[str, object]:
    return {
        "name": policy.name,
        "version": policy.version,
        "title": policy.title,
        "digest": policy.digest,
        "changed": list(policy.changed),
        "values": policy.values(),
    }


def _as_text(policy: Policy) -> str:
    values = policy.values()
    rows = [
        f"  {key:26} {_word(values[key])}{'  (set by this site)' if key in policy.changed else ''}"
        for key in KEYS
    ]
    return "\n".join(
        [f"{policy.title}: profile {policy.name}, version {policy.version}",
         f"digest {policy.digest}", *rows]
    )  # fmt: skip


def _word(value: bool | int | float | str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)
