"""`lfrd man` and `lfrd completion`: man pages and shell completion, made of the parser itself."""

import argparse
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from lfrd import __version__
from lfrd.cli.command_parser import CommandParser
from lfrd.cli.terminal import note, say
from lfrd.errors import BadInput, UserError

MANUAL = "lfrd manual"

EXIT_STATUS = (
    ("0", "done; for health: the site is well"),
    ("1", "the machine failed, or what was checked is not in order; for health: degraded"),
    ("2", "you can mend it: a wrong word, a refusal, no daemon; for health: failed, or no answer"),
    ("130", "interrupted"),
)
VARIABLES = (
    ("LFRD_CONFIG", "the configuration file"),
    ("LFRD_TOKEN", "your personal token"),
    ("LFRD_SECTION__KEY", "any key of the configuration, such as LFRD_SITE__STATE_DIR"),
    ("NO_COLOR", "states are not coloured, wherever they are printed"),
)


def complete(top: CommandParser, shell: str) -> str:
    """The completion script of a shell."""
    import shtab  # by who installs it alone

    for parser in _all(top):
        for action in parser._actions:
            if _is_path(action):
                folder = "folder" in (action.metavar or action.dest) or action.metavar == "DIR"
                action.complete = (  # type: ignore[attr-defined]  # shtab's documented way
                    shtab.DIRECTORY if folder else shtab.FILE
                )
    return shtab.complete(top, shell=shell)


def _is_path(action: argparse.Action) -> bool:
    """What names a file: also where - stands for standard input, and a path is no Path."""
    named = any(name.endswith("-file") for name in action.option_strings)
    return action.type is Path or action.metavar == "FILE" or (named and action.nargs != 0)


def write(top: CommandParser, options: argparse.Namespace) -> None:
    """Print the page of one command, or write all pages into a folder."""
    pages = dict(manual(top))
    if options.all is not None:
        folder: Path = options.all
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in pages.items():
                (folder / name).write_text(text)
        except OSError as error:
            raise UserError(f"{folder} cannot be written: {error.strerror}") from None
        note(f"{len(pages)} pages in {folder}: look with `man -l {folder}/lfrd.1`")
        return
    name = "lfrd.1" if options.command is None else f"lfrd-{options.command}.1"
    if name not in pages:
        raise BadInput(f"there is no command {options.command}: `lfrd --help` lists them")
    if sys.stdout.isatty():
        note("a man page's source; read it with: lfrd man | man -l -")
    say(pages[name].rstrip("\n"))


def manual(top: CommandParser) -> Iterator[tuple[str, str]]:
    """Every page by the name of its file."""
    commands = _commands(top)
    names = sorted(commands)
    body = [
        _section("COMMANDS"),
        *(_item(f"lfrd {name}", commands[name].description or "") for name in names),
    ]
    yield "lfrd.1", _page(top, "lfrd", body, [f"lfrd-{name}(1)" for name in names])
    for name in names:
        command = commands[name]
        body = []
        for action, parser in _commands(command).items():
            body += [_section(f"lfrd {name} {action}".upper()), *_parts(parser)]
        yield f"lfrd-{name}.1", _page(command, f"lfrd-{name}", body, ["lfrd(1)"])


def _page(parser: argparse.ArgumentParser, name: str, body: list[str], also: list[str]) -> str:
    text = (parser.description or "").rstrip(".")
    lines = [
        f'.TH "{_escaped(name.upper())}" "1" "{date.today()}" '
        f'"lfrd {_escaped(__version__)}" "{MANUAL}"',
        ".ad l",  # a line of options cannot be stretched to the width of the page
        _section("NAME"), f"{_escaped(name)} \\- {_escaped(text[:1].lower() + text[1:])}",
        _section("SYNOPSIS"), *_parts(parser), *body,
        _section("EXIT STATUS"), *(_item(*one) for one in EXIT_STATUS),
        _section("ENVIRONMENT"), *(_item(*one) for one in VARIABLES),
        _section("SEE ALSO"), _escaped(", ".join(also)),
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _parts(parser: argparse.ArgumentParser) -> Iterator[str]:
    """How it is written, what it does, and each word of it."""
    usage = " ".join(parser.format_usage().removeprefix("usage: ").split())
    yield _escaped(usage)
    if parser.description:
        yield f".PP\n{_escaped(parser.description)}"
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) or action.help == argparse.SUPPRESS:
            continue
        words = ", ".join(action.option_strings) or str(action.metavar or action.dest)
        if action.option_strings and action.nargs != 0:
            value = action.metavar or (
                "{" + ",".join(map(str, action.choices)) + "}"
                if action.choices
                else action.dest.upper()
            )
            words += f" {value}"
        text = parser._get_formatter()._expand_help(action) if action.help else ""
        yield _item(words, text)
    if parser.epilog:
        yield f".PP\n{_escaped(parser.epilog)}"


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands or actions of a parser."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _all(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for inner in _commands(parser).values():
        yield from _all(inner)


def _section(name: str) -> str:
    return f".SH {_escaped(name)}"


def _item(words: str, text: str) -> str:
    return f".TP\n\\fB{_escaped(words)}\\fR\n{_escaped(text) or ' '}"


def _escaped(text: str) -> str:
    """Text as roff takes it: no backslash, no line that is a request."""
    plain = " ".join(text.split()).replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain[:1] in (".", "'") else plain
