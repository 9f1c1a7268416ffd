"""The wire contract of live trials with consenting test subjects."""

from typing import Annotated

from pydantic import Field

from lfrd.wire.base import Line, Wire


class PassageCount(Wire):
    """A test subject passes a camera: now, or at `at_s` (Unix time, may be planned)."""

    camera_id: Line
    entry_id: Line
    at_s: Annotated[float, Field(ge=0)] | None = None
    group: Line | None = None
    """Of the person, as that person gave it."""
    not_compared: bool = False
    """The person passed and no face was compared. Said of a passage that is counted already (the
    same camera, entry and `at_s`) it is noted there."""


class Passage(Wire):
    """A passage as it was counted."""

    id: str
    deployment_id: str
    camera_id: str
    entry_id: str
    at_s: float
    counted_by: str
    reference: str | None = None
    """Of the entry, where passages are listed and it is still there."""
    not_compared: bool = False


class Share(Wire):
    """`k` of `n` passages, with the 95 % interval of the rate behind it."""

    k: int
    n: int
    lo: float
    hi: float


class CameraTrial(Wire):
    """One camera's true positive identification rate. `tpir` has Wilson's interval; `by_subject`
    the one that takes the passages of a person together, null where only one took part.
    `not_compared` are the failures to acquire that were noted: they are misses in `tpir` too."""

    camera_id: str
    subjects: int
    tpir: Share
    by_subject: Share | None
    not_compared: Share
    not_compared_by_subject: Share | None


class GroupTrial(Wire):
    """One group's rates over all cameras, as of a camera. `p_holm` is of Fisher's exact test of
    `tpir` against all others, after Holm."""

    group: str
    subjects: int
    tpir: Share
    by_subject: Share | None
    not_compared: Share
    not_compared_by_subject: Share | None
    p_holm: float


class Trial(Wire):
    """`pending` passages are planned, or so recent that they cannot be judged yet. `groups` are of
    those passages that state one; a ratio of misses below `detectable` would not be noticed (null:
    none would)."""

    deployment_id: str
    window_s: float
    cameras: tuple[CameraTrial, ...]
    groups: tuple[GroupTrial, ...] = ()
    detectable: float | None = None
    pending: int
