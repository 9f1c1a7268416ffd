"""Episodes as people see them: what is known of one, its pictures, and what was done about it."""

from dataclasses import dataclass

from lfrd.deployment.replay import Replay, replay
from lfrd.governance.reviews import Reviews, required_for
from lfrd.store import decoys, outcomes, watchlists
from lfrd.store import episodes as stored
from lfrd.store import reviews as stored_reviews
from lfrd.store.database import Database
from lfrd.store.decoys import Decoy
from lfrd.store.episodes import Episode, EpisodeImage, EpisodeState, Rival
from lfrd.store.outcomes import PrimaryOutcome
from lfrd.store.reviews import Review
from lfrd.store.transaction import Reader
from lfrd.store.watchlists import Watchlist
from lfrd.vision.engine import Vision
from lfrd.vocabulary import Engagement


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything about one episode; `watchlist` is None where it was deleted, `required` is how
    many reviewers decide."""

    episode: Episode
    rivals: tuple[Rival, ...]
    reviews: tuple[Review, ...]
    watchlist: Watchlist | None
    required: int = 1
    engagement: PrimaryOutcome | None = None
    decoy: Decoy | None = None


class Episodes:
    """The episodes of one site.

    A dossier holds more than its reader may see: lfrd.api.projection says what that is.
    """

    def __init__(self, database: Database, vision: Vision, reviews: Reviews) -> None:
        self._database = database
        self._vision = vision
        self._reviews = reviews

    async def page(
        self, *, state: EpisodeState | None = None, before_id: str | None = None, limit: int = 100
    ) -> list[Dossier]:
        """Newest first; `before_id` is the last one of the page before."""
        return await self._database.read(
            lambda reader: [
                self._dossier(reader, episode)
                for episode in stored.page(reader, state=state, before_id=before_id, limit=limit)
            ]
        )

    async def get(self, episode_id: str) -> Dossier:
        """Raises NotFound."""
        return await self._database.read(
            lambda reader: self._dossier(reader, stored.get(reader, episode_id))
        )

    async def image(self, episode_id: str, which: EpisodeImage, *, principal: str) -> bytes:
        """A picture of an episode; reading it is logged. Raises NotFound."""
        return await self._database.write(
            lambda tx: stored.read_image(tx, episode_id, which), principal=principal
        )

    async def rival_image(self, episode_id: str, person_id: str, *, principal: str) -> bytes:
        """The reference of another person over the threshold; reading it is logged. Raises
        NotFound."""
        return await self._database.write(
            lambda tx: stored.read_rival_image(tx, episode_id, person_id), principal=principal
        )

    async def replay(self, episode_id: str, *, principal: str) -> Replay:
        """Compute score and decision again. Raises NotFound, and Conflict where another model is in
        use now."""
        return await replay(self._database, self._vision, episode_id, principal=principal)

    async def report_engagement(
        self,
        episode_id: str,
        kind: Engagement,
        *,
        engagement_min: float,
        complaint: bool,
        note: str,
        principal: str,
    ) -> None:
        """Say once what was done about a closed episode. Raises NotFound, Conflict."""
        await self._database.write(
            lambda tx: outcomes.add(
                tx, episode_id, kind, engagement_min=engagement_min, complaint=complaint, note=note
            ),
            principal=principal,
        )

    def _dossier(self, reader: Reader, episode: Episode) -> Dossier:
        return Dossier(
            episode,
            tuple(stored.rivals(reader, episode.id)),
            tuple(stored_reviews.of_episode(reader, episode.id)),
            watchlists.find(reader, episode.watchlist_id),
            required_for(reader, episode, self._reviews.required),
            outcomes.of_episode(reader, episode.id),
            decoys.of_episode(reader, episode.id),
        )
