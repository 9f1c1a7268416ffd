"""Is there an evaluation report for this very model, threshold and list? Pure.

A report counts for the model whose digest it names, at thresholds between the lowest and the
highest at which its rates were measured. False alerts grow with the list, so a report of a shorter
list than the deployment's says too little, and that is said.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lfrd.store.evaluations import Evaluation


@dataclass(frozen=True, slots=True)
class Standing:
    """`fault`: why no report counts; None where one does, `report_id`. `note`: what is to be known
    about it."""

    fault: str | None = None
    note: str | None = None
    report_id: str | None = None


def standing(
    valid: Sequence[Evaluation], model_digest: str, threshold: float, references: int
) -> Standing:
    """What the registered reports, newest first, say for a deployment. No figure of its threshold
    is in the answer: who reads it may have candidates to decide about."""
    if not valid:
        return Standing("there is no evaluation report (`lfrd evaluate DIR --register`)")
    ours = [item for item in valid if item.model_digest == model_digest]
    if not ours:
        return Standing(
            "the evaluation reports are of other models than the one in use, which was changed: "
            "evaluate it (`lfrd evaluate DIR --register`)"
        )
    fitting = [item for item in ours if item.threshold_low <= threshold <= item.threshold_high]
    if not fitting:
        return Standing(
            "the evaluation reports of this model measured other thresholds than the one that "
            "these lists need: evaluate it with a list like them"
        )
    best = max(fitting, key=lambda item: item.list_size)
    note = (
        f"the evaluation measured a list of {best.list_size:,}, and these lists hold "
        f"{references:,} photos: false alerts grow with the list"
    )
    return Standing(None, note if best.list_size < references else None, best.id)
