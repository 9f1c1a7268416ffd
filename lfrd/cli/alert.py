"""`lfrd alert list | show | replay | reviewers`."""

import argparse
from pathlib import Path

from lfrd.cli.names import alert_of, deployment_of
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import say
from lfrd.client import Client
from lfrd.wire.alerts import Alert, AlertState, Replay, ReviewerFigures


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Carry out one action; a replay that does not agree exits with 1."""
    async with Client.over_socket(socket, token_of(options)) as client:
        if options.action == "list":
            state = AlertState(options.state) if options.state else None
            for alert in await client.alerts(state=state, limit=options.limit):
                say(alert.model_dump_json() if options.json else _row(alert.printable()))
        elif options.action == "show":
            alert = await client.alert(await alert_of(client, options.id))
            say(alert.model_dump_json(indent=None if options.json else 2))
        elif options.action == "reviewers":
            chosen = options.deployment and await deployment_of(client, options.deployment)
            for figures in await client.reviewers(chosen):
                say(figures.model_dump_json() if options.json else _figures(figures.printable()))
        else:
            replay = await client.replay(await alert_of(client, options.id))
            say(replay.model_dump_json() if options.json else _told(replay.printable()))
            return 0 if _agrees(replay) else 1
    return 0


def _agrees(replay: Replay) -> bool:
    """A lower score of the kept photo is no fault where the entry has others."""
    lower = replay.crop_recorded is None or replay.crop_score <= replay.crop_recorded + 1e-3
    return replay.as_logged and replay.raised and replay.fused_agrees is not False and lower


def _row(alert: Alert) -> str:
    mine = alert.my_review.decision.value if alert.my_review else "-"
    waiting = "  waits for a supervisor" if alert.escalated else ""
    return f"{alert.id}  {alert.state.value:6} {alert.camera_id:16} {mine:12}{waiting}"


def _figures(item: ReviewerFigures) -> str:
    agreed = f"{item.agreed} of {item.compared}" if item.compared else "nobody to compare with"
    median = (
        "no candidate" if item.median_s is None else f"median {item.median_s:.0f} s after the alert"
    )
    return (
        f"{item.principal:24} match {item.matches}, not a match {item.not_matches}, unsure "
        f"{item.unsure}; as the others: {agreed}; {median}; {_decoys(item)}"
    )


def _decoys(item: ReviewerFigures) -> str:
    """The hit rate is of few decoys: it never goes without its interval."""
    lo, hi = item.decoys_right_lo, item.decoys_right_hi
    if not item.decoys_shown or lo is None or hi is None:
        return "no decoys"
    share = f"{100 * lo:.0f} to {100 * hi:.0f} %"
    return f"decoys right: {item.decoys_right} of {item.decoys_shown} ({share})"


def _told(replay: Replay) -> str:
    known = {True: "agrees", False: "differs", None: "not recorded"}
    crop = known[replay.crop_agrees]
    if replay.crop_agrees is False and replay.crop_score < (replay.crop_recorded or 0.0):
        crop = f"another photo of the entry was nearer: {replay.crop_recorded:.4f}"
    fused = "none" if replay.fused_score is None else f"{replay.fused_score:.4f}"
    return "\n".join(
        (
            f"model      {replay.recogniser_digest}",
            f"pictures   {'as logged' if replay.as_logged else 'NOT the ones in the log'}",
            f"this look  {replay.crop_score:.4f}  {crop}",
            f"all looks  {fused}  {known[replay.fused_agrees]}",
            f"threshold  {replay.threshold:.4f}  {'reached' if replay.raised else 'NOT reached'}",
        )
    )
