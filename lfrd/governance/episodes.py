"""Episodes as people see them: what is known of one, its pictures, and what was done about it."""

from collections.abc import Sequence
from dataclasses import dataclass

from lfrd.deployment.replay import Replay, replay
from lfrd.errors import BadInput
from lfrd.governance.record import kind_of
from lfrd.governance.reviews import Reviews, outcome_of, required_for
from lfrd.store import episodes as stored
from lfrd.store import outcomes
from lfrd.store.audit_log import first_undecided
from lfrd.store.database import Database
from lfrd.store.decoys import Decoy
from lfrd.store.episodes import Episode, EpisodeFilter, EpisodeImage, Rival
from lfrd.store.outcomes import PrimaryOutcome
from lfrd.store.reviews import Review
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import Entry, Watchlist
from lfrd.vision.engine import Vision
from lfrd.vocabulary import Engagement, Identity


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
    look_alikes: str = ""
    has_scene: bool = False


class Episodes:
    """The episodes of one site.

    A dossier holds more than its reader may see: lfrd.api.projection says what that is.
    """

    def __init__(
        self, database: Database, vision: Vision, reviews: Reviews, groups: Sequence[str] = ()
    ) -> None:
        """`groups` are the words that the site has for whom a false alert was about."""
        self._database = database
        self._vision = vision
        self._reviews = reviews
        self._groups = groups

    async def page(
        self,
        wanted: EpisodeFilter | None = None,
        *,
        after: tuple[float, str] | None = None,
        before_id: str | None = None,
        limit: int = 100,
    ) -> list[Dossier]:
        """Newest first. The last one of the page before is named by its id, `before_id` (raises
        NotFound), or as `after` by `raised_at_s` and id, whether it is still there or not."""

        def query(reader: Reader) -> list[Dossier]:
            place = after
            if place is None and before_id is not None:
                place = (stored.get(reader, before_id).raised_at_s, before_id)
            return self._dossiers(reader, stored.page(reader, wanted, after=place, limit=limit))

        return await self._database.read(query)

    async def any_waits_for(self, principal: str) -> bool:
        """Whether there is an open candidate that this principal has not decided for good."""
        return await self._database.read(
            lambda reader: first_undecided(reader, principal) is not None
        )

    async def open_since(self) -> tuple[int, float | None]:
        """How many candidates are open, and when the oldest of them was raised."""
        return await self._database.read(stored.open_since)

    async def get(self, episode_id: str) -> Dossier:
        """Raises NotFound."""
        return await self._database.read(
            lambda reader: self._dossiers(reader, [stored.get(reader, episode_id)])[0]
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
        identity: Identity | None = None,
        group: str | None = None,
        principal: str,
    ) -> None:
        """Say once what was done about a closed episode. Raises NotFound, Conflict, BadInput for a
        group that the site has no word for, or of an alert that was not false."""
        if group is not None and group not in self._groups:
            known = ", ".join(self._groups) or "none: name them in [notice] groups"
            raise BadInput(f"this is no group that the site records; there is: {known}")

        def write(tx: Transaction) -> None:
            if group is not None and not self._is_false(tx, episode_id, identity):
                raise BadInput("a group is recorded for a false alert only")
            outcomes.add(
                tx, episode_id, kind, engagement_min=engagement_min, complaint=complaint,
                note=note, identity=identity, recorded_group=group,
            )  # fmt: skip

        await self._database.write(write, principal=principal)

    def _is_false(self, reader: Reader, episode_id: str, identity: Identity | None) -> bool:
        """By what was established, else by what was decided."""
        (dossier,) = self._dossiers(reader, [stored.get(reader, episode_id)])
        decided = outcome_of(dossier.reviews, dossier.required)
        return kind_of(decided, identity).startswith("false")

    def _dossiers(self, reader: Reader, found: Sequence[Episode]) -> list[Dossier]:
        """Everything about some episodes, each kind read at once."""
        ids = [episode.id for episode in found]
        rivals = reader.of_each(Rival, "episode_id", ids, "score DESC")
        reviews = reader.of_each(Review, "episode_id", ids, "submitted_at_s")
        outcome = reader.of_each(PrimaryOutcome, "episode_id", ids)
        decoy = reader.of_each(Decoy, "episode_id", ids)
        listed = reader.of_each(Watchlist, "id", [episode.watchlist_id for episode in found])
        scenes = stored.with_scene(reader, ids)
        entries = reader.of_each(Entry, "id", [episode.entry_id for episode in found])
        required: dict[str, int] = {}
        for episode in found:
            if episode.deployment_id not in required:
                required[episode.deployment_id] = required_for(
                    reader, episode, self._reviews.required
                )
        return [
            Dossier(
                episode,
                tuple(rivals.get(episode.id, ())),
                tuple(reviews.get(episode.id, ())),
                next(iter(listed.get(episode.watchlist_id, ())), None),
                required[episode.deployment_id],
                next(iter(outcome.get(episode.id, ())), None),
                next(iter(decoy.get(episode.id, ())), None),
                next((entry.look_alikes for entry in entries.get(episode.entry_id, ())), ""),
                episode.id in scenes,
            )
            for episode in found
        ]
