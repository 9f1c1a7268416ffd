"""What the wire contract finds wrong with the values of a command, said to the user who typed
them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pydantic import ValidationError

from lfrd.errors import BadInput
from lfrd.vocabulary import PACK_NAME, SLUG
from lfrd.wire.cameras import PIN
from lfrd.wire.deployments import TIME_OF_DAY

_WORDS = {
    "bearer_token": "token",
    "camera_id": "camera",
    "documents": "document",
    "duration_s": "hours",
    "expectation": "expect",
    "expires_at_s": "expires",
    "subject_id": "id",
    "watchlist_ids": "watchlist",
    "windows": "window",
}
"""A field by the name that its option has on the command line."""

_FORMS = {
    rf"^{SLUG}$": (
        "write lower-case letters, digits and hyphens, at most 63, such as main-entrance"
    ),
    r"^[1-9]\d{0,3}:[1-9]\d{0,3}$": "write it WIDTH:HEIGHT, such as 16:9",
    rf"^{PACK_NAME}$": "write the name of a pack: a-z, 0-9, '.', '_' and '-', at most 64",
    PIN: "write it sha256: and the 64 hexadecimal digits of a certificate",
    TIME_OF_DAY: "write it HH:MM, such as 09:00",
    r"^#[0-9a-f]{6}$": "write a colour as #rrggbb in lower case, such as #d13438",
}

_LIMITS = {
    "greater_than": ("gt", "must be above"),
    "greater_than_equal": ("ge", "must be at least"),
    "less_than": ("lt", "must be below"),
    "less_than_equal": ("le", "must be at most"),
}


@contextmanager
def mistakes_said() -> Iterator[None]:
    """Raise BadInput, one sentence for each wrong field, where a message cannot be made.

    No value is repeated: one of them may be an address with its password.
    """
    try:
        yield
    except ValidationError as error:
        raise BadInput("\n".join(sentences(error))) from None
    except UnicodeEncodeError:
        raise BadInput("a value is no text: it holds bytes that are not UTF-8") from None


def sentences(error: ValidationError) -> list[str]:
    """One for each field: what it is called on the command line, and how it should be."""
    found: dict[str, str] = {}
    for item in error.errors(include_input=False, include_url=False):
        field = str(item["loc"][0]) if item["loc"] else ""
        found.setdefault(field, _say(item["type"], item["msg"], item.get("ctx") or {}, field))
    return [f"{_WORDS.get(field, field)}: {text}" if field else text
            for field, text in found.items()]  # fmt: skip


def _say(kind: str, message: str, given: Mapping[str, Any], field: str) -> str:
    if kind in _LIMITS:
        key, words = _LIMITS[kind]
        limit = given[key] / 3600 if field == "duration_s" else given[key]
        return f"{words} {limit:g}"
    if kind == "string_pattern_mismatch":
        return _FORMS.get(given["pattern"], f"must have the form {given['pattern']}")
    if kind == "string_too_long":
        return f"must have at most {given['max_length']} characters"
    if kind == "string_too_short":
        return "must not be empty"
    if kind in {"enum", "literal_error"}:
        return f"must be one of {given['expected']}"
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    return text[:1].lower() + text[1:]
