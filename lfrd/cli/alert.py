"""`lfrd alert`: list and show alerts, and what is done about one."""

import argparse
from collections.abc import Awaitable, Callable
from pathlib import Path

from lfrd.cli.dates import moment, shown
from lfrd.cli.names import alert_of, deployment_of, entry_of, list_of
from lfrd.cli.outputs import write_private_bytes
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import note, say
from lfrd.client import AlertFilter, Client
from lfrd.vocabulary import Engagement, Identity
from lfrd.wire.alerts import (
    Alert,
    AlertState,
    EngagementReport,
    Mine,
    Replay,
    ReviewDecision,
    ReviewerFigures,
    ReviewSubmit,
    Shown,
)

PAGE = 200
"""Alerts that the daemon gives at once."""


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Carry out one action; a replay that does not agree exits with 1."""
    async with Client.over_socket(socket, token_of(options)) as client:
        return await _ACTIONS[options.action](client, options)


async def _list(client: Client, options: argparse.Namespace) -> int:
    wanted = AlertFilter(
        state=AlertState(options.state) if options.state else None,
        mine=Mine(options.mine) if options.mine else None,
        deployment_id=options.deployment and await deployment_of(client, options.deployment),
        camera_id=options.camera,
        watchlist_id=options.list and (await list_of(client, options.list)).id,
        entry_id=options.entry and (await entry_of(client, options.entry))[1].id,
        since_s=options.since and moment(options.since),
        until_s=options.until and moment(options.until),
    )
    left, following = options.limit, None
    while True:
        limit = PAGE if options.all else min(left, PAGE)
        page = await client.alerts_page(wanted, limit=limit, after=following)
        for alert in page.items:
            say(alert.model_dump_json() if options.json else _row(alert.printable()))
        left, following = left - len(page.items), page.next
        if following is None:
            return 0
        if not options.all and left <= 0:
            note("there are older ones: --limit N, or --all")
            return 0


async def _show(client: Client, options: argparse.Namespace) -> int:
    alert = await client.alert(await alert_of(client, options.id))
    say(alert.model_dump_json(indent=None if options.json else 2))
    return 0


async def _reviewers(client: Client, options: argparse.Namespace) -> int:
    chosen = options.deployment and await deployment_of(client, options.deployment)
    for figures in await client.reviewers(chosen):
        say(figures.model_dump_json() if options.json else _figures(figures.printable()))
    return 0


async def _replay(client: Client, options: argparse.Namespace) -> int:
    replay = await client.replay(await alert_of(client, options.id))
    say(replay.model_dump_json() if options.json else _told(replay.printable()))
    return 0 if _agrees(replay) else 1


async def _image(client: Client, options: argparse.Namespace) -> int:
    alert_id = await alert_of(client, options.id)
    if options.rival:
        picture = await client.rival_image(alert_id, options.rival)
    elif options.which == "scene":
        picture = await client.scene(alert_id)
    else:
        picture = await client.alert_image(alert_id, options.which)
    write_private_bytes(options.file, picture)
    return 0


async def _review(client: Client, options: argparse.Namespace) -> int:
    decided = ReviewSubmit(
        decision=ReviewDecision(options.decision),
        reason=options.reason,
        shown=Shown(
            face_px=options.face_px, reference_px=options.reference_px, seen_s=options.seen_s
        ),
    )
    alert = await client.submit_review(await alert_of(client, options.id), decided)
    return _said(options, alert, "it can be taken back for 10 s")


async def _undo(client: Client, options: argparse.Namespace) -> int:
    return _said(options, await client.undo_review(await alert_of(client, options.id)))


async def _final(client: Client, options: argparse.Namespace) -> int:
    return _said(options, await client.finish_review(await alert_of(client, options.id)))


async def _engagement(client: Client, options: argparse.Namespace) -> int:
    report = EngagementReport(
        kind=Engagement(options.kind),
        engagement_min=options.minutes,
        complaint=options.complaint,
        note=options.note,
        identity=Identity(options.identity) if options.identity else None,
        group=options.group,
    )
    return _said(
        options, await client.report_engagement(await alert_of(client, options.id), report)
    )


def _said(options: argparse.Namespace, alert: Alert, also: str = "") -> int:
    say(alert.model_dump_json() if options.json else _row(alert.printable()))
    if also:
        note(also)
    return 0


_ACTIONS: dict[str, Callable[[Client, argparse.Namespace], Awaitable[int]]] = {
    "list": _list,
    "show": _show,
    "reviewers": _reviewers,
    "replay": _replay,
    "image": _image,
    "review": _review,
    "undo": _undo,
    "final": _final,
    "engagement": _engagement,
}


def _agrees(replay: Replay) -> bool:
    """A lower score of the kept photo is no fault where the entry has others."""
    lower = replay.crop_recorded is None or replay.crop_score <= replay.crop_recorded + 1e-3
    return replay.as_logged and replay.raised and replay.fused_agrees is not False and lower


def _row(alert: Alert) -> str:
    mine = alert.my_review.decision.value if alert.my_review else "-"
    waiting = "  waits for a supervisor" if alert.escalated else ""
    raised = shown(alert.raised_at_s, to_the_second=True)
    who = alert.erased or f"{alert.watchlist_name}/{alert.reference}"
    return (
        f"{alert.id}  {raised}  {alert.state.value:6} {alert.camera_id:16} {mine:12} {who}{waiting}"
    )


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
