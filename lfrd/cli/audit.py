"""`lfrd audit show | prove | export | key | verify`."""

import argparse
import base64
from pathlib import Path

from lfrd.audit.export import export_folder
from lfrd.audit.verify import BadLog, Proof, key_of, keys_given, note_of, report
from lfrd.cli.dates import moment, shown
from lfrd.cli.progress import step
from lfrd.cli.reach import token_of
from lfrd.cli.terminal import note, say
from lfrd.client import Client
from lfrd.errors import BadInput, UserError
from lfrd.wire.audit import AuditExportStart, AuditLeaf, AuditProof


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Carry out one action that asks the daemon."""
    actions = {"show": _show, "prove": _prove, "export": _export, "key": _key}
    async with Client.over_socket(socket, token_of(options)) as client:
        await actions[options.action](client, options)
    return 0


def verify(options: argparse.Namespace) -> int:
    """Check an export or a proof; 1 where it is not in order."""
    if not options.path.exists():
        raise BadInput(f"there is no {options.path}")
    with step() as saying:
        saying("checking it")
        good, text = report(options)
    say(text)
    return 0 if good else 1


async def _show(client: Client, options: argparse.Namespace) -> None:
    given = {
        "limit": options.limit,
        "before": options.before,
        "class": options.event_class,
        "actor": options.actor and _principal(options.actor),
        "since_s": options.since and str(moment(options.since)),
        "until_s": options.until and str(moment(options.until)),
    }
    page = await client.audit_leaves({k: v for k, v in given.items() if v is not None})
    for leaf in page.leaves:
        say(leaf.model_dump_json() if options.json else _row(leaf.printable()))
    if page.held_back_from is not None:
        note(
            f"leaves from {page.held_back_from} on are held back until you have decided the open "
            "candidates"
        )
    if len(page.leaves) == options.limit and page.leaves[-1].index:
        note(f"older ones: --before {page.leaves[-1].index}")


async def _prove(client: Client, options: argparse.Namespace) -> None:
    found = await client.audit_proof(options.index)
    try:
        keys = keys_given(options.key) or [
            key_of(text) for text in (await client.audit_keys()).keys
        ]
        proof = _proof(found)
        proof.check(keys)
    except BadLog as error:
        raise UserError(f"what the daemon gave proves nothing: {error}") from None
    say(found.model_dump_json() if options.json else proof.text.removesuffix("\n"))


def _proof(found: AuditProof) -> Proof:
    path = tuple(base64.b64decode(item) for item in found.path)
    return Proof(found.index, found.leaf.encode(), path, note_of(found.checkpoint))


async def _export(client: Client, options: argparse.Namespace) -> None:
    folder: Path = options.folder
    start = AuditExportStart(reason=options.reason)
    try:
        with export_folder(folder) as writer, step() as saying:
            saying("asking for the log")
            async with client.audit_export(start) as pieces:
                async for piece in pieces:
                    writer.feed(piece)
                    saying(f"writing {folder}", writer.share)
            saying("checking it")
            found = writer.finish()
    except FileExistsError:
        raise BadInput(f"{folder} is there already: name a new folder") from None
    except BadLog as error:
        raise UserError(f"nothing was written: {error}") from None
    except OSError as error:
        raise UserError(f"{folder} cannot be written: {error.strerror}") from None
    say(f"{folder}: {found.leaves} leaves of {found.origin}, {found.checkpoints} checkpoints")


async def _key(client: Client, options: argparse.Namespace) -> None:
    keys = await client.audit_keys()
    if options.json:
        say(keys.model_dump_json())
        return
    say(keys.keys[-1])
    for text in keys.keys[:-1]:
        note(f"before it: {text}")


def _principal(actor: str) -> str:
    return actor if ":" in actor or actor == "system" else f"user:{actor}"


def _row(leaf: AuditLeaf) -> str:
    facts = " ".join(f"{name}={_fact(value)}" for name, value in leaf.facts.items())
    about = "link erased" if leaf.subjects is None else " ".join(leaf.subjects)
    return (
        f"{leaf.index:>8}  {shown(leaf.at_s)}  {leaf.event_class:13} {leaf.principal:16} "
        f"{leaf.action:22} {facts}" + (f"  [{about}]" if about else "")
    ).rstrip()


def _fact(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
