"""The wire contract of lists: entries, photos, changes, imports, exports, thresholds, models."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, GetJsonSchemaHandler, StringConstraints, model_validator
from pydantic_core import CoreSchema

from lfrd.vocabulary import PACK_NAME, Category
from lfrd.wire.base import Colour, Line, Margin, Moment, Slug, Text, Wire

ROWS_MAX = 1_000_000
"""Of one bulk import."""
CAN_BE_NULL = "expires_at_s"
"""In a change: null takes the expiry away."""


class Watchlist(Wire):
    id: str
    name: str
    category: Category
    purpose: str
    owner: str
    colour: str
    margin: float
    entries: int
    templates: int
    camera_ids: tuple[str, ...]
    created_at_s: float
    expires_at_s: float | None
    confirmed_at_s: float
    confirmed_by: str
    restored_from_s: float | None = None
    """Of when the backup is that it was restored from. Nothing is compared with it until a
    supervisor has confirmed it; null: it was not, or is confirmed."""


class WatchlistCreate(Wire):
    name: Line
    category: Category
    purpose: Line
    owner: Line
    colour: Colour = "#d0021b"
    margin: Margin = 0.0
    expires_at_s: Moment | None = None


class Finding(Wire):
    """One thing that the enrolment gate has to say of a photo, with its measure and its limit.

    `against` is what `strict` refuses; `other_id` is the entry that a photo resembles.
    """

    code: str
    weight: Literal["note", "warn", "against"]
    message: str
    value: float | None
    limit: float | None
    other_id: str | None


Side = Annotated[float, Field(ge=0, le=1e6)]


class PhotoFace(Wire):
    """A face in a photo, in its pixels: `box` is left, top, right, bottom, `eyes` x and y of each.
    `meant` is the one that a photo is taken to be of."""

    box: tuple[float, float, float, float]
    eyes: tuple[tuple[float, float], tuple[float, float]]
    meant: bool


class PhotoVerdict(Wire):
    """What the enrolment gate would say of a photo, and where its faces are; nothing is stored.
    `refused` says why it would not be taken; null: it would."""

    width_px: int
    height_px: int
    faces: tuple[PhotoFace, ...]
    findings: tuple[Finding, ...]
    refused: str | None


class Photo(Wire):
    """A reference photo. In quarantine it is kept, and not compared with."""

    id: str
    entry_id: str
    sha256: str
    width_px: int
    height_px: int
    inter_eye_px: float
    findings: tuple[Finding, ...]
    quarantined_at_s: float | None
    quarantine_reason: str | None
    added_at_s: float
    taken_at_s: float | None = None
    """When it was taken, as people say it; null where nobody knows."""


LookAlikes = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
"""Relatives and look-alikes that are known of, without names; reviewers see it."""


class Entry(Wire):
    """One person on one list, under a pseudonymous reference."""

    id: str
    watchlist_id: str
    person_id: str
    reference: str
    basis: str
    source: str
    reviewer: str
    under_18: bool
    under_18_reason: str
    approved_by: str | None
    margin: float
    status_checked_at_s: float
    added_at_s: float
    expires_at_s: float | None
    photos: tuple[Photo, ...]
    look_alikes: str = ""


class EntryCreate(Wire):
    reference: Line
    basis: Line
    source: Line
    reviewer: Text = ""
    under_18: bool = False
    under_18_reason: Text = ""
    margin: Margin = 0.0
    status_checked_at_s: Moment | None = None
    expires_at_s: Moment | None = None
    look_alikes: LookAlikes = ""
    person_id: str | None = None
    """Set where the same person is already on another list."""


PackName = Annotated[str, StringConstraints(pattern=rf"^{PACK_NAME}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class _Change(Wire):
    """What is given is set; an expiry of null takes it away, and nothing else can be null."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Something has to be given, and a field that may be left out is not null."""
        described = handler(core_schema)
        whole = handler.resolve_ref_schema(described)
        whole["minProperties"] = 1
        for name, field in whole["properties"].items():
            if name != CAN_BE_NULL:
                (kind,) = (item for item in field.pop("anyOf") if item != {"type": "null"})
                field.update(kind)
                field.pop("default", None)
        return described

    @model_validator(mode="after")
    def _nothing_but_the_expiry_is_null(self) -> Self:
        empty = sorted(
            name
            for name in self.model_fields_set
            if getattr(self, name) is None and name != CAN_BE_NULL
        )
        if empty:
            raise ValueError(f"{', '.join(empty)}: null is no value of it; leave it out")
        return self


class WatchlistChange(_Change):
    """What is given is set; an expiry of null takes it away."""

    name: Line | None = None
    purpose: Line | None = None
    owner: Line | None = None
    colour: Colour | None = None
    margin: Margin | None = None
    expires_at_s: Moment | None = None


class ListCameras(Wire):
    """The cameras that a list is meant for; none: all of them."""

    camera_ids: Annotated[tuple[Slug, ...], Field(max_length=1000)]


class EntryChange(_Change):
    """What is given is set; an expiry of null takes it away."""

    basis: Line | None = None
    source: Line | None = None
    reviewer: Text | None = None
    margin: Margin | None = None
    status_checked_at_s: Moment | None = None
    expires_at_s: Moment | None = None
    look_alikes: LookAlikes | None = None


class Quarantine(Wire):
    reason: Line


class ImportStart(Wire):
    """A bulk import of `total` rows; `source_sha256` is how it is known when it goes on later."""

    source_sha256: Sha256
    source_name: Line
    total: Annotated[int, Field(ge=1, le=ROWS_MAX)]
    gate: Literal["strict", "warn"] | None = None


class ImportRun(Wire):
    """A bulk import: what was done of it, by outcome, and how fast in the last minute."""

    id: str
    watchlist_id: str
    source_name: str
    gate: Literal["strict", "warn"]
    total: int
    done: int
    enrolled: int
    warned: int
    refused: int
    duplicate: int
    started_at_s: float
    ended_at_s: float | None
    rows_per_s: float
    left_s: float | None


class ImportRow(Wire):
    """One row of the table: a photo of an entry. Rows with one `reference` are one entry; `person`
    is a word that entries of several lists share when they are one person. `box` (left, top, right,
    bottom in pixels) says which face is meant."""

    number: Annotated[int, Field(ge=1, le=ROWS_MAX)]
    reference: Line
    file: Line
    basis: Text = ""
    source: Text = ""
    reviewer: Text = ""
    under_18: bool = False
    under_18_reason: Text = ""
    margin: Margin = 0.0
    expires_at_s: Moment | None = None
    status_checked_at_s: Moment | None = None
    person: Text = ""
    box: tuple[Side, Side, Side, Side] | None = None


class ImportRowDone(Wire):
    """The outcome of one row. `codes` are the findings that speak against it, or why it failed;
    `photo_sha256` is of the file that the list has, where it was there before."""

    number: int
    outcome: Literal["enrolled", "warned", "refused", "duplicate"]
    codes: tuple[str, ...]
    message: str
    entry_id: str | None
    photo_id: str | None
    photo_sha256: str | None = None


class ExportStart(Wire):
    """Who knows the passphrase can open the archive, wherever it lies."""

    passphrase: Annotated[str, StringConstraints(min_length=12, max_length=1000)]
    reason: Line


class Threshold(Wire):
    """A threshold and the promise behind it. `one_in`: at most one false alert in so many passing
    faces, with the 95 % interval that the measured pairs leave (`one_in_worst` may be far lower).
    `false_alerts_a_day` are expected at `faces_a_day`, the present flow; null without a flow.
    `threshold` is null for a reviewer who has a candidate to decide about."""

    threshold: float | None
    one_in: float
    one_in_best: float | None
    one_in_worst: float
    extrapolated: bool
    references: int
    looks: int
    looks_effective: float
    demographic_factor: float
    faces_a_day: float | None = None
    false_alerts_a_day: float | None = None
    false_alerts_a_day_low: float | None = None
    false_alerts_a_day_high: float | None = None
    at_s: float | None = None


class ModelPrepare(Wire):
    pack: PackName


class ModelPreparation(Wire):
    """How many of the reference photos have a template of the other model; `failed_photo_ids` are
    those of which none could be made."""

    pack: str
    recogniser_digest: str
    photos: int
    templates: int
    failed_photo_ids: tuple[str, ...]
    under_way: bool


class ModelSwitch(Wire):
    """`accept_missing`: photos without a template of the pack are not matched then."""

    pack: PackName
    accept_missing: bool = False


class ModelSwitched(Wire):
    """What the daemon uses from its next start on."""

    pack: str
    photos: int
    templates: int


class CameraMinute(Wire):
    """What a camera counted in `span_s` from `at_s` on: a minute of the running deployment, or five
    minutes of an earlier one."""

    at_s: float
    span_s: float = 60.0
    frames_detected: int
    frames_dropped: int
    faces_detected: int
    tracks: int
    tracks_never_compared: int
    candidates: int


class CameraReasons(Wire):
    """Why a camera raised no candidate: counts only, in the running or the last deployment.

    `looks_skipped` by reason; `tracks_never_compared` had no look that was good enough,
    `tracks_below` were compared and stayed under the threshold, `tracks_split` began because
    another one had come to follow another person. At each of `scene_cuts` all tracks ended.
    """

    camera_id: str
    faces_detected: int
    tracks: int
    tracks_split: int
    scene_cuts: int
    tracks_never_compared: int
    tracks_below: int
    candidates: int
    looks_skipped: dict[str, int]
    best_inter_eye_px: float
    advice: tuple[str, ...]
