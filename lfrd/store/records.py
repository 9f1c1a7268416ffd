"""Rows as frozen dataclasses: a class names its table, its fields are columns of that table.

Both are matched by name alone, so their order means nothing; such a class takes keywords only.

SQLite knows neither booleans nor enumerations; the field's type says what to make of a value.
"""

import dataclasses
import enum
import functools
import types
import typing
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

from lfrd.store.sqlite import Row, SQLValue


class Record(Protocol):
    """A dataclass with a table."""

    TABLE: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


R = TypeVar("R", bound=Record)
T = TypeVar("T")


@functools.cache
def column_names(record: type[Record]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(record))


@functools.cache
def select(record: type[Record]) -> str:
    """`SELECT columns FROM table`, with every column qualified, so that joins may follow."""
    columns = ", ".join(f"{record.TABLE}.{name} AS {name}" for name in column_names(record))
    return f"SELECT {columns} FROM {record.TABLE}"  # noqa: S608  # names from our own classes


@functools.cache
def insert(record: type[Record]) -> str:
    """The statement that takes `values`."""
    names = column_names(record)
    marks = ", ".join(f":{name}" for name in names)
    columns = ", ".join(names)
    return f"INSERT INTO {record.TABLE} ({columns}) VALUES ({marks})"  # noqa: S608  # as above


def values(record: Record) -> dict[str, SQLValue]:
    """The values of a record by the names of its columns."""
    return {name: getattr(record, name) for name in column_names(type(record))}


@functools.cache
def _converters(kind: type) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """Which columns need converting, and by what: bool and enumerations, None apart."""
    hints = typing.get_type_hints(kind)
    found: list[tuple[str, Callable[[Any], Any]]] = []
    for field in dataclasses.fields(kind):
        hint = hints[field.name]
        either = [kind for kind in typing.get_args(hint) if kind is not type(None)]
        if isinstance(hint, types.UnionType) and len(either) == 1:
            hint = either[0]
        if hint is bool or (isinstance(hint, type) and issubclass(hint, enum.Enum)):
            found.append((field.name, hint))
    return tuple(found)


def build(kind: type[T], row: Row) -> T:
    """Make a dataclass of a row whose columns are called as its fields."""
    of_class: Any = kind
    for name, convert in _converters(of_class):
        if row[name] is not None:
            row[name] = convert(row[name])
    return kind(**row)
