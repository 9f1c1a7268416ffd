"""Decoys in a real store, as a running deployment leaves them. For tests."""

from store_builders import MODEL

from lfrd.ids import new_id
from lfrd.store import decoys
from lfrd.store.database import Database
from lfrd.store.episodes import Episode, Evidence, NewEpisode
from lfrd.store.reference_images import Likeness
from lfrd.store.transaction import Transaction

FACES = (b"lab probe crop", b"lab probe portrait", b"lab scene", b"lab crop", b"lab portrait")


def seed_decoy(
    tx: Transaction, deployment_id: str, watchlist_id: str, *, mated: bool = True
) -> Episode:
    """A decoy beside the candidates of `alert_builder`."""
    crop, portrait, scene, *reference = FACES
    new = NewEpisode(
        deployment_id=deployment_id, camera_id="gate", track_id=0, entry_id=new_id(),
        person_id=new_id(), watchlist_id=watchlist_id, reference="ref-9", score=0.58, margin=None,
        threshold=0.45, model_digest=MODEL, looks=1, sequence=82, media_at_s=0.0,
        captured_at_s=0.0, latency_ms=None,
        evidence=Evidence(crop, portrait, scene, likeness=Likeness(*reference)),
    )  # fmt: skip
    return decoys.add(tx, new, mated=mated)


async def seed_beside(database: Database, real: Episode, *, mated: bool = True) -> Episode:
    """A decoy of the deployment and list of a real candidate."""
    return await database.write(
        lambda tx: seed_decoy(tx, real.deployment_id, real.watchlist_id, mated=mated),
        principal="system",
    )
