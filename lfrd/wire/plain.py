"""A number is a number: what pydantic would take for one is refused."""

import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin


def check_plain(annotation: Any, value: object) -> None:
    """Raises ValueError where a text or a truth stands for a number, or anything for a truth."""
    if value is None:
        return
    kinds = _kinds(annotation)
    if isinstance(value, list | tuple):
        inner = [kind for one in kinds if get_origin(one) is tuple for kind in get_args(one)]
        for item in value:
            for kind in inner[:1]:
                check_plain(kind, item)
        return
    numeric = {int, float} & set(kinds)
    if numeric and str not in kinds and isinstance(value, str | bool):
        raise ValueError("a number is wanted, as a JSON number")
    if bool in kinds and not numeric and str not in kinds and not isinstance(value, bool):
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
