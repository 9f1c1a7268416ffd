"""Headless Chromium as a WebRTC peer: it publishes over WHIP, or sends what a WHEP client pulls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fastapi import FastAPI, Request, Response

if TYPE_CHECKING:
    from playwright.async_api import Page

_CHROMIUM = Path("/usr/bin/chromium")
_ARGUMENTS = [
    "--no-sandbox",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]

_PAGE = """<!doctype html><title>test</title><script>
async function camera(width, height) {
  return navigator.mediaDevices.getUserMedia(
    {video: {width: {exact: width}, height: {exact: height}, frameRate: 25}});
}
async function complete(pc) {
  if (pc.iceGatheringState !== "complete")
    await new Promise(done => pc.addEventListener("icegatheringstatechange",
      () => pc.iceGatheringState === "complete" && done()));
  return pc.localDescription.sdp;
}
function connected(pc) {
  return new Promise((done, fail) => pc.addEventListener("connectionstatechange", () => {
    if (pc.connectionState === "connected") done();
    if (pc.connectionState === "failed") fail(new Error("failed"));
  }));
}
async function publish(url, token, mime, width, height) {
  const pc = window.pc = new RTCPeerConnection();
  const stream = await camera(width, height);
  const sender = pc.addTransceiver(stream.getVideoTracks()[0], {direction: "sendonly"});
  const codecs = RTCRtpSender.getCapabilities("video").codecs.filter(c => c.mimeType === mime);
  if (!codecs.length) return "no " + mime;
  sender.setCodecPreferences(codecs);
  await pc.setLocalDescription();
  const answer = await fetch(url, {method: "POST", body: await complete(pc), headers:
    {"Content-Type": "application/sdp", "Authorization": "Bearer " + token}});
  if (answer.status !== 201) return "status " + answer.status;
  const up = connected(pc);
  await pc.setRemoteDescription({type: "answer", sdp: await answer.text()});
  await up;
  return "connected";
}
async function serve() {
  const offer = await (await fetch("/next-offer")).text();
  const pc = window.pc = new RTCPeerConnection();
  await pc.setRemoteDescription({type: "offer", sdp: offer});
  const stream = await camera(640, 360);
  await pc.getTransceivers()[0].sender.replaceTrack(stream.getVideoTracks()[0]);
  pc.getTransceivers()[0].direction = "sendonly";
  await pc.setLocalDescription();
  await fetch("/answer", {method: "POST", body: await complete(pc)});
}
</script>"""


def add_page(app: FastAPI) -> None:
    """Serve the test page at /page."""

    @app.get("/page")
    async def page() -> Response:
        return Response(_PAGE, media_type="text/html")


def signalling_app() -> FastAPI:
    """A WHEP endpoint whose answers come from the page: offer in, offer out, answer back."""
    offers: asyncio.Queue[str] = asyncio.Queue(1)
    answers: asyncio.Queue[str] = asyncio.Queue(1)
    app = FastAPI()
    add_page(app)

    @app.post("/whep")
    async def whep(request: Request) -> Response:
        await offers.put((await request.body()).decode())
        return Response(await answers.get(), 201, media_type="application/sdp")

    @app.get("/next-offer")
    async def next_offer() -> Response:
        return Response(await offers.get())

    @app.post("/answer")
    async def answer(request: Request) -> Response:
        await answers.put((await request.body()).decode())
        return Response(status_code=204)

    return app


def _require_chromium() -> None:
    if not _CHROMIUM.exists():
        pytest.skip("no /usr/bin/chromium")


@asynccontextmanager
async def browser_page(base: str) -> AsyncIterator["Page"]:
    """Open the test page in headless Chromium, or skip the test with the reason."""
    from playwright.async_api import Error, async_playwright  # not there but for `make test-e2e`

    _require_chromium()
    async with async_playwright() as playwright:
        try:
            browser = await playwright.chromium.launch(
                executable_path=str(_CHROMIUM), args=_ARGUMENTS
            )
        except Error as error:
            pytest.skip(f"chromium does not start: {str(error).splitlines()[0]}")
        try:
            page = await browser.new_page()
            await page.goto(f"{base}/page")
            yield page
        finally:
            await browser.close()
