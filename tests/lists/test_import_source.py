"""Tables, folders and ZIPs from outside are read, or refused with every mistake named."""

import contextlib
import io
import stat
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lfrd.errors import BadInput
from lfrd.lists.import_source import PHOTO_LIMIT_BYTES, FolderSource, ZipSource, parse, parse_date

GOOD = (
    "reference,file,under_18,margin,expires\na,a.jpg,no,0.1,2030-01-01\na,b.jpg,no,0.1,2030-01-01\n"
)


def table(text: str) -> bytes:
    return text.encode()


def zipped(path: Path, files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def test_rows_of_one_reference_are_photos_of_one_entry() -> None:
    rows = parse(table(GOOD), "t.csv")
    assert [(row.number, row.reference, row.file) for row in rows] == [
        (1, "a", "a.jpg"), (2, "a", "b.jpg"),
    ]  # fmt: skip
    assert rows[0].margin == 0.1
    assert rows[0].expires_at_s == 1_893_456_000
    assert not rows[0].under_18


def test_a_byte_order_mark_and_quoted_lines_are_read() -> None:
    text = '\ufeffreference,file,basis\na,"x, y.jpg","two\nlines"\n'
    row = parse(text.encode(), "t.csv")[0]
    assert (row.file, row.basis) == ("x, y.jpg", "two\nlines")


def test_a_box_says_which_face_of_a_photo_is_meant() -> None:
    rows = parse(table("reference,file,box\na,g.jpg,10 20 110.5 140\nb,g.jpg,\n"), "t.csv")
    assert [row.box for row in rows] == [(10.0, 20.0, 110.5, 140.0), None]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("reference,file,box\na,x,10 20 110\n", "row 1: box is"),
        ("reference,file,box\na,x,110 20 10 90\n", "row 1: box is"),
        ("reference,file,box\na,x,nan 20 inf 90\n", "row 1: box is"),
        ("", "missing columns: reference, file"),
        ("reference,photo\na,b\n", "missing columns: file; unknown: photo"),
        ("reference,file,file\na,b,c\n", "twice: file"),
        ("reference,file\n", "has no rows"),
        ("reference,file\na,x.jpg\na,x.jpg\n", "row 2: the same reference and file as row 1"),
        ("reference,file\n,x.jpg\n", "row 1: reference is empty"),
        ("reference,file\na\n", "row 1: has more or fewer fields"),
        ("reference,file\na,b,c\n", "row 1: has more or fewer fields"),
        ("reference,file\na,../x.jpg\n", "must be a path inside"),
        ("reference,file\na,/etc/passwd\n", "must be a path inside"),
        ("reference,file\na,..\\x.jpg\n", "must be a path inside"),
        ("reference,file\na,C:\\x.jpg\n", "must be a path inside"),
        ("reference,file,margin\na,b,-1\n", "margin is a number"),
        ("reference,file,margin\na,b,nan\n", "margin is a number"),
        ("reference,file,under_18\na,b,maybe\n", "under_18 is yes or no"),
        ("reference,file,expires\na,b,tomorrow\n", "is not a date"),
        ("reference,file,basis\na,x,one\na,y,two\n", "row 2: basis differs from row 1"),
        ("reference,file\na," + "x" * 201 + "\n", "longer than 200"),
        ('reference,file\n"a,b\n', "not a readable CSV"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_refused_with_its_mistake(text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said.replace("\\", "\\\\").replace("(", "\\(")):
        parse(table(text), "t.csv")


def test_another_encoding_is_refused() -> None:
    with pytest.raises(BadInput, match="not UTF-8"):
        parse("reference,file\nMüller,x\n".encode("latin-1"), "t.csv")


def test_every_mistake_is_named_but_not_more_than_twenty() -> None:
    text = "reference,file\n" + "".join(f",{n}.jpg\n" for n in range(30))
    with pytest.raises(BadInput) as caught:
        parse(table(text), "t.csv")
    assert "30 mistake(s)" in str(caught.value)
    assert str(caught.value).count("\n") == 20


@given(st.binary(max_size=300))
def test_no_bytes_give_anything_but_rows_or_a_refusal(content: bytes) -> None:
    with contextlib.suppress(BadInput):
        assert parse(content, "t.csv")


@given(st.text(max_size=30))
def test_no_text_gives_anything_but_a_date_or_a_refusal(text: str) -> None:
    try:
        found = parse_date(text)
        assert found is None or isinstance(found, float)
    except BadInput:
        pass


def test_a_folder_gives_its_photos_and_no_other(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").write_bytes(b"photo")
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "in" / "link.jpg").symlink_to(tmp_path / "secret")
    path = tmp_path / "t.csv"
    path.write_text("reference,file\na,a.jpg\nb,link.jpg\nc,none.jpg\n")
    source = FolderSource(path, tmp_path / "in")
    assert source.photo(source.rows[0]) == b"photo"
    with pytest.raises(BadInput, match="outside the folder"):
        source.photo(source.rows[1])
    with pytest.raises(BadInput, match="cannot be read"):
        source.photo(source.rows[2])


def test_a_photo_is_read_at_its_size_and_not_at_the_limit(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("reference,file\na,a.jpg\n")
    (tmp_path / "a.jpg").write_bytes(bytes(40_000))
    source = FolderSource(tmp_path / "t.csv", tmp_path)
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
    source = FolderSource(tmp_path / "t.csv", tmp_path)
    with pytest.raises(BadInput, match="is larger than 20 MB"):
        source.photo(source.rows[0])


def test_a_zip_brings_its_own_table(tmp_path: Path) -> None:
    path = zipped(
        tmp_path / "x.zip", {"p/a.jpg": b"photo", "t.csv": b"reference,file\na,p/a.jpg\n"}
    )
    with ZipSource(path) as source:
        assert source.photo(source.rows[0]) == b"photo"
        assert len(source.sha256) == 64


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/x", "a/../../x", "..\\x.jpg"])
def test_a_zip_whose_paths_climb_is_refused(tmp_path: Path, name: str) -> None:
    path = zipped(tmp_path / "x.zip", {name: b"x", "t.csv": b"reference,file\na,b\n"})
    with pytest.raises(BadInput, match="climbs out"):
        ZipSource(path)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = {"a.jpg": bytes(50_000_000), "t.csv": b"reference,file\na,a.jpg\n"}
    path = zipped(tmp_path / "x.zip", bomb, zipfile.ZIP_DEFLATED)
    with pytest.raises(BadInput, match="a bomb"):
        ZipSource(path)


def test_a_zip_that_lies_about_a_size_is_read_no_further_than_the_limit(tmp_path: Path) -> None:
    large = zipped(
        tmp_path / "x.zip",
        {"a.jpg": bytes(PHOTO_LIMIT_BYTES + 5), "t.csv": b"reference,file\na,a.jpg\n"},
    )
    with ZipSource(large) as source, pytest.raises(BadInput, match="larger than 20 MB"):
        source.photo(source.rows[0])


def test_a_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("a.jpg")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(BadInput, match="holds a link"):
        ZipSource(path)


def test_a_damaged_photo_in_a_zip_is_one_bad_row(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a.jpg": b"A" * 5000, "t.csv": b"reference,file\na,a.jpg\n"})
    path.write_bytes(path.read_bytes().replace(b"A" * 100, b"B" * 100, 1))
    with ZipSource(path) as source, pytest.raises(BadInput, match="cannot be read"):
        source.photo(source.rows[0])


def test_two_tables_or_none_or_no_zip_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds 0 CSV"):
        ZipSource(zipped(tmp_path / "x.zip", {"a.jpg": b""}))
    with pytest.raises(BadInput, match="holds 2 CSV"):
        ZipSource(zipped(tmp_path / "y.zip", {"a.csv": b"", "b.csv": b""}))
    (tmp_path / "z.zip").write_bytes(b"not a zip")
    with pytest.raises(BadInput, match="not a readable ZIP"):
        ZipSource(tmp_path / "z.zip")


@given(st.binary(max_size=200))
def test_no_bytes_give_anything_but_a_zip_or_a_refusal(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.zip"
        path.write_bytes(content)
        with pytest.raises(BadInput):
            ZipSource(path)


def test_a_file_that_is_in_a_zip_twice_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a.jpg", b"1")
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.jpg", b"2")
    path = tmp_path / "x.zip"
    path.write_bytes(out.getvalue())
    with pytest.raises(BadInput, match="twice"):
        ZipSource(path)
