"""Adding and changing a camera."""

import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import urlsplit

from textual.app import ComposeResult
from textual.widgets import Static, TextArea

from lfrd.client import Client
from lfrd.errors import BadInput
from lfrd.wire.cameras import Camera, CameraAdded, CameraChange, CameraCreate, Regions
from tui.regions import polygons_text, read_regions
from tui.screens.form import (
    Answer,
    EditScreen,
    FormScreen,
    SignCheckbox,
    Text,
    check,
    field,
    hint,
    line_input,
)
from tui.widgets.address import AddressInput
from tui.widgets.choice import Choice

ADDRESS_HINT = "rtsp://user:password@host/path, whip://name or a file"
REGIONS_HINT = "a region a line, in fractions: 0.1,0.1 0.9,0.1 0.5,0.8"
NONE = "none"
"""Typed into a field of a camera that is changed, it takes away what the camera had."""
UDP = "over UDP instead of TCP"
KEEP = "stay connected outside deployments (RTSP only)"
TURNS = {
    "0": "as it is",
    "90": "degrees clockwise",
    "180": "upside down",
    "270": "degrees clockwise",
}
LACED = {"auto": "where the stream says so", "on": "always", "off": "never"}
TAKEN_AWAY = ("ca_file", "hwaccel", "bearer_token", "aspect", "stream", "pin", "look_address")
"""What a null takes away."""
ID_LETTERS = 40


def id_of(name: str, taken: Sequence[str]) -> str:
    """The id of a camera that people call so: it is not typed. A number tells it from others."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:ID_LETTERS].strip("-") or "camera"
    free = (base if n == 1 else f"{base}-{n}" for n in range(1, len(taken) + 2))
    return next(word for word in free if word not in taken)


def name_of(address: str, number: int) -> str:
    """How a camera is called that was given no name: by its file or publisher's word, else by
    number. Never by its host: an address may be secret."""
    scheme = urlsplit(address).scheme.lower() if "://" in address else ""
    word = ""
    if scheme == "whip":
        word = address.partition("://")[2].strip("/")
    elif scheme in ("", "file"):
        word = PurePosixPath(address.partition("?")[0]).stem
    return word[:ID_LETTERS] if word else f"Camera {number}"


def _fields_of_reading(camera: Camera | None) -> ComposeResult:
    """How a camera is read. Secrets and files are not read back from the daemon."""
    yield field("CA file", line_input("ca_file", "for rtsps: a path on the daemon's machine"))
    decoder = _now(camera.hwaccel if camera else None, "for hardware: cuda, vaapi, qsv, …")
    yield field("decoder", line_input("hwaccel", decoder))
    token = line_input("bearer_token", "for whep+https: what the server asks for")
    token.password = True
    yield field("token", token)
    yield field("rotate", Choice("rotate", TURNS, str(camera.rotate) if camera else None))
    yield field(
        "aspect", line_input("aspect", _now(camera.aspect if camera else None, "16:9, if squeezed"))
    )
    yield field("interlaced", Choice("deinterlace", LACED, camera.deinterlace if camera else None))
    look = _now(
        camera.look_address if camera else None, "a small stream to look for faces in: its path"
    )
    yield field("small", AddressInput(placeholder=look, id="look_address", compact=True))
    number = None if camera is None or camera.stream is None else str(camera.stream)
    yield field("stream", line_input("stream", _now(number, "its number, of several videos")))
    pin = _now(camera.pin if camera else None, "SHA-256 of the one certificate that counts")
    yield field("pin", line_input("pin", pin))


def _now(value: str | None, example: str) -> str:
    return example if value is None else f"now {value}"


class CameraForm(FormScreen[Answer]):
    """What both forms read out of their fields."""

    def options(self) -> dict[str, object]:
        """What was typed about how it is read; null for what is to be taken away."""
        typed = {name: self.text_of(name) for name in TAKEN_AWAY}
        given: dict[str, object] = {
            name: None if text == NONE else text for name, text in typed.items() if text is not None
        }
        if isinstance(number := given.get("stream"), str):
            if not number.isdigit():
                raise BadInput("the stream is a number: 0 is the first video, 1 the next")
            given["stream"] = int(number)
        return given

    def turn(self) -> int:
        return int(self.query_one("#rotate", Choice).value)

    def laced(self) -> str:
        return self.query_one("#deinterlace", Choice).value


class AddCameraScreen(CameraForm[CameraAdded]):
    """Asks for a new camera. The answer holds the token of a camera that is published to."""

    WAITS: ClassVar[bool] = True

    TITLE_TEXT = "Add a camera"
    RULE_TEXT = (
        "Outside a deployment nothing of it is decoded; inside one nothing is kept of people who "
        "resemble nobody on a list."
    )

    def __init__(self, client: Client, known: Sequence[Camera] = ()) -> None:
        super().__init__()
        self._client = client
        self._known = known

    def fields(self) -> ComposeResult:
        yield field("address", AddressInput(placeholder=ADDRESS_HINT, id="address", compact=True))
        called = f"as people call it, such as North gate; else Camera {len(self._known) + 1}"
        yield field("name", line_input("name", called, length=200))
        yield Static("Only where needed", classes="heading", markup=False)
        yield field("transport", check("udp", UDP))
        yield field("", check("keep", KEEP))
        yield from _fields_of_reading(None)

    async def send(self) -> CameraAdded:
        address = self.text_of("address") or ""
        name = self.text_of("name") or name_of(address, len(self._known) + 1)
        turn, laced = self.turn(), self.laced()
        given: dict[str, object] = {
            "id": id_of(name, [camera.id for camera in self._known]),
            "address": address,
            "name": name,
            "transport": "udp" if self.query_one("#udp", SignCheckbox).value else None,
            "keep_connected": self.query_one("#keep", SignCheckbox).value or None,
            "rotate": turn or None,
            "deinterlace": None if laced == "auto" else laced,
            **self.options(),
        }
        return await self._client.add_camera(CameraCreate.model_validate(given))


class EditCameraScreen(EditScreen[Camera], CameraForm[Camera]):
    """Changes a camera. Only what the operator changed is sent, for a change starts it anew."""

    def __init__(self, client: Client, camera: Camera) -> None:
        super().__init__(camera)
        self._client = client
        self.TITLE_TEXT = f"Change camera {camera.name}"

    def texts(self, item: Camera) -> dict[str, Text]:
        return {"name": item.name, "udp": item.transport == "udp", "keep": item.keep_connected,
                "rotate": str(item.rotate), "deinterlace": item.deinterlace,
                "include": polygons_text(item.regions.include),
                "privacy": polygons_text(item.regions.privacy)}  # fmt: skip

    def facts(self, item: Camera) -> dict[str, str]:
        return {"the address": item.address, "the small stream": item.look_address or "",
                "the decoder": item.hwaccel or "", "the aspect": item.aspect or "",
                "the certificate's pin": item.pin or "",
                "the stream": "" if item.stream is None else str(item.stream)}  # fmt: skip

    def fields(self) -> ComposeResult:
        camera, text = self.item, self.texts(self.item)
        yield field("name", line_input("name", value=camera.name))
        address = AddressInput(placeholder="a new one; empty keeps it", id="address", compact=True)
        yield field("address", address)
        yield field("  is now", Static(camera.address, classes="now", markup=False))
        yield field("transport", check("udp", UDP, camera.transport == "udp"))
        yield field("", check("keep", KEEP, camera.keep_connected))
        yield from _fields_of_reading(camera)
        yield hint(f"empty keeps what there is, {NONE} takes it away")
        yield field("look in", self._area("include", str(text["include"])))
        yield field("hide", self._area("privacy", str(text["privacy"])))
        yield hint(f"{REGIONS_HINT}; or draw them: r on the camera")

    @staticmethod
    def _area(name: str, text: str) -> TextArea:
        return TextArea(text, id=name, compact=True, tab_behavior="focus", classes="corners")

    async def change(self, tag: str | None) -> Camera:
        change = self._change()
        if not change.model_fields_set:
            return self.item
        return await self._client.change_camera(self.item.id, change, tag)

    def _change(self) -> CameraChange:
        old = self.item
        name = self.text_of("name")
        transport = "udp" if self.query_one("#udp", SignCheckbox).value else "tcp"
        keep = self.query_one("#keep", SignCheckbox).value
        turn, laced = self.turn(), self.laced()
        given: dict[str, object] = {
            "name": None if name == old.name else name,
            "address": self.text_of("address"),
            "transport": None if transport == old.transport else transport,
            "keep_connected": None if keep == old.keep_connected else keep,
            "rotate": None if turn == old.rotate else turn,
            "deinterlace": None if laced == old.deinterlace else laced,
            "regions": self._regions(),
        }
        kept = {key: value for key, value in given.items() if value is not None}
        return CameraChange.model_validate({**kept, **self.options()})

    def _regions(self) -> Regions | None:
        """None where their text is as it was: figures written out may have been rounded."""
        texts, was = {}, self.texts(self.item)
        for name in ("include", "privacy"):
            texts[name] = self.query_one(f"#{name}", TextArea).text
        if all(text == was[name] for name, text in texts.items()):
            return None
        return read_regions(texts["include"], texts["privacy"])
