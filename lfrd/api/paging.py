"""Lists in pages: at most `limit` items, and where the page after this one begins.

The next page is the header `Link` (RFC 8288) with `rel="next"`, absent on the last one. Its `next`
is opaque, and names what the page ended with: what is added or deleted meanwhile moves no other
item.
"""

import base64
import binascii
import json
import math
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from urllib.parse import quote, urlencode

from fastapi import Depends, Query, Request, Response

from lfrd.errors import BadInput

T = TypeVar("T")

LIMIT_MAX = 1_000
CURSOR_CHARACTERS_MAX = 2_000
INDEX_MAX = 2**53

Limit = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="So many items at most")]
Next = Annotated[
    str | None,
    Query(
        max_length=CURSOR_CHARACTERS_MAX,
        json_schema_extra={"pattern": "^W[A-Za-z0-9_-]+$"},
        description="Where to go on: the `next` in the header Link of the page before",
    ),
]

Whole = Annotated[int, Query(ge=1, le=LIMIT_MAX, description="So many items at most")]
"""The limit of what is short at most sites: without one as many come as a page may hold."""
Following = Annotated[Next, Query(alias="next")]

RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "headers": {
            "Link": {
                "description": 'The page after this one, as rel="next"; absent on the last one',
                "schema": {"type": "string"},
            }
        }
    }
}
"""Of each route that gives pages."""


class Pages:
    """Cuts what was read into pages, and says in the answer where the next one begins."""

    def __init__(self, request: Request, response: Response) -> None:
        self._request = request
        self._response = response

    def cut(
        self, found: Sequence[T], limit: int, ended_with: Callable[[T], tuple[str | float, ...]]
    ) -> Sequence[T]:
        """At most `limit` of what was found; one more says that there is a next page, after what
        `ended_with` says of the last item."""
        if len(found) <= limit:
            return found
        page = found[:limit]
        given = [(k, v) for k, v in self._request.query_params.multi_items() if k != "next"]
        query = urlencode([*given, ("next", cursor(*ended_with(page[-1])))])
        path = quote(self._request.url.path, safe="/%")
        self._response.headers["Link"] = f'<{path}?{query}>; rel="next"'
        return page


async def _pages(request: Request, response: Response) -> Pages:
    return Pages(request, response)


PagesDep = Annotated[Pages, Depends(_pages)]


def cursor(*values: str | float) -> str:
    """Values as one word of a URL."""
    text = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def index_after(given: str | None) -> int | None:
    """The index of a cursor. Raises BadInput."""
    if given is None:
        return None
    (value,) = _values(given, 1)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= INDEX_MAX:
        raise _no_cursor()
    return value


def text_after(given: str | None) -> str | None:
    """The one text of a cursor. Raises BadInput."""
    if given is None:
        return None
    (value,) = _values(given, 1)
    if not isinstance(value, str):
        raise _no_cursor()
    return value


def texts_after(given: str | None) -> tuple[str, str] | None:
    """The two texts of a cursor. Raises BadInput."""
    if given is None:
        return None
    first, second = _values(given, 2)
    if not isinstance(first, str) or not isinstance(second, str):
        raise _no_cursor()
    return first, second


def moment_after(given: str | None) -> tuple[float, str] | None:
    """The moment and the id of a cursor. Raises BadInput."""
    if given is None:
        return None
    at_s, row_id = _values(given, 2)
    if not isinstance(at_s, float | int) or isinstance(at_s, bool) or not isinstance(row_id, str):
        raise _no_cursor()
    return float(at_s), row_id


def _values(given: str, count: int) -> list[object]:
    try:
        if not given.startswith("W"):  # the bracket of a list
            raise _no_cursor()
        padded = given + "=" * (-len(given) % 4)
        found = json.loads(base64.b64decode(padded, b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        raise _no_cursor() from None
    if not isinstance(found, list) or len(found) != count or not all(map(_can_be_asked, found)):
        raise _no_cursor()
    return found


def _can_be_asked(value: object) -> bool:
    """Whether the database takes it: no half of a character, no number beyond any of ours."""
    if isinstance(value, str):
        return not any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or -(2**63) <= value < 2**63


def _no_cursor() -> BadInput:
    return BadInput("next: this is no `next` that a page gave")
