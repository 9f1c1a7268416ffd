"""Prometheus's own checker reads our figures and our alert rules, and the rules fire when they
should."""

import shutil
import subprocess
from pathlib import Path

import pytest

from support.site import http, make_list, serve

RULES = Path(__file__).resolve().parents[2] / "docs" / "alerts.rules.yml"

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed"),
]

CASES = """
rule_files: [{rules}]
evaluation_interval: 15s
tests:
  - interval: 15s
    input_series:
      - {{series: 'lfrd_camera_state{{instance="a", camera="door", state="lost"}}', values: '1x40'}}
      - {{series: 'lfrd_camera_state{{instance="a", camera="hall", state="lost"}}', values: '0x40'}}
      - {{series: 'lfrd_deployment_running{{instance="a"}}', values: '1x40'}}
      - {{series: 'lfrd_reviews_oldest_seconds{{instance="a"}}', values: '10x40'}}
      - {{series: 'lfrd_templates_held{{instance="a"}}', values: '3x40'}}
      - {{series: 'lfrd_database_failing{{instance="a"}}', values: '0x40'}}
    alert_rule_test:
      - eval_time: 5m
        alertname: LfrdCameraLost
        exp_alerts:
          - exp_labels: {{severity: warning, instance: a, camera: door}}
            exp_annotations:
              summary: "camera door gives no pictures"
              description: >-
                A deployment runs and this camera takes no part in it: `lfrd camera test door`.
      - {{eval_time: 5m, alertname: LfrdReviewWaiting, exp_alerts: []}}
      - {{eval_time: 5m, alertname: LfrdFacesHeld, exp_alerts: []}}
      - {{eval_time: 5m, alertname: LfrdDiskFailing, exp_alerts: []}}
"""


def promtool(*words: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["promtool", *map(str, words)], input=given, capture_output=True, text=True, timeout=60
    )


def test_the_rules_are_in_order_and_fire(tmp_path: Path) -> None:
    checked = promtool("check", "rules", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "12 rules found" in checked.stdout
    cases = tmp_path / "cases.yml"
    cases.write_text(CASES.format(rules=RULES))
    ran = promtool("test", "rules", cases)
    assert ran.returncode == 0, ran.stdout + ran.stderr


async def test_the_figures_are_in_order(tmp_path: Path) -> None:
    async with serve(tmp_path) as served:
        await make_list(served.site)
        async with http(served.socket) as client:
            text = (await client.get("/metrics")).text
    checked = promtool("check", "metrics", given=text)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
