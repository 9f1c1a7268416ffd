"""How much more often somebody of the worst-off group is taken for another than the curve says.

False match rates differ between groups of people by 10 to 100 times (NIST IR 8280), and nobody
knows who passes. So a factor of 10 stands in every derived threshold, until a site has measured
people of its own by group. Then it is

    max over the groups of (upper 95 % bound of the group's FPIR) / FPIR promised to that evaluation

and never less than 1. The bound, and not the rate: a small group lowers nothing. It is measured at
the evaluation's own, larger rate, and taken to hold at the deployment's.
"""

import json
from collections.abc import Sequence

from lfrd.stats import clopper_pearson
from lfrd.store.evaluations import Evaluation

GROUPS_LEAST = 2


def demographic_factor(valid: Sequence[Evaluation], otherwise: float) -> float:
    """The factor of the newest labelled report among these (newest first), else `otherwise`."""
    for row in valid:
        found = factor_of(row.report)
        if found is not None:
            return found
    return otherwise


def factor_of(report: str) -> float | None:
    """The factor that a report measured; None for one without labels."""
    kept = json.loads(report)
    bounds = [clopper_pearson(group["fpir"]["k"], group["fpir"]["n"]).hi
              for group in kept["groups"]]  # fmt: skip
    if len(bounds) < GROUPS_LEAST:
        return None
    return max(1.0, max(bounds) / float(kept["target_fpir"]))
