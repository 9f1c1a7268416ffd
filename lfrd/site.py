"""The parts of one running site that the API's routes call: a table of contents, no behaviour.

Each part owns its own rules; a route only translates between the wire and one call here. Every
changing call takes the principal who asked for it.
"""

from dataclasses import dataclass

from lfrd.cameras.check import CameraCheck
from lfrd.cameras.fleet import Fleet
from lfrd.clock import Clock
from lfrd.config import Config
from lfrd.counters import Measures
from lfrd.evaluate.trials import Trials
from lfrd.events import EventBus
from lfrd.governance.absences import Absences
from lfrd.governance.audit import AuditLog
from lfrd.governance.denials import Denials
from lfrd.governance.deployments import DeploymentService
from lfrd.governance.episodes import Episodes
from lfrd.governance.erasure import Eraser
from lfrd.governance.evaluations import Evaluations
from lfrd.governance.holds import Holds
from lfrd.governance.publication import Publication
from lfrd.governance.retention import Retention
from lfrd.governance.reviews import Reviews
from lfrd.governance.schedules import Schedules
from lfrd.governance.subjects import Subjects
from lfrd.governance.trainings import Trainings
from lfrd.governance.yearly import Yearly
from lfrd.health import HealthBoard
from lfrd.lists.bulk_import import BulkImport
from lfrd.lists.expiry import Expiry
from lfrd.lists.model_change import ModelChange
from lfrd.lists.photos import Photos
from lfrd.lists.watchlists import Watchlists
from lfrd.matching.live_search import LiveGallery
from lfrd.matching.thresholds import Thresholds
from lfrd.outward.outbox import Outbox
from lfrd.reload import Reload
from lfrd.store.database import Database
from lfrd.vision.engine import Vision


@dataclass(frozen=True, slots=True)
class Site:
    """Everything a request may reach."""

    config: Config
    clock: Clock
    started_at_s: float
    database: Database
    bus: EventBus
    health: HealthBoard
    vision: Vision
    pack: str
    """The model pack in use: the configured one, or the one that was switched to."""
    gallery: LiveGallery
    fleet: Fleet
    camera_check: CameraCheck
    watchlists: Watchlists
    photos: Photos
    imports: BulkImport
    models: ModelChange
    thresholds: Thresholds
    expiry: Expiry
    deployments: DeploymentService
    schedules: Schedules
    eraser: Eraser
    holds: Holds
    retention: Retention
    episodes: Episodes
    reviews: Reviews
    evaluations: Evaluations
    trials: Trials
    denials: Denials
    publication: Publication
    subjects: Subjects
    trainings: Trainings
    audit: AuditLog
    outbox: Outbox
    reload: Reload
    absences: Absences
    measures: Measures

    @property
    def yearly(self) -> Yearly:
        """Incidents, and the use in a year."""
        return Yearly(self.database, self.clock, self.publication, self.config.site.node)
