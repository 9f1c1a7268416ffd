"""Server-sent events: what the server writes is what the client reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.wire import sse

one_line = st.text(
    st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=40
)
names = st.sampled_from([sse.CHANGE, sse.RATES, sse.HEALTH, sse.RESET])
ids = st.none() | st.integers(0, 2**63 - 1)


def decode(text: bytes, decoder: sse.Decoder | None = None) -> list[sse.Message]:
    decoder = decoder or sse.Decoder()
    lines = text.decode().split("\n")
    assert lines.pop() == "", "a stream ends with a line end"
    return [message for line in lines for message in decoder.feed(line)]


@given(st.lists(st.tuples(names, st.lists(one_line, min_size=1).map("\n".join), ids)))
def test_what_is_encoded_is_decoded(items: list[tuple[str, str, int | None]]) -> None:
    text = sse.HEARTBEAT + b"".join(sse.encode(*item) + sse.HEARTBEAT for item in items)
    got = decode(text)
    assert [(message.event, message.data) for message in got] == [item[:2] for item in items]
    last = ""
    for message, (_, _, event_id) in zip(got, items, strict=True):
        last = last if event_id is None else str(event_id)
        assert message.last_id == last


def test_a_position_is_remembered_and_dispatches_nothing() -> None:
    decoder = sse.Decoder()
    assert decode(sse.position(41), decoder) == []
    assert decoder.last_id == "41"


def test_a_position_counts_only_once_its_event_is_complete() -> None:
    decoder = sse.Decoder("7")
    assert list(decoder.feed("id: 8")) == []
    assert list(decoder.feed("data: {}")) == []
    assert decoder.last_id == "7"
    assert len(list(decoder.feed(""))) == 1
    assert decoder.last_id == "8"


@given(st.lists(one_line))
def test_no_line_breaks_the_decoder(lines: list[str]) -> None:
    decoder = sse.Decoder()
    for line in lines:
        for message in decoder.feed(line):
            assert message.data is not None


def test_an_endless_line_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        list(sse.Decoder().feed("data: " + "x" * sse.LINE_LIMIT))
