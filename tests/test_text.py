"""Nothing that a terminal obeys, and no secret, in what people read."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.text import MESSAGE_LIMIT, one_line, printable, shown_route, without_secrets
from lfrd.vocabulary import DeploymentState
from lfrd.wire.deployments import Deployment, PolicyBrief

SECRET = "rtsp://anna:geheim@192.0.2.1/door"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Anna \x1b[2J\x1b]0;title\x07", r"Anna \u001b[2J\u001b]0;title\u0007"),
        ("\x9b31m\x7f", r"\u009b31m\u007f"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("a\U000e0041b\udcffc", r"a\udb40\udc41b\udcffc"),
        ("back\rover", r"back\u000dover"),
        ("lines\nand\ttabs", "lines\nand\ttabs"),
        (
            "Zoë 李 عائشة نی\u200cها 👩\u200d🚒 a\u00a0b",
            "Zoë 李 عائشة نی\u200cها 👩\u200d🚒 a\u00a0b",
        ),
    ],
)
def test_what_a_terminal_obeys_is_escaped_and_names_are_not(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_a_value_begins_no_line_of_its_own() -> None:
    assert one_line("Anna\nlfrd: all is well\r\tx") == r"Anna\nlfrd: all is well\r\tx"


@given(st.text(st.characters()))
def test_json_stays_the_same_value_and_what_comes_out_stays_as_it_is(text: str) -> None:
    for indent in (None, 2):
        written = json.dumps({"name": text}, ensure_ascii=False, indent=indent)
        assert json.loads(printable(written)) == {"name": text}
    assert printable(printable(text)) == printable(text)
    assert one_line(one_line(text)) == one_line(text)
    assert "\n" not in one_line(text)


def test_a_message_of_the_wire_is_printable_to_its_leaves() -> None:
    evil = "\x1b[2J\n"
    item = Deployment(
        id="1", profile=evil, state=DeploymentState.RUNNING, purpose=evil, place=evil,
        threshold=0.4, recogniser_digest="r", watchlist_ids=(evil, "b"), started_by=None,
        started_at_s=None, planned_end_at_s=1.5, ended_at_s=None, end_reason=evil, summary=None,
        policy=PolicyBrief(name=evil, version=1, title=evil, digest="d", is_lab=True),
    )  # fmt: skip
    shown = item.printable()
    assert shown.policy is not None
    assert (shown.policy.title, shown.watchlist_ids[0]) == (r"\u001b[2J\n", r"\u001b[2J\n")
    assert shown.state is DeploymentState.RUNNING
    assert item.purpose == evil


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/v1/cameras/door/test", "/v1/cameras/door/test"),
        ("/openapi.json", "/openapi.json"),
        ("/v1/cameras/rtsp://u:Zq9Secret@h/x", "/v1/cameras/***"),
        ("/v1/cameras/Zq9Secret", "/v1/cameras/***"),
        ("/Zq9Secret@h", "/***"),
        ("/v1/a\nb", "/v1/a%0Ab"),
        ("/v1/cameras/" + "a" * 400, "/v1/cameras/***"),
        ("/v1/whip/gate", "/v1/whip/gate"),
        ("/v1/whip/gate/Zq9Secret", "/v1/whip/gate/***"),
        ("/v1/whip/Zq9Secret@h/x", "/v1/whip/***"),
    ],
)
def test_a_path_is_shown_where_it_is_made_of_words(path: str, shown: str) -> None:
    assert shown_route(path) == shown


@pytest.mark.parametrize(
    "typed",
    [
        SECRET, "rtsp:/anna:geheim@192.0.2.1", "rtsp://me@mail.com:geheim@192.0.2.1/x",
        "admin:geheim@192.0.2.1/stream", " rtsp://anna:gehe im/geheim@h", "'rtsp://a:geheim@h/'",
        "http://192.0.2.1/?user=a&loginpas=geheim", "whep+https://a:geheim@h/?token=geheim&x=1",
    ],
)  # fmt: skip
def test_an_address_at_the_wrong_place_is_said_without_its_password(typed: str) -> None:
    said = without_secrets(f"lfrd: there is no watchlist named {typed}")
    assert said.startswith("lfrd: there is no watchlist named ")
    assert "gehe" not in said


@pytest.mark.parametrize(
    "text",
    [
        "lfrd: id: write lower-case letters, digits and hyphens",
        "lfrd: no daemon answers on /run/lfrd/api.sock ([Errno 2] No such file): is lfrd running?",
        "lfrd: rtsp://192.0.2.1:554/stream does not answer", "lfrd: a@b.example is no file",
    ],
)  # fmt: skip
def test_what_holds_no_password_is_said_as_it_is(text: str) -> None:
    assert without_secrets(text) == text


def test_a_long_message_takes_no_time_and_is_cut() -> None:
    for text in ("x" * 70_000, "a:" * 35_000, "a:/" * 25_000, "@" * 70_000, "pas" * 25_000):
        began_s = time.process_time()
        assert len(without_secrets(text)) <= MESSAGE_LIMIT + 1
        assert time.process_time() - began_s < 1.0
    assert "geheim" not in without_secrets(f"rtsp://a:geheim{'x' * MESSAGE_LIMIT}@h")
