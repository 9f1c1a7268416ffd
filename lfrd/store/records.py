"""Rows as frozen dataclasses: a class names its table, its fields are columns of that table.

SQLite knows neither booleans nor enumerations; the field's type says what to make of a value.
"""

import dataclasses
import enum
import functools
import typing
from collections.abc import Callable
from typing import Any, ClassVar, Protocol, TypeVar

from lfrd.store.sqlite import Row, SQLValue


class Record(Protocol):
    """A dataclass with a table."""

    TABLE: ClassVar[str]
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]


R = TypeVar("R", bound=Record)


@functools.cache
def column_names(record: type[Record]) -> tuple[str, ...]:
    return tuple(field.name for field in dataclasses.fields(record))


@functools.cache
def select(record: type[Record]) -> str:
    """`SELECT columns FROM table`, with every column qualified, so that joins may follow."""
    columns = ", ".join(f"{record.TABLE}.{name}" for name in column_names(record))
    return f"SELECT {columns} FROM {record.TABLE}"  # noqa: S608  # names from our own classes


@functools.cache
def insert(record: type[Record]) -> str:
    names = column_names(record)
    marks = ", ".join("?" for _ in names)
    columns = ", ".join(names)
    return f"INSERT INTO {record.TABLE} ({columns}) VALUES ({marks})"  # noqa: S608  # as above


def values(record: Record) -> tuple[SQLValue, ...]:
    """The values of a record in the order of its columns."""
    return tuple(getattr(record, name) for name in column_names(type(record)))


@functools.cache
def _converters(record: type[Record]) -> tuple[tuple[int, Callable[[Any], Any]], ...]:
    """Which columns need converting, and by what: bool and enumerations."""
    hints = typing.get_type_hints(record)
    found: list[tuple[int, Callable[[Any], Any]]] = []
    for position, name in enumerate(column_names(record)):
        hint = hints[name]
        if hint is bool or (isinstance(hint, type) and issubclass(hint, enum.Enum)):
            found.append((position, hint))
    return tuple(found)


def build(record: type[R], row: Row) -> R:
    """Make a record of the row that `select` gave."""
    converters = _converters(record)
    if not converters:
        return record(*row)
    converted: list[Any] = list(row)
    for position, convert in converters:
        converted[position] = convert(converted[position])
    return record(*converted)
