"""The dashboard as Grafana's own types of dashboards and panels take it (npm's @grafana/schema).

Grafana itself is in no registry that the tests reach, so nobody has looked at a picture of it.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.e2e

DASHBOARD = Path(__file__).resolve().parents[2] / "docs" / "grafana.json"
PACKAGES = ("@grafana/schema@11.6.0", "typescript@5.8.3")
RAW = "@grafana/schema/dist/esm/raw"
HEAD = f"""
import type {{ Dashboard }} from "{RAW}/dashboard/x/dashboard_types.gen";
import type * as timeseries from "{RAW}/composable/timeseries/panelcfg/x/TimeSeriesPanelCfg_types.gen";
import type * as stat from "{RAW}/composable/stat/panelcfg/x/StatPanelCfg_types.gen";
// The words of an enumeration, as JSON has them.
type Plain<T> = T extends string ? `${{T}}`
  : T extends object ? {{ [K in keyof T]: Plain<T[K]> }} : T;
"""  # noqa: E501  # paths of the package
TSC = (
    "node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck", "--module", "esnext",
    "--moduleResolution", "node", "--target", "es2022", "board.ts",
)  # fmt: skip


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES],
        cwd=folder, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return folder


def complaints(npm: Path, board: dict[str, Any]) -> str:
    """What the compiler says of it, with the options and fields of each panel by its type."""
    lines = [HEAD, f"export const board: Plain<Dashboard> = {json.dumps(board)};"]
    for number, panel in enumerate(board["panels"]):
        kind, defaults = panel["type"], panel["fieldConfig"]["defaults"]
        for name, type_name, value in (
            ("options", "Options", panel.get("options", {})),
            ("fields", "FieldConfig", defaults.get("custom", {})),
        ):
            if value:
                wanted = f"Partial<Plain<{kind}.{type_name}>>"
                lines.append(f"export const {name}{number}: {wanted} = {json.dumps(value)};")
    (npm / "board.ts").write_text("\n".join(lines))
    done = subprocess.run(TSC, cwd=npm, capture_output=True, text=True, timeout=120)
    return done.stdout


def test_the_dashboard_is_one_of_grafana(npm: Path) -> None:
    board = json.loads(DASHBOARD.read_text())
    assert complaints(npm, board) == ""
    board["panels"][0]["gridPos"]["x"] = "left"
    board["panels"][1]["options"] = {"graphMode": "loud"}
    said = complaints(npm, board)
    assert "not assignable to type 'number'" in said
    assert "loud" in said
