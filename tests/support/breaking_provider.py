"""`lfrd run` on models that break as soon as a certain file exists. A program for tests:

python tests/support/breaking_provider.py FILE
"""

import sys
from pathlib import Path

from lfrd.__main__ import main
from lfrd.vision import session


def break_when(trigger: Path) -> None:
    """From then on the library fails as it does when its device is gone."""
    run = session._OnnxRuntime.run

    def breaking(self: session._OnnxRuntime, arrays: object) -> None:
        if trigger.exists():
            raise RuntimeError("CUDA error 719: unspecified launch failure")
        run(self, arrays)  # type: ignore[arg-type]

    session._OnnxRuntime.run = breaking  # type: ignore[method-assign]


if __name__ == "__main__":
    break_when(Path(sys.argv[1]))
    sys.exit(main(["run"]))
