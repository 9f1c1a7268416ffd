"""Signatures as another implementation of Standard Webhooks checks them: the one of npm."""

import asyncio
import base64
import json
import subprocess
from pathlib import Path

import pytest

from lfrd.outward.endpoint import Letter
from lfrd.outward.post import Post
from lfrd.outward.webhook import Webhook
from lfrd.vocabulary import OutwardKind
from support.receiver import Got, receiver

pytestmark = pytest.mark.e2e

PACKAGE = "standardwebhooks@1.0.0"
CHECK = """
const { Webhook } = require("standardwebhooks");
const asked = JSON.parse(require("fs").readFileSync(0, "utf8"));
try {
  const body = new Webhook(asked.secret).verify(asked.body, asked.headers);
  console.log(JSON.stringify(body));
} catch (error) {
  console.log(JSON.stringify({ refused: error.message }));
}
"""


@pytest.fixture(scope="module")
def npm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", PACKAGE],
        cwd=folder, check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    return folder


def checked(npm: Path, secret: str, got: Got, **changed: str) -> dict[str, object]:
    asked = {
        "secret": secret,
        "body": got.body.decode(),
        "headers": {name: value for name, value in got.headers.items() if "webhook" in name},
    }
    done = subprocess.run(
        ["node", "-e", CHECK], cwd=npm, input=json.dumps(asked | changed), check=True,
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


async def test_both_secrets_are_good_while_one_is_replaced(npm: Path) -> None:
    new, old, other = (f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2, 3))
    letter = Letter("msg_1", OutwardKind.DECIDED, 1.5, {"alert_id": "ä", "outcome": "match"})
    async with receiver() as there, Webhook(Post(there.url, private=True), [new, old]) as hook:
        await hook.send(letter)
    (got,) = there.got
    for secret in (new, old):
        body = await asyncio.to_thread(checked, npm, secret, got)
        assert body["type"] == "candidate.decided"
        assert body["data"] == {"alert_id": "ä", "outcome": "match"}
    assert "refused" in await asyncio.to_thread(checked, npm, other, got)
    changed = got.body.decode().replace("match", "not_match")
    assert "refused" in await asyncio.to_thread(checked, npm, new, got, body=changed)
