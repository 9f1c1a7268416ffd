"""The client's calls about people: tokens, engagements, replays."""

from lfrd.api.schema import Alert, EngagementReport
from lfrd.api.schema_review import NewToken, Replay, Token, TokenCreate
from lfrd.client import Client


class ReviewClient(Client):
    """A client that can do everything about alerts and tokens."""

    async def tokens(self) -> tuple[Token, ...]:
        return await self._get(tuple[Token, ...], "/v1/tokens")

    async def create_token(self, new: TokenCreate) -> NewToken:
        """The only answer with the secret in it."""
        return await self._post(NewToken, "/v1/tokens", new)

    async def revoke_token(self, token_id: str) -> Token:
        return await self._post(Token, f"/v1/tokens/{token_id}/revoke", None)

    async def report_engagement(self, alert_id: str, report: EngagementReport) -> Alert:
        """Say once what was done about a closed alert."""
        return await self._post(Alert, f"/v1/alerts/{alert_id}/engagement", report)

    async def replay(self, alert_id: str) -> Replay:
        """Score and decision, computed again from what the alert holds."""
        return await self._post(Replay, f"/v1/alerts/{alert_id}/replay", None)

    async def scene(self, alert_id: str) -> bytes:
        """The frame round a candidate, everybody else unrecognisable; that it was read is kept."""
        return (await self._send("GET", f"/v1/alerts/{alert_id}/images/scene")).content
