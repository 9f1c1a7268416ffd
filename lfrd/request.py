"""The request that is being worked on: what the store writes beside what it is about, and the log's
lines name.

A context variable, since between a route and the writer's queue lie parts that have nothing to do
with requests. What a request begins and leaves behind goes on under its name.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestKey:
    """What its sender gave a write, so that it is done once: `fingerprint` is SHA-256 over what is
    asked for, `attempt` is new each time that it is sent."""

    principal: str
    key: str
    fingerprint: bytes
    attempt: str


@dataclass(frozen=True, slots=True)
class RequestMark:
    """One request; `id` is in its answer, its log line and its events."""

    id: str
    key: RequestKey | None = None


current: ContextVar[RequestMark | None] = ContextVar("request", default=None)
"""None: the daemon works by itself."""
