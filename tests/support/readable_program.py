"""The program with its memory left readable for a process of the same user: for tests alone.

python tests/support/readable_program.py run
"""

import sys

from lfrd import process
from lfrd.__main__ import main


def readable() -> None:
    """Leave PR_SET_DUMPABLE as it is."""


if __name__ == "__main__":
    process.hide_memory = readable
    sys.exit(main())
