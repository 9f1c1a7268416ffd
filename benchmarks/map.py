"""Print every module with the first sentence of its docstring: `make map`."""

import ast
import os
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SENTENCE = re.compile(r".*?[.](?=\s|$)", re.DOTALL)


def main() -> None:
    """Modules in the order of the tree; a package's own file only where it says something."""
    for path in sorted([*ROOT.glob("lfrd/**/*.py"), *ROOT.glob("tui/**/*.py")]):
        text = (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n\n")[0]
        if not text and path.name == "__init__.py":
            continue
        found = SENTENCE.match(text)
        print(f"{path.relative_to(ROOT)}: {' '.join((found[0] if found else text).split())}")


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # `make map | head`: enough was read
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
