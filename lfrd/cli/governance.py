"""`lfrd deployment | schedule | hold | erasure | evaluation`: what people decide, and the reports
that the start gate relies on."""

import argparse
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from pydantic import ValidationError

from lfrd.cli.dates import moment, shown
from lfrd.cli.names import deployment_of, evaluation_of, hold_of, list_ids, schedule_of, subject_of
from lfrd.cli.terminal import make_sure, warn
from lfrd.client import Client
from lfrd.errors import BadInput, Conflict, UserError
from lfrd.tables import read_file
from lfrd.vocabulary import DeploymentState, HoldKind, UseCase
from lfrd.wire import deployments as wire
from lfrd.wire.base import Wire
from lfrd.wire.evaluations import (
    Evaluation,
    EvaluationReport,
    IndependentTest,
    IndependentTestRecord,
)
from lfrd.wire.lists import Threshold
from lfrd.wire.people import Training, TrainingRecord

HOUR_S = 3600.0
Action = Callable[[Client, argparse.Namespace], Awaitable[Sequence[Wire | str]]]


async def _planned(client: Client, options: argparse.Namespace) -> str:
    """The id of a deployment that has not ended."""
    return await deployment_of(client, options.id, to_come=True)


async def _draft(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    draft = wire.DeploymentDraft(
        profile=options.profile,
        purpose=options.purpose,
        use_case=UseCase(options.use_case),
        place=options.place,
        expectation=options.expect,
        documents=tuple(options.document),
        watchlist_ids=await list_ids(client, options.watchlist),
        duration_s=options.hours * HOUR_S,
        list_size_max=options.list_size_max,
    )
    return [await client.governance.draft(draft)]


async def _gate(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.governance.gate(await _planned(client, options))]


async def _amend(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    lists, hours = options.watchlist, options.hours
    given = {
        "purpose": options.purpose,
        "use_case": options.use_case and UseCase(options.use_case),
        "place": options.place,
        "expectation": options.expect,
        "documents": tuple(options.document) or None,
        "watchlist_ids": await list_ids(client, lists) if lists else None,
        "duration_s": None if hours is None else hours * HOUR_S,
        "list_size_max": options.list_size_max,
    }
    change = wire.DeploymentChange(
        **{name: value for name, value in given.items() if value is not None},
        **({"start_at_s": None} if options.now else {}),
    )
    if not change.model_fields_set:
        raise BadInput("say what is to be changed: `lfrd deployment amend --help`")
    return [await client.governance.amend(await _planned(client, options), change)]


async def _cancel(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    reason = wire.DeploymentEnd(reason=options.reason).reason
    planned = await client.deployment(await _planned(client, options))
    if planned.state is DeploymentState.RUNNING:
        raise Conflict(f"deployment {planned.id} is running: `lfrd deployment end` ends it")
    return [await client.end_deployment(planned.id, reason)]


async def _authorise(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    """The gate first, so that its findings are seen before authority is given."""
    planned = await _planned(client, options)
    warn(row((await client.governance.gate(planned)).printable()) or "")
    return [await client.governance.authorise(planned, _signed(options))]


def _signed(options: argparse.Namespace) -> str | None:
    """The file with an authority from outside, if one was named."""
    if options.authority is None:
        return None
    return read_file(options.authority, AUTHORITY_LIMIT_BYTES).decode("utf-8", "replace")


async def _request_authority(client: Client, options: argparse.Namespace) -> Sequence[Wire | str]:
    until_s = None if options.until is None else moment(options.until)
    chosen = await deployment_of(client, options.id)
    return [(await client.governance.authority_request(chosen, until_s)).text.removesuffix("\n")]


AUTHORITY_LIMIT_BYTES = 100_000
LAB_OPTIONS = ("profile", "watchlist", "purpose", "place")


async def _start(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    """An authorised one, or one of the lab, which is planned by the same command."""
    given = [f"--{name}" for name in (*LAB_OPTIONS, "hours") if getattr(options, name) is not None]
    if options.id is not None:
        if given:
            raise BadInput(f"{given[0]} is for the lab: an authorised deployment has its plan")
        planned, team = await _planned(client, options), options.street_team
        return [await client.governance.start(planned, options.urgent, street_team=team)]
    missing = [f"--{name}" for name in LAB_OPTIONS if f"--{name}" not in given]
    if missing:
        raise BadInput(
            f"name the authorised deployment, or for one of the lab give also {', '.join(missing)}"
        )
    if options.urgent is not None:
        raise BadInput("--urgent starts a draft: name it")
    return [await _start_lab(client, options)]


async def _start_lab(client: Client, options: argparse.Namespace) -> wire.Deployment:
    names = ", ".join(options.watchlist)
    make_sure(
        options,
        f"A deployment of the lab erases its watchlists ({names}) when the daemon on "
        f"{client.place} stops.",
    )
    start = wire.DeploymentStart(
        profile=options.profile,
        purpose=options.purpose,
        place=options.place,
        watchlist_ids=await list_ids(client, options.watchlist),
        duration_s=(1.0 if options.hours is None else options.hours) * HOUR_S,
    )
    return await client.start_deployment(start)


async def _ratify(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    chosen = await deployment_of(client, options.id)
    return [await client.governance.ratify(chosen, _signed(options))]


async def _extend(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    if (options.hours is None) == (options.until is None):
        raise BadInput("say until when: --hours H from now, or --until DATE")
    given, signed = options.until, _signed(options)
    until_s = moment(given) if given is not None else time.time() + options.hours * HOUR_S
    return [await client.governance.extend(await _planned(client, options), until_s, signed)]


async def _present(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.governance.present(street_team=options.street_team)]


async def _lapse(client: Client, options: argparse.Namespace) -> Sequence[Wire | str]:
    chosen = await deployment_of(client, options.id)
    done = await client.governance.lapse(chosen, options.reason)
    return [f"closed undecided: {done.closed}"]


async def _show(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.deployment(await deployment_of(client, options.id))]


async def _thresholds(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return await client.thresholds(await deployment_of(client, options.id))


async def _schedule_add(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    new = wire.ScheduleCreate(
        profile=options.profile,
        purpose=options.purpose,
        use_case=UseCase(options.use_case),
        place=options.place,
        expectation=options.expect,
        documents=tuple(options.document),
        watchlist_ids=await list_ids(client, options.watchlist),
        windows=tuple(_window(text) for text in options.window),
        timezone=options.timezone,
        expires_at_s=time.time() + options.days * 24 * HOUR_S,
        list_size_max=options.list_size_max,
    )
    return [await client.governance.add_schedule(new)]


def _window(text: str) -> wire.Window:
    """`monday 09:00 8`: day, start, hours."""
    try:
        day, start, long_h = text.split()
        hours = float(long_h)
    except ValueError:
        raise BadInput(f'a window is "DAY HH:MM HOURS", not {text!r}') from None
    return wire.Window.model_validate({"day": day, "start": start, "hours": hours})


async def _schedule_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.governance.schedules()


async def _schedule_authorise(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.governance.authorise_schedule(await schedule_of(client, options.id))]


async def _schedule_revoke(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.governance.revoke_schedule(await schedule_of(client, options.id))]


async def _hold_ask(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    new = wire.HoldCreate(kind=HoldKind(options.kind), subject_id=options.id, reason=options.reason)
    subject_id = await subject_of(client, options.kind, options.id)
    return [await client.governance.ask_hold(new.model_copy(update={"subject_id": subject_id}))]


async def _hold_confirm(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    return [await client.governance.confirm_hold(await hold_of(client, options.id))]


async def _hold_release(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    reason = wire.Reason(reason=options.reason).reason
    return [await client.governance.release_hold(await hold_of(client, options.id), reason)]


async def _hold_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.governance.holds()


async def _erase(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    request = wire.ErasureRequest(kind=options.kind, subject_id=options.id, reason=options.reason)
    subject_id = await subject_of(client, options.kind, options.id)
    known = "" if subject_id == options.id else f" ({subject_id})"
    make_sure(
        options,
        f"The {options.kind} {options.id}{known} is erased by the daemon on {client.place}.",
    )
    return [await client.governance.erase(request.model_copy(update={"subject_id": subject_id}))]


async def _training_add(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    until_s = moment(options.until)
    new = TrainingRecord(principal=options.person, what=options.what, valid_until_s=until_s)
    return [await client.governance.record_training(new)]


async def _training_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.governance.trainings()


async def _erasure_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.governance.erasures()


async def _evaluation_tested(client: Client, options: argparse.Namespace) -> Sequence[Wire | str]:
    if options.by is None:
        return [*await client.governance.independent_tests()] or ["no test is recorded"]
    if options.on is None or options.reference is None:
        raise BadInput("say when (--on DATE), and where it can be read (--reference TEXT)")
    test = IndependentTestRecord(
        tested_by=options.by, tested_at_s=moment(options.on), reference=options.reference
    )
    return [await client.governance.record_independent_test(test)]


async def _evaluation_add(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
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


async def _evaluation_list(client: Client, _: argparse.Namespace) -> Sequence[Wire]:
    return await client.governance.evaluations()


async def _evaluation_withdraw(client: Client, options: argparse.Namespace) -> Sequence[Wire]:
    reason = wire.Reason(reason=options.reason).reason
    chosen = await evaluation_of(client, options.id)
    return [await client.governance.withdraw_evaluation(chosen, reason)]


ACTIONS: dict[tuple[str, str], Action] = {
    ("deployment", "draft"): _draft,
    ("deployment", "gate"): _gate,
    ("deployment", "amend"): _amend,
    ("deployment", "cancel"): _cancel,
    ("deployment", "authorise"): _authorise,
    ("deployment", "start"): _start,
    ("deployment", "ratify"): _ratify,
    ("deployment", "request-authority"): _request_authority,
    ("deployment", "extend"): _extend,
    ("deployment", "present"): _present,
    ("deployment", "lapse"): _lapse,
    ("deployment", "show"): _show,
    ("deployment", "thresholds"): _thresholds,
    ("schedule", "add"): _schedule_add,
    ("schedule", "list"): _schedule_list,
    ("schedule", "authorise"): _schedule_authorise,
    ("schedule", "revoke"): _schedule_revoke,
    ("hold", "ask"): _hold_ask,
    ("hold", "confirm"): _hold_confirm,
    ("hold", "release"): _hold_release,
    ("hold", "list"): _hold_list,
    ("erasure", "erase"): _erase,
    ("erasure", "list"): _erasure_list,
    ("training", "add"): _training_add,
    ("training", "list"): _training_list,
    ("evaluation", "add"): _evaluation_add,
    ("evaluation", "tested"): _evaluation_tested,
    ("evaluation", "list"): _evaluation_list,
    ("evaluation", "withdraw"): _evaluation_withdraw,
}


def row(item: Wire) -> str | None:
    """One of our things for people; None for what is not ours."""
    if isinstance(item, wire.GateVerdict):
        lines = [f"missing  {found.text}" for found in item.missing]
        lines += [f"note     {found.text}" for found in item.warnings]
        lines = lines or ["nothing is missing: it may start"]
        return "\n".join([*lines, *(f"erases   {found.text}" for found in item.erases)])
    if isinstance(item, Threshold):
        since = "" if item.at_s is None else f"{shown(item.at_s)}  "
        value = "held back" if item.threshold is None else f"{item.threshold:.4f}"
        return f"{since}{value}  one false alert in {item.one_in:,.0f}, {item.references} photos"
    if isinstance(item, wire.Erasure):
        return receipt_text(item)
    if isinstance(item, wire.Hold):
        released, confirmed = item.released_by is not None, item.confirmed_by is not None
        state = "released" if released else "in force" if confirmed else "asked for"
        return f"{item.id}  {state:9} {item.kind} {_named(item)}: {item.reason}"
    if isinstance(item, Training):
        until = shown(item.valid_until_s)
        return f"{item.principal:24} until {until}: {item.what} ({item.recorded_by})"
    if isinstance(item, Evaluation):
        return _evaluation_row(item)
    if isinstance(item, IndependentTest):
        day = datetime.fromtimestamp(item.tested_at_s, UTC).date()
        return (
            f"{item.id}  model {item.model_digest[:12]} tested by {item.tested_by}, {day}: "
            f"{item.reference} (recorded by {item.recorded_by})"
        )
    return None


def receipt_text(item: wire.Erasure) -> str:
    """What was erased, and who asked for it."""
    state = "erased" if item.done_at_s is not None else "under way"
    return (
        f"{item.id}  {state:9} {item.kind} {_named(item)}: {item.entries} entries, "
        f"{item.images} photos, {item.templates} templates, {item.episodes} episodes; asked by "
        f"{item.asked_by}: {item.reason}"
    )


def _named(item: wire.Hold | wire.Erasure) -> str:
    """What it is about: by its name where it has one, and else by its id."""
    return item.subject_id if item.subject is None else f"{item.subject} ({item.subject_id})"


def _evaluation_row(item: Evaluation) -> str:
    """One registered report for people."""
    report = item.report
    state = "withdrawn" if item.withdrawn_by else "in use" if item.in_use else "other model"
    day = datetime.fromtimestamp(report.evaluated_at_s, UTC).date()
    return (
        f"{item.id}  {state:11} {report.pack} {report.model_digest[:12]}  {day}  list of "
        f"{report.list_size}, threshold {report.threshold:.3f}: FPIR {report.fpir.k} of "
        f"{report.fpir.n}, FNIR {report.fnir.k} of {report.fnir.n}"
    )
