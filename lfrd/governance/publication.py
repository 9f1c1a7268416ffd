"""What the public is told of a deployment: the notice before, the record, the report after."""

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from lfrd.clock import Clock
from lfrd.config import NoticeSection
from lfrd.deployment.runner import DeploymentRunner
from lfrd.errors import Conflict
from lfrd.governance import record, record_pages
from lfrd.governance.profile import LAB
from lfrd.store import deployments as stored
from lfrd.store import tallies
from lfrd.store.audit import AuditClass
from lfrd.store.database import Database
from lfrd.store.deployments import Deployment
from lfrd.store.tallies import Tallies
from lfrd.store.transaction import Reader, Transaction
from lfrd.vocabulary import DeploymentState
from lfrd.wire import record as wire

RENDER: Mapping[str, Callable[[wire.Record], str]] = {
    "json": lambda item: item.model_dump_json(indent=2) + "\n",
    "csv": record_pages.as_csv,
    "html": record_pages.as_html,
}


class Publication:
    """Records and notices of one site. `required` is the number of reviewers for deployments whose
    policy names none."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        runner: DeploymentRunner,
        notice: NoticeSection,
        required: int,
    ) -> None:
        self._database = database
        self._clock = clock
        self._runner = runner
        self._notice = notice
        self._required = required

    async def record(self, deployment_id: str, viewer: str) -> wire.Record:
        """The record as `viewer` may see it. Raises NotFound, Conflict for one that has not begun,
        RecordUnsound."""
        live = self._live(deployment_id)
        return await self._database.read(
            lambda reader: self._record(reader, deployment_id, viewer, live)
        )

    def made(self, reader: Reader, deployment_id: str, viewer: str) -> wire.Record:
        """The same in a transaction that is under way."""
        return self._record(reader, deployment_id, viewer, self._live(deployment_id))

    async def export(self, deployment_id: str, form: str, *, principal: str) -> str:
        """The record as a text to be published. That it left, and its digest, is logged."""

        live = self._live(deployment_id)

        def write(tx: Transaction) -> str:
            text = RENDER[form](self._record(tx, deployment_id, tx.principal, live))
            digest = hashlib.sha256(text.encode()).hexdigest()
            facts = {"format": form, "sha256": digest, "deployment": deployment_id}
            tx.audit(AuditClass.DISCLOSURE, "record.export", (deployment_id,), facts)
            return text

        return await self._database.write(write, principal=principal)

    async def notice(self, deployment_id: str, viewer: str) -> wire.Notice:
        """What the sign says, and after the end what came of it. Raises NotFound, and Conflict
        where the site's configuration does not say who is responsible."""
        site = self._notice
        missing = [key for key in ("responsible", "contact") if not getattr(site, key)]
        if missing:
            raise Conflict(
                f"a sign names who is responsible and how to object: set {' and '.join(missing)} "
                "under [notice] in the configuration"
            )

        def read(reader: Reader) -> wire.Notice:
            row = stored.get(reader, deployment_id)
            over = row.state in record.OVER and row.started_at_s is not None
            closing = self._record(reader, deployment_id, viewer, None) if over else None
            return notice_of(row, site, closing)

        return await self._database.read(read)

    def _live(self, deployment_id: str) -> Tallies | None:
        """What the running deployment counted until now; the store is up to a minute behind."""
        running = self._runner.running
        is_it = running is not None and running.deployment.id == deployment_id
        return running.tallies() if running and is_it else None

    def _record(
        self, reader: Reader, deployment_id: str, viewer: str, live: Tallies | None
    ) -> wire.Record:
        row = stored.get(reader, deployment_id)
        kept = stored.kept_record(reader, deployment_id)
        if kept is not None:
            return record.check(wire.Record.model_validate_json(kept))
        made = record.make(
            reader,
            row,
            live or tallies.of(reader, deployment_id),
            viewer=viewer,
            required=self._required,
            now_s=self._clock.wall_s(),
        )
        return record.check(made)


def notice_of(row: Deployment, site: NoticeSection, closing: wire.Record | None) -> wire.Notice:
    """The notice of a deployment. Pure."""
    begin_s = row.started_at_s or row.planned_start_at_s
    end_s = row.ended_at_s or row.planned_end_at_s
    times = f"{_moment(begin_s)} to {_moment(end_s)}"
    lab = row.profile == LAB
    lines = [
        "LAB: for consenting people only." if lab else "Live facial recognition is in use here.",
        f"Where: {row.place}",
        f"When: {times}",
        f"What for: {row.purpose}",
        "Faces that pass are compared with a list of people who are looked for. Whoever is not on "
        "it is forgotten at once; nothing of them is kept.",
        f"Who is responsible: {site.responsible}",
        f"Questions, your rights, objections: {site.contact}",
        *([f"More: {site.url}"] if site.url else []),
    ]
    if row.state is DeploymentState.DRAFT:
        lines.insert(0, "DRAFT: this deployment is not authorised.")
    return wire.Notice(
        deployment_id=row.id,
        lab=lab,
        place=row.place,
        purpose=row.purpose,
        use_case=row.use_case,
        start_at_s=begin_s,
        end_at_s=end_s,
        responsible=site.responsible,
        contact=site.contact,
        url=site.url,
        lines=tuple(lines),
        code=site.url or site.contact,
        closing=record_pages.closing_text(closing) if closing else None,
    )


def _moment(at_s: float | None) -> str:
    return "not set" if at_s is None else f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%d %H:%M} UTC"
