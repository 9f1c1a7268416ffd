import errno
import io
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from lfrd import __main__ as main_module
from lfrd.demo.clip import listed_photo
from support.photos import jpeg_of
from support.program import Call, Ran, refused
from support.video import encode, moving_picture


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "astronaut.jpg").write_bytes(listed_photo())
    return folder


def bomb() -> bytes:
    """A small file that claims to be a picture of 100 megapixels."""
    out = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(out, "PNG")
    return out.getvalue()


@contextmanager
def silent_server() -> Iterator[int]:
    """Accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        over = threading.Event()
        held: list[socket.socket] = []

        def accept() -> None:
            while not over.is_set():
                try:
                    held.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            over.set()
            thread.join()
            for connection in held:
                connection.close()


def test_without_a_command_it_explains_itself(call: Call) -> None:
    ran = call("--help")
    assert ran.code == 0
    for command in ("run", "try", "demo", "tui", "models", "camera", "deployment", "check-config"):
        assert command in ran.out


def after_the_warning(ran: Ran) -> Ran:
    """What is said besides of a password among the arguments."""
    warned, _, said = ran.err.partition("\n")
    assert "--password-file" in warned
    return replace(ran, err=said)


def test_try_refuses_an_address_that_does_not_answer(call: Call, photos: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        address = f"rtsp://anna:geheim@127.0.0.1:{reserved.getsockname()[1]}/door"
        ran = call("try", address, "--watchlist", photos)
    refused(after_the_warning(ran), "does not answer")
    assert "geheim" not in ran.err


def test_try_refuses_a_server_that_says_nothing(
    call: Call, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lfrd.ingest.rtsp.READ_TIMEOUT_S", 0.3)
    monkeypatch.setattr("lfrd.ingest.rtsp_control.TIMEOUT_S", 0.3)
    with silent_server() as port:
        ran = call("try", f"rtsp://anna:geheim@127.0.0.1:{port}/door", "--watchlist", photos)
    refused(after_the_warning(ran), "127.0.0.1")
    assert "geheim" not in ran.err


def test_try_refuses_a_file_that_is_no_video(call: Call, photos: Path, tmp_path: Path) -> None:
    text = tmp_path / "notes.mp4"
    text.write_text("not a video\n" * 1000)
    refused(call("try", text, "--watchlist", photos), "notes.mp4", "no video")
    refused(call("try", tmp_path / "gone.mp4", "--watchlist", photos), "gone.mp4")
    single = encode(tmp_path / "one.mp4", moving_picture(320, 240, 1))
    refused(call("try", single, "--watchlist", photos), "one.mp4", "only one picture")


def test_try_refuses_photos_that_cannot_be_enrolled(call: Call, tmp_path: Path) -> None:
    plain = jpeg_of(Image.new("RGB", (640, 480), "grey"))
    cases = {
        "nobody": (plain, "no face"),
        "cut-off": (listed_photo()[:2000], "cut off"),
        "bomb": (bomb(), "megapixels"),
        "text": (b"hello", "not a"),
    }
    for name, (content, words) in cases.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.jpg").write_bytes(content)
        refused(call("try", tmp_path / "gone.mp4", "--watchlist", folder), name, words)


def test_try_names_every_bad_photo_at_once(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    (folder / "empty").mkdir(parents=True)
    (folder / "ben").mkdir()
    (folder / "astronaut.jpg").write_bytes(listed_photo())
    plain = jpeg_of(Image.new("RGB", (640, 480), (127, 127, 127)))
    for name in ("nobody.jpg", "ben/1.jpg"):
        (folder / name).write_bytes(plain)
    (folder / "old.gif").write_bytes(b"GIF89a")
    (folder / "notes.txt").write_text("who is who")
    ran = call("try", tmp_path / "gone.mp4", "--watchlist", folder)
    assert ran.code == 2
    for name in ("nobody.jpg", "1.jpg", "old.gif", "empty"):
        assert name in ran.err, name
    assert "notes.txt is no photo" in ran.err
    assert "4 photos cannot be used" in ran.err.splitlines()[-1]
    assert "--skip-bad" in ran.err.splitlines()[-1]
    assert "Traceback" not in ran.err

    clip = encode(tmp_path / "clip.mp4", moving_picture(320, 240, 12))
    done = call("try", clip, "--watchlist", folder, "--every-frame", "--skip-bad")
    assert done.code == 0, done.err
    assert "not looked for: ben, nobody, without a usable photo" in done.err
    assert "left out" in done.err
    (folder / "astronaut.jpg").unlink()
    none = call("try", clip, "--watchlist", folder, "--every-frame", "--skip-bad")
    assert none.code == 2
    assert "no photo can be used" in none.err


def test_try_takes_photos_of_phones_and_says_what_it_turned(call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    pillow_heif.register_heif_opener()
    portrait = Image.open(io.BytesIO(listed_photo()))
    portrait.save(folder / "a.heic")
    portrait.save(folder / "b.avif")
    portrait.save(folder / "c.tiff")
    portrait.save(folder / "d.jfif", "JPEG")
    portrait.rotate(90, expand=True).save(folder / "e\x1b[31m.jpg")
    clip = encode(tmp_path / "clip.mp4", moving_picture(320, 240, 12))
    done = call("try", clip, "--watchlist", folder, "--every-frame")
    assert done.code == 0, done.err
    (line,) = done.err.splitlines()
    assert "turned clockwise by 90 degrees" in line
    assert "e\\u001b[31m.jpg" in line


def test_try_refuses_a_folder_without_photos(call: Call, tmp_path: Path) -> None:
    refused(call("try", "x.mp4", "--watchlist", tmp_path), "holds no photo")
    refused(call("try", "x.mp4", "--watchlist", tmp_path / "gone"), "no folder")


def test_full_speed_is_for_files(call: Call, photos: Path) -> None:
    ran = call("try", "rtsp://127.0.0.1/x", "--watchlist", photos, "--every-frame")
    refused(ran, "for files")


def test_check_config_names_every_mistake(call: Call, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("[matching]\nthreshold = 0.5\n")
    bad.write_text("[matching]\nthreshhold = 0.5\n[detection]\ntarget_hz = -1\n")
    assert call("check-config", good).code == 0
    ran = call("check-config", bad)
    assert ran.code == 2
    assert "matching.threshhold" in ran.err
    assert "detection.target_hz" in ran.err


def test_a_foreign_model_pack_is_refused(
    call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    monkeypatch.setenv("LFRD_MODELS__CACHE_DIR", str(tmp_path / "cache"))
    refused(call("models", "install", tmp_path, "--accept-licence"), "model.onnx")


def test_models_are_listed_with_their_card(call: Call) -> None:
    assert "yunet-sface" in call("models", "list").out
    card = call("models", "info", "yunet-sface")
    assert "not published" in card.out
    refused(call("models", "info", "unheard-of"), "not installed")


def test_clients_say_when_no_daemon_answers(call: Call, tmp_path: Path) -> None:
    refused(call("camera", "list", "--socket", tmp_path / "api.sock"), "is lfrd running?")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/s/lock"), "/s/lock: No space left"),
        (OSError(errno.EMFILE, "Too many open files"), "ulimit -n"),
        (MemoryError(), "no more memory or threads"),
        (RuntimeError("can't start new thread"), "no more memory or threads"),
        (ExceptionGroup("parts", [MemoryError()]), "no more memory or threads"),
    ],
)
def test_what_the_machine_has_no_more_of_is_a_sentence(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(main_module, "_check_config", fail)
    ran = call("check-config")
    assert ran.code == 1
    assert words in ran.err
    assert len(ran.err.strip().splitlines()) == 1
