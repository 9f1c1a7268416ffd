"""The record, the sign and the answers as commands show them."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from lfrd.cli.governance import row
from lfrd.cli.record import code_png, notice_text, record_text, sign_svg
from lfrd.cli.subject import answer_text, span
from lfrd.vocabulary import Engagement
from lfrd.wire.evaluations import IndependentTest
from lfrd.wire.record import Notice, record_schema
from lfrd.wire.subjects import SubjectAnswer, SubjectListing
from support.program import Call
from support.records import Told, record_of

NOTICE = Notice(
    deployment_id="d", lab=False, place="<the> & \"station\"", purpose="p", use_case="test",
    start_at_s=0.0, end_at_s=3600.0, responsible="The Arena", contact="post@example.org",
    url="https://example.org/cameras",
    lines=("Live facial recognition is in use here.", "Where: <the> & \"station\"", "word " * 40),
    code="https://example.org/cameras", closing=None,
)  # fmt: skip


def test_the_sign_is_one_drawing_with_every_line_and_the_code() -> None:
    drawing = ElementTree.fromstring(sign_svg(NOTICE))
    texts = ["".join(item.itertext()) for item in drawing.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[:2] == list(NOTICE.lines[:2])
    assert " ".join(texts[2:]).split() == ["word"] * 40
    assert list(drawing.iter("{http://www.w3.org/2000/svg}path"))
    assert not [name for item in drawing.iter() for name in item.attrib if "href" in name]


def test_the_code_holds_where_more_is_said() -> None:
    import cv2
    import numpy as np

    picture = cv2.imdecode(np.frombuffer(code_png(NOTICE), np.uint8), cv2.IMREAD_GRAYSCALE)
    assert cv2.QRCodeDetector().detectAndDecode(picture)[0] == NOTICE.code


def test_the_notice_is_printed_line_by_line_and_the_report_below() -> None:
    hostile = NOTICE.model_copy(update={"lines": ("a\x1b[2Jb", "c"), "closing": "It is over."})
    assert notice_text(hostile.printable()) == "a\\u001b[2Jb\nc\n\nIt is over."


def test_a_record_for_people_has_its_rates_and_cameras() -> None:
    text = record_text(record_of([Told("false_unconfirmed", "door", Engagement.STOPPED)]))
    assert "false        per face   1 of 1000: 1 in 1,000" in text
    assert "camera       door: coverage 90.0%" in text
    assert "preliminary" not in text
    assert "model tested by nobody outside" in text


def test_an_independent_test_is_one_line_of_plain_words() -> None:
    test = IndependentTest(
        id="t1", model_digest="ab" * 32, tested_by="NPL", tested_at_s=1.7e9,
        reference="report MS 43", recorded_at_s=1.8e9, recorded_by="user:ada",
    )  # fmt: skip
    assert row(test) == (
        "t1  model abababababab tested by NPL, 2023-11-14: report MS 43 (recorded by user:ada)"
    )


def test_a_no_is_none_where_a_key_was_lost() -> None:
    answer = SubjectAnswer(
        on_at_s=0.0, was_listed=False, listings=(), unanswerable=2, entries=(), alerts=()
    )
    assert "no (no answer for 2 listings" in answer_text(answer)
    listed = answer.model_copy(
        update={
            "was_listed": True, "unanswerable": 0,
            "listings": (SubjectListing(added_at_s=0.0, removed_at_s=None),),
        }
    )  # fmt: skip
    assert answer_text(listed).splitlines() == [
        "on a list then (1970-01-01 00:00 UTC): yes", "listed   from 1970-01-01 00:00 UTC to now",
    ]  # fmt: skip


def test_a_date_is_all_of_its_day_and_a_time_is_a_moment() -> None:
    assert span("1970-01-02") == (86_400.0, pytest.approx(2 * 86_400.0, abs=0.01))
    assert span("1970-01-02T00:00") == (86_400.0, 86_400.0)
    assert span("1970-01-02T01:00+01:00") == (86_400.0, 86_400.0)


def test_the_schema_needs_no_daemon(call: Call, tmp_path: Path) -> None:
    ran = call("record", "schema", "--socket", tmp_path / "none")
    assert (ran.code, ran.out) == (0, record_schema())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("record", "export", "latest"), "in which form"),
        (("incident", "amend", "a", "--reason", "x"), "say what is otherwise"),
        (("subject", "lookup", "--reason", "x"), "give a reference, or a photo"),
        (("subject", "lookup", "a", "--photo", "b", "--reason", "x"), "give a reference, or a"),
        (("subject", "export", "a", "b.txt", "--reason", "x"), "name a .zip file"),
    ],
)
def test_what_lacks_a_word_is_said(call: Call, words: tuple[str, ...], said: str) -> None:
    ran = call(*words)
    assert ran.code == 2
    assert said in ran.err
