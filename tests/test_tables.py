"""A table gives the same cells however it was saved."""

import contextlib
import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd import tables
from lfrd.errors import BadInput
from lfrd.tables import Table, clean, column_name

COLUMNS = ("reference", "file", "under_18")
CELL = st.text(st.characters(blacklist_categories=("Cc", "Cs")), max_size=12).map(clean)
ROWS = st.lists(st.tuples(CELL, CELL, CELL).filter(any), min_size=1, max_size=6)
HEADERS = (COLUMNS, ("Reference", " FILE", "Under 18"), ("REFERENCE", "file ", "under-18"))
UNICODE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")


def read(content: bytes, encoding: str | None = None) -> list[tuple[str, ...]]:
    return [tuple(line.cells.values()) for line in Table(content, "t.csv", COLUMNS, encoding)]


def saved(rows: list[tuple[str, ...]], separator: str = ",", end: str = "\r\n") -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator=end).writerows(rows)
    return out.getvalue()


@given(
    rows=ROWS, header=st.sampled_from(HEADERS), separator=st.sampled_from(tables.SEPARATORS),
    encoding=st.sampled_from(UNICODE), end=st.sampled_from(("\r\n", "\n", "\r")),
    told=st.booleans(), empty_columns=st.integers(0, 3), empty_rows=st.integers(0, 3),
)  # fmt: skip
def test_a_table_is_read_however_it_was_saved(
    rows: list[tuple[str, ...]], header: tuple[str, ...], separator: str, encoding: str, end: str,
    told: bool, empty_columns: int, empty_rows: int,
) -> None:  # fmt: skip
    blank = ("",) * empty_columns
    wide = [(*row, *blank) for row in (header, *rows)] + [("", "", "", *blank)] * empty_rows
    text = (f"sep={separator}{end}" if told else "") + saved(wide, separator, end)
    assert read(text.encode(encoding)) == rows


@given(ROWS)
def test_windows_text_is_read_and_said(rows: list[tuple[str, ...]]) -> None:
    content = saved([COLUMNS, ("Schlägerei", "x.jpg", ""), *rows]).encode("cp1252", "replace")
    table = Table(content, "t.csv", COLUMNS)
    assert next(iter(table)).cells["reference"] == "Schlägerei"
    (note,) = table.notes
    assert "was read as Windows-1252, with words such as" in note


def test_the_word_that_is_shown_lets_people_see_what_was_taken() -> None:
    content = saved([COLUMNS, ("a", "Ängste\x9b.jpg", "")]).encode("latin-1")
    assert '"Ängste›.jpg"' in Table(content, "t.csv", COLUMNS).notes[0]


def test_an_encoding_that_was_said_is_taken() -> None:
    content = saved([COLUMNS, ("Řehoř", "x", "")]).encode("cp1250")
    assert read(content, "cp1250")[0][0] == "Řehoř"
    assert Table(content, "t.csv", COLUMNS, "cp1250").notes == ()
    for wrong in ("nothing", "zip", "rot13", "a\0b", ""):
        if wrong:
            with pytest.raises(BadInput, match="is no encoding"):
                read(content, wrong)
    with pytest.raises(BadInput, match="no ascii text"):
        read(content, "ascii")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "is an Excel or other workbook"),
        (b"\xd0\xcf\x11\xe0rest", "is an old Excel workbook"),
        (b"%PDF-1.7", "is a PDF"),
        (b"reference,file\n\x81,x\n", "neither UTF-8 nor Windows-1252"),
        (b"reference,file\na\0b,x\n", "is no text"),
        (b"\xff\xfer", "no utf-16 text"),
        (b"sep=x\nreferencexfile\n", "says sep='x'"),
        (b'reference,file\n"a,b\n', "not a readable CSV at line"),
        (b",".join([b"x"] * 101), "has 101 columns; at most 100"),
    ],
)
def test_what_is_no_table_says_what_it_is(content: bytes, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        read(content)


def test_a_cell_beyond_the_header_is_told_and_an_empty_one_is_not() -> None:
    table = Table(b"reference,file\na,b,,\nc,d,e\nf\n", "t.csv", COLUMNS)
    assert [line.surplus for line in table] == [False, True, False]


def test_cells_of_a_column_without_a_name_are_told() -> None:
    table = Table(b"reference,,file\na,,b\nc,x,d\n", "t.csv", COLUMNS)
    assert [(line.cells, line.surplus) for line in table] == [
        ({"reference": "a", "file": "b"}, False), ({"reference": "c", "file": "d"}, True),
    ]  # fmt: skip


def test_marks_that_nobody_sees_are_no_part_of_a_cell() -> None:
    assert clean("\u200e\u202ablair.jpg\u202c\u00a0\ufeff ") == "blair.jpg"
    assert column_name("\ufeffStatus  Checked") == "status_checked"


@given(st.binary(max_size=200))
def test_no_bytes_give_anything_but_cells_or_a_refusal(content: bytes) -> None:
    with contextlib.suppress(BadInput):
        for _, cells in zip(range(50), read(b"reference,file\n" + content), strict=False):
            assert len(cells) == 2
