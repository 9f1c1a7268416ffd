"""Computing an episode's score and decision again, from what the episode itself holds.

What a replay proves:

- the sealed pictures are the ones that were committed to, and the log says so too (`as_logged`);
- the same model, by digest, gives `crop_score` for the sealed crop and the sealed reference. It is
  the score that was recorded for that look (`crop_agrees`), or a lower one where another photo of
  the same entry was nearer: a look is compared with every photo, and the episode keeps the one of
  the best quality;
- the recorded scores of all looks, and of their mean, give the recorded fused score by the recorded
  rule (`fused_agrees`), and it reaches the recorded threshold (`raised`).

It cannot prove the other looks' scores: their crops were overwritten when the track ended.
"""

from dataclasses import dataclass

import numpy as np

from lfrd.errors import Conflict
from lfrd.matching.evidence import EvidenceRule
from lfrd.store import episodes
from lfrd.store.database import Database
from lfrd.store.episodes import Crops, Episode
from lfrd.store.transaction import Transaction
from lfrd.types import Trail
from lfrd.vision.engine import Crop, Probe, Vision
from lfrd.vision.picture import decoded

SCORE_TOLERANCE = 1e-3
"""Batches of another size, or another processor, round differently (seen: below 1e-5)."""
FUSED_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Replay:
    """What came out; None where the episode does not hold what is needed to tell."""

    episode_id: str
    model_digest: str
    threshold: float
    as_logged: bool
    crop_score: float
    crop_recorded: float | None
    crop_agrees: bool | None
    fused_score: float | None
    fused_recorded: float
    fused_agrees: bool | None
    raised: bool


async def replay(database: Database, vision: Vision, episode_id: str, *, principal: str) -> Replay:
    """Raises NotFound, and Conflict where another model is in use now."""

    def open_all(tx: Transaction) -> tuple[Episode, Crops, bool]:
        episode = episodes.get(tx, episode_id)
        if episode.model_digest != vision.model_digest:
            raise Conflict(
                f"episode {episode_id} was made with the model {episode.model_digest[:12]} and "
                f"{vision.model_digest[:12]} is in use: start with that model pack to replay it"
            )
        crops = episodes.open_crops(tx, episode_id)
        return episode, crops, crops.as_committed and episodes.is_as_logged(tx, episode_id)

    episode, crops, as_logged = await database.write(open_all, principal=principal)
    crop_score = await _compare(vision, crops)
    trail = None if episode.evidence is None else Trail.of_json(episode.evidence)
    fused = None if trail is None else _fused(trail)
    shown = None if trail is None else trail.shown
    return Replay(
        episode_id=episode.id,
        model_digest=episode.model_digest,
        threshold=episode.threshold,
        as_logged=as_logged,
        crop_score=crop_score,
        crop_recorded=shown,
        crop_agrees=None if shown is None else abs(crop_score - shown) <= SCORE_TOLERANCE,
        fused_score=fused,
        fused_recorded=episode.score,
        fused_agrees=None if fused is None else abs(fused - episode.score) <= FUSED_TOLERANCE,
        raised=(episode.score if fused is None else fused) >= episode.threshold,
    )


def _fused(trail: Trail) -> float:
    rule = EvidenceRule(handicaps=trail.handicaps, apart_s=trail.apart_s)
    return rule.fused(trail.looks)


async def _compare(vision: Vision, crops: Crops) -> float:
    """The cosine of the two templates, which exist only inside this call."""
    probe = await _template(vision, crops.probe)
    try:
        reference = await _template(vision, crops.reference)
        try:
            return float(np.dot(probe.array, reference.array))
        finally:
            reference.release()
    finally:
        probe.release()


async def _template(vision: Vision, image: bytes) -> Probe:
    crop = vision.lend(decoded(image))
    template = None if crop is None else await _embedded(vision, crop)
    if template is None:
        raise Conflict("too many faces are being compared at this moment: try again")
    return template


async def _embedded(vision: Vision, crop: Crop) -> Probe | None:
    try:
        return await vision.embed(crop)
    finally:
        crop.release()
