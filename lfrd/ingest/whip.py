"""WebRTC in: publishers (a browser, a phone, OBS, FFmpeg) send to a camera of ours over WHIP.

RFC 9725: POST an offer, get an answer and a session to DELETE. The HTTP route is a thin layer over
`WhipIngest.publish` and `delete`, which are for the event loop of the daemon. The pictures come in
on the loop of the camera's reader thread; `_Slot` is where the two meet.
"""

import asyncio
import concurrent.futures
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from lfrd.clock import Clock
from lfrd.errors import BadInput, Conflict, NotFound, SourceError
from lfrd.ingest.sdp import check_sdp
from lfrd.ingest.settings import AS_SENT, Correction, IceServer
from lfrd.ingest.source import Sink, SourceStalled

if TYPE_CHECKING:
    from lfrd.ingest.webrtc import Peer

_ANSWER_TIMEOUT_S: Final = 10.0


class NotReceiving(Conflict):
    """The camera takes no publisher now; the route answers 409 with `Retry-After`."""

    code = "not-receiving"
    retry_after_s = 5


@dataclass(frozen=True, slots=True)
class Published:
    """An accepted publisher: the id of its session (its secret too) and our answer."""

    session_id: str
    answer_sdp: str


@dataclass(frozen=True, slots=True)
class _Offer:
    session_id: str
    sdp: str
    answered: "concurrent.futures.Future[str]" = field(default_factory=concurrent.futures.Future)


class _Slot:
    """A running WHIP camera as both threads see it; holds at most one offer that waits.

    A newer offer replaces one that waits and one that is being served: a phone that lost its
    network and comes back must not be kept out by its own ghost.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: _Offer | None = None
        self._wake: Callable[[], object] | None = None
        self._session_id: str | None = None

    def attach(self, wake: Callable[[], object] | None) -> None:
        """Reader: from now on `wake` tells of something new; None when leaving."""
        with self._lock:
            self._wake = wake
            self._session_id = None

    def put(self, offer: _Offer) -> None:
        """Loop: hand in an offer."""
        with self._lock:
            replaced, self._waiting = self._waiting, offer
            if self._wake is not None:
                self._wake()
        if replaced is not None and replaced.answered.set_running_or_notify_cancel():
            replaced.answered.set_exception(NotReceiving("another publisher came at the same time"))

    def withdraw(self, offer: _Offer) -> bool:
        """Loop: take back an offer that was not taken; False if it was."""
        with self._lock:
            if self._waiting is not offer:
                return False
            self._waiting = None
            return True

    def take(self) -> _Offer | None:
        """Reader: the waiting offer becomes the session."""
        with self._lock:
            offer, self._waiting = self._waiting, None
            self._session_id = offer.session_id if offer else None
            return offer

    def serves(self, session_id: str) -> bool:
        """Either: whether this session is the present one."""
        with self._lock:
            return self._session_id == session_id

    def over(self, session_id: str) -> bool:
        """Reader: whether the session was deleted or a newer offer waits."""
        with self._lock:
            return self._session_id != session_id or self._waiting is not None

    def hang_up(self) -> None:
        """Loop: end the present session."""
        with self._lock:
            self._session_id = None
            if self._wake is not None:
                self._wake()


class WhipIngest:
    """The publishers' door to all WHIP cameras of the site."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._slots: dict[str, _Slot] = {}

    async def publish(self, camera_id: str, offer_sdp: str) -> Published:
        """Begin a session. Raises NotReceiving where the camera does not run, BadInput."""
        check_sdp(offer_sdp)
        slot = self._slot(camera_id)
        if slot is None:
            raise NotReceiving(f"camera {camera_id} takes no pictures now; try again later")
        offer = _Offer(secrets.token_urlsafe(18), offer_sdp)
        slot.put(offer)
        answered = asyncio.wrap_future(offer.answered)
        try:
            async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                return Published(offer.session_id, await answered)
        except TimeoutError:
            if slot.withdraw(offer):
                self.forget(camera_id, slot)  # its camera has gone between two publishers
            raise NotReceiving(f"camera {camera_id} does not answer; try again later") from None

    async def delete(self, session_id: str) -> None:
        """End a session. Raises NotFound where it is over already."""
        with self._lock:
            slots = list(self._slots.values())
        for slot in slots:
            if slot.serves(session_id):
                slot.hang_up()
                return
        raise NotFound("there is no such session")

    def receiving(self, camera_id: str) -> bool:
        """Whether the camera takes publishers now."""
        return self._slot(camera_id) is not None

    def slot(self, camera_id: str) -> _Slot:
        """Reader: the slot of a camera that begins to run."""
        with self._lock:
            return self._slots.setdefault(camera_id, _Slot())

    def forget(self, camera_id: str, slot: _Slot) -> None:
        """The camera runs no longer."""
        with self._lock:
            if self._slots.get(camera_id) is slot:
                del self._slots[camera_id]

    def _slot(self, camera_id: str) -> _Slot | None:
        with self._lock:
            return self._slots.get(camera_id)


class WhipSource:
    """Waits for a publisher and receives from it until it ends."""

    live = True
    passive = True

    def __init__(
        self,
        camera_id: str,
        shown: str,
        ingest: WhipIngest,
        clock: Clock,
        ice_servers: tuple[IceServer, ...],
        correction: Correction = AS_SENT,
    ) -> None:
        self._camera_id = camera_id
        self._shown = shown
        self._ingest = ingest
        self._clock = clock
        self._ice_servers = ice_servers
        self._correction = correction

    def run(self, sink: Sink) -> None:
        """See Source.run."""
        while not sink.decoding:
            if sink.wait(0.2):
                return
        from lfrd.ingest.webrtc import until_stopping  # the WebRTC stack: only for such cameras

        slot = self._ingest.slot(self._camera_id)
        try:
            asyncio.run(until_stopping(sink, self._serve(slot, sink)))
        finally:
            slot.attach(None)
            if sink.stopping or not sink.decoding:
                self._ingest.forget(self._camera_id, slot)

    async def _serve(self, slot: _Slot, sink: Sink) -> None:
        from lfrd.ingest.webrtc import Peer

        loop = asyncio.get_running_loop()
        news = asyncio.Event()
        slot.attach(lambda: loop.call_soon_threadsafe(news.set))
        while True:
            news.clear()
            offer = slot.take()
            if offer is None:
                await self._next_news(news, sink)
                continue
            async with Peer(self._shown, self._ice_servers, self._correction) as peer:
                if await _answered(peer, offer):
                    await self._session(peer, slot, offer, news, sink)

    async def _next_news(self, news: asyncio.Event, sink: Sink) -> None:
        while not news.is_set():
            if not sink.decoding:
                raise SourceError(f"{self._shown}: closed, nothing is decoded now")
            try:
                async with asyncio.timeout(0.5):
                    await news.wait()
            except TimeoutError:
                continue

    async def _session(
        self, peer: "Peer", slot: _Slot, offer: _Offer, news: asyncio.Event, sink: Sink
    ) -> None:
        receiving = asyncio.ensure_future(peer.receive(sink, self._clock))
        try:
            while not slot.over(offer.session_id):
                news.clear()
                told = asyncio.ensure_future(news.wait())
                await asyncio.wait({receiving, told}, return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
                if receiving.done():
                    receiving.result()
        except SourceStalled:
            raise SourceError(f"{self._shown}: the publisher vanished") from None
        finally:
            receiving.cancel()
            await asyncio.wait({receiving})
        raise SourceError(f"{self._shown}: the publisher stopped")


async def _answered(peer: "Peer", offer: _Offer) -> bool:
    """Answer an offer; one that cannot be used is its sender's problem, not the camera's."""
    if not offer.answered.set_running_or_notify_cancel():
        return False  # the publisher has gone meanwhile
    try:
        answer = await peer.answer(offer.sdp)
    except BadInput as error:
        offer.answered.set_exception(error)
        return False
    except SourceError as error:
        offer.answered.set_exception(error)
        raise
    offer.answered.set_result(answer)
    return True
