"""One POST to a receiver that may be slow, dying or lying: bounded in time and size, to a checked
address, without redirects and proxies."""

import asyncio
import contextlib
import ipaddress
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from lfrd.outward.endpoint import DeliveryFailed, RefusedForGood, Unreachable
from lfrd.outward.reach import checked_address, tls_for

ANSWER_S: Final = 10.0
"""From the look-up until the answer has begun."""
REST_S: Final = 1.0
REST_BYTES: Final = 16_384
"""So much of an answer is read, for the connection to be used again; none of it is kept."""
CONNECTIONS: Final = 8
PATIENCE_MAX_S: Final = 3600.0
GONE: Final = 410


class Post:
    """The connections to one address, while entered."""

    def __init__(self, url: str, *, private: bool, ca_file: Path | None = None) -> None:
        self._url = httpx.URL(url)
        self._private = private
        secure = self._url.scheme == "https"
        self._host = self._url.host
        self._http = httpx.AsyncClient(
            verify=tls_for(self._host, ca_file) if secure else False,
            timeout=ANSWER_S, trust_env=False, follow_redirects=False,
            limits=httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS),
        )  # fmt: skip

    @property
    def place(self) -> str:
        """Without path and query, which may hold a secret."""
        port = "" if self._url.port is None else f":{self._url.port}"
        return f"{self._url.scheme}://{self._host}{port}"

    async def __aenter__(self) -> "Post":
        await self._http.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.__aexit__(kind, error, trace)

    async def send(self, content: bytes, headers: Mapping[str, str]) -> None:
        """Return once it was answered with a status of success. Raises DeliveryFailed."""
        port = self._url.port or (443 if self._url.scheme == "https" else 80)
        try:
            async with asyncio.timeout(ANSWER_S):
                address = await checked_address(self._host, port, private=self._private)
                answer = await self._begun(address, port, content, headers)
        except TimeoutError:
            raise Unreachable(f"no answer in {ANSWER_S:.0f} s") from None
        except httpx.HTTPError as error:
            raise Unreachable(_said(error)) from None
        try:
            _check(answer)
        finally:
            await _read_rest(answer)

    async def _begun(
        self, address: str, port: int, content: bytes, headers: Mapping[str, str]
    ) -> httpx.Response:
        literal = f"[{address}]" if ":" in address else address
        request = self._http.build_request(
            "POST", self._url.copy_with(netloc=f"{literal}:{port}".encode()), content=content,
            headers={**headers, "Host": self._url.netloc.decode(), "User-Agent": "lfrd"},
        )  # fmt: skip
        return await self._http.send(request, stream=True)


def _check(answer: httpx.Response) -> None:
    status = answer.status_code
    if answer.is_success:
        return
    if answer.is_redirect:
        raise DeliveryFailed(f"answers {status}: redirects are not followed")
    if status == GONE:
        raise RefusedForGood("answers 410: it takes no messages any more")
    if status in (408, 425, 429) or status >= 500:
        raise DeliveryFailed(f"answers {status}", _patience(answer))
    raise DeliveryFailed(f"answers {status}")


def _patience(answer: httpx.Response) -> float | None:
    """The seconds of Retry-After, within reason."""
    given = answer.headers.get("retry-after", "")
    if not (given.isascii() and given.isdigit() and len(given) < 8):
        return None
    return min(float(given), PATIENCE_MAX_S)


async def _read_rest(answer: httpx.Response) -> None:
    size = 0
    with contextlib.suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(REST_S):
            async for piece in answer.aiter_raw():
                size += len(piece)
                if size > REST_BYTES:
                    break
    with contextlib.suppress(httpx.HTTPError):
        await answer.aclose()


def _said(error: httpx.HTTPError) -> str:
    """What went wrong, in a line that repeats no address."""
    cause = str(error) or type(error).__name__
    if isinstance(error, httpx.ConnectError) and "CERTIFICATE" in cause.upper():
        reason = cause.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return f"its certificate is not trusted: {reason or cause}"
    if isinstance(error, httpx.ConnectError) and "[SSL: WRONG_VERSION" in cause:
        return "it does not speak TLS there: is it http://?"
    if isinstance(error, httpx.ConnectError):
        return f"cannot be connected to: {cause}"
    return f"the connection broke: {cause}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, said by address."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


class Poster:
    """A receiver that is told by posting: it is where its `Post` goes, and open as long as that."""

    def __init__(self, post: Post) -> None:
        self._post = post

    @property
    def place(self) -> str:
        return self._post.place

    async def __aenter__(self) -> Self:
        await self._post.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._post.__aexit__(kind, error, trace)
