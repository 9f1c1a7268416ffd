"""Another machine that countersigns the log (c2sp.org/tlog-witness), so that who holds this one
cannot show two logs: it signs only what goes on from what it signed before.
"""

import asyncio
import base64
import logging
from dataclasses import dataclass, replace

import httpx

from lfrd.audit import tree
from lfrd.audit.verify import BadLog, Checkpoint, PublicKey, note_of, signature_of
from lfrd.health import HealthBoard
from lfrd.store import audit_log
from lfrd.store.database import Database
from lfrd.store.transaction import Reader

log = logging.getLogger(__name__)

COMPONENT = "witness"
"""Its name on the health board."""

ANSWER_S = 10.0
ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a witness is asked to sign, from where on."""

    checkpoint: Checkpoint
    old_size: int
    body: bytes


class Witness:
    """The configured witness. Raises nothing of its own: health says what is wrong."""

    def __init__(self, database: Database, health: HealthBoard, url: str, key: PublicKey) -> None:
        self._database = database
        self._health = health
        self._url = f"{url.rstrip('/')}/add-checkpoint"
        self._key = key
        self._signed = 0
        """The size that it signed last, as far as is known here."""

    async def cosign(self) -> None:
        """Have the newest checkpoint signed, unless it is."""
        try:
            async with httpx.AsyncClient(timeout=ANSWER_S, trust_env=False) as client:
                problem = await self._ask(client)
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            said = str(error) or type(error).__name__
            self._health.degrade(
                COMPONENT, f"the witness {self._key.name} does not answer ({said}): the log is "
                "not countersigned",
            )  # fmt: skip
            return
        if problem is None:
            self._health.clear(COMPONENT)
        else:
            self._health.fail(COMPONENT, f"the witness {self._key.name} {problem}")

    async def _ask(self, client: httpx.AsyncClient) -> str | None:
        """What is wrong, None where nothing is."""
        asked = await self._database.read(self._asked)
        if asked is None:
            return None
        status, text = await self._post(client, asked.body)
        if status == httpx.codes.CONFLICT:
            told = text.strip()
            if not (told.isascii() and told.isdigit() and len(told) < 16):
                return "has signed another log of this name"
            if int(told) > asked.checkpoint.size:
                return (
                    f"has signed {told} leaves, and the log has {asked.checkpoint.size}: it was "
                    "cut, or put back from an older backup"
                )
            self._signed = int(told)
            asked = await self._database.read(self._asked)
            assert asked is not None
            status, text = await self._post(client, asked.body)
        if status != httpx.codes.OK:
            return _REFUSALS.get(status, f"answers {status}")
        return await self._keep(asked.checkpoint, text)

    async def _post(self, client: httpx.AsyncClient, body: bytes) -> tuple[int, str]:
        """The status, and the beginning of the answer."""
        begun = b""
        async with (
            asyncio.timeout(ANSWER_S),
            client.stream("POST", self._url, content=body) as answer,
        ):
            async for piece in answer.aiter_bytes():
                begun += piece
                if len(begun) > ANSWER_BYTES_MAX:
                    break
        return answer.status_code, begun[:ANSWER_BYTES_MAX].decode("utf-8", "replace")

    def _asked(self, reader: Reader) -> _Asked | None:
        newest = audit_log.newest_checkpoint(reader)
        if newest is None:
            return None
        signed = note_of(newest.note)
        if any((item.name, item.key_id) == (self._key.name, self._key.key_id)
               for item in signed.signatures):  # fmt: skip
            return None
        old = min(self._signed, newest.size)
        path = tree.consistency(audit_log.fetch_from(reader), old, newest.size)
        lines = [f"old {old}", *(base64.b64encode(item).decode() for item in path)]
        return _Asked(signed, old, ("\n".join(lines) + f"\n\n{newest.note}").encode())

    async def _keep(self, asked: Checkpoint, answer: str) -> str | None:
        """Put the witness's signature beside ours."""
        try:
            lines = [signature_of(line) for line in answer.splitlines()]
            own = tuple(
                item for item in lines
                if (item.name, item.key_id) == (self._key.name, self._key.key_id)
            )  # fmt: skip
            both = replace(asked, signatures=(*asked.signatures, *own[:1]))
            if not own or self._key not in both.signers([self._key]):
                return "answers with a signature of another key"
        except BadLog as error:
            return f"answers with what is no signature: {error}"
        await self._database.cosigned(asked.size, both.note)
        self._signed = asked.size
        return None


_REFUSALS = {
    403: "does not accept the key of this log: give it the key of `lfrd audit key`",
    404: "does not know this log: give it the key of `lfrd audit key`",
    422: "says that this log does not go on from what it signed before",
}
