"""The configuration: one TOML file and `LFRD_*` variables, read once into frozen values.

This is the only reader of either. A variable overrides the file: `LFRD_API__TCP=127.0.0.1:8787`
sets `tcp` in `[api]`. Every wrong key and value is reported at once.
"""

import base64
import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from lfrd.errors import BadInput, ConfigError, UserError
from lfrd.text import without_secrets
from lfrd.vocabulary import SLUG, OutwardKind

VARIABLE_PREFIX = "LFRD_"
SERVICE_SOCKET = Path("/run/lfrd/api.sock")
"""Where the systemd unit puts it."""

SERVICE_STATE_DIR = Path("/var/lib/lfrd")
"""The state folder of the daemon that answers on it."""

NOT_SETTINGS = frozenset({"LFRD_SHARED", "LFRD_REQUIRE_SHARED", "LFRD_CONFIG", "LFRD_TOKEN"})
"""Variables of the test suite, and the place of the file itself."""

Slug = Annotated[str, Field(pattern=rf"^{SLUG}$")]
MAILBOX = r"^[^\s@<>,;:\"]{1,64}@[A-Za-z0-9.-]{1,255}$"
GroupWord = Annotated[str, Field(pattern=r"^\w[\w /()-]{0,39}$")]


class Section(BaseModel):
    """Base of every section: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class SiteSection(Section):
    """Who we are and where our state lives."""

    node: Slug = "lfrd"
    state_dir: Path = SERVICE_STATE_DIR


class ApiSection(Section):
    """The only interface. `socket` defaults to `api.sock` in the state folder, which only the
    daemon's user may enter; `socket_group` may open one that lies elsewhere. `tcp` is off."""

    socket: Path | None = None
    socket_group: Annotated[str | None, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$")] = None
    tcp: str | None = None

    @field_validator("tcp")
    @classmethod
    def _loopback_only(cls, value: str | None) -> str | None:
        if value is None:
            return None
        host, _, port = value.rpartition(":")
        try:
            loopback = ipaddress.ip_address(host.strip("[]")).is_loopback
        except ValueError:
            loopback = False
        if not loopback or not port.isdigit() or not 0 <= int(port) <= 65535:
            raise ValueError("give a loopback address and a port, such as 127.0.0.1:8787")
        return value


class ModelsSection(Section):
    """Which models run, where their converted files are kept, and on what."""

    pack: str = "yunet-sface"
    cache_dir: Path | None = None
    provider: Literal["cpu", "cpu-f32", "openvino", "openvino-f32", "openvino-bf16", "cuda"] = "cpu"
    threads: Annotated[int, Field(ge=0, le=64)] = 0
    """Inference threads; 0 means one for each processor this process may use."""


class DetectionSection(Section):
    """How often each camera is looked at, and the smallest face of interest.

    Where nothing moves and no face is followed, a look is taken after `still_look_s` only, and then
    ever more rarely, down to one in four times that; 0 takes them all.
    """

    target_hz: Annotated[float, Field(gt=0, le=120)] = 8.0
    floor_hz: Annotated[float, Field(gt=0, le=120)] = 2.0
    still_look_s: Annotated[float, Field(ge=0, le=10)] = 2.0
    smallest_inter_eye_px: Annotated[float, Field(ge=10, le=200)] = 24.0

    @model_validator(mode="after")
    def _floor_below_target(self) -> "DetectionSection":
        if self.floor_hz > self.target_hz:
            raise ValueError("floor_hz must not be above target_hz")
        return self


class MatchingSection(Section):
    """When a look may be compared, and when it becomes a candidate."""

    threshold: Annotated[float, Field(gt=0, lt=1)] = 0.45
    max_yaw_deg: Annotated[float, Field(gt=0, le=90)] = 80.0
    max_looks: Annotated[int, Field(ge=1, le=100)] = 16
    demographic_factor: Annotated[float, Field(ge=1, le=1000)] = 10.0


class ListsSection(Section):
    """How reference photos are judged, and how long what has expired is kept."""

    gate: Literal["strict", "warn"] = "warn"
    expired_kept_h: Annotated[float, Field(ge=0, le=744)] = 24.0


class CameraSection(Section):
    """A camera that the file declares; others are added live through the API.

    Its secrets need not stand here: `address_file` holds the whole address, `password_file` the
    password of the user whom the address names. A name without a folder is a systemd credential.
    """

    id: Slug
    name: str | None = None
    address: Annotated[str | None, Field(repr=False)] = None
    address_file: Path | None = None
    password_file: Path | None = None
    transport: Literal["tcp", "udp"] = "tcp"
    rotate: Literal[0, 90, 180, 270] = 0
    aspect: Annotated[str | None, Field(pattern=r"^[1-9]\d{0,3}:[1-9]\d{0,3}$")] = None
    deinterlace: Literal["auto", "on", "off"] = "auto"
    stream: Annotated[int | None, Field(ge=0, le=63)] = None
    pin: str | None = None
    look_address: Annotated[str | None, Field(repr=False)] = None
    """A second, small stream of the same view; a path alone is on the same host."""

    @field_validator("pin")
    @classmethod
    def _is_pin(cls, value: str | None) -> str | None:
        from lfrd.ingest.certificate import read_pin  # a command that asks the daemon needs none

        try:
            return None if value is None else read_pin(value)
        except BadInput as error:
            raise ValueError(str(error)) from None

    @field_validator("address")
    @classmethod
    def _understood(cls, value: str | None) -> str | None:
        from lfrd.ingest.address import parse

        try:
            if value is not None:
                parse(value)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return value

    @model_validator(mode="after")
    def _has_one_address(self) -> "CameraSection":
        if (self.address is None) == (self.address_file is None):
            raise ValueError("give the address, or an address_file that holds it")
        return self

    @property
    def needs_credentials(self) -> bool:
        """Whether only the service itself can read its secrets."""
        files = (self.address_file, self.password_file)
        return any(_is_credential(path) for path in files if path is not None)

    def whole_address(self, environment: Mapping[str, str] = os.environ) -> str:
        """The address with its secrets. Raises ConfigError, which repeats none."""
        from lfrd.ingest.address import parse, with_password

        address = self.address or ""
        try:
            if self.address_file is not None:
                address = _secret(self.address_file, environment)
                parse(address)
            if self.password_file is not None:
                address = with_password(address, _secret(self.password_file, environment))
        except UserError as error:
            raise ConfigError(f"camera {self.id}: {error}") from None
        return address


class SourcesSection(Section):
    """How far the address of a camera may lead (lfrd.ingest.reach). `folders` is for cameras that
    are added through the API: only files in these, and below, may be cameras; those that this file
    declares may be anywhere. The others are for all cameras."""

    folders: tuple[Path, ...] = ()
    redirects: bool = False
    link_local: bool = False

    @field_validator("folders", mode="before")
    @classmethod
    def _of_variable(cls, value: object) -> object:
        return tuple(value.split(os.pathsep)) if isinstance(value, str) else value

    @field_validator("folders")
    @classmethod
    def _are_whole(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        if not all(folder.is_absolute() for folder in value):
            raise ValueError("give folders with their full path, such as /srv/video")
        return value


PolicyValue = bool | int | float | str | None


class ReviewSection(Section):
    """`cooldown_s`: people are told once in so long of an entry that passes a camera again and
    again; 0 is each time. Every candidate stays one of its own.

    Seeded decoys in the review queue: one in every `decoy_every_min` while a deployment runs; 0
    is none. `decoys_folder` holds pictures of consenting lab people, a folder for each person."""

    cooldown_s: Annotated[float, Field(ge=0, le=3600)] = 60.0
    decoys_folder: Path | None = None
    decoy_every_min: Annotated[float, Field(ge=0, le=1440)] = 0.0
    decoys_seed: int | None = None
    """For a run that can be repeated; None draws a new one at each start."""

    @model_validator(mode="after")
    def _decoys_have_pictures(self) -> "ReviewSection":
        if 0 < self.decoy_every_min < 1:
            raise ValueError("decoy_every_min is 0 (none) or at least 1")
        if self.decoy_every_min and self.decoys_folder is None:
            raise ValueError("decoy_every_min needs decoys_folder, with pictures of lab people")
        return self


class PolicySection(Section):
    """Which rules are in force. Everything below `allow_lab` tightens the profile, and is checked
    by it (lfrd.governance.profile): None leaves the profile's value."""

    profile: str = "standard"
    allow_lab: bool = False
    reviewers_required: PolicyValue = None
    authoriser_differs: PolicyValue = None
    list_confirmed_within_h: PolicyValue = None
    after_use: PolicyValue = None
    after_use_within_h: PolicyValue = None
    alert_face_data_h: PolicyValue = None
    log_months: PolicyValue = None
    max_deployment_h: PolicyValue = None
    weekly_schedule: PolicyValue = None
    urgent_ratified_within_h: PolicyValue = None
    heartbeat_min: PolicyValue = None
    one_false_alert_in: PolicyValue = None
    extrapolated_threshold: PolicyValue = None
    evaluation_report: PolicyValue = None
    documents_required: PolicyValue = None
    photo_age_years: PolicyValue = None
    training_required: PolicyValue = None
    street_team_required: PolicyValue = None
    outward_images: PolicyValue = None
    street_team_min: PolicyValue = None
    street_team_gone: PolicyValue = None
    references_required: PolicyValue = None
    outside_authority: PolicyValue = None
    independent_test: PolicyValue = None

    @property
    def tightened(self) -> dict[str, bool | int | float | str]:
        """What the site sets."""
        given = self.model_dump(exclude={"profile", "allow_lab"}, exclude_none=True)
        return dict(given)


class NoticeSection(Section):
    """What the sign on the spot says besides time and place: who is `responsible`, the `contact`
    for questions and objections, and a page with more (`url`), which the sign's QR code leads to.
    `groups` are the words by which a person may record whom a false alert was about."""

    responsible: Annotated[str, Field(max_length=200)] = ""
    contact: Annotated[str, Field(max_length=300)] = ""
    url: Annotated[str | None, Field(max_length=500, pattern=r"^https?://\S+$")] = None
    groups: Annotated[tuple[GroupWord, ...], Field(max_length=50)] = ()

    @field_validator("groups", mode="before")
    @classmethod
    def _of_variable(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value


class AuthoritySection(Section):
    """`keys`: public keys of authorities from outside, whose signatures authorise deployments."""

    keys: Annotated[tuple[str, ...], Field(max_length=50)] = ()

    @field_validator("keys", mode="before")
    @classmethod
    def _of_variable(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @field_validator("keys")
    @classmethod
    def _are_keys(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if value:  # who names none need not load what checks signatures
            from lfrd.audit.verify import ED25519, BadLog, key_of

            try:
                odd = [text for text in value if key_of(text).algorithm != ED25519]
            except BadLog as error:
                raise ValueError(str(error)) from None
            if odd:
                raise ValueError(f"{odd[0]} is not of the type Ed25519")
        return value


class KeysSection(Section):
    """`escrow`: a second copy of keys.db, overwritten whenever a key is made or destroyed."""

    escrow: Path | None = None


class BackupSection(Section):
    """`lfrd backup`: the `folder` for archives, and the public keys (age1…) of who may open them.

    An archive is deleted, and its faces are restored no more, once every face in it would be gone
    by its own timer, and after `keep_days` at the latest. Health is yellow where the newest one is
    older than `every_h` and a day.
    """

    folder: Path | None = None
    recipients: tuple[Annotated[str, Field(pattern=r"^age1[0-9a-z]{20,100}$")], ...] = ()
    keep_days: Annotated[float, Field(gt=0, le=366)] = 14.0
    every_h: Annotated[float, Field(ge=1, le=744)] = 24.0

    @field_validator("recipients", mode="before")
    @classmethod
    def _of_variable(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value


class AuditSection(Section):
    """When the log is signed: after so many leaves at the latest (and hourly, at start and stop).
    Each checkpoint is also appended to the file `copy_to`, and cosigned by a witness: `witness_url`
    is its submission prefix (c2sp.org/tlog-witness), `witness_key` its public key."""

    every: Annotated[int, Field(ge=1, le=1_000_000)] = 256
    copy_to: Path | None = None
    witness_url: Annotated[str | None, Field(pattern=r"^https?://[^\s]+$")] = None
    witness_key: str | None = None

    @field_validator("witness_key")
    @classmethod
    def _is_key(cls, value: str | None) -> str | None:
        from lfrd.audit.verify import BadLog, key_of

        try:
            return None if value is None else key_of(value).text
        except BadLog as error:
            raise ValueError(str(error)) from None

    @model_validator(mode="after")
    def _witness_is_whole(self) -> "AuditSection":
        if (self.witness_url is None) != (self.witness_key is None):
            raise ValueError("a witness needs both witness_url and witness_key")
        return self


class OutboxSection(Section):
    """What other systems are told: [[webhook]], [mqtt], [ntfy], [smtp]. What could not be delivered
    for `give_up_h` is given up. `open_with` is the command that messages to people name, `link` an
    address instead, in which `{id}` stands for the alert."""

    give_up_h: Annotated[float, Field(ge=0.01, le=720)] = 72.0
    open_with: Annotated[str, Field(max_length=200)] = "lfrd tui"
    link: Annotated[str | None, Field(max_length=500, pattern=r"^https?://\S+$")] = None


class EndpointSection(Section):
    """What an endpoint is told; without a filter everything. `private`: its address may be one of a
    private network, or this machine. `ca_file` is trusted in place of what the system trusts."""

    kinds: tuple[OutwardKind, ...] = ()
    cameras: tuple[Slug, ...] = ()
    lists: tuple[str, ...] = ()
    private: bool = False
    ca_file: Path | None = None

    @field_validator("kinds", "cameras", "lists", mode="before")
    @classmethod
    def _of_variable(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value


class WebhookSection(EndpointSection):
    """A receiver of signed messages (standardwebhooks.com). Its secret is `whsec_…` in a file;
    `previous_secret_file` signs too while a secret is being replaced. `images`: the face that was
    seen goes along where the deployment's policy allows it (outward_images)."""

    id: Slug
    url: Annotated[str, Field(pattern=r"^https?://[^\s/@]+(/\S*)?$", repr=False)]
    secret_file: Path
    previous_secret_file: Path | None = None
    images: bool = False

    @model_validator(mode="after")
    def _encrypted(self) -> "WebhookSection":
        plain = self.url.startswith("http://")
        if plain and not self.private:
            raise ValueError("url: give https://, or http:// with private = true")
        if plain and self.images:
            raise ValueError("images: they leave over https:// only")
        if self.id in ("mqtt", "ntfy", "smtp"):
            raise ValueError(f"id: {self.id} is the name of another endpoint")
        return self

    def secrets(self, environment: Mapping[str, str] = os.environ) -> tuple[str, ...]:
        """The newest first. Raises ConfigError, which repeats none."""
        files = (self.secret_file, self.previous_secret_file)
        found = tuple(_secret_of(self.id, file, environment) for file in files if file is not None)
        for secret in found:
            if not _is_webhook_secret(secret):
                raise ConfigError(
                    f"{self.id}: its secret should be whsec_ and base64 of 24 to 64 bytes: "
                    "`lfrd outbox secret` makes one"
                )
        return found


class MqttSection(EndpointSection):
    """A broker: mqtts://host[:port], or mqtt:// in a private network. `prefix` is what topics begin
    with, `discovery_prefix` where Home Assistant looks."""

    url: Annotated[str | None, Field(pattern=r"^mqtts?://[^\s/@]+$")] = None
    username: str | None = None
    password_file: Path | None = None
    prefix: Annotated[str, Field(pattern=r"^[\w-]+(/[\w-]+)*$")] = "lfrd"
    discovery_prefix: Annotated[str, Field(pattern=r"^[\w-]+(/[\w-]+)*$")] = "homeassistant"

    @model_validator(mode="after")
    def _encrypted(self) -> "MqttSection":
        if (self.url or "").startswith("mqtt://") and not self.private:
            raise ValueError("url: give mqtts://, or mqtt:// with private = true")
        return self


class NtfySection(EndpointSection):
    """A topic of a server of ntfy: https://host/topic. Everybody who knows the topic of a public
    server can read it."""

    url: Annotated[str | None, Field(pattern=r"^https?://[^\s/@]+/[\w-]{1,64}$", repr=False)] = None
    token_file: Path | None = None

    @model_validator(mode="after")
    def _encrypted(self) -> "NtfySection":
        if (self.url or "").startswith("http://") and not self.private:
            raise ValueError("url: give https://, or http:// with private = true")
        return self


class SmtpSection(EndpointSection):
    """A mail server, over TLS always: smtps://host[:port] from the beginning, smtp:// with
    STARTTLS."""

    url: Annotated[str | None, Field(pattern=r"^smtps?://[^\s/@]+$")] = None
    username: str | None = None
    password_file: Path | None = None
    sender: Annotated[str | None, Field(pattern=MAILBOX)] = None
    to: Annotated[tuple[Annotated[str, Field(pattern=MAILBOX)], ...], Field(max_length=50)] = ()

    @field_validator("to", mode="before")
    @classmethod
    def _list_of_variable(cls, value: object) -> object:
        return tuple(value.split(",")) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _is_whole(self) -> "SmtpSection":
        if self.url is not None and (self.sender is None or not self.to):
            raise ValueError("mail needs url, sender and to")
        return self


class TerminalSection(Section):
    """How `lfrd tui` looks, where its options say nothing else: `theme`; how faces are drawn, and
    in how many colours (`auto` asks the terminal); the bell; and whether a candidate is a
    notification of the desktop, by which sequence."""

    theme: Literal["dark", "light", "contrast", "colour-blind"] = "dark"
    pictures: Literal[
        "auto", "kitty", "sixel", "octants", "sextants", "quadrants", "halves", "spaces"
    ] = "auto"
    colours: Literal["auto", "16m", "256", "16"] = "auto"
    bell: bool = True
    notify: Literal["off", "osc9", "osc777"] = "off"


class LogSection(Section):
    """What goes to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(Section):
    """The whole configuration; each part of the daemon gets its own section."""

    site: SiteSection = SiteSection()
    api: ApiSection = ApiSection()
    models: ModelsSection = ModelsSection()
    detection: DetectionSection = DetectionSection()
    matching: MatchingSection = MatchingSection()
    sources: SourcesSection = SourcesSection()
    lists: ListsSection = ListsSection()
    review: ReviewSection = ReviewSection()
    policy: PolicySection = PolicySection()
    notice: NoticeSection = NoticeSection()
    authority: AuthoritySection = AuthoritySection()
    keys: KeysSection = KeysSection()
    backup: BackupSection = BackupSection()
    audit: AuditSection = AuditSection()
    outbox: OutboxSection = OutboxSection()
    mqtt: MqttSection = MqttSection()
    ntfy: NtfySection = NtfySection()
    smtp: SmtpSection = SmtpSection()
    terminal: TerminalSection = TerminalSection()
    log: LogSection = LogSection()
    webhook: Annotated[tuple[WebhookSection, ...], Field(max_length=16)] = ()
    camera: tuple[CameraSection, ...] = ()

    @field_validator("camera", "webhook")
    @classmethod
    def _ids_differ(
        cls, value: tuple[CameraSection, ...] | tuple[WebhookSection, ...], info: ValidationInfo
    ) -> tuple[CameraSection, ...] | tuple[WebhookSection, ...]:
        ids = [item.id for item in value]
        twice = sorted({name for name in ids if ids.count(name) > 1})
        if twice:
            raise ValueError(f"{info.field_name} id used twice: {', '.join(twice)}")
        return value

    @model_validator(mode="after")
    def _group_can_reach_the_socket(self) -> "Config":
        if self.api.socket_group and self.socket_path.is_relative_to(self.site.state_dir):
            raise ValueError(
                "api.socket_group: it needs an api.socket outside the state folder, which only the "
                "daemon's user may enter: such as /run/lfrd/api.sock"
            )
        return self

    @property
    def telling_nobody(self) -> "Config":
        """The same without any endpoint: for a site that is gone after a while."""
        none = {"mqtt": MqttSection(), "ntfy": NtfySection(), "smtp": SmtpSection()}
        return self.model_copy(update={"webhook": (), **none})

    @property
    def socket_path(self) -> Path:
        return self.api.socket or self.site.state_dir / "api.sock"


def client_socket(config: Config) -> Path:
    """Where a command finds the daemon: as configured, else the service's socket if any. A
    state folder that is configured means the daemon on it, never the service's."""
    own = config.api.socket is not None or config.site.state_dir != SERVICE_STATE_DIR
    return SERVICE_SOCKET if not own and is_there(SERVICE_SOCKET) else config.socket_path


def daemon_sockets(config: Config) -> list[Path]:
    """Every socket that a daemon may answer on: the configured one, and the service's."""
    return [path for path in dict.fromkeys((config.socket_path, SERVICE_SOCKET)) if is_there(path)]


def is_there(path: Path) -> bool:
    """Whether there is a file, or a folder on the way may not be looked into."""
    try:
        path.stat()
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """Read the file (if any) and the variables; raise ConfigError that lists every mistake."""
    values = _read_file(path) if path else {}
    _apply_variables(values, environment)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        where = str(path) if path else "the LFRD_* variables"
        lines = [
            "  " + ": ".join(filter(None, (_key(item["loc"]), _say(item["type"], item["msg"]))))
            for item in error.errors(include_input=False)
        ]
        raise ConfigError(f"{where} has {len(lines)} mistake(s):\n" + "\n".join(lines)) from None


def _read_file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"the configuration {path} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"the configuration {path} is not valid TOML: {error}") from None


def _apply_variables(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    """Put LFRD_SECTION__KEY=value into the section; a name without both parts is a mistake."""
    for name in sorted(environment):
        if not name.startswith(VARIABLE_PREFIX) or name in NOT_SETTINGS:
            continue
        section, _, key = name[len(VARIABLE_PREFIX) :].lower().partition("__")
        if not key:
            raise ConfigError(f"the variable {name} is not LFRD_SECTION__KEY")
        target = values.setdefault(section, {})
        if not isinstance(target, dict):
            raise ConfigError(f"the variable {name} does not name a section with keys")
        target[key] = environment[name]


def dump(config: Config) -> str:
    """The settings that differ from what lfrd has by itself, as a file again, without the secrets
    that stand in it: a camera's address loses its password, what is secret as a whole is left
    out."""
    lines, tables = [], []
    for name in type(config).model_fields:
        value = getattr(config, name)
        if isinstance(value, Section):
            found = _lines_of(value)
            lines += [f"[{name}]", *found, ""] if found else []
        else:
            for item in value:
                tables += [f"[[{name}]]", *_lines_of(item), ""]
    return "\n".join([*lines, *tables])


def _lines_of(section: Section) -> list[str]:
    given = section.model_dump(mode="json", exclude_defaults=True, exclude_none=True)
    lines = []
    for name, value in given.items():
        hidden = not type(section).model_fields[name].repr
        if hidden and isinstance(section, CameraSection):
            lines.append(f"{name} = {json.dumps(_without_password(value))}")
        elif hidden:
            lines.append(f"# {name} is a secret: set it again")
        else:
            lines.append(f"{name} = {_toml(value)}")
    return lines


def _without_password(address: str) -> str:
    from lfrd.ingest.address import parse

    try:
        return parse(address).shown
    except BadInput:  # a path alone, on the host of the other stream
        return without_secrets(address)


def _toml(value: object) -> str:
    """Texts and lists as JSON has them, which TOML reads too."""
    if isinstance(value, str):
        return json.dumps(without_secrets(value), ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(value)


SECRET_LIMIT_BYTES = 4096


def _is_credential(path: Path) -> bool:
    return len(path.parts) == 1


def secret_of(
    endpoint: str, path: Path | None, environment: Mapping[str, str] = os.environ
) -> str | None:
    """The secret of an endpoint, None where it has none. Raises ConfigError, which repeats none."""
    return None if path is None else _secret_of(endpoint, path, environment)


def check_secrets(config: Config) -> None:
    """Read the secrets that lie in files of their own, and not in the service's credentials. Raises
    ConfigError."""
    for hook in config.webhook:
        files = [hook.secret_file, hook.previous_secret_file]
        if not any(file is not None and _is_credential(file) for file in files):
            hook.secrets()
    for name, file in (
        ("mqtt", config.mqtt.password_file), ("ntfy", config.ntfy.token_file),
        ("smtp", config.smtp.password_file),
    ):  # fmt: skip
        if file is not None and not _is_credential(file):
            secret_of(name, file)
    for camera in config.camera:
        if not camera.needs_credentials:
            camera.whole_address()


def _secret_of(endpoint: str, path: Path, environment: Mapping[str, str]) -> str:
    try:
        return _secret(path, environment)
    except ConfigError as error:
        raise ConfigError(f"{endpoint}: {error}") from None


def _is_webhook_secret(text: str) -> bool:
    try:
        size = len(base64.b64decode(text.removeprefix("whsec_"), validate=True))
    except ValueError:
        return False
    return text.startswith("whsec_") and 24 <= size <= 64


def _secret(path: Path, environment: Mapping[str, str]) -> str:
    """The one line of a file that others may not read. Raises ConfigError."""
    if _is_credential(path):
        folder = environment.get("CREDENTIALS_DIRECTORY")
        if folder is None:
            raise ConfigError(
                f"there is no systemd credential {path}: LoadCredential= in the unit passes one, "
                "and a file is named with its full path"
            )
        path = Path(folder, path)
    try:
        with path.open("rb") as file:
            open_to_all = os.fstat(file.fileno()).st_mode & 0o007
            secret = file.read(SECRET_LIMIT_BYTES + 1).decode().rstrip("\r\n")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text") from None
    if open_to_all:
        raise ConfigError(f"others may read {path}: chmod o= {path}")
    if not secret or len(secret) > SECRET_LIMIT_BYTES or not secret.isprintable():
        raise ConfigError(f"{path} should hold one line of printable characters")
    return secret


def _key(location: tuple[int | str, ...]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _say(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "no such setting"
    return message.removeprefix("Value error, ")
