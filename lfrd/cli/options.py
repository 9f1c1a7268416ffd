"""The words of the commands that ask a daemon, of lists and models: options, and their help.

What a command does is elsewhere, and is imported when it is called: this file is read whenever
anything is parsed, and needs nothing but `argparse`.
"""

import argparse
from pathlib import Path

from lfrd.cli.actions import DEPLOYMENT, ENTRY, Add, actions_of, asks_daemon
from lfrd.cli.camera_secrets import add_password_file
from lfrd.cli.command_parser import an_id
from lfrd.cli.door_options import add_alert_actions, add_alert_filter
from lfrd.cli.picture_options import add_picture

CATEGORIES = ("wanted", "missing", "at-risk", "court-order", "excluded", "test")
EXPIRES = "2026-11-30 or 2026-11-30T18:00 (UTC), or never"

USE_CASES = (
    "locate-wanted", "find-missing", "protect-at-risk", "enforce-court-order", "enforce-exclusion",
    "test",
)  # fmt: skip
HOLD = "its reason, or a part of its id"
SUBJECT = (
    "a list by its name, an entry or its person as LIST/REFERENCE, a photo as LIST/REFERENCE#2, a "
    "deployment by its purpose, an episode by its reference"
)
HOLD_KINDS = ("episode", "deployment", "person", "watchlist")
ERASED = ("watchlist", "entry", "photo", "person", "deployment")
"""As the wire contract has them: importing it would take longer than to parse the command line."""

ROLES = ("operator", "supervisor", "admin")


def add_yes(action: argparse.ArgumentParser | argparse._ArgumentGroup) -> None:
    """`--yes`, for scripts."""
    action.add_argument("--yes", action="store_true", help="do not ask; for scripts")


def add_clients(add: Add) -> None:
    """Add `camera` and `deployment`; `add` makes a command with the common options."""
    camera = add("camera", "List, add and remove cameras of the running daemon.")
    camera.set_defaults(noun="camera")
    actions = actions_of(camera)
    added = actions("add", "add a camera; it starts at once in a running deployment")
    added.add_argument("id", help="lower-case letters, digits, hyphens")
    added.add_argument(
        "address",
        help="rtsp(s)://user@host/path, http(s)://… for MJPEG, whip:// for publishers, "
        "whep+https://…, /dev/video0, or a video file; - asks for it on standard input",
    )
    _add_reading(added)
    _add_discover(actions("discover", "find ONVIF cameras on the local network, and add them"))
    changed = actions("change", "change what is given; a running camera starts anew")
    changed.add_argument("id", type=an_id)
    changed.add_argument("--address", help="a new one, as for `add`")
    _add_reading(changed)
    actions("list", "every camera and how it is")
    actions("show", "one camera").add_argument("id", type=an_id)
    past = actions("history", "how a camera was in deployments, the newest first")
    past.add_argument("id", type=an_id)
    past.add_argument("--deployment", help=f"in one only: {DEPLOYMENT}")
    past.add_argument("--limit", type=int, default=50, help="so many lines (50), 1000 at most")
    actions("remove", "forget a camera").add_argument("id", type=an_id)
    actions("pause", "take no part until resumed").add_argument("id", type=an_id)
    actions("resume", "take part again").add_argument("id", type=an_id)
    test = actions("test", "look through a camera for some seconds and say what to mend")
    test.add_argument("id", type=an_id)
    test.add_argument("--seconds", type=float, default=10.0)
    preview = actions("preview", "save where a camera points, as cells that show no person")
    preview.add_argument("id", type=an_id)
    preview.add_argument("file", type=Path)
    snapshot = actions("snapshot", "save what a camera shows now; that you looked is logged")
    snapshot.add_argument("id", type=an_id)
    snapshot.add_argument("file", type=Path)
    snapshot.add_argument("--clear", action="store_true", help="in the clear, for supervisors")
    regions = actions("regions", "set where to look and what to hide, as fractions of the picture")
    regions.add_argument("id", type=an_id)
    for name, text in (("include", "look only inside"), ("privacy", "never look inside")):
        regions.add_argument(
            f"--{name}", type=_corners, action="append", default=[],
            metavar="X,Y,X,Y,X,Y", help=f"{text} this polygon; may be repeated",
        )  # fmt: skip

    deployment = add("deployment", "Start, end and list deployments of the running daemon.")
    deployment.set_defaults(noun="deployment")
    actions = actions_of(deployment)
    end = actions("end", "end the running deployment now")
    end.add_argument(
        "--reason",
        default="ended from the command line",
        help="logged, shown and published in the record, so it names nobody",
    )
    actions("list", "the newest deployments")
    add_deployment_actions(actions)
    add_nouns(add)
    add_evaluation(add)


def _add_discover(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--user", metavar="NAME", help="user of all cameras; the password is asked for once"
    )
    action.add_argument(
        "--password-file", metavar="FILE", help="its password: a file with one line"
    )
    action.add_argument(
        "--host", action="append", default=[], metavar="HOST",
        help="ask this camera, HOST or HOST:PORT, and not the network; may be repeated",
    )  # fmt: skip
    action.add_argument(
        "--interface", action="append", default=[], metavar="NAME",
        help="ask through this network interface (default: all); may be repeated",
    )  # fmt: skip
    action.add_argument(
        "--seconds", type=_listening_s, default=3.0, help="listen for so long (default: 3)"
    )
    action.add_argument("--add", action="store_true", help="add those that are not added already")
    add_yes(action)


def _listening_s(text: str) -> float:
    seconds = float(text)
    if not 0.5 <= seconds <= 60:
        raise argparse.ArgumentTypeError("listen for 0.5 to 60 seconds")
    return seconds


def _add_reading(action: argparse.ArgumentParser) -> None:
    """How a camera is read."""
    add_password_file(action)
    action.add_argument("--name")
    action.add_argument("--transport", choices=("tcp", "udp"))
    action.add_argument("--ca-file", help="certificate authority of an rtsps camera")
    action.add_argument("--hwaccel", help="hardware decoder, such as cuda or vaapi")
    action.add_argument("--token", action=_NotAnArgument, help=argparse.SUPPRESS)
    action.add_argument(
        "--bearer-token-file", metavar="FILE",
        help="what to show a WHEP server: a file with one line, or - for standard input",
    )  # fmt: skip
    action.add_argument(
        "--keep-connected", action="store_true", default=None,
        help="stay connected outside deployments, without decoding",
    )  # fmt: skip
    action.add_argument(
        "--pin", metavar="sha256:…", help="the one certificate to accept; `camera test` shows it"
    )
    action.add_argument(
        "--look", dest="look_address", metavar="ADDRESS",
        help="a second, small stream of the same view, in which faces are looked for: an address, "
        "or what comes after the host (/Streaming/Channels/102); none takes it away",
    )  # fmt: skip
    add_picture(action)


class _NotAnArgument(argparse.Action):
    """What was an option once, and would be taken for the beginning of another now."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **_named: object) -> None:
        parser.error("a token is no argument: give it with --bearer-token-file FILE")


def _corners(text: str) -> tuple[tuple[float, float], ...]:
    """`0.1,0.1,0.9,0.1,0.5,0.8` as corners."""
    numbers = [float(part) for part in text.split(",")]
    if len(numbers) < 6 or len(numbers) % 2:
        raise argparse.ArgumentTypeError("give X,Y for three corners or more")
    return tuple(zip(numbers[::2], numbers[1::2], strict=True))


def add_deployment_actions(actions: Add) -> None:
    """The steps of a deployment; `actions` adds one to `lfrd deployment`."""
    draft = actions("draft", "plan a deployment; nothing starts by it")
    _add_plan(draft)
    draft.add_argument("--hours", type=float, required=True)
    amend = actions("amend", "change a plan that has not begun; it is to be authorised anew")
    amend.add_argument("id", help=DEPLOYMENT)
    _add_plan(amend, whole=False)
    amend.add_argument("--hours", type=float)
    amend.add_argument("--now", action="store_true", help="its planned start is now")
    cancel = actions("cancel", "discard a plan that has not begun")
    cancel.add_argument("id", help=DEPLOYMENT)
    cancel.add_argument("--reason", required=True)
    for name, text in (
        ("gate", "list everything that is missing before it can start"),
        ("show", "one deployment"),
        ("thresholds", "every threshold that a deployment had"),
    ):
        actions(name, text).add_argument("id", help=DEPLOYMENT)
    for name, text in (
        ("authorise", "give it your written authority, or one from outside, until its planned end"),
        ("ratify", "give an urgent start of another person the authority it lacked"),
    ):
        given = actions(name, text)
        given.add_argument("id", help=DEPLOYMENT)
        _add_authority(given)
    request = actions("request-authority", "print what an authority from outside is to sign")
    request.add_argument("id", help=DEPLOYMENT)
    request.add_argument("--until", metavar="DATE", help="for an extension until then")
    _add_start(actions("start", "start an authorised deployment, or one of the lab in one go"))
    extend = actions("extend", "a new authorisation to last longer")
    extend.add_argument("id", help=DEPLOYMENT)
    extend.add_argument("--hours", type=float, help="from now")
    extend.add_argument("--until", metavar="DATE", help="such as 2026-11-30T22:00, in UTC")
    _add_authority(extend)
    present = actions("present", "say that an operator is there")
    present.add_argument(
        "--street-team", action="store_true", help="and that a team is on the spot"
    )
    lapse = actions("lapse", "close, undecided, what an ended deployment left open")
    lapse.add_argument("id", help=DEPLOYMENT)
    lapse.add_argument("--reason", required=True, help="it is logged, so it names nobody")


def _add_authority(action: argparse.ArgumentParser) -> None:
    action.add_argument(
        "--authority", type=Path, metavar="FILE", help="signed from outside (lfrd authority sign)"
    )


def _add_start(start: argparse.ArgumentParser) -> None:
    start.usage = (
        "lfrd deployment start DEPLOYMENT [--urgent REASON] [options]\n"
        "       lfrd deployment start --profile lab --watchlist NAME --purpose TEXT --place TEXT "
        "[--hours H] [--yes] [options]"
    )
    start.add_argument("id", nargs="?", help=DEPLOYMENT)
    start.add_argument("--urgent", metavar="REASON", help="start a draft without authorisation")
    start.add_argument(
        "--street-team", action="store_true", help="you say that a team is on the spot"
    )
    lab = start.add_argument_group("the lab", "Plans, authorises and starts one in one go.")
    lab.add_argument("--profile", choices=("lab",))
    lab.add_argument("--watchlist", action="append", help="name; may be repeated")
    lab.add_argument("--purpose")
    lab.add_argument("--place")
    lab.add_argument("--hours", type=float, help="default: 1")
    add_yes(lab)


def add_nouns(add: Add) -> None:
    """Add `schedule`, `hold`, `training` and `erasure`."""
    schedule = add("schedule", "Weekly deployments under one standing authorisation.")
    schedule.set_defaults(noun="schedule")
    actions = actions_of(schedule)
    added = actions("add", "plan weekly deployments")
    _add_plan(added)
    added.add_argument(
        "--window", action="append", required=True, metavar='"DAY HH:MM HOURS"',
        help='such as "monday 09:00 8"; may be repeated',
    )  # fmt: skip
    added.add_argument("--timezone", default="UTC", help="such as Europe/London")
    added.add_argument("--days", type=float, default=90.0, help="until it expires")
    actions("list", "the schedules")
    for name, text in (
        ("authorise", "give the standing authorisation"),
        ("revoke", "take it back"),
    ):
        actions(name, text).add_argument("id", help="its purpose, or a part of its id")

    hold = add("hold", "Legal holds: asked for by one person, confirmed by another.")
    hold.set_defaults(noun="hold")
    actions = actions_of(hold)
    ask = actions("ask", "ask for one; it has no effect before another person confirms it")
    ask.add_argument("kind", choices=HOLD_KINDS)
    ask.add_argument("id", metavar="what", help=SUBJECT)
    ask.add_argument("--reason", required=True)
    actions("confirm", "put it in force").add_argument("id", help=HOLD)
    release = actions("release", "end it; the timers apply at once")
    release.add_argument("id", help=HOLD)
    release.add_argument("--reason", required=True)
    actions("list", "the holds")

    training = add("training", "Who was trained to review candidates, and until when.")
    training.set_defaults(noun="training")
    actions = actions_of(training)
    taught = actions("add", "record a training of another person; the last one counts")
    taught.add_argument("person", help="their name, as of their token or login")
    taught.add_argument("--what", required=True, help="such as the course")
    taught.add_argument("--until", required=True, metavar="DATE", help="such as 2027-03-31")
    actions("list", "the last training of each person")

    erasure = add("erasure", "Erase a list, an entry, a person or a deployment; list the receipts.")
    erasure.set_defaults(noun="erasure")
    actions = actions_of(erasure)
    erase = actions("erase", "erase now, and wait for the receipt")
    erase.add_argument("kind", choices=ERASED)
    erase.add_argument("id", metavar="what", help=SUBJECT)
    erase.add_argument("--reason", required=True)
    add_yes(erase)
    actions("list", "what was erased")


def add_evaluation(add: Add) -> None:
    """Add `evaluation`."""
    evaluation = add("evaluation", "Register what `lfrd evaluate` measured; list and withdraw it.")
    evaluation.set_defaults(noun="evaluation")
    actions = actions_of(evaluation)
    actions("add", "register a report of `lfrd evaluate --out FILE`").add_argument(
        "file", type=Path
    )
    actions("list", "the reports, and whether they are of the model in use")
    tested = actions("tested", "record who tested the model in use independently; or list them")
    tested.add_argument("--by", metavar="WHO")
    tested.add_argument("--on", metavar="DATE")
    tested.add_argument("--reference", metavar="TEXT", help="where it can be read")
    withdraw = actions("withdraw", "rely on a report no more")
    withdraw.add_argument("id", help="its model pack, or a part of its id")
    withdraw.add_argument("--reason", required=True)


def _add_plan(action: argparse.ArgumentParser, *, whole: bool = True) -> None:
    """The options of a plan; `whole`: all that it needs."""
    if whole:
        action.add_argument("--profile", required=True)
    action.add_argument("--watchlist", action="append", required=whole, help="name; repeatable")
    action.add_argument("--purpose", required=whole)
    action.add_argument("--use-case", required=whole, choices=USE_CASES)
    action.add_argument("--place", required=whole)
    action.add_argument(
        "--expect", default="" if whole else None, help="why listed people are expected there"
    )
    action.add_argument(
        "--list-size-max", type=int, metavar="N", help="so many entries the lists may hold"
    )
    action.add_argument(
        "--document", action="append", default=[], metavar="KIND:REFERENCE",
        help="impact-assessment and notice; may be repeated",
    )  # fmt: skip


def add_alert(command: argparse.ArgumentParser) -> None:
    """`lfrd alert`: list and show alerts, and what is done about one."""
    actions = actions_of(command)
    listed = actions("list", "the newest alerts, as you may see them")
    listed.add_argument("--state", choices=("open", "closed"))
    listed.add_argument("--limit", type=int, default=50, help="how many (default: 50)")
    add_alert_filter(listed)
    add_alert_actions(actions)
    for name, text in (
        ("show", "one alert"),
        ("replay", "compute score and decision of an alert again"),
    ):
        actions(name, text).add_argument(
            "id", help="the reference that is shown, or a part of its id"
        )
    figures = actions("reviewers", "how each reviewer decides; for supervisors")
    figures.add_argument("--deployment", help=f"of one deployment only: {DEPLOYMENT}")


def add_token(command: argparse.ArgumentParser) -> None:
    """`lfrd token create | list | revoke ID`."""
    actions = actions_of(command)
    create = actions("create", "a personal token; its secret is shown once")
    create.add_argument("--principal", required=True, metavar="NAME", help="whose it is")
    create.add_argument("--role", choices=ROLES, default=ROLES[0])
    create.add_argument("--expires", metavar="DATE", help="refused from then on (default: never)")
    actions("list", "all tokens, without their secrets")
    revoke = actions("revoke", "a token, which is refused from then on")
    revoke.add_argument("id", help="whose it is, or a part of its id")


def add_calibrate(parser: argparse.ArgumentParser) -> None:
    """`lfrd models calibrate FOLDER`."""
    parser.add_argument("folder", type=Path, help="a folder for each person, with their photos")
    parser.add_argument("--pack", help="the model pack (default: as configured)")
    parser.add_argument("--errata", type=Path, help="known double names, a pair a line")
    parser.add_argument("--seed", type=int, default=1, help="which half of the people fits")
    parser.add_argument("--out", type=Path, help="where to write the curve")


def add_model_change(actions: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """`lfrd models prepare | progress | switch`: they ask the running daemon."""
    for name, text in (
        ("prepare", "make another pack's templates of every photo, in the background"),
        ("progress", "how far the templates of the other pack are"),
        ("switch", "use a pack from the daemon's next start on; also the way back"),
    ):
        action = asks_daemon(actions.add_parser(name, help=text, description=text))
        if name != "progress":
            action.add_argument("pack")
        if name == "switch":
            action.add_argument("--accept-missing", action="store_true", help=(
                "photos without a template of the pack are not matched then"))  # fmt: skip


def add_lists(add: Add) -> None:
    """`lfrd watchlist`, `lfrd import`, `lfrd export`, `lfrd threshold`, `lfrd why`."""
    _add_watchlist(add)
    _add_entry(add)
    bulk = asks_daemon(add(
        "import",
        "Enrol many photos: a table (CSV) with a folder or a ZIP; as `lfrd watchlist import`.",
    ))  # fmt: skip
    bulk.set_defaults(action="import")
    bulk.add_argument("--list", required=True, help="the list's name")
    _add_import(bulk)

    export = asks_daemon(add("export", "Take a list elsewhere as one encrypted archive."))
    export.set_defaults(action="export")
    export.add_argument("list", help="the list's name")
    export.add_argument("file", type=Path)
    export.add_argument("--reason", required=True, help="goes into the log")
    export.add_argument("--passphrase-file", type=Path, required=True)

    threshold = asks_daemon(add("threshold", "The threshold that keeps a promise on lists."))
    threshold.set_defaults(action="threshold")
    threshold.add_argument("--list", action="append", required=True, help="may be repeated")
    threshold.add_argument("--one-in", type=float, required=True, metavar="N", help=(
        "at most one false alert in so many passing faces"))  # fmt: skip

    _add_trial(add)

    why = asks_daemon(add("why", "Why did this camera raise no candidate?"))
    why.set_defaults(action="why")
    why.add_argument("camera", type=an_id)
    why.add_argument("--minutes", type=float, metavar="M", help=(
        "only the last M minutes, at most a day (default: all of the deployment)"))  # fmt: skip


def _add_import(bulk: argparse.ArgumentParser) -> None:
    """What both ways to write an import take, beside the list's name."""
    bulk.add_argument(
        "folder", type=Path, metavar="source", help="folder, ZIP, or archive of `lfrd export`"
    )
    bulk.add_argument("--table", type=Path, metavar="CSV", help=(
        "a file, or its name in the source (default: the one there; in a folder without any, the "
        "name of a photo or of its folder is the reference)"))  # fmt: skip
    bulk.add_argument("--encoding", help="of a table that is not UTF-8, such as cp1250")
    bulk.add_argument("--basis", help="of every row that does not say it: why they are on the list")
    bulk.add_argument("--source", dest="entry_source", metavar="SOURCE", help=(
        "of every row that does not say it: where this is known from"))  # fmt: skip
    bulk.add_argument("--expires", help="of every row that does not say it, such as 2026-11-30")
    bulk.add_argument("--dry-run", action="store_true", help="say what would be, store nothing")
    bulk.add_argument("--gate", choices=("strict", "warn"), help="default: as configured")
    bulk.add_argument("--results", type=Path, metavar="CSV", help="a line for each row")
    bulk.add_argument("--passphrase-file", type=Path, help="for an archive")


def _add_trial(add: Add) -> None:
    """`lfrd trial count | plan | passages | undo | report`."""
    trial = add("trial", "Count passages of consenting test subjects, and how many were raised.")
    trial.set_defaults(action="trial")
    actions = actions_of(trial, "trial")
    count = actions("count", "a test subject passes a camera now")
    plan = actions(
        "plan",
        "count the passages of a schedule (CSV: reference, camera, at, if wanted group and "
        "not_compared: yes; again with the same times to note that afterwards), or say "
        "how many volunteers are needed",
    )
    count.add_argument("--list", required=True, help="a list of category test")
    plan.add_argument("--list", help="a list of category test")
    count.add_argument("reference")
    count.add_argument("camera")
    count.add_argument("--group", help="of the person, as that person gave it")
    count.add_argument("--not-compared", action="store_true", help=(
        "the person passed, and no face was compared"))  # fmt: skip
    plan.add_argument("table", type=Path, nargs="?")
    _add_power(plan)
    passages = actions("passages", "the passages that are counted, the newest first")
    undo = actions("undo", "take a passage back that was counted by mistake")
    undo.add_argument("passage", type=an_id, help=(
        "last, or a part of its id, as `passages` lists them"))  # fmt: skip
    undo.add_argument("--deployment", default="latest", help=(
        f"{DEPLOYMENT} (default: latest)"))  # fmt: skip
    report = actions("report", "the share of the passages that was raised, by camera")
    for action in (passages, report):
        action.add_argument("deployment", help=DEPLOYMENT)
    report.add_argument("--window", type=float, default=30.0, metavar="S", help=(
        "an episode this long before or after a passage answers for it"))  # fmt: skip


def _add_power(plan: argparse.ArgumentParser) -> None:
    power = plan.add_argument_group("how many volunteers", "Counts nothing and needs no list.")
    power.add_argument("--power", action="store_true", help="say it, instead of counting")
    power.add_argument("--rate", type=float, default=0.9, help="expected share raised (0.9)")
    power.add_argument("--half-width", type=float, default=0.05, help="of the interval (0.05)")
    power.add_argument("--groups", type=int, default=2, help="that are compared (2)")
    power.add_argument("--difference", type=float, default=0.1, help="to be found (0.1)")
    power.add_argument("--power-wanted", type=float, default=0.8, help="to find it (0.8)")
    power.add_argument("--passages", type=int, default=1, help="of each person (1)")
    power.add_argument("--correlation", type=float, default=0.5, help=(
        "between passages of one person, 0 to 1 (0.5)"))  # fmt: skip


def _add_watchlist(add: Add) -> None:
    """`lfrd watchlist list | add | change | cameras | confirm | delete | enrol | import | entries`:
    lists and who is on them."""
    actions = actions_of(add("watchlist", "Make, fill, show, confirm, change and delete lists."))
    actions("list", "every list")
    added = actions("add", "make an empty list")
    changed = actions("change", "change a list")
    cameras = actions("cameras", "compare with a list on some cameras only")
    confirm = actions("confirm", "say that a list is right as of now")
    delete = actions("delete", "erase a list")
    for action in (added, changed, cameras, confirm, delete):
        action.add_argument("name")
    added.add_argument("--category", required=True, choices=CATEGORIES)
    for name in ("--purpose", "--owner"):
        added.add_argument(name, required=True)
    for action in (added, changed):
        action.add_argument("--colour", help="#rrggbb")
        action.add_argument("--margin", type=float, help="stricter by so much")
        action.add_argument("--expires", help=EXPIRES)
    cameras.add_argument("cameras", nargs="*", help="none: all cameras")
    delete.add_argument("--reason", default="deleted", help="goes into the receipt")
    add_yes(delete)
    enrol = actions("enrol", "put a person on a list")
    enrol.description = "Put one person on a list with their photos, or add photos to who is on it."
    enrol.add_argument("list", help="the list's name")
    enrol.add_argument("reference", help="a pseudonym, unique in the list")
    enrol.add_argument("photos", type=Path, nargs="+", metavar="photo")
    _add_values(enrol)
    enrol.add_argument("--under-18", action="store_true", help="waits for a second person's word")
    enrol.add_argument("--under-18-reason")
    enrol.add_argument("--same-as", metavar="ENTRY", help="the same person on another list")
    enrol.add_argument("--gate", choices=("strict", "warn"), help="default: as configured")
    enrol.add_argument("--taken", metavar="DATE", help="when these photos were taken")
    enrol.add_argument("--box", metavar="L,T,R,B", help="which face is meant, in pixels")
    bulk = actions("import", "enrol many photos; the same as `lfrd import`")
    bulk.description = "Enrol many photos: a table (CSV) with a folder or a ZIP."
    bulk.add_argument("list", help="the list's name")
    _add_import(bulk)
    listed = actions("entries", "all entries of a list")
    listed.add_argument("list", help="the list's name")


def _add_entry(add: Add) -> None:
    """`lfrd entry show | photo | edit | approve | quarantine | release | remove`."""
    entry = add("entry", "One person on a list: show, change, and take off it.")
    entry.set_defaults(action="entry")
    actions = actions_of(entry, "entry_action")
    show = actions("show", "an entry with its photos, and what the gate said of them")
    photo = actions("photo", "save a photo as it was given; that you looked is logged")
    edit = actions("edit", "change what is given")
    approve = actions("approve", "approve an entry of a person under 18, as a second person")
    quarantine = actions("quarantine", "keep a photo and compare with it no more")
    release = actions("release", "compare with a photo in quarantine again")
    remove = actions("remove", "erase an entry, or one photo of it")
    for action in (show, photo, edit, approve, quarantine, release, remove):
        action.add_argument("entry", help=ENTRY)
    for action in (quarantine, release, remove):
        action.add_argument("--photo", metavar="NUMBER", help="as `show` numbers them")
    photo.add_argument("file", type=Path)
    photo.add_argument("--photo", metavar="NUMBER", default="1", help="as `show` numbers them")
    photo.add_argument("--reason", required=True, help="why you look; logged, so it names nobody")
    _add_values(edit)
    edit.add_argument("--status-checked", metavar="DATE", help=(
        "when it was last looked into whether it is right"))  # fmt: skip
    quarantine.add_argument("--reason", required=True)
    remove.add_argument("--reason", default="deleted", help="goes into the receipt")
    add_yes(remove)


def _add_values(action: argparse.ArgumentParser) -> None:
    """What is said of an entry."""
    action.add_argument("--basis", help="why this person is on the list")
    action.add_argument("--source", help="where the photos are from")
    action.add_argument("--reviewer", help="who looks the entry over")
    action.add_argument(
        "--look-alikes", help="relatives and others who look like them; no names; reviewers see it"
    )
    action.add_argument("--margin", type=float, help="stricter by so much")
    action.add_argument("--expires", help=EXPIRES)
