"""`lfrd trial`: passages of consenting test subjects, counted live, and what came of them."""

import argparse
from pathlib import Path

from lfrd.cli.dates import shown
from lfrd.cli.names import Choice, choose, deployment_of, list_of
from lfrd.cli.terminal import note
from lfrd.client import Client
from lfrd.errors import BadInput, NotFound
from lfrd.tables import open_table, parse_date
from lfrd.wire.base import Wire
from lfrd.wire.trials import CameraTrial, GroupTrial, Passage, PassageCount, Trial

COLUMNS = ("reference", "camera", "at")
LAST = "last"


async def run(client: Client, options: argparse.Namespace) -> list[Wire | str]:
    """One of count, plan, passages, undo, report."""
    if options.trial == "count":
        entries = await _entries(client, options.list)
        entry_id = _known(entries, options.reference)
        new = PassageCount(
            camera_id=options.camera, entry_id=entry_id, group=options.group,
            not_compared=options.not_compared,
        )  # fmt: skip
        return [_named(await client.count_passage(new), options.reference)]
    if options.trial == "plan" and options.power:
        return [power_text(options)]
    if options.trial == "plan":
        if options.table is None or options.list is None:
            raise BadInput("name the table, and the list with --list; or --power")
        return [*await _plan(client, options.list, options.table)]
    if options.trial == "passages":
        found = await client.passages(await deployment_of(client, options.deployment))
        return [*found] or ["no passage was counted"]
    if options.trial == "undo":
        passage = await _counted(client, options.deployment, options.passage)
        await client.take_passage_back(passage.id)
        return [f"taken back: {passage_text(passage)}"]
    return [await client.trial(await deployment_of(client, options.deployment), options.window)]


async def _plan(client: Client, name: str, table: Path) -> list[Passage]:
    """Count every passage of a schedule, which is checked as a whole before the first is."""
    entries = await _entries(client, name)
    wanted = [
        PassageCount(
            camera_id=camera,
            entry_id=_known(entries, reference),
            at_s=at_s,
            group=group,
            not_compared=missed,
        )
        for reference, camera, at_s, group, missed in read_plan(table)
    ]
    names = {entry_id: reference for reference, entry_id in entries.items()}
    return [_named(await client.count_passage(new), names[new.entry_id]) for new in wanted]


def _named(passage: Passage, reference: str) -> Passage:
    """With its reference, which the daemon adds where passages are listed only."""
    return passage.model_copy(update={"reference": reference})


def power_text(options: argparse.Namespace) -> str:
    """How many volunteers a trial by group needs. Raises BadInput."""
    from lfrd.stats import needed_for_difference, needed_for_interval, people_for  # needs numpy

    groups, passages, like = options.groups, options.passages, options.correlation
    if groups < 1 or passages < 1 or not 0.0 <= like <= 1.0:
        raise BadInput("--groups and --passages are 1 or more, --correlation is from 0 to 1")
    pairs = groups * (groups - 1) // 2
    try:
        wanted = {
            f"an interval of {options.rate:.1%} +- {options.half_width:.1%}":
                needed_for_interval(options.rate, options.half_width),
        }  # fmt: skip
        if pairs:
            wanted[f"finding that {options.rate:.1%} and {options.rate - options.difference:.1%} "
                   f"differ, {pairs} comparison(s), power {options.power_wanted:.0%}"] = (
                needed_for_difference(
                    options.rate, options.rate - options.difference, power=options.power_wanted,
                    comparisons=pairs,
                )
            )  # fmt: skip
    except ValueError as error:
        raise BadInput(str(error)) from None
    lines = []
    for what, opportunities in wanted.items():
        people = people_for(opportunities, passages, like)
        lines.append(
            f"{people} volunteers in each group ({people * groups} in all) for {what}: "
            f"{opportunities} independent passages a group"
        )
    if passages > 1:
        lines.append(f"each passes {passages} times; passages of one person correlate by {like:g}")
    return "\n".join(lines)


def read_plan(table: Path) -> list[tuple[str, str, float, str | None, bool]]:
    """(reference, camera, Unix time, group, whether no face was compared) of each row; the columns
    `group` and `not_compared` (yes, no or nothing) may be left out. Times as 2026-11-30T18:00:00,
    in UTC unless they say otherwise. Raises BadInput, which names the row."""
    found = []
    plan = open_table(table, COLUMNS, others=True)
    for told in plan.notes:
        note(told)
    for line in plan:
        reference, camera = line.cells["reference"], line.cells["camera"]
        try:
            at_s = parse_date(line.cells["at"])
        except BadInput as error:
            raise BadInput(f"{table} {line.place}: {error}") from None
        if not reference or not camera or at_s is None:
            raise BadInput(f"{table} {line.place}: reference, camera or at is missing")
        missed = (line.cells.get("not_compared") or "no").lower()
        if missed not in ("yes", "no"):
            raise BadInput(f"{table} {line.place}: not_compared is yes, no or nothing")
        found.append((reference, camera, at_s, line.cells.get("group") or None, missed == "yes"))
    if not found:
        raise BadInput(f"{table} has no rows")
    return found


async def _entries(client: Client, name: str) -> dict[str, str]:
    """The id of each reference on a list."""
    watchlist = await list_of(client, name)
    return {entry.reference: entry.id for entry in await client.entries(watchlist.id)}


async def _counted(client: Client, deployment: str, given: str) -> Passage:
    """A passage of a deployment: `last` is the one that was counted last (ids rise with the time),
    any other is named by its id or a part of it."""
    found = await client.passages(await deployment_of(client, deployment))
    if given == LAST and found:
        return max(found, key=lambda item: item.id)
    choices = [Choice(item, item.id, (item.id,), passage_text(item)) for item in found]
    return choose("passage", given, choices)


def passage_text(passage: Passage) -> str:
    """A passage in one line."""
    who = passage.reference or f"entry {passage.entry_id}, which is gone"
    return (
        f"{passage.id}  {shown(passage.at_s)}  {who} at {passage.camera_id}, counted by "
        f"{passage.counted_by}{', not compared' if passage.not_compared else ''}"
    )


def _known(entries: dict[str, str], reference: str) -> str:
    if reference not in entries:
        raise NotFound(f"there is no entry {reference} on the list")
    return entries[reference]


def trial_text(trial: Trial) -> str:
    """A line for each camera; no interval is left out, and nothing found is a bound."""
    lines = [
        f"{camera.camera_id}: {camera.tpir.k} of {camera.tpir.n} passages of {camera.subjects} "
        f"people raised within {trial.window_s:g} s, TPIR {camera.tpir.k / camera.tpir.n:.1%} "
        f"(95 % {camera.tpir.lo:.1%} to {camera.tpir.hi:.1%}"
        + (
            f"; a person's passages together {camera.by_subject.lo:.1%} to "
            f"{camera.by_subject.hi:.1%})"
            if camera.by_subject
            else ")"
        )
        for camera in trial.cameras
    ]
    lines += [
        f"group {item.group}: {item.tpir.k} of {item.tpir.n} passages of {item.subjects} people "
        f"raised, TPIR {item.tpir.k / item.tpir.n:.1%} (95 % {item.tpir.lo:.1%} to "
        f"{item.tpir.hi:.1%}"
        + (f"; a person's passages together {item.by_subject.lo:.1%} to {item.by_subject.hi:.1%}"
           if item.by_subject else "")
        + f"); differs from the others: p {item.p_holm:.2g} (Fisher, Holm)"
        for item in trial.groups
    ]  # fmt: skip
    lines += _failures(trial)
    if len(trial.groups) > 1 and trial.detectable is not None:
        lines.append(f"a ratio of misses below {trial.detectable:.1f} would not be noticed")
    elif len(trial.groups) > 1:
        lines.append("so few passages or misses: no difference would be noticed")
    lines += [f"{trial.pending} passages cannot be judged yet"] if trial.pending else []
    return "\n".join(lines or ["no passage was counted"])


def _failures(trial: Trial) -> list[str]:
    """Failures to acquire by camera and group; that none was noted is no rate of 0."""
    of: list[tuple[str, CameraTrial | GroupTrial]] = [
        *((camera.camera_id, camera) for camera in trial.cameras),
        *((f"group {item.group}", item) for item in trial.groups),
    ]
    if of and not any(item.not_compared.k for _, item in of):
        return ["nobody noted a passage in which no face was compared"]
    return [
        f"{name}: {failed.k} of {failed.n} passages not compared, failure to acquire "
        f"{failed.k / failed.n:.1%} (95 % {failed.lo:.1%} to {failed.hi:.1%}"
        + (f"; a person's passages together {both.lo:.1%} to {both.hi:.1%})" if both else ")")
        for name, failed, both in (
            (name, item.not_compared, item.not_compared_by_subject) for name, item in of
        )
    ]  # fmt: skip
