"""Adding and changing a camera."""

from typing import Literal

from textual.app import ComposeResult
from textual.widgets import Input, Static, TextArea

from lfrd.client import Client
from lfrd.wire.cameras import Camera, CameraAdded, CameraChange, CameraCreate, Regions
from tui.regions import polygons_text, read_regions
from tui.screens.form import FormScreen, SignCheckbox, field
from tui.widgets.address import AddressInput

ADDRESS_HINT = "rtsp://user:password@host/path, whip://name or a file"
REGIONS_HINT = "a region a line, in fractions: 0.1,0.1 0.9,0.1 0.5,0.8"
NONE = "none"
"""Typed into a field of a camera that is changed, it takes away what the camera had."""
UDP = "over UDP instead of TCP"
KEEP = "stay connected outside deployments (RTSP only)"


def _input(name: str, placeholder: str = "", value: str = "") -> Input:
    return Input(value, placeholder=placeholder, id=name, compact=True)


def _check(name: str, label: str, value: bool = False) -> SignCheckbox:
    return SignCheckbox(label, value, id=name, compact=True)


def _reading_fields() -> ComposeResult:
    """How a camera is read; what these hold is not read back from the daemon."""
    yield field("CA file", _input("ca_file", "for rtsps: a path on the daemon's machine"))
    yield field("decoder", _input("hwaccel", "for hardware: cuda, vaapi, …"))
    token = _input("bearer_token", "for whep+https: what the server asks for")
    token.password = True
    yield field("token", token)


class AddCameraScreen(FormScreen[CameraAdded]):
    """Asks for a new camera. The answer holds the token of a camera that is published to."""

    TITLE_TEXT = "Add a camera"

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def fields(self) -> ComposeResult:
        yield field("id", _input("id", "lower-case letters, digits, hyphens"))
        yield field("address", AddressInput(placeholder=ADDRESS_HINT, id="address", compact=True))
        yield field("name", _input("name", "as people call it; the id where empty"))
        yield field("transport", _check("udp", UDP))
        yield field("", _check("keep", KEEP))
        yield Static("Only where needed", classes="heading", markup=False)
        yield from _reading_fields()

    async def send(self) -> CameraAdded:
        new = CameraCreate(
            id=self.text_of("id") or "",
            address=self.text_of("address") or "",
            name=self.text_of("name"),
            transport="udp" if self.query_one("#udp", SignCheckbox).value else None,
            keep_connected=self.query_one("#keep", SignCheckbox).value or None,
            ca_file=self.text_of("ca_file"),
            hwaccel=self.text_of("hwaccel"),
            bearer_token=self.text_of("bearer_token"),
        )
        return await self._client.add_camera(new)


class EditCameraScreen(FormScreen[Camera]):
    """Changes a camera. Only what the operator changed is sent, for a change starts it anew."""

    def __init__(self, client: Client, camera: Camera) -> None:
        super().__init__()
        self.TITLE_TEXT = f"Change camera {camera.id}"
        self._client = client
        self._camera = camera
        self._include = polygons_text(camera.regions.include)
        self._privacy = polygons_text(camera.regions.privacy)

    def fields(self) -> ComposeResult:
        camera = self._camera
        yield field("name", _input("name", value=camera.name))
        address = AddressInput(placeholder="a new one; empty keeps it", id="address", compact=True)
        yield field("address", address)
        yield field("  is now", Static(camera.address, classes="now", markup=False))
        yield field("transport", _check("udp", UDP, camera.transport == "udp"))
        yield field("", _check("keep", KEEP, camera.keep_connected))
        yield from _reading_fields()
        yield Static(f"{'':12}empty keeps what there is, {NONE} takes it away", classes="hint")
        yield field("look in", self._area("include", self._include))
        yield field("hide", self._area("privacy", self._privacy))
        yield Static(f"{'':12}{REGIONS_HINT}", classes="hint", markup=False)

    @staticmethod
    def _area(name: str, text: str) -> TextArea:
        return TextArea(text, id=name, compact=True, tab_behavior="focus", classes="corners")

    async def send(self) -> Camera:
        change = self._change()
        if not change.model_fields_set:
            return self._camera
        return await self._client.change_camera(self._camera.id, change)

    def _change(self) -> CameraChange:
        old = self._camera
        name = self.text_of("name")
        transport: Literal["tcp", "udp"] = (
            "udp" if self.query_one("#udp", SignCheckbox).value else "tcp"
        )
        keep = self.query_one("#keep", SignCheckbox).value
        given: dict[str, object] = {
            "name": None if name == old.name else name,
            "address": self.text_of("address"),
            "transport": None if transport == old.transport else transport,
            "keep_connected": None if keep == old.keep_connected else keep,
            "regions": self._regions(),
        }
        kept = {key: value for key, value in given.items() if value is not None}
        return CameraChange.model_validate({**kept, **self._reading()})

    def _reading(self) -> dict[str, str | None]:
        """What was typed about how it is read; null for what is to be taken away."""
        typed = {name: self.text_of(name) for name in ("ca_file", "hwaccel", "bearer_token")}
        return {
            name: None if text == NONE else text for name, text in typed.items() if text is not None
        }

    def _regions(self) -> Regions | None:
        """None where their text is as it was: figures written out may have been rounded."""
        texts = [self.query_one(f"#{name}", TextArea).text for name in ("include", "privacy")]
        return None if texts == [self._include, self._privacy] else read_regions(*texts)
