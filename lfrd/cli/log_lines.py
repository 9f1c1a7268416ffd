"""Lines of the log: a record is one line, whatever names and file names are in it."""

import logging

from lfrd.text import one_line, printable


class LineFormatter(logging.Formatter):
    """As logging's own, but nothing in a record is obeyed by a terminal, or begins a line that
    looks like another record. A traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        return one_line(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's own name
        return printable(super().formatException(ei))  # type: ignore[arg-type]
