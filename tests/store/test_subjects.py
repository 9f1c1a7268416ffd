"""What holds and erasures are about has a name for as long as it is there, and no longer."""

from pathlib import Path

from lfrd.store import erasures, subjects
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import ErasureKind
from support.store import (
    add_list,
    add_person,
    opened,
    raise_episode,
    start_deployment,
    unit_vectors,
)


async def test_everything_is_called_what_people_call_it_while_it_is_there(tmp_path: Path) -> None:
    def seeded(tx: Transaction) -> list[tuple[str, str]]:
        listed = add_list(tx, "Bans")
        entry, image, _ = add_person(tx, listed.id, "anna", unit_vectors(1)[0])
        deployment = start_deployment(tx)
        episode = raise_episode(tx, deployment.id, entry)
        return [
            ("watchlist", listed.id), ("entry", entry.id), ("person", entry.person_id),
            ("photo", image.id), ("deployment", deployment.id), ("episode", episode.id),
            ("unheard-of", "x"),
        ]  # fmt: skip

    def erased(tx: Transaction, person_id: str) -> None:
        erasure = erasures.ask(tx, ErasureKind.PERSON, person_id, "they asked for it")
        assert erasures.destroy_key(tx, erasure)
        erasures.delete_person(tx, erasure)

    async with opened(tmp_path) as db:
        asked = await db.write(seeded, principal="ada")
        found = await db.read(lambda reader: subjects.names(reader, asked))
        by_kind = {kind: found.get(subject_id) for kind, subject_id in asked}
        assert by_kind["watchlist"] == "Bans"
        assert by_kind["entry"] == by_kind["person"] == by_kind["photo"] == "Bans/anna"
        assert by_kind["deployment"] == "a test at the bench"
        assert by_kind["episode"] == "anna at gate"
        assert by_kind["unheard-of"] is None

        await db.write(lambda tx: erased(tx, dict(asked)["person"]), principal="ada")
        left = await db.read(lambda reader: subjects.names(reader, asked))
        assert sorted(left.values()) == ["Bans", "a test at the bench"]
