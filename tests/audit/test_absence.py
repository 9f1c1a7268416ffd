"""Who is not on a list is given a proof of it, whoever is on it never."""

import functools
import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lfrd.audit import absence
from lfrd.audit.verify import (
    LISTED,
    POSITION_BYTES,
    AbsenceProof,
    BadLog,
    absence_of,
    mark_of,
    position_of,
)
from support.audit import KEY, leaves_of, proved

PRIVATE = absence.new_key()
PUBLIC = absence.public_of(PRIVATE)
SALT = bytes(range(16))
LIST = "01a2-list"


@functools.cache
def signed(reference: str) -> bytes:
    return absence.sign(PRIVATE, LIST, reference)


def place_of(reference: str) -> bytes:
    return position_of(mark_of(signed(reference)), SALT)


class Tree:
    """A list's tree, and its root as a leaf under a checkpoint."""

    def __init__(self, positions: Sequence[bytes]) -> None:
        self.buckets: list[list[bytes]] = [[] for _ in range(absence.BUCKETS)]
        for position in sorted(set(positions)):
            self.buckets[absence.bucket_of(position)].append(position)
        self.roots = [absence.bucket_root(bucket) for bucket in self.buckets]
        self.root = absence.root(self.roots)

    def proof(self, reference: str, **changed: object) -> AbsenceProof:
        position = place_of(reference)
        path, end = absence.path_of(position, self.roots, self.buckets[absence.bucket_of(position)])
        facts = {"list": LIST, "root": self.root.hex(), "salt": SALT.hex(),
                 "key": absence.digest_of(PUBLIC)} | changed  # fmt: skip
        leaf = json.dumps({"action": LISTED, "at_us": 1, "payload": facts}).encode()
        log = proved([*leaves_of(4), leaf], 4, 5)
        return AbsenceProof(LIST, reference, PUBLIC, signed(reference), tuple(path), end, log)


REFERENCES = [f"ref-{number}" for number in range(40)]
PLACES = {reference: place_of(reference) for reference in [*REFERENCES, "absent", "Zoë"]}


def crowd(count: int, near: bytes = b"") -> list[bytes]:
    """Other people's positions; some share their first bytes with one position."""
    made = [hashlib.sha256(b"%d" % n).digest()[:POSITION_BYTES] for n in range(count)]
    return [*made, *(near[:size] + item[size:] for size, item in enumerate(made[:POSITION_BYTES]))
            ] if near else made  # fmt: skip


@settings(max_examples=150)
@given(st.sets(st.sampled_from(REFERENCES)), st.integers(0, 600), st.booleans())
def test_whoever_is_absent_gets_a_proof_and_whoever_is_listed_none(
    listed: set[str], others: int, close: bool
) -> None:
    near = PLACES["absent"] if close else b""
    tree = Tree([*(PLACES[reference] for reference in listed), *crowd(others, near)])
    for reference in ("absent", *list(set(REFERENCES) - listed)[:2]):
        proof = absence_of(tree.proof(reference).text)
        assert proof.check([KEY.public]) == (KEY.public,)
        assert close or proof.proof_bytes <= 2048
    for reference in list(listed)[:3]:
        with pytest.raises(BadLog, match="on the list"):
            tree.proof(reference).check([KEY.public])
        for end in (b"", crowd(1)[0]):
            with pytest.raises(BadLog, match=r"elsewhere|does not lead"):
                replace(tree.proof(reference), end=end).check([KEY.public])


@settings(max_examples=300)
@given(st.data())
def test_whatever_is_changed_in_a_proof_it_proves_nothing_any_more(data: st.DataObject) -> None:
    proof = Tree(crowd(300, PLACES["absent"])).proof("absent")
    raw = {name: getattr(proof, name) for name in ("key", "signature", "end")}
    raw |= {f"path {place}": item for place, item in enumerate(proof.path)}
    name = data.draw(st.sampled_from(sorted(raw)))
    changed = bytearray(raw[name])
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    if name.startswith("path"):
        path = list(proof.path)
        path[int(name[5:])] = bytes(changed)
        proof = replace(proof, path=tuple(path))
    else:
        proof = replace(proof, **{name: bytes(changed)})  # type: ignore[arg-type]
    with pytest.raises(BadLog):
        proof.check([KEY.public])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda p: replace(p, reference="another"), "another reference"),
        (lambda p: replace(p, list_id="another"), "another list"),
        (lambda p: replace(p, path=p.path[:-1]), "does not lead|elsewhere"),
        (lambda p: replace(p, path=(*p.path, p.path[0])), "does not lead|elsewhere"),
        (lambda p: replace(p, path=p.path * 20), "longer than"),
        (lambda p: replace(p, end=p.end[:-1]), "elsewhere"),
        (lambda p: replace(p, log=proved(leaves_of(5), 4, 5)), "commits to no list"),
    ],
)  # fmt: skip
def test_a_proof_of_something_else_is_refused(change: object, said: str) -> None:
    proof = Tree(crowd(300, PLACES["absent"])).proof("absent")
    assert proof.end
    with pytest.raises(BadLog, match=said):
        change(proof).check([KEY.public])  # type: ignore[operator]


def test_a_key_that_leaves_room_for_a_second_signature_is_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    tree = Tree(crowd(9))
    weak = rsa.generate_private_key(3, 2048).public_key()
    der = weak.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    proof = tree.proof("absent", key=absence.digest_of(der))
    with pytest.raises(BadLog, match="exponent"):
        replace(proof, key=der).check([KEY.public])
    with pytest.raises(BadLog, match="no known key"):
        tree.proof("absent").check([])


def test_texts_that_look_the_same_are_the_same_reference() -> None:
    assert place_of(" Zoe\u0308 ") == PLACES["Zoë"]
    tree = Tree([PLACES["Zoë"]])
    with pytest.raises(BadLog, match="on the list"):
        tree.proof("Zoe\u0308").check([KEY.public])


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"format": "x"}', "null", "[" * 9_000])
def test_what_is_no_proof_is_refused_in_words(text: str) -> None:
    with pytest.raises(BadLog, match=r"no proof"):
        absence_of(text)
