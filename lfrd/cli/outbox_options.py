"""The words and options of `lfrd outbox`."""

import argparse
from functools import partial

from lfrd.cli.actions import add_action, group_of

STATES = ("waiting", "delivered", "dead")
"""As the wire contract has them."""
SHOWN = 100


def add_outbox(command: argparse.ArgumentParser) -> None:
    """`lfrd outbox`."""
    group = group_of(command)
    actions = partial(add_action, group)
    actions("list", "who is told, how many messages wait, and why they do not arrive")
    messages = actions("messages", "what waits, was delivered, or was given up; newest first")
    messages.add_argument("--state", choices=STATES)
    dead = actions("dead", "what was given up, and why")
    for action in (messages, dead):
        action.add_argument("--limit", type=int, default=SHOWN, metavar="N")
    retry = actions("retry", "send once more what was delivered or given up")
    retry.add_argument("id", type=int, nargs="*", help="of a message")
    retry.add_argument("--dead", action="store_true", help="all that were given up")
    for action in (messages, dead, retry):
        action.add_argument("--endpoint", metavar="ID", help="of this one only")
    test = actions("test", "send a message that says nothing, and say whether it arrived")
    test.add_argument("endpoint", help="the id of a webhook, or mqtt, ntfy, smtp")
    test.add_argument("--wait", type=float, default=40.0, metavar="S", help="for so long at most")
    group.add_parser(
        "secret", help="make a secret for a webhook", description="Print a new secret for a "
        "webhook: keep it in a file of mode 0600 that secret_file names, and give it to the "
        "receiver.",
    )  # fmt: skip
