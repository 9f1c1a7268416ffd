"""Messages to other systems, as an administrator asks for them: over the API and in the shell."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from lfrd.api.server import ApiServer
from lfrd.cli import outbox as command
from lfrd.cli.outbox import run
from lfrd.client import Client
from lfrd.config import Config, WebhookSection
from lfrd.daemon import open_site
from lfrd.errors import Conflict, Failure, NotFound
from lfrd.store import outbox
from lfrd.wire.outbox import MessageState
from support.receiver import Receiver, receiver, status
from support.site import config_on
from support.store import raise_one


def with_hook(folder: Path, there: Receiver) -> Config:
    secret = folder / "secret"
    secret.write_text(f"whsec_{base64.b64encode(bytes(32)).decode()}\n")
    secret.chmod(0o600)
    hook = WebhookSection(id="dispatch", url=there.url, secret_file=secret, private=True)
    return config_on(folder / "state").model_copy(update={"webhook": (hook,)})


@asynccontextmanager
async def site_with(folder: Path, there: Receiver) -> AsyncIterator[tuple[Config, Client]]:
    config = with_hook(folder, there)
    async with (
        open_site(config) as site,
        ApiServer(site),
        Client.over_socket(config.socket_path) as client,
    ):
        await raise_one(site.database)
        yield config, client


async def arrived(there: Receiver, count: int) -> None:
    async with asyncio.timeout(20):
        while len(there.got) < count:
            await asyncio.sleep(0.02)


async def test_a_candidate_reaches_the_receiver_and_the_list_says_so(tmp_path: Path) -> None:
    async with receiver() as there, site_with(tmp_path, there) as (_, client):
        await arrived(there, 2)
        kinds = sorted(got.json["type"] for got in there.got)
        assert kinds == ["candidate.for_review", "deployment.began"]
        async with asyncio.timeout(10):
            while (await client.outbox_endpoints())[0].delivered < 2:
                await asyncio.sleep(0.02)
        (endpoint,) = await client.outbox_endpoints()
        assert (endpoint.id, endpoint.waiting, endpoint.dead) == ("dispatch", 0, 0)
        assert "hunter2" not in endpoint.place
        page = await client.outbox_messages("dispatch", MessageState.DELIVERED, limit=1)
        (newest,) = page.items
        assert page.next is not None
        rest = await client.outbox_messages("dispatch", MessageState.DELIVERED, after=page.next)
        assert len(rest.items) == 1
        assert newest.facts["camera_id"] == "gate"
        again = await client.redeliver(newest.id)
        assert (again.state, again.message_id) == (MessageState.WAITING, newest.message_id)
        await arrived(there, 3)
        assert there.got[2].id == newest.message_id
        with pytest.raises(NotFound):
            await client.outbox_message(99_999)
        with pytest.raises(NotFound, match="configuration has dispatch"):
            await client.test_endpoint("nobody")


async def test_the_shell_says_whether_a_test_arrives_and_why_not(
    tmp_path: Path, call_outbox: "CallOutbox"
) -> None:
    async with receiver() as there, site_with(tmp_path, there) as (config, client):
        await arrived(there, 2)
        assert "has taken the test message" in await call_outbox(config, "test", "dispatch")
        there.answer = status(418)
        with pytest.raises(Failure, match="has not arrived: answers 418"):
            await call_outbox(config, "test", "dispatch")
        listed = await call_outbox(config, "list")
        assert "dispatch" in listed
        assert "hunter2" not in listed
        (waiting,) = (await client.outbox_messages(None, MessageState.WAITING)).items
        with pytest.raises(Conflict, match="waits already"):
            await call_outbox(config, "retry", str(waiting.id))
        there.answer = status(410)
        gone = await client.test_endpoint("dispatch")
        async with asyncio.timeout(10):
            while (await client.outbox_message(gone.id)).state is not MessageState.DEAD:
                await asyncio.sleep(0.02)
        assert "takes no messages any more" in await call_outbox(config, "dead")
        there.answer = status(204)
        await call_outbox(config, "retry", "--dead")
        async with asyncio.timeout(10):
            while (await client.outbox_message(gone.id)).state is not MessageState.DELIVERED:
                await asyncio.sleep(0.02)
        assert '"state":"delivered"' in await call_outbox(config, "messages", "--json")


class CallOutbox:
    """Runs `lfrd outbox …` on this loop; what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    async def __call__(self, config: Config, *words: str) -> str:
        from lfrd.__main__ import parser

        options = parser().parse_args(["outbox", *words])
        self._capsys.readouterr()
        assert await run(options, config.socket_path) == 0
        return self._capsys.readouterr().out


@pytest.fixture
def call_outbox(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> CallOutbox:
    monkeypatch.setattr(command, "LOOK_S", 0.02)
    return CallOutbox(capsys)


async def test_what_was_put_down_before_a_stop_leaves_after_it(tmp_path: Path) -> None:
    """The receiver is away, lfrd is stopped and started: nothing is lost."""
    async with receiver() as there:
        config = with_hook(tmp_path, Receiver(9, False))
        async with open_site(config) as site:
            await raise_one(site.database)
        async with open_site(with_hook(tmp_path, there)) as site:
            await arrived(there, 3)
            kinds = [got.json["type"] for got in there.got]
            assert sorted(kinds) == [
                "candidate.for_review", "deployment.began", "deployment.ended"
            ]  # fmt: skip
            assert kinds.index("deployment.began") < kinds.index("deployment.ended")
            async with asyncio.timeout(10):
                while (await site.database.read(lambda r: outbox.tally(r, "dispatch"))).waiting:
                    await asyncio.sleep(0.02)
