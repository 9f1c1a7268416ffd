"""An authority from outside: a text that says in words what is planned, signed with a key that is
not this site's (a court, an independent body). The signed note (c2sp.org/signed-note) is brought by
whoever has it; what counts is the signature, and that the text is this very plan's.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lfrd.audit.signing import AUTHORITY_HEAD
from lfrd.audit.verify import BadLog, PublicKey, signature_of
from lfrd.errors import BadInput, Conflict
from lfrd.store import audit_log, watchlists
from lfrd.store.deployments import OUTSIDE, Authority, Deployment
from lfrd.store.transaction import Reader

HOW = (
    "these rules want an authority from outside: `lfrd deployment request-authority ID` prints "
    "what is to be signed, and `--authority FILE` brings it signed"
)


@dataclass(frozen=True, slots=True)
class Authorities:
    """Whose signatures this site takes for authority."""

    keys: tuple[PublicKey, ...] = ()

    def given(self, text: str, signed: str) -> Authority:
        """The authority in a signed note, which has to be of this text. Raises Conflict where it is
        of another plan, BadInput where nobody whose key is configured signed it."""
        if not self.keys:
            raise BadInput("no key of an authority is configured: [authority] keys")
        if not signed.startswith(f"{text}\n"):
            raise Conflict(
                "this authority is not of this very plan, as it is now: have what "
                "`lfrd deployment request-authority` prints signed anew"
            )
        try:
            lines = [signature_of(line) for line in signed[len(text) + 1 :].splitlines()]
        except BadLog as error:
            raise BadInput(f"the authority is no signed note: {error}") from None
        for key in self.keys:
            for line in lines:
                mine = (line.name, line.key_id) == (key.name, key.key_id)
                if mine and key.signed(text.encode(), line.signature):
                    digest = hashlib.sha256(signed.encode()).hexdigest()
                    return Authority(f"{OUTSIDE}{key.name}", signed, digest)
        raise BadInput("the authority is signed with no key that is configured ([authority] keys)")


def request_text(reader: Reader, row: Deployment, until_s: float | None = None) -> str:
    """What an authority signs: the plan as it is now, a line each; `until_s` for an extension."""
    lists: Sequence[str] = json.loads(row.watchlist_ids)
    end_s = row.planned_end_at_s if until_s is None else until_s
    lines = {
        "log": audit_log.origin(reader),
        "deployment": row.id,
        "rules": f"{row.profile} {row.policy_digest}",
        "place": row.place,
        "purpose": row.purpose,
        "use case": row.use_case,
        "expected there": row.expectation,
        "starts": _moment(row.planned_start_at_s),
        "ends": _moment(end_s),
        "entries at most": str(row.list_size_max or "no limit"),
    }
    lines |= {} if row.urgent_reason is None else {"started urgently": row.urgent_reason}
    told = [f"{name}: {_one_line(value)}" for name, value in lines.items()]
    told += [f"list: {_one_line(_list_text(reader, name))}" for name in lists]
    told += [f"document: {_one_line(text)}" for text in json.loads(row.documents)]
    return "\n".join([AUTHORITY_HEAD, *told, ""])


def _list_text(reader: Reader, watchlist_id: str) -> str:
    listed = watchlists.find(reader, watchlist_id)
    return f"{watchlist_id} {listed.name} ({listed.category})" if listed else watchlist_id


def _one_line(text: str) -> str:
    """A text as it was typed, and no second line."""
    return json.dumps(text, ensure_ascii=False)


def _moment(at_s: float | None) -> str:
    return "not set" if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%SZ}"
