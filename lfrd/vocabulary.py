"""Words that the wire contract and the stored rows share, each said once."""

from enum import StrEnum
from typing import Final

SLUG: Final = r"[a-z0-9][a-z0-9-]{0,62}"
"""The form of an id that people choose: of a site, a camera."""
PACK_NAME: Final = r"[a-z0-9][a-z0-9_.-]{0,63}"
"""The form of the name of a model pack."""


class Category(StrEnum):
    """Why a person is on a list: a closed choice, so that it can be counted in public."""

    WANTED = "wanted"
    MISSING = "missing"
    AT_RISK = "at-risk"
    COURT_ORDER = "court-order"
    EXCLUDED = "excluded"
    TEST = "test"


class UseCase(StrEnum):
    """What faces are compared for: a closed choice, so that it can be counted in public."""

    LOCATE_WANTED = "locate-wanted"
    FIND_MISSING = "find-missing"
    PROTECT_AT_RISK = "protect-at-risk"
    ENFORCE_COURT_ORDER = "enforce-court-order"
    ENFORCE_EXCLUSION = "enforce-exclusion"
    TEST = "test"


class DeploymentState(StrEnum):
    DRAFT = "draft"
    AUTHORISED = "authorised"
    RUNNING = "running"
    ENDED = "ended"
    ERASED = "erased"


class Role(StrEnum):
    """What a principal may do; each includes the one before it."""

    OPERATOR = "operator"
    SUPERVISOR = "supervisor"
    ADMIN = "admin"

    def includes(self, other: "Role") -> bool:
        order = tuple(Role)
        return order.index(self) >= order.index(other)


class HoldKind(StrEnum):
    EPISODE = "episode"
    DEPLOYMENT = "deployment"
    PERSON = "person"
    WATCHLIST = "watchlist"


class ErasureKind(StrEnum):
    WATCHLIST = "watchlist"
    ENTRY = "entry"
    PHOTO = "photo"
    PERSON = "person"
    DEPLOYMENT = "deployment"
    EPISODES = "episodes"
    SNAPSHOT = "snapshot"


class Engagement(StrEnum):
    """What was done about a candidate: the one primary outcome."""

    STOPPED = "stopped"
    NO_ACTION = "no_action"
    ARREST = "arrest"
    SAFEGUARDING = "safeguarding"
    OTHER = "other"


class Identity(StrEnum):
    """Who it was that a candidate showed, where it was established on the spot."""

    SAME = "same"
    """The person on the list."""
    OTHER = "other"


class IncidentKind(StrEnum):
    """What went wrong. A closed choice, so that years and sites can be compared."""

    WRONGFUL_STOP = "wrongful-stop"
    WRONGFUL_ARREST = "wrongful-arrest"
    DISCRIMINATION = "discrimination"
    DATA_BREACH = "data-breach"
    MALFUNCTION = "malfunction"
    MISUSE = "misuse"
    COMPLAINT = "complaint"
    OTHER = "other"


class AuditClass(StrEnum):
    """The events that the law wants logged (Data Protection Act 2018, s. 62; EU AI Act, 12(3)),
    and two of our own: who decided what, and who was refused."""

    COLLECTION = "collection"
    ALTERATION = "alteration"
    CONSULTATION = "consultation"
    DISCLOSURE = "disclosure"
    COMBINATION = "combination"
    ERASURE = "erasure"
    PERIOD_OF_USE = "period-of-use"
    DECISION = "decision"
    DENIAL = "denial"


class OutwardKind(StrEnum):
    """What other systems are told. A candidate is one for review: nobody is said to be someone."""

    CANDIDATE = "candidate.for_review"
    DECIDED = "candidate.decided"
    DEPLOYMENT_BEGAN = "deployment.began"
    DEPLOYMENT_ENDED = "deployment.ended"
    CAMERA_LOST = "camera.lost"
    CAMERA_BACK = "camera.back"
    HEALTH = "health.changed"
    TEST = "test"
    """Asked for by an administrator; of nothing that happened."""
