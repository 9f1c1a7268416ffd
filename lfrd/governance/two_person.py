"""Who may do what cannot be taken back: the role that it needs, in one place.

Taking people off a list is one deed, whichever way it is done: erasing the list, the person or the
entry, deleting or quarantining the last photo that is compared, ending an entry or a list early,
asking for a score that nobody reaches, narrowing a list's cameras, or starting a deployment whose
rules erase its lists after use. All of them need the role that may erase.
"""

from lfrd.governance.tokens import demand
from lfrd.store.tokens import Role

MAY_ERASE = Role.SUPERVISOR


def demand_take_off(role: Role) -> None:
    """Raises Denied unless `role` may take people off a list."""
    demand(role, MAY_ERASE)
