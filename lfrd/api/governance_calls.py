"""The client's calls about what governs deployments: `client.governance.draft(...)`."""

from collections.abc import Awaitable
from typing import Protocol, TypeVar

from lfrd.wire import deployments as wire
from lfrd.wire.base import Wire
from lfrd.wire.evaluations import Evaluation, EvaluationReport

T = TypeVar("T")


class Get(Protocol):
    def __call__(self, kind: type[T], path: str, /) -> Awaitable[T]: ...


class Post(Protocol):
    def __call__(self, kind: type[T], path: str, body: Wire | None, /) -> Awaitable[T]: ...


class Patch(Protocol):
    def __call__(self, kind: type[T], path: str, body: Wire, /) -> Awaitable[T]: ...


class GovernanceCalls:
    """Speaks through the client that made it, and refuses as that does."""

    def __init__(self, get: Get, post: Post, patch: Patch) -> None:
        self._get = get
        self._post = post
        self._patch = patch

    async def policy(self) -> wire.SitePolicies:
        return await self._get(wire.SitePolicies, "/v1/policy")

    async def draft(self, draft: wire.DeploymentDraft) -> wire.Deployment:
        return await self._post(wire.Deployment, "/v1/deployments/drafts", draft)

    async def gate(self, deployment_id: str) -> wire.GateVerdict:
        return await self._get(wire.GateVerdict, f"/v1/deployments/{deployment_id}/gate")

    async def amend(self, deployment_id: str, change: wire.DeploymentChange) -> wire.Deployment:
        """Change what is given of a plan."""
        return await self._patch(wire.Deployment, f"/v1/deployments/{deployment_id}", change)

    async def authorise(self, deployment_id: str) -> wire.Deployment:
        return await self._act(deployment_id, "authorise", None)

    async def start(self, deployment_id: str, urgent_reason: str | None = None) -> wire.Deployment:
        body = wire.DeploymentBegin(urgent_reason=urgent_reason)
        return await self._act(deployment_id, "start", body)

    async def ratify(self, deployment_id: str) -> wire.Deployment:
        return await self._act(deployment_id, "ratify", None)

    async def extend(self, deployment_id: str, until_at_s: float) -> wire.Deployment:
        body = wire.DeploymentExtend(until_at_s=until_at_s)
        return await self._act(deployment_id, "extend", body)

    async def present(self) -> wire.Deployment:
        """Say that an operator is there."""
        return await self._post(wire.Deployment, "/v1/deployments/current/presence", None)

    async def schedules(self) -> tuple[wire.Schedule, ...]:
        return await self._get(tuple[wire.Schedule, ...], "/v1/schedules")

    async def add_schedule(self, schedule: wire.ScheduleCreate) -> wire.Schedule:
        return await self._post(wire.Schedule, "/v1/schedules", schedule)

    async def authorise_schedule(self, schedule_id: str) -> wire.Schedule:
        return await self._post(wire.Schedule, f"/v1/schedules/{schedule_id}/authorise", None)

    async def revoke_schedule(self, schedule_id: str) -> wire.Schedule:
        return await self._post(wire.Schedule, f"/v1/schedules/{schedule_id}/revoke", None)

    async def holds(self) -> tuple[wire.Hold, ...]:
        return await self._get(tuple[wire.Hold, ...], "/v1/holds")

    async def ask_hold(self, hold: wire.HoldCreate) -> wire.Hold:
        return await self._post(wire.Hold, "/v1/holds", hold)

    async def confirm_hold(self, hold_id: str) -> wire.Hold:
        return await self._post(wire.Hold, f"/v1/holds/{hold_id}/confirm", None)

    async def release_hold(self, hold_id: str, reason: str) -> wire.Hold:
        body = wire.Reason(reason=reason)
        return await self._post(wire.Hold, f"/v1/holds/{hold_id}/release", body)

    async def erasures(self) -> tuple[wire.Erasure, ...]:
        return await self._get(tuple[wire.Erasure, ...], "/v1/erasures")

    async def erase(self, request: wire.ErasureRequest) -> wire.Erasure:
        return await self._post(wire.Erasure, "/v1/erasures", request)

    async def evaluations(self) -> tuple[Evaluation, ...]:
        return await self._get(tuple[Evaluation, ...], "/v1/evaluations")

    async def add_evaluation(self, report: EvaluationReport) -> Evaluation:
        """Register what was measured."""
        return await self._post(Evaluation, "/v1/evaluations", report)

    async def withdraw_evaluation(self, evaluation_id: str, reason: str) -> Evaluation:
        body = wire.Reason(reason=reason)
        return await self._post(Evaluation, f"/v1/evaluations/{evaluation_id}/withdraw", body)

    async def _act(self, deployment_id: str, step: str, body: Wire | None) -> wire.Deployment:
        path = f"/v1/deployments/{deployment_id}/{step}"
        return await self._post(wire.Deployment, path, body)
