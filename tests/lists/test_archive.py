from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lfrd.lists.archive import ArchivedList, ArchiveSource, ArchiveWriter
from lfrd.lists.table import Row

ROWS = 40


def test_rows_read_by_several_threads_at_once_are_each_their_own(tmp_path: Path) -> None:
    writer = ArchiveWriter("a long passphrase")
    listed = ArchivedList("list", "test", "a test", "tests", "#d0021b", 0.0, None, ROWS)
    path = tmp_path / "list.lfrd"
    with path.open("wb") as out:
        out.write(writer.start(listed))
        for number in range(1, ROWS + 1):
            photo = bytes([number]) * (1_000 + 5_000 * (number % 7))
            out.write(writer.row(Row(number, f"p{number}", f"{number}.jpg"), photo))
        out.write(writer.end())
    with ArchiveSource(path, "a long passphrase") as source, ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            for row, photo in zip(source.rows, threads.map(source.photo, source.rows), strict=True):
                assert set(photo) == {row.number}
