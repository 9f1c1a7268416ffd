"""Folders and ZIPs as people have them give their photos, and no others."""

import contextlib
import io
import os
import stat
import tracemalloc
import unicodedata
import zipfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import BadInput
from lfrd.lists import import_source
from lfrd.lists.import_source import (
    PHOTO_LIMIT_BYTES,
    FolderFiles,
    PhotoMissing,
    PhotoSource,
    Wanted,
    ZipFiles,
    open_source,
)
from lfrd.lists.table import Defaults

NFC = "m\u00fcller.jpg"
NFD = unicodedata.normalize("NFD", NFC)
TWIN = b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X        " + bytes(140)


def folder(path: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def opened(path: Path, **wanted: object) -> PhotoSource:
    return PhotoSource(FolderFiles(path), Wanted(**wanted))  # type: ignore[arg-type]  # names as there


def from_zip(path: Path, **wanted: object) -> PhotoSource:
    return PhotoSource(ZipFiles(path), Wanted(**wanted))  # type: ignore[arg-type]  # names as there


def photos(source: PhotoSource) -> list[bytes]:
    return [source.photo(row) for row in source.rows]


def zipped(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_a_folder_gives_its_photos_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"photo")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "secret")
    path = tmp_path / "t.csv"
    path.write_text("reference,file\na,a.jpg\nb,link.jpg\nc,none.jpg\n")
    source = opened(tmp_path / "in", table=path)
    assert source.photo(source.rows[0]) == b"photo"
    with pytest.raises(BadInput, match="outside the folder"):
        source.photo(source.rows[1])
    with pytest.raises(PhotoMissing, match=r"none\.jpg is not in the folder"):
        source.photo(source.rows[2])


def test_a_photo_is_read_at_its_size_and_not_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("reference,file\na,a.jpg\n")
    (tmp_path / "a.jpg").write_bytes(bytes(40_000))
    source = opened(tmp_path)
    tracemalloc.start()
    try:
        assert len(source.photo(source.rows[0])) == 40_000
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 500_000


def test_a_photo_over_the_limit_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("reference,file\na,a.jpg\n")
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(PHOTO_LIMIT_BYTES + 1)
    source = opened(tmp_path)
    with pytest.raises(BadInput, match="is larger than 20 MB"):
        source.photo(source.rows[0])


def test_a_zip_brings_its_own_table(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "x.zip", {"p/a.jpg": b"photo", "t.csv": b"reference,file\na,p/a.jpg\n"}
    )
    source = from_zip(path)
    assert source.photo(source.rows[0]) == b"photo"
    assert len(source.sha256) == 64


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/x", "a/../../x", "..\\x.jpg"])
def test_a_zip_whose_paths_climb_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "x.zip", {name: b"x", "t.csv": b"reference,file\na,b\n"})
    with pytest.raises(BadInput, match="a path outside it"):
        ZipFiles(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = {"a.jpg": bytes(50_000_000), "t.csv": b"reference,file\na,a.jpg\n"}
    path = zipped(tmp_path / "x.zip", bomb, zipfile.ZIP_DEFLATED)
    source = from_zip(path)
    with pytest.raises(BadInput, match="a bomb"):
        source.photo(source.rows[0])


def test_a_zip_that_lies_about_a_size_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    large = zipped(
        tmp_path / "x.zip",
        {"a.jpg": bytes(PHOTO_LIMIT_BYTES + 5), "t.csv": b"reference,file\na,a.jpg\n"},
    )
    source = from_zip(large)
    with pytest.raises(BadInput, match="larger than 20 MB"):
        source.photo(source.rows[0])


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
        archive.writestr("t.csv", "reference,file\na,a.jpg\n")
    source = from_zip(path)
    with pytest.raises(BadInput, match="is a link"):
        source.photo(source.rows[0])


def test_a_damaged_photo_in_a_zip_is_one_bad_row(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a.jpg": b"A" * 5000, "t.csv": b"reference,file\na,a.jpg\n"})
    path.write_bytes(path.read_bytes().replace(b"A" * 100, b"B" * 100, 1))
    source = from_zip(path)
    with pytest.raises(BadInput, match="cannot be read"):
        source.photo(source.rows[0])


def test_two_tables_or_none_or_no_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no table"):
        from_zip(zipped(tmp_path / "x.zip", {"a.jpg": b""}))
    two = zipped(tmp_path / "y.zip", {"a.csv": b"", "b.csv": b"reference,file\na,a.jpg\n"})
    with pytest.raises(BadInput, match=r"holds 2 tables \(a.csv, b.csv\): say which with --table"):
        from_zip(two)
    assert len(from_zip(two, table=Path("b.csv")).rows) == 1
    (tmp_path / "z.zip").write_bytes(b"not a zip")
    with pytest.raises(BadInput, match="not a readable ZIP"):
        ZipFiles(tmp_path / "z.zip")


@given(st.binary(max_size=200))
def test_no_bytes_give_anything_but_a_zip_or_a_refusal(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zip"
        path.write_bytes(content)
        with pytest.raises(BadInput):
            from_zip(path)


def test_a_file_that_is_in_a_zip_twice_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jpg", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.jpg", b"2")
        archive.writestr("t.csv", "reference,file\na,a.jpg\n")
    path = tmp_path / "x.zip"
    path.write_bytes(out.getvalue())
    source = from_zip(path)
    with pytest.raises(BadInput, match="twice"):
        source.photo(source.rows[0])


@given(st.data())
def test_a_damaged_zip_gives_photos_or_a_refusal(data: st.DataObject) -> None:
    import tempfile

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("t.csv", f"reference,file\na,{NFC}\n")
        archive.writestr(NFC, b"photo" * 20)
    content = bytearray(out.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "x.zip"
        path.write_bytes(content)
        with contextlib.suppress(BadInput), ExitStack() as files:
            source = open_source(path, Wanted(), files)
            for row in source.rows:
                source.photo(row)


class Raw(zipfile.ZipInfo):
    """A name in an encoding that the ZIP does not tell."""

    encoding = "cp437"

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802  # as the library calls it
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp850", "cp1252"])
def test_names_in_a_zip_are_found_in_every_encoding_that_programs_write(
    tmp_path: Path, encoding: str
) -> None:
    info = Raw(NFD if encoding == "utf-8" else NFC)
    info.encoding = encoding
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("table.csv", f"reference,file\nm,{NFC}\n")
        archive.writestr(info, b"photo")
    assert photos(from_zip(tmp_path / "x.zip")) == [b"photo"]


def test_names_in_a_folder_are_found_in_any_case_and_form(tmp_path: Path) -> None:
    folder(
        tmp_path,
        {"TABLE.CSV": f"Reference,FILE\nm,{NFC}\nb,Blair.JPG\n", NFD: b"m", "blair.jpg": b"b"},
    )
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"c")
    with (tmp_path / "TABLE.CSV").open("a") as table:
        table.write("c,CAF\u00c9.jpg\n")
    source = opened(tmp_path)
    assert photos(source) == [b"m", b"b", b"c"]
    assert source.notes == []


def test_the_exact_name_comes_first_and_else_several_are_refused(tmp_path: Path) -> None:
    folder(tmp_path, {"a.jpg": b"small", "A.jpg": b"large",
                      "t.csv": "reference,file\nx,A.jpg\ny,A.JPG\n"})  # fmt: skip
    source = opened(tmp_path)
    assert source.photo(source.rows[0]) == b"large"
    with pytest.raises(BadInput, match=r"A.JPG may be any of A.jpg, a.jpg"):
        source.photo(source.rows[1])


@pytest.mark.parametrize("prefix", ["bans/", ""])
def test_a_table_lies_in_a_folder_beside_its_photos(tmp_path: Path, prefix: str) -> None:
    files = {
        "bans/table.csv": f"reference,file\na,{prefix}a.jpg\n".encode(), "bans/a.jpg": b"photo",
        "__MACOSX/bans/._table.csv": TWIN, "__MACOSX/bans/._a.jpg": TWIN, "bans/.DS_Store": b"",
        "bans/._table.csv": TWIN,
    }  # fmt: skip
    packed = from_zip(zipped(tmp_path / "bans.zip", files))
    assert (photos(packed), packed.notes) == ([b"photo"], [])
    lying = opened(folder(tmp_path / "in", {**files}))
    assert (photos(lying), lying.notes) == ([b"photo"], [])


def test_a_table_from_elsewhere_goes_with_the_one_folder_of_a_zip(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"bans/a.jpg": b"photo", "bans/b.jpg": b"other"})
    table = tmp_path / "t.csv"
    table.write_text("reference,file\na,a.jpg\n")
    source = from_zip(path, table=table)
    assert photos(source) == [b"photo"]
    assert source.notes == ["no row names bans/b.jpg: left out"]


def test_a_photo_in_another_folder_is_named_and_not_taken(tmp_path: Path) -> None:
    folder(tmp_path, {"bert/1.jpg": b"bert", "t.csv": "reference,file\nanna,anna/1.jpg\n"})
    source = opened(tmp_path)
    with pytest.raises(PhotoMissing, match=r"anna/1.jpg is not in .*there is bert/1.jpg"):
        source.photo(source.rows[0])


def test_what_no_row_names_is_left_out_and_said(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "x.zip",
        {"t.csv": b"reference,file\na,a.jpg\n", "a.jpg": b"photo", "Foto 12:30.jpg": b"x",
         "huge.log": bytes(9_000_000), "notes.docx": b"PK\x03\x04"},
        zipfile.ZIP_DEFLATED,
    )  # fmt: skip
    source = from_zip(path)
    assert photos(source) == [b"photo"]
    assert source.notes == ["no row names Foto 12:30.jpg: left out"]


def test_what_an_import_wrote_is_no_table(tmp_path: Path) -> None:
    folder(tmp_path, {
        "a.jpg": b"photo", "t.csv": "reference,file\na,a.jpg\n",
        "old.csv": "row,reference,file,outcome,codes,message\n1,a,a.jpg,enrolled,,\n",
        "new.csv": "", "readme.txt": "reference",
    })  # fmt: skip
    source = opened(tmp_path, results=tmp_path / "new.csv")
    assert source.name == "t.csv"


def test_text_with_tabs_is_a_table_where_its_header_is_one(tmp_path: Path) -> None:
    folder(tmp_path, {"a.jpg": b"photo", "readme.txt": "the photos of May",
                      "list.txt": "reference\tfile\na\ta.jpg\n".encode("utf-16")})  # fmt: skip
    source = opened(tmp_path)
    assert photos(source) == [b"photo"]
    assert source.notes == ["list.txt was read as UTF-16"]


def test_a_folder_without_a_table_is_taken_by_its_names(tmp_path: Path) -> None:
    folder(tmp_path, {
        "blair.JPG": b"1", "Powell/1.jpg": b"2", "Powell/2.png": b"3", f"{NFD[:-4]}/x.jpg": b"4",
        "._blair.JPG": TWIN, ".DS_Store": b"", "notes.md": b"", "a/b/deep.jpg": b"",
        "old/scan.gif": b"5",
    })  # fmt: skip
    (tmp_path / "Empty").mkdir()
    (tmp_path / "done.csv").write_text("row,reference,file,outcome,codes,message\n")
    results = tmp_path / "done.csv"
    source = opened(tmp_path, results=results, defaults=Defaults("ban", "incident", 4e9))
    found = {row.file: row.reference for row in source.rows}
    assert found == {
        "blair.JPG": "blair", "Powell/1.jpg": "Powell", "Powell/2.png": "Powell",
        f"{NFD[:-4]}/x.jpg": NFC[:-4], "old/scan.gif": "old",
    }  # fmt: skip
    assert sorted(photos(source)) == [b"1", b"2", b"3", b"4", b"5"]
    assert {(row.basis, row.source, row.expires_at_s) for row in source.rows} == {
        ("ban", "incident", 4e9)
    }
    assert source.notes == [
        "no photos by their names: notes.md, a/b/deep.jpg: left out", "no photo of Empty, a",
    ]  # fmt: skip


def test_a_workbook_or_nothing_is_no_folder_of_people(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds no table and no photo"):
        opened(tmp_path)
    folder(tmp_path, {"a.jpg": b"", "list.xlsx": b"PK\x03\x04"})
    with pytest.raises(BadInput, match=r"holds no table but list\.xlsx: save the table as CSV"):
        opened(tmp_path)


def test_a_name_that_cannot_be_a_reference_is_named(tmp_path: Path) -> None:
    folder(tmp_path, {"a\x1b[31m.jpg": b"", os.fsdecode(b"caf\xe9.jpg"): b"", "b.jpg": b""})
    with pytest.raises(BadInput, match="has 2 mistake") as caught:
        opened(tmp_path)
    assert str(caught.value).isascii()
    assert "\x1b" not in str(caught.value)


def test_the_same_table_elsewhere_is_another_source(tmp_path: Path) -> None:
    files: dict[str, bytes | str] = {"t.csv": "reference,file\na,a.jpg\n", "a.jpg": b"x"}
    one, two = folder(tmp_path / "one", files), folder(tmp_path / "two", files)
    assert opened(one).sha256 == opened(one).sha256
    others = {opened(one).sha256, opened(two).sha256, opened(one, defaults=Defaults("ban")).sha256}
    assert len(others) == 3
    (one / "t.csv").write_text("reference,file\nb,a.jpg\n")
    assert opened(one).sha256 not in others


def test_what_is_no_file_is_never_waited_for(tmp_path: Path) -> None:
    folder(tmp_path, {"t.csv": "reference,file\na,pipe.jpg\n"})
    os.mkfifo(tmp_path / "pipe.jpg")
    source = opened(tmp_path)
    with pytest.raises(BadInput, match=r"pipe\.jpg is no file"):
        source.photo(source.rows[0])
    os.mkfifo(tmp_path / "x.zip")
    with pytest.raises(BadInput, match="there is no folder or file"), ExitStack() as files:
        open_source(tmp_path / "x.zip", Wanted(), files)


def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder(tmp_path, {"t.csv": "reference,file\na,a.jpg\n", "a.jpg": b"", "b.jpg": b""})
    monkeypatch.setattr(import_source, "FILES_LIMIT", 2)
    with pytest.raises(BadInput, match="holds more than 2 files"):
        opened(tmp_path)
