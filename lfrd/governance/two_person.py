"""Where two different people are needed: the one module that has these rules and applies them.

Two people are two principals. Each rule looks at who was there first and at who comes second, in
the transaction of the step that it guards. (That one person reviews a candidate once only is held
by the key of the table `review`.)

Besides, the role that is needed to take people off a list, whichever way it is done: erasing the
list, the person or the entry, and what lfrd.governance.taking_off names. It needs one person.
"""

from lfrd.errors import BadInput, Conflict, Denied
from lfrd.governance.people import demand
from lfrd.governance.profile import Policy, Rules
from lfrd.store import holds, schedules, watchlists
from lfrd.store.deployments import Deployment
from lfrd.store.holds import Hold
from lfrd.store.schedules import Schedule
from lfrd.store.transaction import Reader, Transaction
from lfrd.store.watchlists import Entry
from lfrd.vocabulary import Role

MAY_ERASE = Role.SUPERVISOR


def demand_take_off(role: Role) -> None:
    """Raises Denied unless `role` may take people off a list."""
    demand(role, MAY_ERASE)


def wanted_by(reader: Reader, deployment: Deployment, starter: str) -> str:
    """Who wants a deployment to run: its starter, or who planned the schedule that starts it."""
    if deployment.schedule_id is None:
        return starter
    return schedules.get(reader, deployment.schedule_id).principal


def bar_to_start(deployment: Deployment, policy: Policy, wants: str) -> str | None:
    """Why `wants` (see `wanted_by`) may not have it started under this authorisation, if so.

    An urgent start has none yet; `check_ratifier` holds it.
    """
    if not policy.rules.authoriser_differs or deployment.urgent_reason is not None:
        return None
    if deployment.authorised_by != wants:
        return None
    first = "planned its schedule" if deployment.schedule_id else "starts it"
    return f"{policy.name} wants it authorised by another person than the one who {first}"


def check_ratifier(deployment: Deployment, principal: str) -> None:
    """An urgent start, on one person's word, is ratified by another. Raises Conflict."""
    if principal in (deployment.started_by, deployment.authorised_by):
        raise Conflict("another person than the one who started it urgently must ratify it")


def check_extender(reader: Reader, deployment: Deployment, rules: Rules, principal: str) -> None:
    """An extension is an authorisation: where the policy wants it, by another. Raises Conflict."""
    wants = wanted_by(reader, deployment, deployment.started_by or "")
    if rules.authoriser_differs and principal == wants:
        raise Conflict("another person than the one who started it must authorise the extension")


def authorise_schedule(tx: Transaction, schedule_id: str, rules: Rules) -> Schedule:
    """The standing authorisation, where the policy wants it by another than who planned it.

    Raises NotFound, Conflict.
    """
    schedule = schedules.get(tx, schedule_id)
    if rules.authoriser_differs and schedule.principal == tx.principal:
        raise Conflict("another person than the one who planned the schedule must authorise it")
    return schedules.authorise(tx, schedule_id)


def check_trainer(subject: str, principal: str) -> None:
    """A training is recorded by another person than the trained one. Raises BadInput."""
    if subject == principal:
        raise BadInput("somebody else records that you were trained")


def confirm_hold(tx: Transaction, hold_id: str) -> Hold:
    """Put a hold in force that another person asked for. Raises NotFound, Conflict."""
    if tx.get(Hold, hold_id).principal == tx.principal:
        raise Conflict("a legal hold needs two different people: you asked for this one")
    return holds.confirm(tx, hold_id)


def approve_entry(tx: Transaction, entry_id: str) -> Entry:
    """Approve an entry of a person under 18 that another person added.

    Raises NotFound, Denied, Conflict where none is needed.
    """
    entry = watchlists.get_entry(tx, entry_id)
    waits = entry.under_18 and entry.approved_at_s is None
    if waits and entry.principal == tx.principal:
        raise Denied("another person than the one who added the entry must approve it")
    return watchlists.approve_entry(tx, entry_id)
