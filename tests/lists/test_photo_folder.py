"""Nobody in a folder of photos is passed over in silence."""

from pathlib import Path

from lfrd.lists.photo_folder import PHOTO_SUFFIXES, files_in, folders_in, is_photo, unread_words


def names(paths: tuple[Path, ...]) -> list[str]:
    return [path.name for path in paths]


def test_every_file_is_a_photo_or_named(tmp_path: Path) -> None:
    photos = [f"{n}{suffix}" for n, suffix in enumerate(PHOTO_SUFFIXES, start=10)] + ["z.JPG"]
    noise = ["._a.jpg", ".DS_Store", "Thumbs.db", "desktop.ini", ".hidden.png"]
    unread, others = ["a.GIF", "b.jp2", "c.dng", "d.pdf"], ["list.csv", "noending"]
    for name in (*photos, *noise, *unread, *others):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    found = files_in(tmp_path)
    assert names(found.photos) == photos
    assert names(found.unread) == unread
    assert names(found.others) == others
    assert [path.name for path in folders_in(tmp_path)] == ["folder.jpg"]


def test_the_endings_of_phones_and_scanners_are_known() -> None:
    for name in ("a.jfif", "a.TIFF", "a.tif", "a.HEIC", "a.heif", "a.avif", "a.jpe", "a.mpo"):
        assert is_photo(Path(name)), name
    assert "save it as JPEG" in unread_words(Path("a.GIF"))
