"""A finding of hostile requests is told from an answer that is right."""

import base64
import json
from pathlib import Path

import pytest

from benchmarks.api_fuzz import TAKEN_INVALID, Found, read
from lfrd.wire.deployments import DeploymentLapse


def _found(folder: Path, text: str, keywords: list[str]) -> Found:
    """What is made of one request with this reason, answered with success."""
    change = {"path": ["reason"], "keywords": keywords}
    request = {"body": {"reason": text}, "meta": {"phase": {"data": {"mutations": [change]}}}}
    body = base64.b64encode(b'{"closed":0}').decode()
    recorder = {
        "label": "POST /v1/deployments/{deployment_id}/lapse",
        "cases": {"a": {"value": request}},
        "checks": {"a": [{"name": TAKEN_INVALID, "status": "failure"}]},
        "interactions": {
            "a": {"response": {"status_code": 200, "content": {"$base64": body}}},
        },
    }
    written = folder / "operator.ndjson"
    written.write_text(json.dumps({"ScenarioFinished": {"recorder": recorder}}) + "\n")
    return read(written)


@pytest.mark.parametrize("text", ["x" + " " * 200, "\n" * 300 + "x" * 200])
def test_blanks_around_a_text_are_no_part_of_it(tmp_path: Path, text: str) -> None:
    assert DeploymentLapse(reason=text).reason == text.strip()
    found = _found(tmp_path, text, ["maxLength", "minLength"])
    assert found.known == {"blanks around a text are no part of it": 1}
    assert not found.other


@pytest.mark.parametrize(
    ("text", "keywords"),
    [
        ("x" * 201, ["maxLength"]),
        ("x" * 201 + " ", ["maxLength"]),
        ("x" + " " * 200 + "x", ["maxLength"]),
        (" " * 201, ["maxLength"]),
        ("x" + " " * 200, ["maxLength", "pattern"]),
        ("x", ["type"]),
    ],
)
def test_another_invalid_text_that_is_taken_is_a_finding(
    tmp_path: Path, text: str, keywords: list[str]
) -> None:
    found = _found(tmp_path, text, keywords)
    assert not found.known
    assert found.other.total() == 1
