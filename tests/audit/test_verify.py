"""What is found in an export that somebody changed, and where; keys, notes and proofs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lfrd.audit import signing, verify
from lfrd.audit.signing import PrivateKey, private_key_of
from lfrd.audit.verify import (
    COSIGNATURE,
    ED25519,
    ML_DSA_44,
    BadLog,
    key_of,
    leaf_hash,
    note_of,
    notes_in,
    proof_of,
    verify_export,
)
from support.audit import KEY, checkpoint_of, leaves_of, proved, write

COUNT, SIZES = 300, (130, 200, 290)
LEAVES = leaves_of(COUNT)
OTHER = PrivateKey("lfrd/elsewhere", ED25519, bytes(range(1, 33)))
ALGORITHMS = (ED25519, COSIGNATURE, ML_DSA_44)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("log") / "export"
    found = write(folder, LEAVES, SIZES)
    assert (found.good, found.protected, found.tail, found.checkpoints) == (True, 290, 10, 3)
    return folder


@pytest.fixture(scope="module")
def forged(whole: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The export with other leaves; `hashed`: and their hashes, as a careful forger would."""
    folder = tmp_path_factory.mktemp("forged") / "export"
    shutil.copytree(whole, folder)

    def forge(leaves: list[bytes], *, hashed: bool) -> Path:
        (folder / verify.LEAVES).write_bytes(b"".join(leaf + b"\n" for leaf in leaves))
        hashes = [leaf_hash(leaf) for leaf in (leaves if hashed else LEAVES)]
        (folder / verify.HASHES).write_bytes(b"".join(hashes))
        count = len(leaves) if hashed else COUNT
        manifest = {"format": verify.EXPORT_FORMAT, "origin": KEY.name, "leaves": count}
        (folder / verify.MANIFEST).write_text(json.dumps(manifest))
        return folder

    return forge


def flip(leaves: list[bytes], at: int, other: int) -> int:
    changed = bytearray(leaves[at])
    place = other % len(changed)
    changed[place] ^= 1 << other % 7
    leaves[at] = bytes(changed).replace(b"\n", b"~")
    return at


def drop(leaves: list[bytes], at: int, _other: int) -> int:
    del leaves[at]
    return at


def swap(leaves: list[bytes], at: int, other: int) -> int:
    other = other % COUNT
    if other == at:
        other = (at + 1) % COUNT
    leaves[at], leaves[other] = leaves[other], leaves[at]
    return min(at, other)


def insert(leaves: list[bytes], at: int, other: int) -> int:
    leaves.insert(at, leaves[other % COUNT] + b" ")
    return at


def truncate(leaves: list[bytes], at: int, _other: int) -> int:
    del leaves[at:]
    return at


@settings(max_examples=1_000)
@given(
    st.sampled_from([flip, drop, swap, insert, truncate]),
    st.integers(0, SIZES[-1] - 1),
    st.integers(0, 10_000),
    st.booleans(),
)
@example(drop, 0, 0, True)
@example(truncate, 0, 0, True)
@example(truncate, SIZES[-1] - 1, 0, True)
def test_what_was_changed_below_a_checkpoint_is_found_with_its_place(
    forged: Callable[..., Path],
    change: Callable[[list[bytes], int, int], int],
    at: int,
    other: int,
    hashed: bool,
) -> None:
    leaves = list(LEAVES)
    first = change(leaves, at, other)
    found = verify_export(forged(leaves, hashed=hashed), [KEY.public])
    assert not found.good
    assert found.first_bad is not None
    if not hashed:  # the hashes are as signed: the very leaf is known
        assert (found.first_bad, found.first_bad_before) == (first, None)
    elif change is truncate:
        assert found.first_bad == first
    else:  # between which checkpoints
        before = found.first_bad_before
        assert before is not None
        assert found.first_bad <= first < before
        assert (found.first_bad, before) in zip((0, *SIZES), SIZES, strict=False)


def test_the_tail_is_said_and_not_guessed(forged: Callable[..., Path]) -> None:
    found = verify_export(forged(LEAVES[:295], hashed=True))
    assert (found.good, found.protected, found.tail) == (True, 290, 5)
    found = verify_export(forged([*LEAVES[:291], b"{}"], hashed=False))
    assert found.first_bad == 291


def test_checkpoints_kept_elsewhere_say_more(forged: Callable[..., Path], tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text(checkpoint_of(LEAVES, 299).note)
    assert verify_export(forged(LEAVES, hashed=True), copy=copy).good
    found = verify_export(forged(LEAVES[:295], hashed=True), copy=copy)
    assert found.first_bad == 295
    assert "cut below a kept checkpoint" in found.problems[0]
    copy.write_text(checkpoint_of([b"x", *LEAVES], 150).note)
    found = verify_export(forged(LEAVES, hashed=True), copy=copy)
    assert (found.first_bad, found.first_bad_before) == (130, 150)
    copy.write_text(checkpoint_of([b"x", *LEAVES], 130).note)
    found = verify_export(forged(LEAVES, hashed=True), copy=copy)
    assert any("forked" in problem for problem in found.problems)


def damaged(whole: Path, tmp_path: Path, name: str, change: Callable[[bytes], bytes]) -> Path:
    folder = tmp_path / "damaged"
    shutil.copytree(whole, folder)
    (folder / name).write_bytes(change((folder / name).read_bytes()))
    return folder


@pytest.mark.parametrize(
    ("name", "change", "says", "first"),
    [
        (verify.LEAVES, lambda data: data[: len(data) // 2], "is cut: 151 of its 300", 151),
        (verify.LEAVES, lambda data: data + b"{}\n", "one too many", 300),
        (verify.LEAVES, lambda data: b"x" * 300_000 + data, "leaf 0 is", 0),
        (verify.HASHES, lambda data: data[:-40], "one too many", 298),
        (verify.HASHES, lambda _: b"", "one too many", 0),
        (verify.CHECKPOINTS, lambda data: data[:-30], "half of one", None),
        (verify.CHECKPOINTS, lambda data: data.replace(b"\n130\n", b"\n131\n"), "wrong", None),
        (verify.CHECKPOINTS, lambda _: b"\xff", "no text", None),
        (verify.KEYS, lambda _: b"", "another installation", None),
        (verify.KEYS, lambda data: data.replace(b"+", b"-"), "NAME+KEY ID+BASE64", None),
        (verify.KEYS, lambda _: OTHER.public.text.encode(), "another installation", None),
        (verify.MANIFEST, lambda data: data[:20], "no whole export", None),
        (verify.MANIFEST, lambda data: data.replace(b"-1", b"-2"), "another format", None),
        (verify.MANIFEST, lambda _: b"[" * 100_000, "no whole export", None),
        (verify.MANIFEST, lambda data: data.replace(b"300", b"301"), "300 of its 301", 300),
    ],
)
def test_a_damaged_export_is_named(
    whole: Path,
    tmp_path: Path,
    name: str,
    change: Callable[[bytes], bytes],
    says: str,
    first: int | None,
) -> None:
    found = verify_export(damaged(whole, tmp_path, name, change))
    assert not found.good
    assert any(says in problem for problem in found.problems), found.problems
    assert found.first_bad == first


@pytest.mark.parametrize(
    "name", [verify.LEAVES, verify.HASHES, verify.CHECKPOINTS, verify.KEYS, verify.MANIFEST]
)
def test_a_missing_file_is_named(whole: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / "export"
    shutil.copytree(whole, folder)
    (folder / name).unlink()
    found = verify_export(folder)
    assert not found.good
    assert name in found.problems[0]


def test_the_log_of_somebody_else_is_named(whole: Path, tmp_path: Path) -> None:
    assert verify_export(whole, [KEY.public]).good
    found = verify_export(whole, [OTHER.public])
    assert "this is the log lfrd/test, and the key is of lfrd/elsewhere" in found.problems[0]
    same_name = replace(OTHER, name=KEY.name)
    assert "other keys than the one given" in verify_export(whole, [same_name.public]).problems[0]
    mixed = damaged(
        whole, tmp_path, verify.CHECKPOINTS,
        lambda data: data + b"\n" + checkpoint_of(LEAVES, 10, OTHER).note.encode(),
    )  # fmt: skip
    found = verify_export(mixed)
    assert found.problems == [f"{mixed / 'checkpoints'} holds a checkpoint of another log: "
                              "lfrd/elsewhere"]  # fmt: skip


def test_a_renewed_key_counts_from_the_leaf_that_says_so(tmp_path: Path) -> None:
    new = replace(KEY, seed=bytes(32))
    says = json.dumps(
        {"action": "audit.renew-key", "payload": {"new": new.public.text}}, separators=(",", ":")
    ).encode()
    leaves = [*leaves_of(50), says, *leaves_of(50)]
    assert write(tmp_path / "a", leaves, (40, 80), (KEY, new), (KEY, new)).good
    assert verify_export(tmp_path / "a", [KEY.public, new.public]).good
    found = verify_export(tmp_path / "a", [KEY.public])
    assert "is signed by no known key" in found.problems[0]
    for name, sizes, signers, says_so in (
        ("b", (40, 50), (KEY, new), "no leaf before it says"),
        ("c", (40, 80, 90), (KEY, new, KEY), "had been replaced"),
        ("d", (40, 45), (new, new), "no leaf before it says"),
    ):
        with pytest.raises(BadLog, match=says_so):
            write(tmp_path / name, leaves, sizes, (KEY, new), signers)
        assert not (tmp_path / name).exists()


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_keys_and_signatures_of_every_kind(algorithm: int, tmp_path: Path) -> None:
    key = PrivateKey("lfrd/test", algorithm, bytes(range(32)))
    assert private_key_of(key.text) == key
    assert key_of(key.public.text) == key.public
    assert "seed" not in repr(key)
    assert write(tmp_path / "x", LEAVES[:10], (10,), (key,)).good
    note = checkpoint_of(LEAVES, 10, key)
    assert note_of(note.note) == note
    assert note.signers([key.public]) == (key.public,)
    assert note.signers([OTHER.public]) == ()
    altered = note_of(note.note.replace("\n10\n", "\n11\n"))
    with pytest.raises(BadLog, match="wrong"):
        altered.signers([key.public])
    for text in ("", key.text[:-4], key.text.replace("+", "-"), key.public.text):
        with pytest.raises(BadLog):
            private_key_of(text)


def test_a_note_of_others_verifies() -> None:
    """The example of golang.org/x/mod/sumdb/note."""
    key = key_of("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    text = (
        b"If you think cryptography is the answer to your problem,\n"
        b"then you don't know what your problem is.\n"
    )
    line = (
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngot"
        "pRZb6KE6RyyBwJnAM="
    )
    signature = verify.signature_of(line)
    assert (signature.key_id, signature.line) == (key.key_id, line + "\n")
    assert key.signed(text, signature.signature)
    assert not key.signed(text + b"\n", signature.signature)


@pytest.mark.parametrize(
    "text",
    ["", "x", "a+b+c", "a+00000000+", KEY.public.text + "A", "a b" + KEY.public.text,
     KEY.public.text.replace("+", "+0", 1), KEY.text],
)  # fmt: skip
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(BadLog):
        key_of(text)


@given(st.text(alphabet="a1=\n—+ /", max_size=60), st.integers(0, 200))
def test_no_text_breaks_the_readers(text: str, at: int) -> None:
    note = checkpoint_of(LEAVES, 10).note
    for given_text in (text, note[:at] + text + note[at:]):
        for read in (note_of, proof_of, key_of, verify.signature_of):
            try:
                read(given_text)
            except BadLog:
                continue
        notes_in(given_text)


def test_a_proof_is_one_text_and_proves_one_leaf() -> None:
    made = proved(LEAVES, 7, 290)
    assert made.text.startswith("c2sp.org/tlog-proof@v1\nextra ")
    assert proof_of(made.text) == made
    assert made.check([KEY.public]) == (KEY.public,)
    for wrong in (
        replace(made, index=8),
        replace(made, leaf=made.leaf + b" "),
        replace(made, path=made.path[:-1]),
        replace(made, checkpoint=checkpoint_of([b"x", *LEAVES], 290)),
    ):
        with pytest.raises(BadLog):
            wrong.check([KEY.public])
    with pytest.raises(BadLog, match="no known key"):
        made.check([OTHER.public])
    with pytest.raises(BadLog, match="no proof"):
        proof_of(made.text[:100])


def test_witnesses_are_looked_for(tmp_path: Path) -> None:
    witness = PrivateKey("witness.example/w", COSIGNATURE, bytes(32))
    other = PrivateKey("witness.example/x", COSIGNATURE, bytes(range(32)))
    write(tmp_path / "export", LEAVES, SIZES)
    found = verify_export(tmp_path / "export", witnesses=[witness.public])
    assert found.problems == ["no checkpoint is cosigned by every witness that was asked for"]
    notes, _ = notes_in((tmp_path / "export" / verify.CHECKPOINTS).read_text())
    signed = replace(notes[1], signatures=(*notes[1].signatures, witness.sign(notes[1].text, 5.0)))
    (tmp_path / "export" / verify.CHECKPOINTS).write_text(
        "\n".join(note.note for note in (notes[0], signed, *notes[2:]))
    )
    found = verify_export(tmp_path / "export", witnesses=[witness.public])
    assert (found.good, found.cosigned) == (True, 200)
    assert not verify_export(tmp_path / "export", witnesses=[witness.public, other.public]).good
    wrong = replace(notes[1], signatures=(*notes[1].signatures, witness.sign(notes[0].text, 5.0)))
    (tmp_path / "export" / verify.CHECKPOINTS).write_text(wrong.note)
    assert not verify_export(tmp_path / "export", witnesses=[witness.public]).good


def run_alone(*words: str) -> subprocess.CompletedProcess[str]:
    """The file by itself: isolated, and from a folder in which there is nothing of ours."""
    file = Path(verify.__file__)
    return subprocess.run(
        [sys.executable, "-I", str(file), *words], capture_output=True, text=True, check=False,
        cwd="/", env={},
    )  # fmt: skip


def test_the_file_runs_alone(whole: Path, tmp_path: Path) -> None:
    copied = tmp_path / "verify.py"
    shutil.copy(verify.__file__, copied)
    source = copied.read_text()
    assert "import lfrd" not in source
    assert "from lfrd" not in source
    good = subprocess.run(
        [sys.executable, "-I", str(copied), str(whole), "--key", KEY.public.text],
        capture_output=True, text=True, check=False, cwd="/", env={},
    )  # fmt: skip
    assert (good.returncode, good.stderr) == (0, ""), good.stderr
    assert "leaves     300, of which 290 are under 3 signed checkpoints" in good.stdout
    assert "leaves 290 to 299 (10) are after the last checkpoint" in good.stdout
    cut = damaged(whole, tmp_path, verify.LEAVES, lambda data: data[:5_000])
    bad = run_alone(str(cut))
    assert bad.returncode == 1
    assert "first bad" in bad.stdout
    keys = tmp_path / "keys"
    keys.write_text(KEY.public.text + "\n")
    as_json = run_alone(str(whole), "--json", "--key", str(keys))
    assert json.loads(as_json.stdout)["protected"] == 290
    missing = run_alone(str(tmp_path / "nothing"))
    assert (missing.returncode, missing.stderr) == (1, "")
    assert "is missing: this is no whole export" in missing.stdout
    text = tmp_path / "leaf.tlog-proof"
    text.write_text(proved(LEAVES, 7, 290).text)
    done = run_alone(str(text), "--key", str(keys))
    assert done.returncode == 0, done.stdout
    assert '{"action":"test","n":"7"}' in done.stdout
    assert run_alone(str(text)).returncode == 1


def test_what_comes_from_outside_is_escaped(tmp_path: Path) -> None:
    key = replace(KEY, name="lfrd/\x1b[2J")
    note = signing.checkpoint(key, 1, b"\0" * 32)
    folder = tmp_path / "export"
    write(folder, LEAVES[:2], (2,))
    (folder / verify.CHECKPOINTS).write_text(note.note)
    done = run_alone(str(folder))
    assert "\x1b" not in done.stdout
