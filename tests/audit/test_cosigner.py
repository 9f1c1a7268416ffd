"""A witness signs what goes on from what it signed before, and nothing else."""

import base64
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from lfrd.audit import tree
from lfrd.audit.cosigner import Answer, Cosigner
from lfrd.audit.signing import PrivateKey
from lfrd.audit.verify import COSIGNATURE, ED25519, BadLog, leaf_hash, note_of
from support.audit import KEY, checkpoint_of, fetch_of, leaves_of

NAME = "witness.example/w1"
LEAVES = leaves_of(400)
OTHER = PrivateKey("lfrd/elsewhere", ED25519, bytes(range(1, 33)))


def body(old: int, size: int, leaves: Sequence[bytes] = LEAVES, key: PrivateKey = KEY) -> bytes:
    path = tree.consistency(fetch_of([leaf_hash(leaf) for leaf in leaves]), min(old, size), size)
    lines = [f"old {old}", *(base64.b64encode(item).decode() for item in path)]
    return ("\n".join(lines) + f"\n\n{checkpoint_of(leaves, size, key).note}").encode()


def is_signed(answer: Answer, witness: Cosigner, size: int) -> bool:
    note = note_of(checkpoint_of(LEAVES, size).note + answer.text)
    return note.signers([witness.key]) == (witness.key,)


def test_it_signs_what_goes_on_and_remembers_it(tmp_path: Path) -> None:
    with Cosigner(tmp_path / "w", NAME, [KEY.public]) as witness:
        assert (witness.key.name, witness.key.algorithm) == (NAME, COSIGNATURE)
        for old, size in ((0, 3), (3, 3), (3, 256), (256, 399)):
            answer = witness.add(body(old, size))
            assert answer.status == 200
            assert is_signed(answer, witness, size)
        key = witness.key
    with Cosigner(tmp_path / "w", NAME, [KEY.public]) as witness:
        assert witness.key == key
        assert witness.add(body(0, 400)) == Answer(409, "399\n", "text/x.tlog.size")
        assert witness.add(body(399, 400)).status == 200
    files = [path for path in (tmp_path / "w").iterdir() if path.stat().st_mode & 0o077]
    assert files == []


def test_everything_else_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with Cosigner(tmp_path, NAME, [KEY.public, OTHER.public]) as witness:
        assert witness.add(body(0, 100)).status == 200
        rewritten = [b"x", *LEAVES]
        same_name = replace(OTHER, name=KEY.name)
        for request, status in (
            (b"", 400),
            (b"\xff", 400),
            (body(100, 200)[:200], 400),
            (body(100, 200).replace(b"old 100", b"old 0100"), 400),
            (body(300, 200), 400),
            (body(0, 5, key=PrivateKey("lfrd/unknown", ED25519, bytes(32))), 404),
            (body(100, 200, key=same_name), 403),
            (body(100, 200).replace(b"\n200\n", b"\n201\n"), 403),
            (body(0, 200), 409),
            (body(50, 200), 409),
            (body(100, 100, rewritten), 409),
            (body(100, 200, rewritten), 422),
            (body(100, 200).replace(b"\n\n", b"\n" + b"A" * 43 + b"=\n\n", 1), 422),
        ):
            assert witness.add(request).status == status, request
        assert witness.add(body(100, 200)).status == 200
        assert witness.add(body(0, 5, key=OTHER)).status == 200, "each log has its own"


def test_one_for_a_folder_with_one_name(tmp_path: Path) -> None:
    with (
        Cosigner(tmp_path, NAME, [KEY.public]),
        pytest.raises(BadLog, match="is in use by another witness"),
        Cosigner(tmp_path, NAME, [KEY.public]),
    ):
        pass
    with (
        pytest.raises(BadLog, match=r"is the key of witness\.example/w1"),
        Cosigner(tmp_path, "other", []),
    ):
        pass
    with pytest.raises(BadLog, match="without spaces"):
        Cosigner(tmp_path / "new", "a b", [])
    (tmp_path / "witness.key").write_text("PRIVATE")
    with pytest.raises(BadLog, match="no private key"), Cosigner(tmp_path, NAME, []):
        pass
