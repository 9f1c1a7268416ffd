"""What the sweeper asks every few seconds is answered from indexes, also of many alerts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lfrd.store import erasures
from lfrd.store.sqlite import Connection, Values
from lfrd.store.transaction import Reader
from support.store import opened, raise_some

ASKED: dict[str, Callable[[Reader], object]] = {
    "the oldest faces": erasures.oldest_faces,
    "deployments without faces": erasures.deployments_without_faces,
    "what may be dropped": lambda reader: erasures.droppable(reader, "a deployment", 1.0, 500),
}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
async def test_the_sweeper_reads_no_whole_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Reader], object]
) -> None:
    plans: list[str] = []
    rows, column = Connection.rows, Connection.column

    def planned(self: Connection, sql: str, values: Values) -> None:
        plans.extend(row.text("detail") for row in rows(self, f"EXPLAIN QUERY PLAN {sql}", values))

    def read_rows(self: Connection, sql: str, values: Values = ()) -> object:
        planned(self, sql, values)
        return rows(self, sql, values)

    def read_column(self: Connection, sql: str, values: Values = ()) -> list[str]:
        planned(self, sql, values)
        return column(self, sql, values)

    async with opened(tmp_path) as db:
        await raise_some(db, 3)
        monkeypatch.setattr(Connection, "rows", read_rows)
        monkeypatch.setattr(Connection, "column", read_column)
        await db.read(ask)
    about = [plan for plan in plans if " episode" in plan and "episode_rival" not in plan]
    assert about
    for plan in about:
        assert plan.startswith("SEARCH") or "COVERING INDEX episode_face" in plan, plans
