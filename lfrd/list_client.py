"""The client's calls about lists beyond the everyday ones: changes, imports, thresholds."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx

from lfrd.client import Client, T, Unreachable, camera_path, refusal
from lfrd.wire.base import Wire
from lfrd.wire.lists import (
    CameraReasons,
    Entry,
    EntryChange,
    ExportStart,
    Finding,
    ImportRow,
    ImportRowDone,
    ImportRun,
    ImportStart,
    ListCameras,
    ModelPreparation,
    ModelPrepare,
    ModelSwitch,
    ModelSwitched,
    Photo,
    Quarantine,
    Threshold,
    Watchlist,
    WatchlistChange,
)
from lfrd.wire.trials import Passage, PassageCount, Trial

JSON = {"Content-Type": "application/json"}
OCTETS = {"Content-Type": "application/octet-stream"}


class ListClient(Client):
    """A client that can do everything with lists."""

    async def change_watchlist(self, watchlist_id: str, change: WatchlistChange) -> Watchlist:
        return await self._change(Watchlist, "PATCH", f"/v1/watchlists/{watchlist_id}", change)

    async def scope_watchlist(self, watchlist_id: str, cameras: Sequence[str]) -> Watchlist:
        body = ListCameras(camera_ids=tuple(cameras))
        path = f"/v1/watchlists/{watchlist_id}/cameras"
        return await self._change(Watchlist, "PUT", path, body)

    async def confirm_watchlist(self, watchlist_id: str) -> Watchlist:
        reply = await self._send("POST", f"/v1/watchlists/{watchlist_id}/confirm")
        return self._read(Watchlist, reply)

    async def change_entry(self, entry_id: str, change: EntryChange) -> Entry:
        return await self._change(Entry, "PATCH", f"/v1/entries/{entry_id}", change)

    async def approve_entry(self, entry_id: str) -> Entry:
        return self._read(Entry, await self._send("POST", f"/v1/entries/{entry_id}/approve"))

    async def enrol_photo(self, entry_id: str, image: bytes, params: Mapping[str, str]) -> Photo:
        """`params`: name, gate (strict or warn), box (left,top,right,bottom)."""
        path = f"/v1/entries/{entry_id}/photos"
        reply = await self._send("POST", path, content=image, params=params, headers=OCTETS)
        return self._read(Photo, reply)

    async def check_photo(self, image: bytes, params: Mapping[str, str]) -> tuple[Finding, ...]:
        """What the gate would say; `params` may hold entry_id."""
        path = "/v1/photos/check"
        reply = await self._send("POST", path, content=image, params=params, headers=OCTETS)
        return self._read(tuple[Finding, ...], reply)

    async def quarantine_photo(self, photo_id: str, reason: str) -> Photo:
        body = Quarantine(reason=reason)
        return await self._change(Photo, "POST", f"/v1/photos/{photo_id}/quarantine", body)

    async def release_photo(self, photo_id: str) -> None:
        await self._send("DELETE", f"/v1/photos/{photo_id}/quarantine")

    async def begin_import(self, watchlist_id: str, start: ImportStart) -> ImportRun:
        return await self._change(
            ImportRun, "POST", f"/v1/watchlists/{watchlist_id}/imports", start
        )

    async def import_rows(self, import_id: str, after: int) -> tuple[ImportRowDone, ...]:
        """Up to a thousand done rows from the one after `after`."""
        reply = await self._send("GET", f"/v1/imports/{import_id}/rows", params={"after": after})
        return self._read(tuple[ImportRowDone, ...], reply)

    async def import_row(self, import_id: str, row: ImportRow, photo: bytes) -> ImportRowDone:
        params = {"row": row.model_dump_json(exclude_defaults=True)}
        path = f"/v1/imports/{import_id}/rows"
        reply = await self._send("POST", path, content=photo, params=params, headers=OCTETS)
        return self._read(ImportRowDone, reply)

    async def check_import_row(
        self, watchlist_id: str, row: ImportRow, photo: bytes, gate: str | None
    ) -> ImportRowDone:
        params = {"row": row.model_dump_json(exclude_defaults=True)}
        if gate:
            params["gate"] = gate
        path = f"/v1/watchlists/{watchlist_id}/import-check"
        reply = await self._send("POST", path, content=photo, params=params, headers=OCTETS)
        return self._read(ImportRowDone, reply)

    async def end_import(self, import_id: str) -> ImportRun:
        return self._read(ImportRun, await self._send("POST", f"/v1/imports/{import_id}/end"))

    @asynccontextmanager
    async def export(
        self, watchlist_id: str, start: ExportStart
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The archive's bytes as they come."""
        path = f"/v1/watchlists/{watchlist_id}/export"
        content = start.model_dump_json().encode()
        try:
            async with self._http.stream("POST", path, content=content, headers=JSON) as reply:
                if reply.is_error:
                    await reply.aread()
                    raise refusal(reply)
                yield reply.aiter_bytes()
        except httpx.HTTPError as error:
            raise Unreachable(self._say(error)) from None

    async def _change(self, kind: type[T], method: str, path: str, body: Wire) -> T:
        """Send what is set in `body`, and nothing else."""
        content = body.model_dump_json(exclude_unset=True).encode()
        return self._read(kind, await self._send(method, path, content=content, headers=JSON))

    async def count_passage(self, new: PassageCount) -> Passage:
        return await self._post(Passage, "/v1/trial-passages", new)

    async def take_passage_back(self, passage_id: str) -> None:
        await self._send("DELETE", f"/v1/trial-passages/{passage_id}")

    async def trial(self, deployment_id: str, window_s: float) -> Trial:
        path = f"/v1/deployments/{deployment_id}/trial"
        reply = await self._send("GET", path, params={"window_s": str(window_s)})
        return self._read(Trial, reply)

    async def threshold(self, watchlist_ids: Sequence[str], one_in: float) -> Threshold:
        query = str(httpx.QueryParams({"watchlist_id": list(watchlist_ids), "one_in": one_in}))
        return await self._get(Threshold, f"/v1/thresholds?{query}")

    async def thresholds(self, deployment_id: str) -> tuple[Threshold, ...]:
        path = f"/v1/deployments/{deployment_id}/thresholds"
        return await self._get(tuple[Threshold, ...], path)

    async def prepare_model(self, pack: str) -> ModelPreparation:
        body = ModelPrepare(pack=pack)
        return await self._change(ModelPreparation, "POST", "/v1/models/preparation", body)

    async def model_preparation(self) -> ModelPreparation:
        return await self._get(ModelPreparation, "/v1/models/preparation")

    async def switch_model(self, pack: str, *, accept_missing: bool) -> ModelSwitched:
        body = ModelSwitch(pack=pack, accept_missing=accept_missing)
        return await self._change(ModelSwitched, "POST", "/v1/models/switch", body)

    async def why(
        self, camera_id: str, since_s: float | None = None, until_s: float | None = None
    ) -> CameraReasons:
        given = {"since_s": since_s, "until_s": until_s}
        params = {name: str(value) for name, value in given.items() if value is not None}
        reply = await self._send("GET", camera_path(camera_id, "/why"), params=params)
        return self._read(CameraReasons, reply)
