"""The record as a table's row and as a page: whatever people typed, it is text in both."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lfrd.governance.record_pages import as_csv, as_html, closing_text
from lfrd.text import table_cell
from lfrd.vocabulary import Engagement
from lfrd.wire.record import Record
from support.records import Told, record_of

SOME = record_of(
    [Told("true_confirmed", "door", Engagement.ARREST), Told("false_unconfirmed", "hall")],
    {"door": 900, "hall": 100},
)
HOSTILE = st.one_of(
    st.text(max_size=60),
    st.sampled_from([
        "=cmd|' /C calc'!A0", "+1+1", "-2", "@SUM(A1)", "\t=1", " =1", "\r\n=1", "＝1", "|x", "%0A",
        "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><script>",
        "&lt;b&gt;", "javascript:alert(1)", "<!--", "]]>", "\u202eevil", "a\x00b", "'=1", '"=1',
        "</title><svg/onload=alert(1)>",
    ]),
)  # fmt: skip
TEXTS = ("place", "purpose", "use_case", "end_reason", "profile")


def hostile(text: str) -> Record:
    lists = {"documents": (text,), "independent_tests": (text,)}
    return SOME.model_copy(update=dict.fromkeys(TEXTS, text) | lists)


def row_of(record: Record) -> dict[str, str]:
    header, *rows = csv.reader(io.StringIO(as_csv(record), newline=""), strict=True)
    assert len(rows) == 1
    return dict(zip(header, rows[0], strict=True))


def test_the_columns_that_police_publish_come_first() -> None:
    names = list(row_of(SOME))
    assert names[:11] == [
        "Location", "Date", "Duration (min)", "Use case", "Watchlist size", "Threshold",
        "Total alerts", "True alerts confirmed", "True alerts unconfirmed",
        "False alerts confirmed", "False alerts unconfirmed",
    ]  # fmt: skip
    row = row_of(SOME)
    assert (row["Total alerts"], row["Faces seen"], row["Outcome: arrest"]) == ("2", "1000", "1")
    assert row["False alert rate"] == "0.001"
    assert row_of(record_of())["False alert rate"] == "at most 0.003"


@given(HOSTILE)
@example("=cmd|' /C calc'!A0")
@example("\x0b=1")
@example("\u2028=1")
def test_no_cell_is_a_formula_and_no_row_is_broken(text: str) -> None:
    row = row_of(hostile(text))
    for name, cell in row.items():
        assert "\n" not in cell
        assert "\r" not in cell
        if name in {"Location", "Use case", "Purpose", "Independent tests"}:
            bare = re.sub(r"^[\s\"]*", "", cell)
            assert bare[:1] not in set("=+-@＝＋－＠|%"), cell
    assert row["Total alerts"] == "2"


@pytest.mark.parametrize("text", ["the station", "3-5 Main Street", "a=b", ""])
def test_what_is_no_formula_stays_as_it_is(text: str) -> None:
    assert table_cell(text) == text


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def parsed(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


PLAIN = parsed(as_html(hostile("plain")))


@given(HOSTILE)
@example("<script>alert(1)</script>")
@example('"><img src=x onerror=alert(1)>')
def test_no_text_becomes_markup(text: str) -> None:
    page = parsed(as_html(hostile(text)))
    assert page.tags == PLAIN.tags
    assert [name for name, _ in page.attributes] == [name for name, _ in PLAIN.attributes]


def test_the_page_needs_nothing_else_and_runs_nothing() -> None:
    html = as_html(SOME)
    page = parsed(html)
    assert not {"script", "link", "img", "iframe", "object", "image", "use"} & set(page.tags)
    names = {name for name, _ in page.attributes}
    assert not {"src", "href", "xlink:href", "style"} & names
    assert not [name for name in names if name.startswith("on")]
    assert "http" not in html.replace("Content-Security-Policy", "").replace("http-equiv", "")
    assert page.tags.count("svg") == 3
    assert "default-src 'none'" in html


def test_the_page_says_what_is_preliminary_and_what_is_lab() -> None:
    assert "Preliminary" not in as_html(SOME)
    unsure = SOME.model_copy(update={"preliminary": ("the deployment has not ended",), "lab": True})
    html = as_html(unsure)
    assert "Preliminary: the deployment has not ended" in html
    assert "LAB" in html


def test_the_report_after_the_end_gives_the_figures() -> None:
    text = closing_text(SOME)
    assert "1000 passing faces" in text
    assert "2 alerts: 1 true, 1 false, 0 unresolved, 0 not decided" in text
    assert "1 of 1000: 1 in 1,000" in text
