"""Bytes become a picture or one clear error; nothing else."""

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from lfrd.errors import BadInput
from support.terminal import jpeg
from tui.abilities import Abilities, Glyphs
from tui.widgets import picture
from tui.widgets.picture import MAX_SIDE_PX, decode, drawing_of, image_widget


def encoded(kind: str, side_px: int = 16) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((side_px, side_px), 60).convert("RGB").save(out, kind)
    return out.getvalue()


FILES = (encoded("PNG"), encoded("JPEG"), encoded("WEBP"))


def test_an_image_is_decoded_as_rgb() -> None:
    image = decode(jpeg("red"), "face")
    assert (image.mode, image.size) == ("RGB", (112, 112))
    red, green, blue = image.getpixel((50, 50))
    assert red > 200
    assert max(green, blue) < 50


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_large_photo_is_brought_down_to_what_a_terminal_can_show(kind: str) -> None:
    image = decode(encoded(kind, 2 * MAX_SIDE_PX + 10), "reference photo")
    assert max(image.size) <= MAX_SIDE_PX


def test_an_image_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "MAX_PIXELS", 100)
    with pytest.raises(BadInput, match="too large"):
        decode(encoded("PNG"), "face")


def test_without_pixels_pictures_are_cells_that_share_how_they_are_drawn() -> None:
    make = image_widget(Abilities(Glyphs.SEXTANTS))
    drawing = drawing_of(make)
    assert drawing is not None
    assert drawing.glyphs is Glyphs.SEXTANTS
    assert make().drawing is make().drawing is drawing  # type: ignore[union-attr]


@given(st.binary(max_size=200))
def test_what_is_no_image_says_so(data: bytes) -> None:
    with pytest.raises(BadInput, match="the face cannot be shown"):
        decode(data, "face")


@given(st.sampled_from(FILES), st.integers(0, 2000), st.integers(1, 255), st.booleans())
def test_a_damaged_image_is_shown_or_refused(
    file: bytes, place: int, change: int, cut: bool
) -> None:
    at = place % len(file)
    damaged = file[:at] if cut else file[:at] + bytes([file[at] ^ change]) + file[at + 1 :]
    with contextlib.suppress(BadInput):
        decode(damaged, "face")
