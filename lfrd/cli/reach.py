"""Which daemon a command speaks to, and as whom: the system user, or the holder of a token."""

import argparse
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lfrd.cli.terminal import warn
from lfrd.errors import UserError

if TYPE_CHECKING:
    from lfrd.config import Config

TOKEN_VARIABLE = "LFRD_TOKEN"  # noqa: S105 - the name of a variable, not a token


def begin_client() -> None:
    """Before what speaks to the daemon is imported: messages are made as they are used, and no
    garbage is looked for among what stays. Who is done with importing calls `gc.enable`."""
    from lfrd import wire

    wire.built_at_first_use = True
    gc.disable()


def socket_of(options: argparse.Namespace, config: "Config") -> Path:
    """The socket that was named, else the configured one, else the service's. Where another daemon
    could be meant it is said on standard error which one is asked."""
    from lfrd.config import client_socket, daemon_sockets

    chosen: Path = options.socket or client_socket(config)
    others = [path for path in daemon_sockets(config) if path != chosen]
    if others:
        besides = ", ".join(map(str, others))
        warn(f"lfrd: asking the daemon on {chosen} (there is also {besides})")
    return chosen


def add_token_file(parser: argparse._ActionsContainer) -> None:
    """`--token-file`: a token on the command line could be read by every process of the machine."""
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE",
        help=f"your personal token (default: ${TOKEN_VARIABLE}, else your system user)",
    )  # fmt: skip


def token_of(options: argparse.Namespace) -> str | None:
    """The token to speak with; None for the system user. Raises UserError."""
    path: Path | None = getattr(options, "token_file", None)
    if path is None:
        token = os.environ.get(TOKEN_VARIABLE, "").strip()
        return _checked(token, f"${TOKEN_VARIABLE}") if token else None
    try:
        token = path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no token"
        raise UserError(f"the token in {path} cannot be read: {reason}") from None
    if not token:
        raise UserError(f"{path} is empty: it should hold a token of `lfrd token create`")
    return _checked(token, str(path))


def _checked(token: str, place: str) -> str:
    """What a header cannot hold would be repeated by the library that refuses to send it."""
    if not (token.isascii() and token.isprintable()):
        raise UserError(f"{place} holds no token of `lfrd token create`: that is one plain word")
    return token
