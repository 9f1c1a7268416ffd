"""Who is calling: the kernel's word on a Unix socket, a token and honest headers on TCP."""

import getpass
import os
import pwd
import socket

import pytest
from starlette.datastructures import Headers

from lfrd.api.auth import Caller, Peer, Refusal, identify, peer_of

BOOK = {"first secret": "token:first", "other": "token:other"}


def test_the_kernel_names_the_peer() -> None:
    left, right = socket.socketpair()
    with left, right:
        assert peer_of(left) == Peer(os.getuid())


def test_a_tcp_peer_is_nobody() -> None:
    with socket.socket() as sock:
        assert peer_of(sock) == Peer(None)


async def test_the_principal_is_the_system_user() -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    who = await identify(Peer(os.getuid()), Headers({}), {}.get)
    assert who == Caller(f"user:{name}", os.getuid())
    assert getpass.getuser()


async def test_a_user_without_a_name_is_known_by_number() -> None:
    who = await identify(Peer(4_000_000_001), Headers({}), {}.get)
    assert who == Caller("user:#4000000001", 4_000_000_001)


async def test_a_token_takes_the_place_of_a_shared_login() -> None:
    headers = Headers({"authorization": "Bearer first secret"})
    who = await identify(Peer(os.getuid()), headers, BOOK.get)
    assert who == Caller("token:first", None), "and with the system user goes what it may do"


@pytest.mark.parametrize("sent", ["", "Bearer wrong", "Basic first secret"])
async def test_a_wrong_token_is_refused_on_the_unix_socket_too(sent: str) -> None:
    who = await identify(Peer(os.getuid()), Headers({"authorization": sent}), BOOK.get)
    assert isinstance(who, Refusal)
    assert (who.status, who.actor) == (401, f"user:{getpass.getuser()}")


async def ask(book: dict[str, str], **headers: str) -> Caller | Refusal:
    return await identify(Peer(None), Headers(headers), book.get)


async def test_a_token_opens_the_tcp_door() -> None:
    who = await ask(BOOK, host="127.0.0.1:8787", authorization="Bearer first secret")
    assert who == Caller("token:first", None)
    who = await ask(BOOK, host="localhost", authorization="bearer other")
    assert who == Caller("token:other", None)


@pytest.mark.parametrize("sent", ["", "Bearer ", "Bearer wrong", "Basic first secret", "first"])
async def test_a_wrong_token_does_not(sent: str) -> None:
    who = await ask(BOOK, host="127.0.0.1:8787", authorization=sent)
    assert isinstance(who, Refusal)
    assert who.status == 401


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "evil.example:8787"},
        {"host": "127.0.0.1.evil.example"},
        {"host": "10.0.0.7"},
        {"host": "[oops"},
        {"host": ""},
        {},
        {"host": "127.0.0.1", "origin": "http://evil.example"},
        {"host": "127.0.0.1", "origin": "null"},
    ],
)
async def test_a_rebound_name_is_refused_even_with_a_token(headers: dict[str, str]) -> None:
    who = await ask(BOOK, authorization="Bearer first secret", **headers)
    assert isinstance(who, Refusal)
    assert who.status == 403


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1", "http://[::1]:9"])
async def test_a_page_of_this_machine_may_ask(origin: str) -> None:
    who = await ask(BOOK, host="[::1]:8787", origin=origin, authorization="Bearer other")
    assert who == Caller("token:other", None)
