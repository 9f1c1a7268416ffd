"""The threads in which asyncio does what would block its loop, and those of them that do not end.

Most end in milliseconds. Two things cannot be hurried: the look-up of a name where no name server
answers (15 s), and the models that are made and measured at the first start. Neither leaves a file
that is not whole.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

NAME = "lfrd-work"
GRACE_S = 1.0
"""So long all of them have, once everything else has closed; then the process ends without them."""


class WorkThreads(ThreadPoolExecutor):
    """The executor of a loop, whose end waits for GRACE_S at most."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix=NAME)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=cancel_futures)
        until_s = time.monotonic() + GRACE_S
        for thread in _running() if wait else ():
            thread.join(max(0.0, until_s - time.monotonic()))


def threads_at_work() -> tuple[str, ...]:
    """The names of those that have not ended."""
    return tuple(thread.name for thread in _running())


def _running() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(NAME)]
