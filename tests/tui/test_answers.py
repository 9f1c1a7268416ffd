"""A terminal that answers late, in pieces, or with garbage: nothing of it is taken as keys."""

import os
import pty
import threading
import time
import tty

import pytest
from textual.events import Key

from tui import abilities, answers
from tui.answers import DUE_S, Answers

NAME, GRAPHICS, CELL, KIND = (
    "\x1bP>|kitty(0.42.1)\x1b\\", "\x1b_Gi=31;ENOTSUPPORTED:m\x1b\\", "\x1b[6;18;9t", "\x1b[?62;4c",
)  # fmt: skip
ALL = NAME + GRAPHICS + CELL + KIND


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_late_answer_is_left_out_wherever_it_is_cut_in_pieces() -> None:
    for cut in range(len(ALL) + 1):
        left_out = Answers(Clock())
        assert left_out.typed(f"a{ALL[:cut]}") + left_out.typed(f"{ALL[cut:]}b") == "ab", cut
    for size in (1, 3, 7):
        left_out = Answers(Clock())
        pieces = [ALL[at : at + size] for at in range(0, len(ALL), size)]
        assert "".join(map(left_out.typed, [*pieces, "m"])) == "m"


@pytest.mark.parametrize(
    "keys",
    ["m", "\x1b[A", "\x1b[1;5C", "\x1b[97;5u", "\x1b[200~pasted [6;1;1t\x1b[201~", "\x1b[<35;10;5M",
     "\x1b[?2026;2$y", "\x1b[48;24;80;480;720t", "\x1bOP", "größe 👩‍🚒"],
)  # fmt: skip
def test_keys_the_mouse_and_what_the_library_asks_for_pass(keys: str) -> None:
    clock = Clock()
    for cut in range(len(keys) + 1):
        left_out = Answers(clock)
        passed = left_out.typed(keys[:cut]) + left_out.typed(keys[cut:])
        clock.now_s += 0.1
        assert passed + left_out.given_up() == keys, cut


def test_escape_alone_is_a_key_and_an_answer_that_ends_nowhere_is_dropped() -> None:
    clock = Clock()
    left_out = Answers(clock)
    assert (left_out.typed("\x1b"), left_out.given_up()) == ("", "")
    clock.now_s += 0.06
    assert left_out.given_up() == "\x1b"
    assert left_out.typed("\x1bP>|kit") == ""
    clock.now_s += 1.0
    assert left_out.given_up() == ""
    assert left_out.typed("ty\x1b\\u") == "u"
    assert left_out.typed("\x1b_Gi=31;") == ""
    clock.now_s += 2.1
    assert left_out.given_up() == ""
    assert left_out.typed("m") == "m"
    clock.now_s = DUE_S + 1
    assert left_out.typed("\x1b") == "\x1b"  # from then on no key waits


def test_the_librarys_parser_reads_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers.linux_driver, "XTermParser", answers.linux_driver.XTermParser)
    answers.leave_out_late_answers()
    parser = answers.linux_driver.XTermParser()
    read = [*parser.feed("a" + ALL[:9]), *parser.tick(), *parser.feed(ALL[9:] + "b\x1b[A")]
    assert [event.key for event in read if isinstance(event, Key)] == ["a", "b", "up"]
    assert list(parser.feed("")) == []


def test_garbage_without_an_end_hangs_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pty.openpty()
    tty.setcbreak(theirs)
    done = threading.Event()

    def chatter() -> None:
        while not done.wait(0.05):
            os.write(ours, b"\x1b[\xff\x1bPgarbage")

    talker = threading.Thread(target=chatter)
    with os.fdopen(theirs) as stdin, os.fdopen(os.dup(theirs), "w") as stdout:
        monkeypatch.setattr("sys.__stdin__", stdin)
        monkeypatch.setattr("sys.__stdout__", stdout)
        monkeypatch.setattr(abilities, "PIECES_S", 0.3)
        talker.start()
        began_s = time.monotonic()
        try:
            said = abilities._ask()
            took_s = time.monotonic() - began_s
        finally:
            done.set()
            talker.join()
            os.close(ours)
    assert said
    assert took_s < 2.0
    assert abilities.judged(said, {}, "UTF-8").pixels is None


def test_an_answer_that_is_due_is_known_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    for answer, due in ((None, False), ("", True), (NAME, True), (ALL, False)):
        monkeypatch.setattr(abilities, "_ask", lambda answer=answer: answer)
        assert abilities.abilities().answer_is_due is due
        assert abilities.abilities("halves").answer_is_due is due
