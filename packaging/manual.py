"""The man page and the shell's completion, of what the commands say of themselves.

python packaging/manual.py man | completion
"""

import argparse
import sys
from collections.abc import Iterator

from lfrd import __version__
from lfrd.__main__ import parser


def children(command: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The commands below one, by name."""
    for action in command._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def walk(command: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """A command and all below it."""
    yield command
    for child in children(command).values():
        yield from walk(child)


def escaped(text: str) -> str:
    """Text as roff takes it literally."""
    return "\n".join(
        "\\&" + line if line.startswith((".", "'")) else line
        for line in text.replace("\\", "\\\\").replace("-", "\\-").splitlines()
    )


def man() -> str:
    """All commands on one page, in the order of `lfrd --help`."""
    top = parser()
    lines = [
        f'.TH LFRD 1 "" "lfrd {__version__}" "User Commands"', ".SH NAME",
        f"lfrd \\- {escaped(top.description or '')}", ".SH COMMANDS",
    ]  # fmt: skip
    for command in walk(top):
        lines += [f".SS {escaped(command.prog)}", ".nf", escaped(command.format_help()), ".fi"]
    lines += [".SH SEE ALSO", "systemd(1), journalctl(1), the administrator's guide of lfrd"]
    return "\n".join(lines)


def completion() -> str:
    """Commands, actions and options for bash."""
    cases = []
    for command in walk(parser()):
        options = [name for action in command._actions for name in action.option_strings]
        words = " ".join([*children(command), *(name for name in options if name[:2] == "--")])
        cases.append(f'        "{command.prog}") words="{words}" ;;')
    return "\n".join([
        "_lfrd() {", '    local path=lfrd word words=""', "    local IFS=$' \\t\\n'",
        '    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
        '        [[ $word == -* ]] || path="$path $word"', "    done",
        '    case "$path" in', *cases, "    esac",
        '    mapfile -t COMPREPLY < <(compgen -W "$words" -- "${COMP_WORDS[COMP_CWORD]}")', "}",
        "complete -o default -F _lfrd lfrd",
    ])  # fmt: skip


if __name__ == "__main__":
    sys.stdout.write({"man": man, "completion": completion}[sys.argv[1]]() + "\n")
