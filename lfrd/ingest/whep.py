"""WebRTC pull: fetch a camera's stream from a WHEP server (mediamtx, go2rtc, Janus, …).

draft-ietf-wish-whep: POST our offer, get an answer, DELETE the session at the end.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

import httpx

from lfrd.clock import Clock
from lfrd.errors import BadInput, SourceError, SourceRefused
from lfrd.ingest.address import Address, host_and_port
from lfrd.ingest.certificate import how_to_trust, shown_by, trusted_by, trusted_pin
from lfrd.ingest.reach import ANYWHERE, Reach
from lfrd.ingest.sdp import MAX_SDP_LENGTH
from lfrd.ingest.settings import AS_SENT, Correction, IceServer
from lfrd.ingest.source import Sink, SourceStalled
from lfrd.ingest.webrtc import Peer, until_stopping

_HTTP_TIMEOUT_S: Final = 10.0
_SDP: Final = "application/sdp"


class WhepSource:
    """Pulls one stream; its end is a lost camera."""

    live = True
    passive = False

    def __init__(
        self,
        address: Address,
        clock: Clock,
        bearer_token: str | None = None,
        ca_file: Path | None = None,
        ice_servers: tuple[IceServer, ...] = (),
        correction: Correction = AS_SENT,
        pin: str | None = None,
        reach: Reach = ANYWHERE,
    ) -> None:
        self._address = address
        self._clock = clock
        self._headers = {"Authorization": f"Bearer {bearer_token}"} if bearer_token else {}
        self._ca_file = ca_file
        self._ice_servers = ice_servers
        self._correction = correction
        self._pin = pin
        self._reach = reach

    def run(self, sink: Sink) -> None:
        """See Source.run."""
        while not sink.decoding:  # a WebRTC stream cannot be held without decoding it
            if sink.wait(0.2):
                return
        self._reach.check_host(self._address)
        asyncio.run(until_stopping(sink, self._pull(sink)))

    async def _pull(self, sink: Sink) -> None:
        async with (
            httpx.AsyncClient(
                verify=self._trusted(), timeout=_HTTP_TIMEOUT_S, trust_env=False
            ) as http,
            Peer(self._address.shown, self._ice_servers, self._correction) as peer,
        ):
            answer, session = await self._post(http, await peer.offer())
            try:
                try:
                    await peer.accept(answer)
                except BadInput as error:
                    raise SourceError(f"{self._address.shown}: {error}") from None
                await peer.receive(sink, self._clock)
            finally:
                await self._hang_up(http, session)

    async def _post(self, http: httpx.AsyncClient, offer: str) -> tuple[str, str | None]:
        """Return the answer and the session's address."""
        headers = {"Content-Type": _SDP, "Accept": _SDP, **self._headers}
        shown = self._address.shown
        try:
            async with http.stream(
                "POST", self._address.secret_location, content=offer, headers=headers
            ) as response:
                self._check_status(response.status_code)
                body = b""
                async for part in response.aiter_bytes():
                    body += part
                    if len(body) > MAX_SDP_LENGTH:
                        raise SourceError(f"{shown} answers with more than a session description")
        except httpx.TimeoutException:
            raise SourceStalled(
                f"{shown} is silent: no answer in {_HTTP_TIMEOUT_S:.0f} s"
            ) from None
        except httpx.ConnectError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                certificate = await asyncio.to_thread(shown_by, *host_and_port(self._address))
                raise SourceError(
                    f"{shown}: its certificate is not trusted; {how_to_trust(certificate)}"
                ) from None
            raise SourceError(f"{shown} does not answer") from None
        except (httpx.HTTPError, httpx.InvalidURL):  # their texts hold the full address
            raise SourceError(f"{shown} does not speak HTTP as it should") from None
        location = response.headers.get("Location")
        session = urljoin(self._address.secret_location, location) if location else None
        return body.decode("utf-8", "replace"), session

    def _check_status(self, status: int) -> None:
        shown = self._address.shown
        if status in (401, 403):
            raise SourceRefused(f"{shown} refused the user, password or token")
        if status == 404:
            raise SourceError(f"{shown} is not known to the server (404)")
        if status not in (200, 201):
            raise SourceError(f"{shown} answers with status {status}")

    async def _hang_up(self, http: httpx.AsyncClient, session: str | None) -> None:
        ours = httpx.URL(self._address.secret_location)
        if session is None or httpx.URL(session).host != ours.host:
            return  # never carry the token to another host
        try:
            async with asyncio.timeout(1.0):
                await http.delete(session, headers=self._headers)
        except (httpx.HTTPError, TimeoutError):
            return  # the server will notice the silence by itself

    def _trusted(self) -> ssl.SSLContext:
        shown = self._address.shown
        if self._pin is not None and self._address.encrypted:
            return trusted_pin(shown, *host_and_port(self._address), self._pin)
        if self._ca_file is not None:
            return trusted_by(self._ca_file, shown)
        return ssl.create_default_context()
