"""What the rules of a deployment bar a person from: said before a dialogue is opened that could
only fail at its end. The daemon holds the rules itself. Pure."""

from lfrd.wire.deployments import Deployment, Policy, SitePolicies
from lfrd.wire.health import Me

OUTSIDE = (
    "these rules want the authority of somebody outside: `lfrd deployment extend --authority` "
    "takes what they signed"
)


def rules_of(policies: SitePolicies, item: Deployment) -> Policy:
    """The rules that it was planned under."""
    lab = policies.lab
    return lab if lab is not None and item.profile == lab.name else policies.own


def bar_to_extend(running: Deployment, policy: Policy, me: Me | None) -> str | None:
    """Why this person may not extend it, if so."""
    if policy.values.get("outside_authority"):
        return OUTSIDE
    starts = me is not None and running.schedule_id is None and running.started_by == me.principal
    if policy.values.get("authoriser_differs") and starts:
        return "you started it: another supervisor may extend it"
    return None


def bar_to_urgent(policy: Policy, *, is_supervisor: bool) -> str | None:
    """Why this person may not start a plan urgently under these rules, if so."""
    if isinstance(policy.values.get("urgent_ratified_within_h"), str):
        return "these rules know no urgent start: u authorises the plan"
    if policy.values.get("after_use") == "erase_list" and not is_supervisor:
        return "its lists are erased after use: a supervisor may start it urgently"
    return None
