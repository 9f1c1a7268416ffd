"""The wire contract of tokens: who may speak to the daemon, and as what."""

from typing import Annotated

from pydantic import StringConstraints

from lfrd.vocabulary import Role
from lfrd.wire.base import Line, Moment, Wire

Holder = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=195)]
"""Who holds a token: with `user:` before it, it is still a text of one line."""


class TokenCreate(Wire):
    """`principal` is whose token it will be, such as `anna`; their role becomes `role`. From
    `expires_at_s` on it is refused; null: never."""

    principal: Holder
    role: Role = Role.OPERATOR
    expires_at_s: Moment | None = None


class Token(Wire):
    """A personal token, without its secret. `last_used_at_s` is right to a minute, and null to
    whoever has yet to decide an open candidate."""

    id: str
    principal: str
    created_at_s: float
    created_by: str
    revoked_at_s: float | None
    revoked_by: str | None
    expires_at_s: float | None = None
    last_used_at_s: float | None = None


class TrainingRecord(Wire):
    """`principal` was trained to review, as `what` says, until then."""

    principal: Line
    what: Line
    valid_until_s: Moment


class Training(Wire):
    """The last one of a person counts. `principal` is what they are called in the log."""

    id: str
    principal: str
    what: str
    valid_until_s: float
    recorded_at_s: float
    recorded_by: str


class NewToken(Wire):
    """`secret` is shown here once and never again."""

    token: Token
    role: Role
    secret: str
