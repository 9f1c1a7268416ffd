"""What people write into the table of an import is read, or refused with every mistake named."""

import contextlib
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import BadInput
from lfrd.lists import table as rules
from lfrd.lists.table import Defaults, Row, parse
from lfrd.tables import parse_date

GOOD = (
    "reference,file,under_18,margin,expires\na,a.jpg,no,0.1,2030-01-01\na,b.jpg,no,0.1,2030-01-01\n"
)


def table(text: str) -> bytes:
    return text.encode()


def test_rows_of_one_reference_are_photos_of_one_entry() -> None:
    rows = parse(table(GOOD), "t.csv").rows
    assert [(row.number, row.reference, row.file) for row in rows] == [
        (1, "a", "a.jpg"), (2, "a", "b.jpg"),
    ]  # fmt: skip
    assert rows[0].margin == 0.1
    assert rows[0].expires_at_s == 1_893_456_000
    assert not rows[0].under_18


def test_a_byte_order_mark_and_quoted_lines_are_read() -> None:
    text = '\ufeffreference,file,basis\na,"x, y.jpg","two\nlines"\n'
    row = parse(text.encode(), "t.csv").rows[0]
    assert (row.file, row.basis) == ("x, y.jpg", "two\nlines")


def test_a_box_says_which_face_of_a_photo_is_meant() -> None:
    rows = parse(table("reference,file,box\na,g.jpg,10 20 110.5 140\nb,g.jpg,\n"), "t.csv").rows
    assert [row.box for row in rows] == [(10.0, 20.0, 110.5, 140.0), None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reference,file,box\na,x,10 20 110\n", "row 1: box is"),
        ("reference,file,box\na,x,110 20 10 90\n", "row 1: box is"),
        ("reference,file,box\na,x,nan 20 inf 90\n", "row 1: box is"),
        ("", "missing columns: reference, file"),
        ("reference,photo\na,b\n", "missing columns: file; unknown: photo"),
        ("reference,file,file\na,b,c\n", "twice: file"),
        ("reference,file\n", "has no rows"),
        ("reference,file\na,x.jpg\na,x.jpg\n", "row 2: the same reference and file as row 1"),
        ("reference,file\n,x.jpg\n", "row 1: reference is empty"),
        ("reference,file\na\n", "row 1: file is empty"),
        ("reference,file\na,b,c\n", "row 1: has more fields than the header"),
        ("reference,file\na,../x.jpg\n", "must be a path inside"),
        ("reference,file\na,/etc/passwd\n", "must be a path inside"),
        ("reference,file\na,..\\x.jpg\n", "must be a path inside"),
        ("reference,file\na,C:\\x.jpg\n", "must be a path inside"),
        ("reference,file,margin\na,b,-1\n", "margin is a number"),
        ("reference,file,margin\na,b,nan\n", "margin is a number"),
        ("reference,file,under_18\na,b,maybe\n", "under_18 is yes or no"),
        ("reference,file,expires\na,b,tomorrow\n", "is not a date"),
        ("reference,file,basis\na,x,one\na,y,two\n", "row 2: basis differs from row 1"),
        ("reference,file\na," + "x" * 201 + "\n", "longer than 200"),
        ('reference,file\n"a,b\n', "not a readable CSV"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused_with_its_mistake(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("\\", "\\\\").replace("(", "\\(")):
        parse(table(text), "t.csv")


def test_every_mistake_is_named_but_not_more_than_twenty() -> None:
    text = "reference,file\n" + "".join(f",{n}.jpg\n" for n in range(30))
    with pytest.raises(BadInput) as caught:
        parse(table(text), "t.csv")
    assert "30 mistake(s)" in str(caught.value)
    assert str(caught.value).count("\n") == 20


@given(st.binary(max_size=300))
def test_no_bytes_give_anything_but_rows_or_a_refusal(content: bytes) -> None:
    with contextlib.suppress(BadInput):
        assert parse(content, "t.csv").rows


@given(st.text(max_size=30))
def test_no_text_gives_anything_but_a_date_or_a_refusal(text: str) -> None:
    try:
        found = parse_date(text)
        assert found is None or isinstance(found, float)
    except BadInput:
        pass


def test_references_are_one_whether_their_accents_are_composed_or_not() -> None:
    rows = parse(table("reference,file\nM\u00fcller,a.jpg\nMu\u0308ller,b.jpg\n"), "t.csv").rows
    assert {row.reference for row in rows} == {"M\u00fcller"}


def test_rows_say_by_themselves_or_as_all_do() -> None:
    defaults = Defaults("ban", "incident 7", 1_893_456_000.0)
    text = "reference,file,basis,expires\na,a.jpg,,\nb,b.jpg,theft,2031-01-01\n"
    first, second = parse(table(text), "t.csv", defaults=defaults).rows
    assert (first.basis, first.source, first.expires_at_s) == ("ban", "incident 7", 1_893_456_000)
    assert (second.basis, second.source) == ("theft", "incident 7")
    assert second.expires_at_s == 1_924_992_000


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("31.12.2026", "2026-12-31"), ("1.2.2026", "2026-02-01"), ("31/12/2026", "2026-12-31"),
        ("31-12-2026", "2026-12-31"), ("05/05/2026", "2026-05-05"), ("2026/12/31", "2026-12-31"),
        ("31.12.2026 18:30", "2026-12-31T18:30"), ("31. 12. 2026", "2026-12-31"),
        ("2026-11-30T18:00+01:00", "2026-11-30T17:00"),
    ],
)  # fmt: skip
def test_a_date_is_taken_as_it_was_written_where_there_is_no_doubt(text: str, iso: str) -> None:
    moment = datetime.datetime.fromisoformat(iso).replace(tzinfo=datetime.UTC)
    assert parse_date(text) == moment.timestamp()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("01/02/2026", "write 2026-02-01 or 2026-01-02"),
        ("1-2-2026", "write 2026-02-01 or 2026-01-02"),
        ("12/31/2026", "write 2026-12-31"),
        ("31.12.26", "is not a date such as 2026-11-30"),
        ("31.02.2026", "is not a date such as"),
        ("46387", "is not a date such as"),
    ],
)
def test_a_date_that_may_be_two_is_refused_with_how_to_write_it(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse_date(text)


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 1, 1)))
def test_a_date_with_dots_is_day_first(day: datetime.date) -> None:
    assert parse_date(f"{day:%d.%m.%Y}") == parse_date(f"{day:%Y-%m-%d}")


@given(st.dates(datetime.date(1900, 1, 1), datetime.date(2200, 1, 1)))
def test_a_date_with_slashes_is_never_another_day(day: datetime.date) -> None:
    with contextlib.suppress(BadInput):
        assert parse_date(f"{day:%d/%m/%Y}") == parse_date(f"{day:%Y-%m-%d}")
        assert day.day > 12 or day.day == day.month


@pytest.mark.parametrize(
    ("column", "text", "value"),
    [
        ("margin", "0,05", 0.05), ("margin", ".1", 0.1), ("margin", "0", 0.0),
        ("box", "10 20 110,5 140", (10, 20, 110.5, 140)),
        ("box", "10, 20, 110, 140", (10, 20, 110, 140)),
        ("box", "10,20,110,140", (10, 20, 110, 140)),
    ],
)  # fmt: skip
def test_numbers_have_a_point_or_a_comma(column: str, text: str, value: object) -> None:
    row = parse(table(f"reference;file;{column}\na;a.jpg;{text}\n"), "t.csv").rows[0]
    assert getattr(row, column) == value


@pytest.mark.parametrize("text", ["1_0", "\u0663", "1e-1", "-0", "0x1", "0.05.1", "1,000.5"])
def test_what_is_no_plain_number_is_no_margin(text: str) -> None:
    with pytest.raises(BadInput, match="margin is a number"):
        parse(table(f'reference;file;margin\na;a.jpg;"{text}"\n'), "t.csv")


def test_control_characters_are_no_part_of_a_name() -> None:
    for column in ("reference", "file", "person"):
        row = {"reference": "a", "file": "a.jpg", "person": "p"} | {column: "x\x1b[31m"}
        with pytest.raises(BadInput, match=f"{column} holds a control character") as caught:
            parse(table(f"{','.join(row)}\n{','.join(row.values())}\n"), "t.csv")
        assert "\x1b" not in str(caught.value)


def test_a_mistake_names_the_line_where_that_is_not_the_row() -> None:
    with pytest.raises(BadInput, match=r"row 2 \(line 6\): file is empty"):
        parse(table("sep=;\nreference;file\na;a.jpg\n\n;\nb;\n"), "t.csv")


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "ROWS_LIMIT", 2)
    with pytest.raises(BadInput, match="more than 2 rows"):
        parse(table("reference,file\n" + "".join(f"a,{n}.jpg\n" for n in range(3))), "t.csv")


def test_a_row_is_what_the_daemon_takes() -> None:
    """The table's bounds are not wider than those of the wire."""
    from dataclasses import asdict

    from lfrd.wire.lists import ImportRow

    row = parse(table("reference,file,margin,box\n" + "r" * 200 + ",a.jpg,0.5,0 0 1e9 9\n"
                      .replace("1e9", "1000000")), "t.csv").rows[0]  # fmt: skip
    assert ImportRow(**asdict(row)).number == 1
    assert isinstance(row, Row)
