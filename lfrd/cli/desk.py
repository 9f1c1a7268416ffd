"""`lfrd tui`: which daemon the operator's terminal speaks to, and how it looks."""

import argparse
import os
from pathlib import Path
from typing import Protocol

from lfrd.cli.reach import token_of
from lfrd.errors import UserError

COLOUR_SYSTEMS = {"16m": "truecolor", "256": "256", "16": "standard"}
"""What the screen's library calls them."""


class Configured(Protocol):
    """What the configuration says where no option does."""

    @property
    def theme(self) -> str: ...
    @property
    def pictures(self) -> str: ...
    @property
    def colours(self) -> str: ...
    @property
    def bell(self) -> bool: ...
    @property
    def notify(self) -> str: ...


def run(options: argparse.Namespace, said: Configured, socket: Path) -> int:
    """Open it on this socket, unless the options name another place. Raises UserError where there
    is no way to the daemon."""
    if (colours := options.colours or said.colours) in COLOUR_SYSTEMS:
        os.environ["TEXTUAL_COLOR_SYSTEM"] = COLOUR_SYSTEMS[colours]  # read as it is imported
    from tui.app import Look, run_tui
    from tui.notify import Notify

    if options.url and options.socket:
        raise UserError("--url and --socket are two daemons: give one of them")
    look = Look(
        theme=options.theme or said.theme,
        notify=Notify(options.notify or said.notify),
        bell=said.bell if options.bell is None else options.bell,
        read_only=options.read_only,
    )
    pictures, token = options.pictures or said.pictures, token_of(options)
    if options.ssh:
        from lfrd.cli.ssh import forwarded

        with forwarded(options.ssh, options.socket) as brought:
            return run_tui(brought, token, look, pictures)
    return run_tui(options.url or socket, token, look, pictures)
