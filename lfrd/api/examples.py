"""What a request looks like: an example of each body that people write by hand."""

from typing import Any

from lfrd.wire import deployments
from lfrd.wire.alerts import EngagementReport, ReviewSubmit
from lfrd.wire.audit import AuditExportStart
from lfrd.wire.base import Wire
from lfrd.wire.cameras import CameraChange, CameraCreate, CameraTest
from lfrd.wire.lists import EntryChange, EntryCreate, WatchlistChange, WatchlistCreate
from lfrd.wire.people import TokenCreate, TrainingRecord
from lfrd.wire.subjects import SubjectLookup

EXAMPLES: dict[type[Wire], dict[str, Any]] = {
    CameraCreate: {
        "id": "entrance", "address": "rtsp://user@192.0.2.10/stream", "name": "Main entrance",
    },
    CameraChange: {"enabled": False},
    CameraTest: {"seconds": 10},
    WatchlistCreate: {
        "name": "house bans", "category": "excluded", "purpose": "house ban", "owner": "security",
    },
    WatchlistChange: {"purpose": "house ban of 2026"},
    EntryCreate: {"reference": "2026-041", "basis": "ban of 3 May", "source": "incident 12"},
    EntryChange: {"reviewer": "anna", "margin": 0.05},
    ReviewSubmit: {
        "decision": "not_a_match", "reason": "other ears",
        "shown": {"face_px": 240, "reference_px": 240, "seen_s": 6.5},
    },
    EngagementReport: {"kind": "no_action", "engagement_min": 2},
    deployments.DeploymentDraft: {
        "profile": "standard", "purpose": "house bans at the fair", "use_case": "enforce-exclusion",
        "place": "hall 3", "expectation": "two of the banned were seen here last year",
        "documents": ["impact-assessment: DPIA 7", "notice: sign at the door"],
        "watchlist_ids": ["01a20198-0af0-7000-8000-000000000000"], "duration_s": 14400,
    },
    deployments.DeploymentEnd: {"reason": "the fair is over"},
    deployments.ErasureRequest: {
        "kind": "watchlist", "subject_id": "01a20198-0af0-7000-8000-000000000000",
        "reason": "the bans are over",
    },
    deployments.HoldCreate: {
        "kind": "episode", "subject_id": "01a20198-0af0-7000-8000-000000000000",
        "reason": "case 12 of the county court",
    },
    TokenCreate: {"principal": "anna", "role": "operator", "expires_at_s": 1830297600},
    TrainingRecord: {"principal": "anna", "what": "course of May", "valid_until_s": 1830297600},
    SubjectLookup: {"reference": "2026-041", "reason": "a question of the person"},
    AuditExportStart: {"reason": "the yearly check"},
}  # fmt: skip
