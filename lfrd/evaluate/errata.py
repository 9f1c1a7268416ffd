"""Known mistakes of a labelled folder: two names that are one person."""

from pathlib import Path

from lfrd.errors import BadInput

KINDS = ("same", "twins")


def read_errata(path: Path) -> frozenset[frozenset[str]]:
    """Pairs of names that show one person, from a file of `name TAB name TAB score TAB kind`.

    Lines of kind `twins` are two people who look alike: they are strangers and stay. Raises
    BadInput.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the list of known mistakes {path} cannot be read: {error}") from None
    same: set[frozenset[str]] = set()
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.startswith("#"):
            continue
        parts = line.split("\t")
        if len(parts) != 4 or parts[3] not in KINDS or parts[0] == parts[1]:
            raise BadInput(
                f"{path} line {number} is not `name TAB name TAB score TAB {'|'.join(KINDS)}`"
            )
        if parts[3] == "same":
            same.add(frozenset(parts[:2]))
    return frozenset(same)
