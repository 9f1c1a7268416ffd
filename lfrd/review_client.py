"""The client's calls about people: tokens, engagements, replays."""

from lfrd.client import Client
from lfrd.wire.alerts import Alert, EngagementReport, Replay, ReviewerFigures
from lfrd.wire.people import NewToken, Token, TokenCreate


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

    async def reviewers(self, deployment_id: str | None = None) -> tuple[ReviewerFigures, ...]:
        """How each reviewer decided, over closed alerts."""
        params = {} if deployment_id is None else {"deployment_id": deployment_id}
        reply = await self._send("GET", "/v1/reviewers", params=params)
        return self._read(tuple[ReviewerFigures, ...], reply)
