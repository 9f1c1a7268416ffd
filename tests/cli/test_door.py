"""`lfrd health | me | events | api`, and what is done about alerts, beside a daemon's API."""

import asyncio
import json
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from lfrd.cli import alert, events, health, request
from lfrd.cli.door_options import DECISIONS, ENGAGEMENTS, IDENTITIES, KINDS, MINE
from lfrd.cli.options import CATEGORIES
from lfrd.errors import BadInput, NotFound
from lfrd.events import EventKind as StoredKind
from lfrd.store.transaction import Transaction
from lfrd.vocabulary import Category, Engagement, Identity
from lfrd.wire.alerts import Mine, ReviewDecision
from lfrd.wire.events import EventKind
from support.program import Call, Typed, refused
from support.site import Served, make_list, serve
from support.store import raise_some

Shell = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str]) -> Shell:
    """Runs a command of the program beside a served site; its code, output and errors."""
    from lfrd.__main__ import parser

    parts = {"alert": alert.run, "events": events.run, "api": request.run,
             "health": health.health, "me": health.me, "policy": health.policy}  # fmt: skip

    async def run(served: Served, *words: str) -> tuple[int, str, str]:
        options = await asyncio.to_thread(parser().parse, words)
        capsys.readouterr()
        code = await parts[words[0]](options, served.socket)
        return code, *capsys.readouterr()

    return run


def test_the_choices_are_those_of_the_wire_contract() -> None:
    assert tuple(EventKind) == KINDS
    assert tuple(Category) == CATEGORIES
    assert tuple(ReviewDecision) == DECISIONS
    assert tuple(Engagement) == ENGAGEMENTS
    assert tuple(Identity) == IDENTITIES
    assert tuple(Mine) == MINE


async def test_health_answers_as_a_monitoring_plugin_does(tmp_path: Path, shell: Shell) -> None:
    async with serve(tmp_path) as served:
        code, out, _ = await shell(served, "health")
        assert (code, out[:2], "\x1b" in out) == (0, "ok", False)
        served.site.health.degrade("camera:door", "camera door is away: \x1b[31m")
        code, out, _ = await shell(served, "health")
        assert code == 1
        assert "- camera door is away: \\u001b[31m" in out
        served.site.health.fail("store", "the disk is full")
        code, out, _ = await shell(served, "health", "--json")
        assert code == 2
        assert json.loads(out)["reasons"][0] == "the disk is full"


def test_no_answer_is_critical(call: Call, tmp_path: Path) -> None:
    refused(call("health", "--socket", tmp_path / "x.sock"), "is lfrd running?")


def test_a_daemon_that_hangs_is_critical_before_a_monitor_gives_up(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert health.ANSWER_S < 10.0
    monkeypatch.setattr(health, "ANSWER_S", 0.1)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "x.sock"))
        silent.listen()
        refused(call("health", "--socket", tmp_path / "x.sock"), "has not answered in")


async def test_states_are_coloured_on_terminals_alone(
    tmp_path: Path, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(tmp_path) as served:
        for variables, painted in (
            ({}, True),
            ({"NO_COLOR": "1"}, False),
            ({"TERM": "dumb"}, False),
        ):
            with monkeypatch.context() as patched:
                for name in ("NO_COLOR", "TERM"):
                    patched.delenv(name, raising=False)
                for name, value in variables.items():
                    patched.setenv(name, value)
                typed = Typed()
                patched.setattr("sys.stdout", typed)
                await shell(served, "health")
            assert ("\x1b[32mok\x1b[0m" in typed.getvalue()) is painted


async def test_events_that_are_kept(tmp_path: Path, shell: Shell) -> None:
    async with serve(tmp_path) as served:
        await make_list(served.site)
        await raise_some(served.site.database, 3)
        _, out, _ = await shell(served, "events", "--json")
        everything = [json.loads(line) for line in out.splitlines()]
        assert [item["id"] for item in everything] == sorted(item["id"] for item in everything)
        raised = [item for item in everything if item["kind"] == "alert.raised"]
        assert len(raised) == 3
        _, out, _ = await shell(served, "events", "--json", "--kind", "alert.raised")
        assert [json.loads(line) for line in out.splitlines()] == raised
        since = str(raised[1]["id"])
        _, out, _ = await shell(served, "events", "--since", since, "--kind", "alert.raised")
        assert out.split()[0] == str(raised[2]["id"])
        assert re.search(r" \d\d:\d\d:\d\d UTC  alert\.raised ", out)


async def test_an_event_that_there_is_not(tmp_path: Path, shell: Shell) -> None:
    async with serve(tmp_path) as served:
        with pytest.raises(NotFound, match="no event 4711: none is kept"):
            await shell(served, "events", "--since", "4711")
        await make_list(served.site)
        newest = (await served.client.kept_events())[0].newest_id
        with pytest.raises(NotFound, match=f"kept are 1 to {newest} .*lfrd events --follow"):
            await shell(served, "events", "--since", str(newest + 1), "--kind", "alert.raised")
        page, _ = await served.client.kept_events(newest + 1)
        assert (page.missed, page.events) == (True, ())
        assert (await shell(served, "events", "--since", str(newest)))[1] == ""

        def delete(tx: Transaction) -> None:
            tx.execute("DELETE FROM event WHERE id <= 1")
            tx.event(StoredKind.WATCHLIST_CHANGED, "another")

        await served.site.database.write(delete, principal="user:test")
        assert (await shell(served, "events", "--since", "1"))[2] == ""
        await served.site.database.write(
            lambda tx: tx.execute("DELETE FROM event WHERE id <= 2"), principal="user:test"
        )
        _, _, err = await shell(served, "events", "--since", "1")
        assert re.search(r"after 1 are kept no more: the oldest one is 3.*lfrd alert list", err)


async def test_events_that_come(tmp_path: Path, shell: Shell) -> None:
    async with serve(tmp_path) as served:
        await make_list(served.site)
        following = asyncio.create_task(
            shell(served, "events", "--follow", "--since", "0", "--kind", "watchlist.changed")
        )
        lines: list[str] = []

        def say(text: str) -> None:
            lines.append(text)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(events, "say", say)
            async with asyncio.timeout(10):
                while not lines:
                    await asyncio.sleep(0.01)
                before = len(lines)
                await make_list(served.site, "second")
                while len(lines) == before:
                    await asyncio.sleep(0.01)
            following.cancel()
            with pytest.raises(asyncio.CancelledError):
                await following
        ids = [int(line.split()[0]) for line in lines]
        assert ids == sorted(set(ids))


async def test_any_route_is_called(tmp_path: Path, shell: Shell) -> None:
    async with serve(tmp_path) as served:
        new = json.dumps(
            {"name": "bans", "category": "excluded", "purpose": "ban", "owner": "security"}
        )
        _, out, _ = await shell(served, "api", "/v1/watchlists", "--data", new)
        made = json.loads(out)
        assert made["name"] == "bans"
        await raise_some(served.site.database, 3)
        limit = ["--query", "limit=2", "--query", "state=open"]
        _, out, err = await shell(served, "api", "GET", "/v1/alerts", *limit)
        assert len(json.loads(out)) == 2
        assert "there is more: --all" in err
        _, out, err = await shell(served, "api", "GET", "/v1/alerts", *limit, "--all")
        assert (len(out.splitlines()), err) == (3, "")
        with pytest.raises(NotFound):
            await shell(served, "api", "/v1/watchlists/none")
        for words in (
            ["v1/x"],
            ["/v1/alerts?limit=2"],
            ["/v1/x", "--data", "{"],
            ["GET", "/v1/x", "--data", "{}"],
            ["/v1/x", "-q", "x"],
        ):
            with pytest.raises(BadInput):
                await shell(served, "api", *words)


async def test_alerts_are_listed_decided_and_settled(tmp_path: Path, shell: Shell) -> None:
    async with serve(tmp_path) as served:
        await raise_some(served.site.database, 3)
        code, out, err = await shell(served, "alert", "list", "--limit", "2", "--mine", "waiting")
        assert (code, len(out.splitlines())) == (0, 2)
        assert re.search(r":\d\d UTC  open   \S+ +- +visitors/\S+$", out.splitlines()[0])
        assert "--all" in err
        first = out.split()[0]
        shown = ["--face-px", "112", "--reference-px", "112", "--seen-s", "3"]
        await shell(served, "alert", "review", first, "not_a_match", *shown)
        await shell(served, "alert", "undo", first)
        await shell(served, "alert", "review", first, "match", "--reason", "the scar", *shown)
        await shell(served, "alert", "final", first)
        _, out, _ = await shell(served, "alert", "engagement", first, "no_action", "--json")
        assert json.loads(out)["engagement"]["kind"] == "no_action"
        _, out, _ = await shell(served, "alert", "list", "--mine", "decided", "--list", "visitors")
        assert out.split()[0] == first
        assert len(out.splitlines()) == 1
        picture = tmp_path / "probe.jpg"
        await shell(served, "alert", "image", first, "probe", str(picture))
        assert picture.read_bytes()
        assert picture.stat().st_mode & 0o077 == 0


async def test_who_i_am_and_which_rules_run(tmp_path: Path, shell: Shell) -> None:
    async with serve(tmp_path) as served:
        assert (await shell(served, "me"))[1].endswith(", admin\n")
        _, out, _ = await shell(served, "policy", "show", "--running")
        assert "reviewers_required" in out
