"""Names and words that others wrote, made fit for a terminal."""

import sys


def printed(text: str) -> str:
    """The text with every character escaped that would steer a terminal instead of showing."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def say(text: str) -> None:
    """A line for people, beside what a command prints."""
    sys.stderr.write(f"lfrd: {printed(text)}\n")
    sys.stderr.flush()
