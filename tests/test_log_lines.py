"""Lines of the log: no value begins one of its own, and no camera fills the log."""

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.clock import ManualClock
from lfrd.log_lines import CameraLimit, JsonFormatter, LineFormatter, handler_of
from lfrd.request import RequestMark, current
from lfrd.text import one_line

EVIL = "\x1b[2J\u202eAnna\x9b"


def test_a_record_of_the_log_is_one_line() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter("%(levelname)s %(name)s: %(message)s"))
    log = logging.Logger("lfrd.test")
    log.addHandler(handler)
    log.warning("camera %s is lost", f"{EVIL}\nERROR lfrd: all is lost")
    assert out.getvalue() == (
        "WARNING lfrd.test: camera \\u001b[2J\\u202eAnna\\u009b\\nERROR lfrd: all is lost is lost\n"
    )
    try:
        raise ValueError(EVIL)
    except ValueError:
        log.exception("a fault")
    assert "\x1b" not in out.getvalue()
    assert "Traceback (most recent call last):\n" in out.getvalue()
    try:
        raise ValueError("x\nERROR lfrd: forged")
    except ValueError:
        log.exception("a fault")
    assert not any(line.startswith("ERROR lfrd: ") for line in out.getvalue().splitlines())


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def logging_to(stream: io.StringIO, handler: logging.Handler) -> logging.Logger:
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    log = logging.Logger("lfrd.test")
    log.addHandler(handler)
    return log


@given(st.text())
def test_whatever_is_logged_is_one_object_on_one_line(text: str) -> None:
    stream = io.StringIO()
    log = logging_to(stream, handler_of("json", limited=False))
    log.warning("camera %s is lost", text)
    (line,) = stream.getvalue().split("\n")[:-1]
    assert one_line(line) == line
    assert json.loads(line)["message"].startswith("camera ")


def test_a_line_of_json_names_request_and_camera(out: io.StringIO) -> None:
    log = logging_to(out, handler_of("json", limited=True))
    mark = current.set(RequestMark("7f3a"))
    try:
        log.info("camera %s: %s", "door", "lost")
        raise ValueError(EVIL)
    except ValueError:
        log.exception("a fault")
    finally:
        current.reset(mark)
    log.info("%s is %s: %s", "camera:hall", "degraded", "no pictures")
    first, fault, health = map(json.loads, out.getvalue().splitlines())
    assert (first["request_id"], first["camera"], first["level"]) == ("7f3a", "door", "info")
    assert "ValueError" in fault["trace"]
    assert "\x1b" not in fault["trace"]
    assert (health["camera"], "request_id" in health) == ("hall", False)


def test_of_each_camera_a_line_a_second_is_written(out: io.StringIO) -> None:
    clock = ManualClock()
    handler = logging.StreamHandler(out)
    handler.setFormatter(LineFormatter("%(message)s"))
    handler.addFilter(CameraLimit(clock.monotonic_s))
    log = logging_to(out, handler)
    for number in range(5):
        log.warning("camera %s: %s", "door", number)
        log.warning("camera %s: %s", "hall", number)
        log.warning("something else: %s", number)
        clock.advance(0.3)
    assert out.getvalue().splitlines() == [
        "camera door: 0", "camera hall: 0", "something else: 0", "something else: 1",
        "something else: 2", "something else: 3",
        "camera door: 4 (3 lines before it were left out)",
        "camera hall: 4 (3 lines before it were left out)", "something else: 4",
    ]  # fmt: skip


def test_formats_are_what_the_configuration_takes() -> None:
    assert isinstance(handler_of("json", limited=False).formatter, JsonFormatter)
    assert isinstance(handler_of("text", limited=False).formatter, LineFormatter)
