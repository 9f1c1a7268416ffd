"""The words and options of the commands about lists, their photos, and models."""

import argparse
from collections.abc import Callable
from pathlib import Path

from lfrd.cli.actions import DEPLOYMENT
from lfrd.cli.command_parser import an_id
from lfrd.cli.reach import add_yes
from lfrd.cli.who import add_token_file

EXPIRES = "2026-11-30 or 2026-11-30T18:00 (UTC), or never"

Add = Callable[[str, str], argparse.ArgumentParser]


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
        action = _with_socket(actions.add_parser(name, help=text, description=text))
        if name != "progress":
            action.add_argument("pack")
        if name == "switch":
            action.add_argument("--accept-missing", action="store_true", help=(
                "photos without a template of the pack are not matched then"))  # fmt: skip


def add_lists(add: Add) -> None:
    """`lfrd watchlist`, `lfrd import`, `lfrd export`, `lfrd threshold`, `lfrd why`."""
    _add_watchlist(add)
    _add_entry(add)
    bulk = add(
        "import",
        "Enrol many photos: a table (CSV) with a folder or a ZIP; as `lfrd watchlist import`.",
    )
    bulk.set_defaults(action="import")
    bulk.add_argument("--list", required=True, help="the list's name")
    _add_import(bulk)

    export = _with_socket(add("export", "Take a list elsewhere as one encrypted archive."))
    export.set_defaults(action="export")
    export.add_argument("list", help="the list's name")
    export.add_argument("file", type=Path)
    export.add_argument("--reason", required=True, help="goes into the log")
    export.add_argument("--passphrase-file", type=Path, required=True)

    threshold = _with_socket(add("threshold", "The threshold that keeps a promise on lists."))
    threshold.set_defaults(action="threshold")
    threshold.add_argument("--list", action="append", required=True, help="may be repeated")
    threshold.add_argument("--one-in", type=float, required=True, metavar="N", help=(
        "at most one false alert in so many passing faces"))  # fmt: skip

    _add_trial(add)

    why = _with_socket(add("why", "Why did this camera raise nobody?"))
    why.set_defaults(action="why")
    why.add_argument("camera", type=an_id)
    why.add_argument("--minutes", type=float, metavar="M", help=(
        "only the last M minutes, at most a day (default: all of the deployment)"))  # fmt: skip


def _add_import(bulk: argparse.ArgumentParser) -> None:
    """What both ways to write an import take, beside the list's name."""
    _with_socket(bulk)
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
    actions = trial.add_subparsers(dest="trial", required=True, metavar="ACTION")
    for name, text in (
        ("count", "a test subject passes a camera now"),
        ("plan", "count the passages of a schedule (CSV: reference, camera, at)"),
        ("passages", "the passages that are counted, the newest first"),
        ("undo", "take a passage back that was counted by mistake"),
        ("report", "the share of the passages that was raised, by camera"),
    ):
        action = _with_socket(actions.add_parser(name, help=text, description=text))
        action.set_defaults(action="trial")
        if name in {"count", "plan"}:
            action.add_argument("--list", required=True, help="a list of category test")
    actions.choices["count"].add_argument("reference")
    actions.choices["count"].add_argument("camera")
    actions.choices["plan"].add_argument("table", type=Path)
    actions.choices["undo"].add_argument("passage", type=an_id, help=(
        "last, or a part of its id, as `passages` lists them"))  # fmt: skip
    actions.choices["undo"].add_argument("--deployment", default="latest", help=(
        f"{DEPLOYMENT} (default: latest)"))  # fmt: skip
    for name in ("passages", "report"):
        actions.choices[name].add_argument("deployment", help=DEPLOYMENT)
    actions.choices["report"].add_argument("--window", type=float, default=30.0, metavar="S", help=(
        "an episode this long before or after a passage answers for it"))  # fmt: skip


def _add_watchlist(add: Add) -> None:
    watchlist = add("watchlist", "Make, fill, show, confirm, change and delete lists.")
    actions = watchlist.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("list", "every list"), ("add", "make an empty list"), ("change", "change a list"),
        ("cameras", "compare with a list on some cameras only"),
        ("confirm", "say that a list is right as of now"), ("delete", "erase a list"),
    ):  # fmt: skip
        action = _with_socket(actions.add_parser(name, help=text, description=text))
        if name != "list":
            action.add_argument("name")
        if name == "add":
            action.add_argument("--category", required=True)
            action.add_argument("--purpose", required=True)
            action.add_argument("--owner", required=True)
        if name == "delete":
            action.add_argument("--reason", default="deleted", help="goes into the receipt")
            add_yes(action)
        if name == "cameras":
            action.add_argument("cameras", nargs="*", help="none: all cameras")
        if name in {"add", "change"}:
            action.add_argument("--colour", help="#rrggbb")
            action.add_argument("--margin", type=float, help="stricter by so much")
            action.add_argument("--expires", help=EXPIRES)
    enrol = _with_socket(actions.add_parser("enrol", help="put a person on a list", description=(
        "Put one person on a list with their photos, or add photos to who is on it.")))  # fmt: skip
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
    bulk = actions.add_parser(
        "import", help="enrol many photos; the same as `lfrd import`",
        description="Enrol many photos: a table (CSV) with a folder or a ZIP.",
    )  # fmt: skip
    bulk.add_argument("list", help="the list's name")
    _add_import(bulk)
    listed = _with_socket(actions.add_parser("entries", help="everybody on a list"))
    listed.add_argument("list", help="the list's name")


def _add_entry(add: Add) -> None:
    """`lfrd entry show | edit | approve | quarantine | release | remove`."""
    entry = add("entry", "One person on a list: show, change, and take off it.")
    actions = entry.add_subparsers(dest="entry_action", required=True, metavar="ACTION")
    for name, text in (
        ("show", "an entry with its photos, and what the gate said of them"),
        ("edit", "change what is given"),
        ("approve", "approve somebody under 18, as a second person"),
        ("quarantine", "keep a photo and compare with it no more"),
        ("release", "compare with a photo in quarantine again"),
        ("remove", "erase an entry, or one photo of it"),
    ):
        action = _with_socket(actions.add_parser(name, help=text, description=text))
        action.set_defaults(action="entry")
        action.add_argument("entry", help="LIST/REFERENCE, or a reference that one list has")
        if name in {"quarantine", "release", "remove"}:
            action.add_argument("--photo", metavar="NUMBER", help="as `show` numbers them")
    _add_values(actions.choices["edit"])
    actions.choices["edit"].add_argument("--status-checked", metavar="DATE", help=(
        "when it was last looked into whether it is right"))  # fmt: skip
    actions.choices["quarantine"].add_argument("--reason", required=True)
    actions.choices["remove"].add_argument(
        "--reason", default="deleted", help="goes into the receipt"
    )
    add_yes(actions.choices["remove"])


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


def _with_socket(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    parser.add_argument("--socket", type=Path, help="the daemon's socket (default: as configured)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_token_file(parser)
    return parser
