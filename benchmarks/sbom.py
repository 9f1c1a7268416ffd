"""Adds to an SBOM (CycloneDX) the licence of each component, as its installed metadata says.

    python -m benchmarks.sbom FROM.json TO.json

What is not installed here belongs to another platform, and is taken out. A component without a
licence fails it.
"""

import importlib.metadata
import json
import sys
from pathlib import Path
from typing import Any

KNOWN = {
    # its metadata says nothing; the repository does
    "lfrd": "Apache-2.0",
    "insightface": "MIT",
    "pyrage": "MIT",
}


def licence_of(name: str) -> str | None:
    """The licence of an installed package: its expression, its classifiers, or its first line."""
    if name in KNOWN:
        return KNOWN[name]
    meta = importlib.metadata.metadata(name)
    if expression := meta.get("License-Expression"):
        return expression
    said = [
        line.rpartition(" :: ")[2]
        for line in meta.get_all("Classifier") or ()
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    text = (meta.get("License") or "").strip().splitlines()
    return "; ".join(said) or (text[0][:80] if text else None)


def with_licences(sbom: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The SBOM, and what has no licence. What is not installed here belongs to another platform."""
    kept, lacking = [], []
    for component in sbom["components"]:
        try:
            licence = licence_of(component["name"])
        except importlib.metadata.PackageNotFoundError:
            continue
        if licence is None:
            lacking.append(component["name"])
            continue
        kept.append(component | {"licenses": [{"license": {"name": licence}}]})
    return sbom | {"components": kept}, lacking


def main() -> int:
    source, target = map(Path, sys.argv[1:3])
    sbom, lacking = with_licences(json.loads(source.read_text()))
    target.write_text(json.dumps(sbom, indent=1) + "\n")
    for component in sbom["components"]:
        print(f"{component['name']:32} {component['licenses'][0]['license']['name']}")
    if lacking:
        print(f"no licence is known of: {', '.join(lacking)}", file=sys.stderr)
    return bool(lacking)


if __name__ == "__main__":
    sys.exit(main())
