"""Who authorises from outside makes a key, reads what is asked for and signs it."""

from pathlib import Path

from lfrd.audit.verify import key_of, signature_of
from support.program import Call

REQUEST = 'lfrd authority v1\nplace: "the station"\n'


def test_a_key_is_made_and_signs_what_was_read(tmp_path: Path, call: Call) -> None:
    key, request, out = tmp_path / "key", tmp_path / "request", tmp_path / "signed"
    made = call("authority", "new-key", str(key), "--name", "court.example/a")
    public = key_of(made.out)
    assert key.stat().st_mode & 0o777 == 0o600
    assert call("authority", "new-key", str(key), "--name", "court.example/a").code == 2
    request.write_text(REQUEST)
    words = ("authority", "sign", str(request), "--key", str(key), "--out", str(out))
    ran = call(*words, "--yes")
    assert ran.code == 0, ran.err
    assert 'place: "the station"' in ran.err
    text, _, line = out.read_text().partition("\n\n")
    assert f"{text}\n" == REQUEST
    assert public.signed(REQUEST.encode(), signature_of(line.strip()).signature)
    request.write_text("something else\n")
    assert call(*words, "--yes").code == 2
    assert call("authority", "new-key", str(tmp_path / "k"), "--name", "a b").code == 2
