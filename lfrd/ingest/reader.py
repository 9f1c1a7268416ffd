"""One source running in one thread, awaited from the event loop."""

import asyncio
import threading
from typing import Final

from lfrd.errors import SourceError
from lfrd.ingest.source import Sink, Source

READER_NAME: Final = "reader"
"""The names of all reader threads begin with this word."""


def readers_at_work() -> tuple[str, ...]:
    """The names of the cameras that a thread of this process is still reading, whoever began it."""
    names = (thread.name.partition(" ") for thread in threading.enumerate())
    return tuple(sorted(camera for word, _, camera in names if word == READER_NAME))


class Reader:
    """Runs `source.run(sink)` once. The owner awaits `ended()`; FFmpeg cannot be interrupted, so
    that may take until its timeouts after the sink says `stopping`.
    """

    def __init__(self, source: Source, sink: Sink, name: str) -> None:
        self._source = source
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._over = asyncio.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name=name)

    async def start_and_end(self) -> None:
        """Start the thread, once, and wait for its end as `ended` does."""
        try:
            self._thread.start()
        except RuntimeError:  # the system gives no more threads
            self._over.set()
            raise SourceError("the machine has no thread left to read a camera in") from None
        await self.ended()

    @property
    def running(self) -> bool:
        """Whether the thread is still inside the source."""
        return not self._over.is_set()

    async def ended(self) -> None:
        """Wait for the thread's end and raise what the source raised."""
        await self._over.wait()
        if self._thread.ident is not None:
            self._thread.join()  # its last statement has run: this takes microseconds
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        try:
            self._source.run(self._sink)
        except BaseException as error:  # kept and raised in the owner's task by ended()
            self._error = error
        finally:
            self._tell()

    def _tell(self) -> None:
        try:
            self._loop.call_soon_threadsafe(self._over.set)
        except RuntimeError:  # the loop has closed: the owner gave up waiting and said so
            return
