"""A deployment commits to its lists in the log, and whoever was on none of them gets a proof."""

import json
from pathlib import Path

import pytest

from lfrd.audit.verify import AbsenceProof, Proof
from lfrd.errors import BadInput, Conflict, NotFound
from lfrd.site import Site
from lfrd.store.watchlists import NewEntry
from lfrd.vocabulary import ErasureKind, Role
from support.site import DAY_S, SettableClock, deploy, governed, make_list

ADA = "user:ada"


async def proofs(site: Site, reference: str, **of: str) -> tuple[AbsenceProof, ...]:
    made = await site.absences.prove(reference, "request 7", principal=ADA, **of)
    for proof in made:
        proof.check([site.audit.key])
    return made


async def asked(site: Site) -> list[dict[str, object]]:
    found = await site.database.read(
        lambda r: r.column(
            "SELECT payload FROM audit_leaf WHERE action = 'subject.prove-absence' ORDER BY id"
        )
    )
    return [json.loads(text) for text in found]  # fmt: skip


async def test_the_lists_of_a_deployment_are_committed_to_and_prove_who_was_absent(
    tmp_path: Path,
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        (proof,) = await proofs(site, "nobody", deployment_id=row.id)
        facts = json.loads(proof.log.leaf)["payload"]
        assert (facts["list"], facts["deployment"], facts["entries"]) == (listed, row.id, 1)
        assert "wanted-1" not in proof.text
        with pytest.raises(Conflict, match="no proof of absence"):
            await proofs(site, "wanted-1", deployment_id=row.id)
        assert [item["absent"] for item in await asked(site)] == [True, False]
        assert all(item["reason"] == "request 7" for item in await asked(site))


async def test_whoever_comes_onto_a_list_meanwhile_was_on_it_also_when_taken_off(
    tmp_path: Path,
) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        before = await proofs(site, "late", deployment_id=row.id)
        new = NewEntry(listed, "late", "warrant 13", "the court", reviewer="user:desk")
        entry = await site.watchlists.add_entry(new, principal=ADA)
        await site.eraser.erase(
            ErasureKind.ENTRY, entry.row.id, "a mistake", role=Role.SUPERVISOR, principal=ADA
        )
        with pytest.raises(Conflict, match="no proof"):
            await proofs(site, "late", deployment_id=row.id)
        before[0].check([site.audit.key])  # it says of when it is
        assert (await proofs(site, "nobody", deployment_id=row.id))[0].log.index > (
            before[0].log.index
        )
        await site.watchlists.add_entry(new, principal=ADA)
        (proof,) = await proofs(site, "nobody", deployment_id=row.id)
        assert json.loads(proof.log.leaf)["payload"]["entries"] == 2, "who came again counts once"


async def test_a_proof_is_of_when_it_was_asked_for_though_the_list_grows_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the question and the proof the very person asked about comes onto the list."""
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        await put_on(site, listed, *(f"early-{n}" for n in range(40)))
        prove = site.audit.prove

        async def late(leaf: int, *, principal: str) -> Proof:
            await put_on(site, listed, "late", *(f"later-{n}" for n in range(40)))
            return await prove(leaf, principal=principal)

        monkeypatch.setattr(site.audit, "prove", late)
        (proof,) = await proofs(site, "late", deployment_id=row.id)
        assert json.loads(proof.log.leaf)["payload"]["entries"] == 41
        monkeypatch.undo()
        with pytest.raises(Conflict, match="no proof"):
            await proofs(site, "late", deployment_id=row.id)


async def test_who_is_put_on_a_list_takes_no_copy_of_its_roots(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        await deploy(site, listed)
        before = await used_bytes(site)
        await put_on(site, listed, *(f"new-{n}" for n in range(50)))
        assert await used_bytes(site) - before < 50 * 5_000


async def put_on(site: Site, listed: str, *references: str) -> None:
    for reference in references:
        new = NewEntry(listed, reference, "warrant 13", "the court", reviewer="user:desk")
        await site.watchlists.add_entry(new, principal=ADA)


async def used_bytes(site: Site) -> int:
    """In the pages of the database."""
    return await site.database.read(
        lambda r: (
            r.count("PRAGMA page_size")
            * (r.count("PRAGMA page_count") - r.count("PRAGMA freelist_count"))
        )
    )


async def test_absence_is_proved_after_the_list_was_erased_and_not_for_ever(
    tmp_path: Path,
) -> None:
    clock = SettableClock()
    async with governed(tmp_path, clock) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        await site.deployments.end(row.id, "over", principal=ADA)
        await site.eraser.erase(
            ErasureKind.WATCHLIST, listed, "after use", role=Role.SUPERVISOR, principal=ADA
        )
        await proofs(site, "nobody", deployment_id=row.id, watchlist_id=listed)
        with pytest.raises(Conflict, match="no proof"):
            await proofs(site, "wanted-1", deployment_id=row.id)
        clock.advance(14 * 31 * DAY_S)
        await site.retention.sweep()
        with pytest.raises(NotFound, match="commits to no such list"):
            await proofs(site, "nobody", deployment_id=row.id)


async def test_without_a_deployment_it_is_about_the_list_as_it_is_now(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        (proof,) = await proofs(site, "nobody", watchlist_id=listed)
        assert json.loads(proof.log.leaf)["payload"]["deployment"] is None
        with pytest.raises(Conflict, match="no proof"):
            await proofs(site, "wanted-1", watchlist_id=listed)
        with pytest.raises(BadInput, match="name a list"):
            await proofs(site, "nobody")
        with pytest.raises(NotFound):
            await proofs(site, "nobody", watchlist_id="no-list")


async def test_where_the_keys_were_given_up_new_ones_are_made(tmp_path: Path) -> None:
    async with governed(tmp_path, SettableClock()) as site:
        listed = await make_list(site)
        row = await deploy(site, listed)
        from lfrd.store.listings import SCOPE

        await site.database.write(lambda tx: tx.keys.destroy(SCOPE), principal=ADA)
        with pytest.raises(NotFound, match="given up"):
            await proofs(site, "nobody", deployment_id=row.id)
        await site.database.write(lambda tx: tx.keys.create(SCOPE), principal=ADA)
        await site.deployments.end(row.id, "over", principal=ADA)
        await proofs(site, "nobody", watchlist_id=listed)
        with pytest.raises(Conflict, match="no proof"):
            await proofs(site, "wanted-1", watchlist_id=listed)
