"""The enrolment gate: what speaks against a reference photo, with a number for each reason.

One bad reference spoils an entry: all who look like the photo are then raised as that person. The
gate measures a photo and says what it found; `strict` refuses what `warn` only records. Pure.
"""

import enum
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields

from lfrd.errors import BadInput
from lfrd.types import Quality, Texture


class GateMode(enum.StrEnum):
    """`strict` refuses a photo with any `against` finding; `warn` records it."""

    STRICT = "strict"
    WARN = "warn"


class Weight(enum.StrEnum):
    """How much a finding speaks against a photo. `note` is only said."""

    NOTE = "note"
    WARN = "warn"
    AGAINST = "against"


@dataclass(frozen=True, slots=True)
class Finding:
    """One reason with its measure and the limit it was held against (None where there is none)."""

    code: str
    weight: Weight
    message: str
    value: float | None = None
    limit: float | None = None
    other_id: str | None = None


class PhotoRefused(BadInput):
    """A photo that cannot be a reference; `findings` say why, with numbers."""

    code = "photo-refused"

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


@dataclass(frozen=True, slots=True)
class GateRule:
    """The limits. Sizes and pose are those of the field (ISO/IEC 19794-5 asks for 90 px between
    the eyes); the scores are quantiles of the default model on Labeled Faces in the Wild: 99.5 % of
    people's photos resemble another photo of them by 0.47 or more, strangers reach 0.42 once in
    10,000 pairs."""

    wanted_inter_eye_px: float = 60.0
    good_inter_eye_px: float = 90.0
    max_yaw_deg: float = 30.0
    max_pitch_deg: float = 25.0
    """Five points tell pitch only roughly: wider than the 15 degrees that matching aims for."""
    least_sharpness: float = 20.0
    good_sharpness: float = 60.0
    darkest: float = 0.15
    brightest: float = 0.85
    least_contrast: float = 0.08
    least_colour: float = 3.0
    covered_ratio: float = 0.35
    good_detector_score: float = 0.75
    least_own_similarity: float = 0.30
    good_own_similarity: float = 0.45
    same_photo_similarity: float = 0.98
    look_alike_similarity: float = 0.42


@dataclass(frozen=True, slots=True)
class Neighbour:
    """The nearest photo of another person, or of the entry itself, by similarity score."""

    entry_id: str
    score: float


@dataclass(frozen=True, slots=True)
class Resemblance:
    """What the photo resembles: the best of the entry's other photos (None: there is none), the
    nearest other person, and another entry that has this very file."""

    own: float | None = None
    nearest: Neighbour | None = None
    same_file_entry_id: str | None = None


def examine(
    quality: Quality,
    texture: Texture,
    notes: Sequence[str],
    resemblance: Resemblance,
    rule: GateRule,
    *,
    turned_deg: int = 0,
) -> tuple[Finding, ...]:
    """Everything there is to say about a photo whose face was found; `turned_deg` is by how much
    the photo was turned clockwise to have its face upright."""
    found = [
        *(Finding(f"read-{note}", Weight.NOTE, _NOTES[note]) for note in notes),
        *_lie(turned_deg),
        *_size(quality, rule),
        *_pose(quality, rule),
        *_focus(quality, rule),
        *_light(quality, texture, rule),
        *_cover(quality, texture, rule),
        *_resemblance(resemblance, rule),
    ]
    return tuple(found)


def refuse(findings: Sequence[Finding], mode: GateMode, name: str) -> None:
    """Raises PhotoRefused where the mode does not let these findings pass."""
    against = [finding for finding in findings if finding.weight is Weight.AGAINST]
    if mode is GateMode.STRICT and against:
        reasons = "; ".join(finding.message for finding in against)
        raise PhotoRefused(f"photo {name} is refused: {reasons}", findings)


def as_json(findings: Sequence[Finding]) -> str:
    """As the store keeps them."""
    columns = [field.name for field in fields(Finding)]
    return json.dumps([{name: getattr(item, name) for name in columns} for item in findings])


def from_json(text: str) -> tuple[Finding, ...]:
    """As `as_json` wrote them."""
    return tuple(
        Finding(
            item["code"], Weight(item["weight"]), item["message"], item["value"], item["limit"],
            item["other_id"],
        )
        for item in json.loads(text)
    )  # fmt: skip


_NOTES = {
    "reduced": "the photo is larger than is read: it was compared at a reduced size",
    "rotated": "the photo was turned upright as its camera noted",
    "converted": "the photo's colours (not 8-bit RGB) were converted for comparing",
}
"""What reading did to the pixels that were compared. The file itself is kept as it was given."""


def _finding(
    code: str, against: bool, message: str, value: float, limit: float, other: str | None = None
) -> Finding:
    weight = Weight.AGAINST if against else Weight.WARN
    return Finding(code, weight, message, round(value, 3), limit, other)


def _lie(turned_deg: int) -> list[Finding]:
    """To be looked at by people: that the photo lay otherwise is what its face tells."""
    if not turned_deg:
        return []
    lay = "stood on its head" if turned_deg == 180 else "lay on its side"
    text = f"the photo {lay}: it was turned clockwise by {turned_deg} degrees"
    return [_finding("photo-turned", False, text, turned_deg, 0)]


def _size(quality: Quality, rule: GateRule) -> list[Finding]:
    size = quality.inter_eye_px
    if size >= rule.good_inter_eye_px:
        return []
    short = size < rule.wanted_inter_eye_px
    limit = rule.wanted_inter_eye_px if short else rule.good_inter_eye_px
    text = f"{size:.0f} px between the eyes, {limit:.0f} are {'wanted' if short else 'better'}"
    return [_finding("small", short, text, size, limit)]


def _pose(quality: Quality, rule: GateRule) -> list[Finding]:
    found = []
    for code, angle, limit in (
        ("turned", quality.yaw_deg, rule.max_yaw_deg),
        ("tilted", quality.pitch_deg, rule.max_pitch_deg),
    ):
        if abs(angle) > limit:
            text = f"the head is {code} by about {abs(angle):.0f} degrees, at most {limit:.0f}"
            found.append(_finding(code, True, text, angle, limit))
    return found


def _focus(quality: Quality, rule: GateRule) -> list[Finding]:
    sharp = quality.sharpness
    if sharp >= rule.good_sharpness:
        return []
    blurred = sharp < rule.least_sharpness
    limit = rule.least_sharpness if blurred else rule.good_sharpness
    text = f"the face is {'blurred' if blurred else 'soft'}: sharpness {sharp:.0f}, {limit:.0f} up"
    return [_finding("blurred", blurred, text, sharp, limit)]


def _light(quality: Quality, texture: Texture, rule: GateRule) -> list[Finding]:
    found = []
    if quality.exposure < rule.darkest:
        text = f"the face is too dark: mean {quality.exposure:.2f} of 1"
        found.append(_finding("dark", True, text, quality.exposure, rule.darkest))
    if quality.exposure > rule.brightest:
        text = f"the face is too bright: mean {quality.exposure:.2f} of 1"
        found.append(_finding("bright", True, text, quality.exposure, rule.brightest))
    contrast = texture.contrast / 255
    if contrast < rule.least_contrast:
        text = f"the face has hardly any contrast: {contrast:.2f}"
        found.append(_finding("flat", True, text, contrast, rule.least_contrast))
    if texture.colour < rule.least_colour:
        text = "the photo is greyscale or infrared: colour cameras compare with it less well"
        found.append(_finding("greyscale", False, text, texture.colour, rule.least_colour))
    return found


def _cover(quality: Quality, texture: Texture, rule: GateRule) -> list[Finding]:
    """Hints only: five points cannot see a mask or dark glasses, but texture often can."""
    found = []
    if quality.detector_score < rule.good_detector_score:
        text = f"the face is hard to make out: detector score {quality.detector_score:.2f}"
        limit = rule.good_detector_score
        found.append(_finding("unclear", False, text, quality.detector_score, limit))
    eyes, mouth = texture.eyes, texture.mouth
    if eyes < rule.covered_ratio * mouth or mouth < rule.covered_ratio * eyes:
        part = "eyes" if eyes < mouth else "mouth"
        ratio = min(eyes, mouth) / max(eyes, mouth, 1e-6)
        text = f"something may cover the {part} (texture {ratio:.2f} of the other half's)"
        found.append(_finding("covered", False, text, ratio, rule.covered_ratio))
    return found


def _resemblance(resemblance: Resemblance, rule: GateRule) -> list[Finding]:
    found = []
    if resemblance.same_file_entry_id is not None:
        text = "another entry has this very file"
        found.append(
            Finding("same-file", Weight.AGAINST, text, other_id=resemblance.same_file_entry_id)
        )
    if (own := resemblance.own) is not None:
        if own >= rule.same_photo_similarity:
            text = f"nearly the same picture as another photo of the entry: score {own:.3f}"
            found.append(_finding("same-picture", False, text, own, rule.same_photo_similarity))
        elif own < rule.good_own_similarity:
            unlike = own < rule.least_own_similarity
            limit = rule.least_own_similarity if unlike else rule.good_own_similarity
            text = f"unlike the entry's other photos: best score {own:.3f}, {limit:g} up"
            found.append(_finding("unlike", unlike, text, own, limit))
    near = resemblance.nearest
    if near is not None and near.score >= rule.look_alike_similarity:
        text = f"looks like another person on a list: score {near.score:.3f}"
        limit = rule.look_alike_similarity
        found.append(_finding("look-alike", False, text, near.score, limit, near.entry_id))
    return found
