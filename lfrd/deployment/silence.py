"""After "not a match" an entry is silent for that track, as long as the track lives."""

from lfrd.deployment.recorder import EpisodeWriter
from lfrd.events import EventKind, Reset
from lfrd.matching.live_search import LiveSearch
from lfrd.store import reviews
from lfrd.store.database import Database


async def follow_reviews(database: Database, writer: EpisodeWriter, search: LiveSearch) -> None:
    """Silence what reviewers refuse, until cancelled."""
    async with database.events.subscribe() as changes:
        async for event in changes:
            if isinstance(event, Reset) or event.kind is not EventKind.EPISODE_CLOSED:
                continue
            seen = writer.track_of(event.subject_id)
            if seen is not None and await _was_no_match(database, event.subject_id):
                search.tracks.silence(seen.camera_id, seen.track_id, seen.entry_id)


async def _was_no_match(database: Database, episode_id: str) -> bool:
    """Whether every final decision about an episode was "not a match"."""
    given = await database.read(lambda reader: reviews.of_episode(reader, episode_id))
    final = {review.decision for review in given if review.final_at_s is not None}
    return final == {reviews.ReviewDecision.NOT_MATCH}
