"""An authority from outside signs this very plan, and nobody else's word takes its place."""

import json
from pathlib import Path

import pytest

from lfrd.audit import verify
from lfrd.audit.signing import PrivateKey
from lfrd.audit.verify import ED25519
from lfrd.config import AuthoritySection, CameraSection, Config
from lfrd.daemon import open_site
from lfrd.errors import BadInput, Conflict
from lfrd.governance.planning import Amendment
from lfrd.site import Site
from lfrd.store import deployments as stored
from lfrd.store.deployments import Deployment
from support.site import HOUR_S, SettableClock, config_on, make_list, plan_of

COURT = PrivateKey("court.example/authority", ED25519, bytes(range(32)))
OTHER = PrivateKey("court.example/authority", ED25519, bytes(range(1, 33)))


def ruled(folder: Path, **policy: object) -> Config:
    plain = config_on(folder)
    return plain.model_copy(update={
        "policy": plain.policy.model_copy(update={"outside_authority": True, **policy}),
        "camera": (CameraSection(id="gate", address="rtsp://127.0.0.1:9/1"),),
        "authority": AuthoritySection(keys=(COURT.public.text,)),
    })  # fmt: skip


async def draft(site: Site) -> Deployment:
    listed = await make_list(site)
    return await site.deployments.draft(plan_of(listed), 4 * HOUR_S, principal="user:ada")


async def signed(
    site: Site, row_id: str, key: PrivateKey = COURT, until_s: float | None = None
) -> str:
    text = await site.deployments.authority_request(row_id, until_s)
    return f"{text}\n{key.sign(text).line}"


async def test_only_a_signature_from_outside_over_this_plan_authorises_it(tmp_path: Path) -> None:
    async with open_site(ruled(tmp_path), clock=SettableClock()) as site:
        row = await draft(site)
        with pytest.raises(Conflict, match="authority from outside"):
            await site.deployments.authorise(row.id, principal="user:bo")
        note = await signed(site, row.id)
        for words in ("the station", "to find them", "they were seen there", "wanted (wanted)"):
            assert words in note
        wrong = await signed(site, row.id, OTHER)
        with pytest.raises(BadInput, match="no key that is configured"):
            await site.deployments.authorise(row.id, wrong, principal="user:ada")
        with pytest.raises(Conflict, match="not of this very plan"):
            await site.deployments.authorise(
                row.id, note.replace("the station", "the park"), principal="user:ada"
            )
        await site.deployments.amend(row.id, Amendment(place="the park"), principal="user:ada")
        with pytest.raises(Conflict, match="not of this very plan"):
            await site.deployments.authorise(row.id, note, principal="user:ada")
        done = await site.deployments.authorise(
            row.id, await signed(site, row.id), principal="user:ada"
        )
        assert done.authorised_by == "authority:court.example/authority"
        assert json.loads(done.authorised_lists or "") == ["wanted: 1 entries, 0 under 18"]
        started = await site.deployments.start_planned(row.id, principal="user:ada")
        record = await site.publication.record(started.id, "user:ada")
        assert record.authority.outside
        assert record.authority.by_another_than_the_starter
        assert record.authority.lists == ("wanted: 1 entries, 0 under 18",)
        until_s = (done.planned_end_at_s or 0) + HOUR_S
        with pytest.raises(Conflict, match="authority from outside"):
            await site.deployments.extend(row.id, until_s, principal="user:bo")
        longer = await signed(site, row.id, until_s=until_s)
        extended = await site.deployments.extend(row.id, until_s, longer, principal="user:ada")
        assert extended.planned_end_at_s == until_s


async def test_an_urgent_start_is_ratified_from_outside(tmp_path: Path) -> None:
    config = ruled(tmp_path, profile="uk-police")
    async with open_site(config, clock=SettableClock()) as site:
        listed = await make_list(site)
        plan = plan_of(listed, "uk-police")
        row = await site.deployments.draft(plan, 4 * HOUR_S, principal="user:ada")
        before = await signed(site, row.id)
        await site.database.write(
            lambda tx: stored.declare_urgent(tx, row.id, "a child is missing", 1e12),
            principal="user:ada",
        )
        await site.database.write(lambda tx: stored.start(tx, row.id), principal="user:ada")
        with pytest.raises(Conflict, match="authority from outside"):
            await site.deployments.ratify(row.id, principal="user:bo")
        with pytest.raises(Conflict, match="not of this very plan"):
            await site.deployments.ratify(row.id, before, principal="user:bo")
        note = await signed(site, row.id)
        assert "a child is missing" in note
        ratified = await site.deployments.ratify(row.id, note, principal="user:ada")
        assert ratified.ratified_by == "authority:court.example/authority"


@pytest.mark.parametrize("keys", [("x",), (PrivateKey("w", 0x04, bytes(32)).public.text,)])
def test_only_keys_that_sign_texts_can_be_configured(keys: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"public key is|type Ed25519"):
        AuthoritySection(keys=keys)
    assert verify.OUTSIDE == "authority:"
