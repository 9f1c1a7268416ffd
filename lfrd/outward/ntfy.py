"""Telephones and desktops, through a server of ntfy (https://ntfy.sh)."""

import json

from lfrd.outward.endpoint import Letter
from lfrd.outward.post import Post, Poster
from lfrd.outward.text import URGENT, link_of, text_of, title_of

HIGH, USUAL = 4, 3


class Ntfy(Poster):
    """One topic. `open_with` is the command that opens what a message is about, `link` an address
    for it, which a tap opens."""

    def __init__(
        self,
        post: Post,
        topic: str,
        *,
        node: str,
        open_with: str,
        link: str | None = None,
        token: str | None = None,
    ) -> None:
        super().__init__(post)
        self._topic = topic
        self._node = node
        self._open_with = open_with
        self._link = link
        self._headers = {"Content-Type": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"

    async def send(self, letter: Letter) -> None:
        link = link_of(letter, self._link)
        message = {
            "topic": self._topic,
            "title": title_of(letter, self._node),
            "message": text_of(letter, link or self._open_with),
            "priority": HIGH if letter.kind in URGENT else USUAL,
        }
        if link is not None:
            message["click"] = link
        await self._post.send(json.dumps(message).encode(), self._headers)
