"""`lfrd run` that is sent SIGTERM at a step of its start. A program for tests.

python tests/support/ended_at_step.py NUMBER
"""

import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from lfrd import daemon
from lfrd.__main__ import main
from lfrd.api import server
from lfrd.cameras.fleet import Fleet
from lfrd.governance.deployments import DeploymentService
from lfrd.governance.retention import Retention
from lfrd.governance.timekeeping import Timekeeping
from lfrd.outward.build import Outward
from lfrd.store.keys import KeyStore
from lfrd.store.state_folder import StateFolder
from lfrd.store.vectors import VectorIndex
from lfrd.vision.engine import Vision

STEPS: tuple[tuple[Any, str], ...] = (
    (StateFolder, "__enter__"), (KeyStore, "__enter__"), (daemon, "_open_database"),
    (Timekeeping, "start"), (VectorIndex, "__aenter__"), (daemon, "_open_index"),
    (daemon, "_vision"), (Vision, "__aenter__"), (Outward, "__aenter__"), (Fleet, "load"),
    (DeploymentService, "recover"), (Retention, "leave"), (server.ApiServer, "__aenter__"),
)  # fmt: skip


def ending(work: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The same, which asks the process to end first."""

    @functools.wraps(work)
    def wrapped(*given: Any, **named: Any) -> Any:
        print(f"STEP {name}", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGTERM)
        return work(*given, **named)

    return wrapped


if __name__ == "__main__":
    owner, name = STEPS[int(sys.argv[1])]
    setattr(owner, name, ending(getattr(owner, name), f"{owner.__name__}.{name}"))
    sys.exit(main(["run"]))
