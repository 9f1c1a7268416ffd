"""The leaf: one text for one meaning, a hash that others can recompute, a link that can be cut."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.clock import ManualClock
from lfrd.store.audit import AuditClass, Leaf, canonical_bytes, canonical_json, commit, leaf_hash
from support.store import opened

SALT = bytes(16)
LEAF = Leaf(1_700_000_000.25, AuditClass.COLLECTION, "ada", "entry.add", bytes(32), '{"n":1}')


def test_the_canonical_bytes_and_hash_are_as_written_down() -> None:
    expected = (
        b'{"action":"entry.add","at_us":1700000000250000,"class":"collection","commitment":"'
        + b"00" * 32
        + b'","payload":{"n":1},"principal":"ada","version":1}'
    )
    assert canonical_bytes(LEAF) == expected
    assert leaf_hash(LEAF) == hashlib.sha256(b"\x00" + expected).digest()


FACTS = st.dictionaries(
    st.text(max_size=8),
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=20)
    | st.lists(st.text(max_size=5), max_size=3),
    max_size=6,
)


@given(FACTS)
def test_equal_facts_have_one_text(facts: dict[str, str]) -> None:
    text = canonical_json(facts)
    backwards = dict(reversed(facts.items()))
    assert canonical_json(backwards) == text
    assert json.loads(text) == facts
    assert canonical_json(json.loads(text)) == text


@pytest.mark.parametrize("fact", [0.45, {"a": 1}, b"x", [1], object()])
def test_what_has_no_one_text_is_refused(fact: object) -> None:
    with pytest.raises(TypeError, match="threshold"):
        canonical_json({"threshold": fact})  # type: ignore[dict-item]


@given(st.lists(st.text(max_size=6), max_size=4), st.lists(st.text(max_size=6), max_size=4))
def test_a_commitment_binds_the_subjects_and_hides_them(one: list[str], two: list[str]) -> None:
    assert (commit(one, SALT) == commit(two, SALT)) == (one == two)
    assert commit(one, SALT) != commit(one, b"\x01" * 16)


async def test_every_stored_leaf_verifies_from_its_own_columns(tmp_path: Path) -> None:
    clock = ManualClock(wall_s=1_764_123_456.7891234)
    async with opened(tmp_path, clock=clock) as db:
        for event_class in AuditClass:
            clock.advance(0.0371234)
            number = await db.write(
                lambda tx, c=event_class: tx.audit(c, "a.test", ("id-1", "é"), {"naïve": "ü"}),
                principal="ada",
            )
            rows = await db.read(
                lambda r, n=number: list(
                    r.rows(
                        "SELECT at_s, class, principal, action, commitment, payload, salt,"
                        " subjects, leaf_hash FROM audit_leaf WHERE id = ?",
                        (n,),
                    )
                )
            )
            row = rows[0]
            leaf = Leaf(
                at_s=row.real("at_s"),
                event_class=AuditClass(row.text("class")),
                principal=row.text("principal"),
                action=row.text("action"),
                commitment=row.blob("commitment"),
                payload=row.text("payload"),
            )
            assert leaf_hash(leaf) == row["leaf_hash"]
            assert commit(json.loads(row.text("subjects")), row.blob("salt")) == row["commitment"]
        assert number == len(AuditClass)


async def test_cutting_the_link_leaves_the_proof(tmp_path: Path) -> None:
    async with opened(tmp_path) as db:
        await db.write(
            lambda tx: tx.audit(AuditClass.ERASURE, "a.test", ("id-1",)), principal="ada"
        )
        await db.write(
            lambda tx: tx.execute("UPDATE audit_leaf SET subjects = NULL, salt = NULL"),
            principal="ada",
        )
        [row] = await db.read(
            lambda r: list(r.rows("SELECT at_s, commitment, leaf_hash FROM audit_leaf"))
        )
        commitment = row.blob("commitment")
        leaf = Leaf(row.real("at_s"), AuditClass.ERASURE, "ada", "a.test", commitment, "{}")
        assert leaf_hash(leaf) == row["leaf_hash"]
