"""What was made is named in `Location`; what is changed is told apart by `ETag` and `If-Match`.

Who gives the tag that they read in `If-Match` changes nothing that another has changed since: 412.
Edits of one site wait for each other, so that between the look and the write there is no other.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Header, Request, Response

from lfrd.api.problems import MEDIA_TYPE
from lfrd.errors import Changed
from lfrd.wire.base import Wire
from lfrd.wire.cameras import Camera
from lfrd.wire.deployments import Deployment
from lfrd.wire.lists import Watchlist

W = TypeVar("W", bound=Wire)

NOT_EDITED: dict[type[Wire], set[str]] = {
    Camera: {
        "state", "since_at_s", "reason", "codec", "width_px", "height_px", "fps", "rates",
        "decoder",
    },
    Watchlist: {"entries", "templates"},
    Deployment: {"summary", "paused", "threshold"},
}  # fmt: skip
"""What changes by itself or by other means, and is not among what a tag stands for."""

TAG = {
    "description": "Of what can be edited: give it in If-Match to change nothing unseen",
    "schema": {"type": "string"},
}
TAGGED: dict[int | str, dict[str, Any]] = {200: {"headers": {"ETag": TAG}}}
EDITED: dict[int | str, dict[str, Any]] = {
    **TAGGED,
    412: {
        "description": "Changed since the tag in If-Match was read",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    },
}
GONE: dict[int | str, dict[str, Any]] = {412: EDITED[412]}
MADE: dict[int | str, dict[str, Any]] = {
    201: {
        "headers": {
            "Location": {
                "description": "Where it is, or the list that it is in",
                "schema": {"type": "string"},
            }
        }
    }
}
"""Of each route that makes something."""


def tag_of(item: Wire) -> str:
    """The strong tag of what can be edited of something."""
    left_out = next((out for kind, out in NOT_EDITED.items() if isinstance(item, kind)), set())
    values = item.model_dump(mode="json", exclude=left_out)
    text = json.dumps(values, sort_keys=True, ensure_ascii=False)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


class Editing:
    """What a route says of the thing that it gives, makes or changes."""

    def __init__(self, request: Request, response: Response, wanted: str | None) -> None:
        self._wanted = wanted
        self._response = response
        self._lock: asyncio.Lock = request.app.state.edits

    def tagged(self, item: W) -> W:
        """The thing itself; its tag is in the answer."""
        self._response.headers["ETag"] = tag_of(item)
        return item

    def made(self, place: str, item: W) -> W:
        """The thing itself; where it is, is in the answer."""
        self._response.headers["Location"] = place
        return item

    @asynccontextmanager
    async def of(self, now: Callable[[], Awaitable[Wire]]) -> AsyncIterator[None]:
        """Edit something inside. Raises Changed where it is not what the caller saw."""
        async with self._lock:
            if self._wanted is not None and not self._matches(tag_of(await now())):
                raise Changed("it was changed since you read it: read it again, and try again")
            yield

    def _matches(self, tag: str) -> bool:
        given = [part.strip() for part in (self._wanted or "").split(",")]
        return "*" in given or tag in given


async def _making(request: Request, response: Response) -> Editing:
    return Editing(request, response, None)


async def _editing(
    request: Request,
    response: Response,
    if_match: Annotated[
        str | None, Header(description="The ETag that was read, or *: else nothing is done (412)")
    ] = None,
) -> Editing:
    return Editing(request, response, if_match)


EditingDep = Annotated[Editing, Depends(_making)]
EditDep = Annotated[Editing, Depends(_editing)]
"""The same for what heeds `If-Match`."""
