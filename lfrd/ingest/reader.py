"""One source running in one thread, awaited from the event loop."""

import asyncio
import threading

from lfrd.ingest.source import Sink, Source


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

    def start(self) -> None:
        """Start the thread; once."""
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the thread is still inside the source."""
        return not self._over.is_set()

    async def ended(self) -> None:
        """Wait for the thread's end and raise what the source raised."""
        await self._over.wait()
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
