"""Every threshold a deployment had, and what it was derived from. It only ever rises."""

from dataclasses import dataclass, replace
from math import inf, nextafter
from typing import ClassVar

from lfrd.events import EventKind
from lfrd.store.audit import AuditClass, number
from lfrd.store.transaction import Reader, Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdRow:
    """See lfrd.matching.threshold.Derived for the meaning of the numbers."""

    TABLE: ClassVar[str] = "deployment_threshold"

    deployment_id: str
    at_s: float
    threshold: float
    reference_count: int
    looks: int
    looks_effective: float
    demographic_factor: float
    fpir: float
    fpir_low: float
    fpir_high: float
    extrapolated: bool
    principal: str


def note(tx: Transaction, row: ThresholdRow) -> None:
    """Write a threshold into the deployment's history and into its row.

    Two within one tick of the clock keep their order: the later one gets the next moment there is.
    """
    last_s = tx.value(
        "SELECT max(at_s) FROM deployment_threshold WHERE deployment_id = ?", (row.deployment_id,)
    )
    if isinstance(last_s, float) and row.at_s <= last_s:
        row = replace(row, at_s=nextafter(last_s, inf))
    tx.insert(row)
    tx.execute(
        "UPDATE deployment SET threshold = max(threshold, ?) WHERE id = ?",
        (row.threshold, row.deployment_id),
    )
    tx.audit(
        AuditClass.ALTERATION,
        "deployment.threshold",
        (row.deployment_id,),
        {
            "deployment": row.deployment_id,
            "threshold": number(row.threshold),
            "references": row.reference_count,
            "false_alert_rate": number(row.fpir),
            "false_alert_rate_lo": number(row.fpir_low),
            "false_alert_rate_hi": number(row.fpir_high),
            "extrapolated": row.extrapolated,
        },
    )
    tx.event(EventKind.DEPLOYMENT_CHANGED, row.deployment_id)


def history(reader: Reader, deployment_id: str) -> list[ThresholdRow]:
    """The thresholds of a deployment, the first one first."""
    return reader.find(ThresholdRow, "WHERE deployment_id = ? ORDER BY at_s", (deployment_id,))
