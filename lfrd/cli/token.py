"""`lfrd token create | list | revoke`."""

import argparse
import time
from pathlib import Path

from lfrd.cli.dates import moment, shown
from lfrd.cli.names import token_of_holder
from lfrd.cli.reach import TOKEN_VARIABLE, token_of
from lfrd.cli.terminal import say, warn
from lfrd.client import Client
from lfrd.text import one_line
from lfrd.vocabulary import Role
from lfrd.wire.people import Token, TokenCreate


async def run(options: argparse.Namespace, socket: Path) -> int:
    """Carry out one action; the secret of a new token is printed once, alone on its line."""
    async with Client.over_socket(socket, token_of(options)) as client:
        if options.action == "create":
            new = TokenCreate(
                principal=options.principal,
                role=Role(options.role),
                expires_at_s=options.expires and moment(options.expires),
            )
            made = await client.create_token(new)
            if options.json:
                say(made.model_dump_json())
            else:
                warn(_pointer(made.token.printable()))
                say(made.secret)
        elif options.action == "revoke":
            _show(options, await client.revoke_token(await token_of_holder(client, options.id)))
        else:
            for token in await client.tokens():
                _show(options, token)
    return 0


def _pointer(token: Token) -> str:
    return (
        f"token {token.id} of {token.principal}: its secret follows on standard output and is "
        "never shown again. Keep it in a file of mode 0600 for --token-file, or in "
        f"${TOKEN_VARIABLE}."
    )


def _show(options: argparse.Namespace, token: Token) -> None:
    used = "never used" if token.last_used_at_s is None else f"used {shown(token.last_used_at_s)}"
    text = one_line(f"{token.id}  {token.principal:24} {_state(token):34} {used}")
    say(token.model_dump_json() if options.json else text)


def _state(token: Token) -> str:
    if token.revoked_at_s is not None:
        return f"revoked by {token.revoked_by}"
    if token.expires_at_s is None:
        return "valid"
    over = token.expires_at_s <= time.time()
    return f"{'expired' if over else 'valid until'} {shown(token.expires_at_s)}"
