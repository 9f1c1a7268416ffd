"""Rows are matched to classes by the names of columns: their order means nothing."""

import dataclasses
import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path

import pytest

import lfrd.store
from lfrd.store import records
from lfrd.store.sqlite import Row
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import Entry, Watchlist
from lfrd.vocabulary import Category
from support.store import add_list, add_person, opened, unit_vectors


def record_classes() -> list[type]:
    """Every class of the store that names a table."""
    modules = [
        importlib.import_module(f"lfrd.store.{found.name}")
        for found in pkgutil.iter_modules(lfrd.store.__path__)
    ]
    return sorted(
        {
            item
            for module in modules
            for item in vars(module).values()
            if isinstance(item, type) and hasattr(item, "TABLE") and dataclasses.is_dataclass(item)
        },
        key=lambda item: item.__qualname__,
    )


@pytest.mark.parametrize("record", record_classes(), ids=lambda item: item.__qualname__)
def test_a_row_s_class_is_built_by_names_alone(record: type) -> None:
    assert all(field.kw_only for field in dataclasses.fields(record))


def test_there_is_one_class_for_an_episode_and_views_of_it() -> None:
    of_episode = [item for item in record_classes() if item.TABLE == "episode"]  # type: ignore[attr-defined]
    assert {item.__name__ for item in of_episode} == {"Episode", "SealedEpisode"}


@dataclass(frozen=True, slots=True)
class Brief:
    category: Category
    under_18: bool
    reference: str


@pytest.mark.parametrize(
    "columns",
    ["reference, category, under_18", "under_18, reference, category"],
)
async def test_the_order_of_columns_does_not_matter(tmp_path: Path, columns: str) -> None:
    def build(tx: Transaction) -> None:
        add_person(tx, add_list(tx).id, "one", unit_vectors(1)[0])

    async with opened(tmp_path) as db:
        await db.write(build, principal="ada")
        brief = await db.read(lambda reader: reader.query(Brief, f"SELECT {columns} FROM entry"))
        assert brief == [Brief(Category.TEST, under_18=False, reference="one")]


async def test_a_table_whose_columns_stand_otherwise_gives_the_same(tmp_path: Path) -> None:
    def turned(reader: Reader) -> tuple[Entry, Entry]:
        (entry,) = reader.find(Entry)
        names = ", ".join(reversed(records.column_names(Entry)))
        (again,) = reader.query(Entry, f"SELECT {names} FROM entry")
        return entry, again

    def build(tx: Transaction) -> None:
        add_person(tx, add_list(tx).id, "one", unit_vectors(1)[0])

    async with opened(tmp_path) as db:
        await db.write(build, principal="ada")
        entry, again = await db.read(turned)
        assert entry == again


async def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(add_list, principal="ada")
        with pytest.raises(AssertionError, match="two columns of one name"):
            await db.read(lambda reader: list(reader.rows("SELECT id, id FROM watchlist")))


def test_a_value_of_another_kind_is_not_taken_for_it() -> None:
    row = Row(name="x", size=3)
    assert (row.text("name"), row.whole("size")) == ("x", 3)
    with pytest.raises(AssertionError):
        row.text("size")
    with pytest.raises(KeyError):
        row.real("nothing")


def test_a_statement_names_what_it_writes() -> None:
    assert ":colour" in records.insert(Watchlist)
    assert "?" not in records.insert(Watchlist)
