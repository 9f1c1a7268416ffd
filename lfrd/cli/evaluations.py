"""`lfrd evaluation add | list | withdraw`: the reports that the start gate relies on."""

import argparse
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from lfrd.cli.names import evaluation_of
from lfrd.client import Client
from lfrd.errors import BadInput, UserError
from lfrd.wire.base import Wire
from lfrd.wire.deployments import Reason
from lfrd.wire.evaluations import Evaluation, EvaluationReport


async def _add(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    try:
        report = EvaluationReport.model_validate_json(options.file.read_bytes())
    except OSError as error:
        raise UserError(f"the report {options.file} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise BadInput(
            f"{options.file} is no report of `lfrd evaluate --out`: {place}: {first['msg']}"
        ) from None
    return [await client.governance.add_evaluation(report)]


async def _list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.governance.evaluations()


async def _withdraw(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    reason = Reason(reason=options.reason).reason
    chosen = await evaluation_of(client, options.id)
    return [await client.governance.withdraw_evaluation(chosen, reason)]


ACTIONS: dict[
    tuple[str, str], Callable[[Client, argparse.Namespace], Awaitable[Sequence[Wire]]]
] = {
    ("evaluation", "add"): _add,
    ("evaluation", "list"): _list,
    ("evaluation", "withdraw"): _withdraw,
}


def row(item: Evaluation) -> str:
    """One registered report for people."""
    report = item.report
    state = "withdrawn" if item.withdrawn_by else "in use" if item.in_use else "other model"
    day = datetime.fromtimestamp(report.evaluated_at_s, UTC).date()
    return (
        f"{item.id}  {state:11} {report.pack} {report.model_digest[:12]}  {day}  list of "
        f"{report.list_size}, threshold {report.threshold:.3f}: FPIR {report.fpir.k} of "
        f"{report.fpir.n}, FNIR {report.fnir.k} of {report.fnir.n}"
    )
