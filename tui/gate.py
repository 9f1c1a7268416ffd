"""The start gate as a checklist: what holds, what is missing, and what mends it. Pure."""

import re
from dataclasses import dataclass
from enum import StrEnum

from lfrd.wire.deployments import GateFinding, GateVerdict


class Mend(StrEnum):
    """What a line of the checklist opens."""

    AMEND = "amend"
    LISTS = "lists"
    AUTHORISE = "authorise"
    CAMERAS = "cameras"
    RUNNING = "running"
    TEAM = "team"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Line:
    """One line: `sign` is ✓ (holds), ✗ (bars the start), ▲ (to be known) or ▮ (erased after use).
    `subject` is the id of the list, or the form's field, that it is about."""

    key: str
    sign: str
    text: str
    mend: Mend = Mend.NOTHING
    subject: str = ""


_AMENDED = {
    "purpose": "purpose", "place": "place", "expectation": "expectation", "use_case": "use_case",
    "watchlists": "list-0", "window": "hours", "duration": "hours", "too_late": "begins",
    "too_early": "begins", "model": "purpose", "policy": "purpose", "list_size": "list-0",
    "document.impact-assessment": "assessment", "document.notice": "notice",
}  # fmt: skip
"""What another plan mends, and the field at which the form begins."""

_MENDS = {"authority": Mend.AUTHORISE, "cameras": Mend.CAMERAS, "running": Mend.RUNNING,
          "street_team": Mend.TEAM}  # fmt: skip

_AREAS = (
    ("plan", "what for, where and how long", ("purpose", "place", "expectation", "use_case",
                                             "watchlists", "window", "duration", "model",
                                             "policy")),
    ("documents", "impact assessment and notice", ("document.",)),
    ("lists", "the lists are confirmed and have photos", ("watchlist.", "list_size")),
    ("authority", "it is authorised", ("authority", "authoriser", "too_late", "too_early")),
    ("machine", "cameras and models are ready", ("cameras", "running", "clock")),
    ("people", "trained reviewers are there", ("training", "street_team")),
    ("threshold", "the threshold follows from the lists", ("threshold",)),
    ("evaluation", "the model was evaluated", ("evaluation",)),
)  # fmt: skip


def checklist(verdict: GateVerdict) -> tuple[Line, ...]:
    """Every area of the gate: its findings, or that it holds, and what is erased after use. What
    bars the start comes first."""
    lines: list[Line] = []
    left = [("✗", item) for item in verdict.missing] + [("▲", item) for item in verdict.warnings]
    for name, holds, keys in _AREAS:
        mine = [(sign, item) for sign, item in left if item.key.startswith(keys)]
        left = [pair for pair in left if pair not in mine]
        lines += [_line(sign, item) for sign, item in mine] or [Line(name, "✓", holds)]
    lines += [_line(sign, item) for sign, item in left]
    lines += [Line(f"erases.{item.key}", "▮", item.text) for item in verdict.erases]
    return tuple(sorted(lines, key=lambda line: _ORDER.index(line.sign)))


_ORDER = "✗▲▮✓"


_OF_COMMANDS = re.compile(r" \((?:document|--|`)[^)]*\)")
"""How a command mends it: here a key does."""


def _line(sign: str, item: GateFinding) -> Line:
    kind, _, subject = item.key.partition(".")
    text = item.text
    if kind == "watchlist":
        return Line(item.key, sign, text, Mend.LISTS, subject)
    if item.key in _AMENDED:
        plain = _OF_COMMANDS.sub("", text)
        return Line(item.key, sign, plain, Mend.AMEND, _AMENDED[item.key])
    mend = _MENDS.get(item.key, Mend.NOTHING)
    return Line(item.key, sign, text if mend is Mend.NOTHING else _OF_COMMANDS.sub("", text), mend)
