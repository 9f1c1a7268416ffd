"""`lfrd subject lookup | export | erase`: answers to people on and off the lists."""

import argparse
from collections.abc import Awaitable, Callable, Sequence

from lfrd.cli.dates import moment, shown
from lfrd.cli.names import deployment_of, list_of
from lfrd.cli.outputs import refuse_folder, write_private_bytes
from lfrd.cli.terminal import make_sure
from lfrd.client import Client
from lfrd.errors import BadInput, NotFound, UserError
from lfrd.tables import read_file
from lfrd.wire.base import Wire
from lfrd.wire.deployments import ErasureRequest
from lfrd.wire.subjects import AbsenceQuestion, SubjectAnswer, SubjectExport, SubjectLookup

Shown = Sequence[Wire | str]

PHOTO_LIMIT_BYTES = 20_000_000
DAY_S = 24 * 3600.0


async def _lookup(client: Client, options: argparse.Namespace) -> Shown:
    if (options.reference is None) == (options.photo is None):
        raise BadInput("give a reference, or a photo with --photo FILE")
    if options.photo is None:
        at_s, until_s = (None, None) if options.on is None else span(options.on)
        asked = SubjectLookup(
            reference=options.reference, on_at_s=at_s, on_until_s=until_s, reason=options.reason
        )
        return [await client.look_up_subject(asked)]
    if options.on is not None:
        raise BadInput("a photo is compared with those who are on a list now: leave --on out")
    image = read_file(options.photo, PHOTO_LIMIT_BYTES)
    return [await client.look_up_photo(image, options.photo.name[:200], options.reason)]


def span(text: str) -> tuple[float, float]:
    """A date is all of that day in UTC; a date with a time is that moment."""
    at_s = moment(text)
    bare = at_s % DAY_S == 0 and ":" not in text
    return at_s, at_s + DAY_S - 1e-3 if bare else at_s


async def _export(client: Client, options: argparse.Namespace) -> Shown:
    if options.file.suffix not in {".zip", ".json"}:
        raise BadInput("name a .zip file, or a .json file to leave the photos out")
    refuse_folder(options.file)
    photos = options.file.suffix == ".zip"
    asked = SubjectExport(reference=options.reference, photos=photos, reason=options.reason)
    write_private_bytes(options.file, await client.export_subject(asked))
    return [f"written: {options.file}"]


async def _prove_absence(client: Client, options: argparse.Namespace) -> Shown:
    from lfrd.audit.verify import BadLog, absence_of, absences_text, key_of  # needs cryptography

    if options.list is None and options.deployment is None:
        raise BadInput("say of which list (--list LIST), or of which deployment (--deployment ID)")
    refuse_folder(options.file)
    given, deployment = options.list, options.deployment
    asked = AbsenceQuestion(
        reference=options.reference,
        watchlist_id=None if given is None else await _list_id(client, given, deployment),
        deployment_id=None if deployment is None else await deployment_of(client, deployment),
        reason=options.reason,
    )
    proofs = [absence_of(text) for text in (await client.prove_absence(asked)).proofs]
    key = [key_of(text) for text in (await client.audit_keys()).keys]
    try:
        for proof in proofs:
            proof.check(key)
    except BadLog as error:
        raise UserError(f"what the daemon gave proves nothing: {error}") from None
    write_private_bytes(options.file, absences_text(proofs).encode())
    return [f"written: {options.file}, absent from {len(proofs)} list(s); it is checked with "
            f"lfrd audit verify {options.file} --key KEY"]  # fmt: skip


async def _list_id(client: Client, given: str, deployment: str | None) -> str:
    """The id of a list; one that was erased after a deployment is named by its id."""
    try:
        return (await list_of(client, given)).id
    except NotFound:
        if deployment is None:
            raise
        return given


async def _erase(client: Client, options: argparse.Namespace) -> Shown:
    asked = SubjectLookup(reference=options.reference, reason=options.reason)
    found = (await client.look_up_subject(asked)).entries
    persons = {entry.person_id for entry in found}
    if not persons:
        raise NotFound("nobody is on a list under this reference")
    if len(persons) > 1:
        raise UserError("several people are on lists under this reference: write LIST/REFERENCE")
    on = ", ".join(f"{entry.watchlist_name}/{entry.reference}" for entry in found)
    make_sure(
        options,
        f"This person ({on}) is erased from every list and alert by the daemon on {client.place}.",
    )
    request = ErasureRequest(kind="person", subject_id=persons.pop(), reason=options.reason)
    return [await client.governance.erase(request)]


ACTIONS: dict[tuple[str, str], Callable[[Client, argparse.Namespace], Awaitable[Shown]]] = {
    ("subject", "lookup"): _lookup,
    ("subject", "export"): _export,
    ("subject", "prove-absence"): _prove_absence,
    ("subject", "erase"): _erase,
}


def row(item: Wire) -> str | None:
    """An answer for people; None for what is not ours."""
    return answer_text(item) if isinstance(item, SubjectAnswer) else None


def answer_text(item: SubjectAnswer) -> str:
    """Yes or no first, then what is known."""
    lines = []
    if item.on_at_s is not None:
        lost = f" (no answer for {item.unanswerable} listings whose key was lost)"
        said = "yes" if item.was_listed else "no"
        lines.append(
            f"on a list then ({shown(item.on_at_s)}): {said}{lost if item.unanswerable else ''}"
        )
    for listing in item.listings:
        until = "now" if listing.removed_at_s is None else shown(listing.removed_at_s)
        lines.append(f"listed   from {shown(listing.added_at_s)} to {until}")
    for entry in item.entries:
        like = "" if entry.similarity is None else f", similarity {entry.similarity:.3f}"
        lines.append(
            f"entry    {entry.watchlist_name}/{entry.reference} ({entry.category}) since "
            f"{shown(entry.added_at_s)}: {entry.basis or 'no basis'}, from "
            f"{entry.source or 'no source'}; {entry.photos} photos{like}"
        )
    for alert in item.alerts:
        outcome = alert.outcome.value if alert.outcome else alert.state.value
        done = f", {alert.done.value}" if alert.done else ""
        lines.append(
            f"alert    {shown(alert.raised_at_s)} at {alert.place}, camera {alert.camera_id}: "
            f"{outcome}{done}"
        )
    return "\n".join(lines or ["nothing is known"])
