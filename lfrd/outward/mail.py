"""E-mail by SMTP, over TLS always: from the beginning (smtps) or with STARTTLS (smtp)."""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from types import TracebackType

import aiosmtplib

from lfrd.outward.endpoint import DeliveryFailed, Letter, RefusedForGood, Unreachable
from lfrd.outward.reach import checked_address
from lfrd.outward.text import link_of, text_of, title_of

SEND_S = 30.0
"""For the whole of it."""
GREET_S = 20.0
"""Of it until the server has greeted: some take their time."""
FOR_GOOD = range(500, 600)


log = logging.getLogger(__name__)


class Mail:
    """One server, and who gets each message. `user` is name and password, None: without."""

    def __init__(
        self,
        host: str,
        port: int,
        tls: ssl.SSLContext,
        *,
        at_once: bool,
        sender: str,
        to: Sequence[str],
        node: str,
        open_with: str,
        link: str | None = None,
        user: tuple[str, str] | None = None,
        private: bool = False,
    ) -> None:
        """`at_once`: TLS from the beginning; else STARTTLS, without which nothing is sent."""
        self._host, self._port, self._tls = host, port, tls
        self._at_once = at_once
        self._sender, self._to = sender, tuple(to)
        self._node, self._open_with, self._link = node, open_with, link
        self._user = user
        self._private = private

    @property
    def place(self) -> str:
        return f"{'smtps' if self._at_once else 'smtp'}://{self._host}:{self._port}"

    async def __aenter__(self) -> "Mail":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Each message has a connection of its own."""

    async def send(self, letter: Letter) -> None:
        try:
            async with asyncio.timeout(SEND_S):
                await self._send(self._written(letter))
        except TimeoutError:
            raise Unreachable(f"it took longer than {SEND_S:.0f} s") from None
        except aiosmtplib.SMTPAuthenticationError as error:
            raise Unreachable(f"the server refuses name or password ({error.code})") from None
        except aiosmtplib.SMTPSenderRefused as error:
            raise _refused([error.code], "mail from who is named in sender") from None
        except aiosmtplib.SMTPRecipientsRefused as error:
            codes = [one.code for one in error.recipients]
            raise _refused(codes, "mail for any of those named in to") from None
        except aiosmtplib.SMTPResponseException as error:
            kind = RefusedForGood if error.code in FOR_GOOD else DeliveryFailed
            raise kind(f"the server answers {error.code}") from None
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Unreachable(_said(error)) from None

    async def _send(self, message: EmailMessage) -> None:
        address = await checked_address(self._host, self._port, private=self._private)
        server = aiosmtplib.SMTP(
            hostname=address, port=self._port, use_tls=self._at_once, start_tls=False,
            tls_context=self._tls, timeout=SEND_S, local_hostname=self._node,
        )  # fmt: skip
        try:
            await _greeted(server)
            if not self._at_once:
                await server.ehlo()
                if not server.supports_extension("starttls"):
                    raise Unreachable("it offers no STARTTLS, and nothing is sent without")
                await server.starttls(tls_context=self._tls)
            if self._user is not None:
                await server.login(*self._user)
            refused, _ = await server.send_message(
                message, sender=self._sender, recipients=list(self._to)
            )
            for recipient, answer in refused.items():
                log.warning("the mail server takes nothing for %s (%d)", recipient, answer.code)
            with contextlib.suppress(aiosmtplib.SMTPException, OSError):
                await server.quit()
        finally:
            server.close()

    def _written(self, letter: Letter) -> EmailMessage:
        link = link_of(letter, self._link)
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(self._to)
        message["Subject"] = title_of(letter, self._node)
        message["Date"] = format_datetime(datetime.fromtimestamp(letter.at_s, UTC))
        message["Message-ID"] = f"<{letter.id}@{self._node}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text_of(letter, link or self._open_with) + "\n")
        return message


async def _greeted(server: aiosmtplib.SMTP) -> None:
    """Connect. Raises Unreachable where nothing is said, as where one waits for TLS at once."""
    try:
        async with asyncio.timeout(GREET_S):
            await server.connect()
    except TimeoutError:
        raise Unreachable(
            f"it did not greet in {GREET_S:.0f} s: look at address and port (smtps:// is for TLS "
            "from the beginning)"
        ) from None


def _refused(codes: Sequence[int], what: str) -> DeliveryFailed:
    """Sender and recipients are those of the configuration: no other message would pass either."""
    kind = Unreachable if all(code in FOR_GOOD for code in codes) else DeliveryFailed
    return kind(f"the server takes no {what} ({min(codes)})")


def _said(error: Exception) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message.rstrip('.')}"
    if isinstance(cause, ssl.SSLError):
        return "it does not speak TLS from the beginning: smtp:// is for STARTTLS"
    if isinstance(cause, OSError) and cause.strerror:
        return f"cannot be connected to: {cause.strerror}"
    return f"the connection broke: {type(error).__name__}"
