"""`lfrd run` that looks through its databases all the time. A program for tests.

python tests/support/eager_check.py
"""

import sys

from lfrd import page_check
from lfrd.__main__ import main

if __name__ == "__main__":
    page_check.PageCheck.__init__.__kwdefaults__.update(every_s=0.2, pause_s=0.01)
    sys.exit(main(["run"]))
