"""What every message of the wire contract is made of."""

import functools
import types
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self, TypeVar, Union, cast, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from lfrd.text import one_line
from lfrd.vocabulary import SLUG
from lfrd.wire import built_at_first_use

Slug = Annotated[str, StringConstraints(pattern=rf"^{SLUG}$")]
LINE_MAX = 200
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LINE_MAX)]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-f]{6}$")]
Margin = Annotated[float, Field(ge=0, le=0.5)]
"""How much more than the threshold is asked for."""
Moment = Annotated[float, Field(ge=-2_208_988_800, lt=32_503_680_000)]
"""Seconds since the epoch, from 1900 to 2999: a date also with a duration added."""
Text = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000)]


T = TypeVar("T")


class Wire(BaseModel):
    """Base of every message."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True,
        defer_build=built_at_first_use,
    )  # fmt: skip

    @field_validator("*", mode="before")
    @classmethod
    def _plain(cls, value: object, info: ValidationInfo) -> object:
        """A text or a truth is no number, and nothing but a truth is one."""
        if info.field_name is not None:
            _check_plain(_kinds_of(cls, info.field_name), value)
        return value

    def printable(self) -> Self:
        """The same for people: no text in it holds what a terminal obeys, or a further line."""
        texts = {name: printed(getattr(self, name)) for name in type(self).model_fields}
        return self.model_copy(update=texts)


def printed(value: T) -> T:
    """The same of whatever a message is made of."""
    return cast(T, _printed(value))


def _printed(value: Any) -> Any:
    if type(value) is str:  # and no word of an enumeration
        return one_line(value)
    if isinstance(value, Wire):
        return value.printable()
    if isinstance(value, tuple):
        return tuple(map(printed, value))
    if isinstance(value, dict):
        return {printed(name): printed(item) for name, item in value.items()}
    return value


class Problem(Wire):
    """Why a request was refused. `code` is the slug of the error class, `detail` one sentence."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Kinds:
    """What a field may be: whether a number or a truth is wanted, and the same of the items of a
    tuple. Neither where a text may stand there too."""

    number: bool
    truth: bool
    items: "_Kinds | None"


@functools.cache
def _kinds_of(message: type[BaseModel], field: str) -> _Kinds | None:
    """None: anything goes. A page has a thousand fields, so each is looked at once."""
    return _sorted_out(message.model_fields[field].annotation)


def _sorted_out(annotation: Any) -> _Kinds | None:
    kinds = _kinds(annotation)
    inner = [kind for one in kinds if get_origin(one) is tuple for kind in get_args(one)]
    number = str not in kinds and (int in kinds or float in kinds)
    truth = str not in kinds and bool in kinds and not number
    items = _sorted_out(inner[0]) if inner else None
    return _Kinds(number, truth, items) if number or truth or items else None


def _check_plain(kinds: _Kinds | None, value: object) -> None:
    """Raises ValueError where a text or a truth stands for a number, or anything for a truth."""
    if kinds is None or value is None:
        return
    if isinstance(value, list | tuple):
        for item in value:
            _check_plain(kinds.items, item)
        return
    if kinds.number and isinstance(value, str | bool):
        raise ValueError("a number is wanted, as a JSON number")
    if kinds.truth and not isinstance(value, bool):
        raise ValueError("true or false is wanted")


def _kinds(annotation: Any) -> list[Any]:
    """What a field may be, without its bounds."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _kinds(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        return [kind for part in get_args(annotation) for kind in _kinds(part)]
    if origin is Literal:
        return [type(choice) for choice in get_args(annotation)]
    return [annotation]
