"""`lfrd try SOURCE --watchlist DIR`: one camera or file against a folder of photos, no traces."""

import asyncio
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lfrd.cli.camera_secrets import STANDARD_INPUT, address_of, secret_of, warn_of_argument
from lfrd.cli.temporary import PRINCIPAL, camera_section, enrol_photos, find_photos, lab_site
from lfrd.cli.terminal import say
from lfrd.config import Config
from lfrd.errors import BadInput, OutputClosed, SourceError, UserError
from lfrd.governance.deployments import LAB_LIMIT_S, DeploymentService
from lfrd.governance.profile import LAB
from lfrd.ingest.address import parse, with_password
from lfrd.site import Site
from lfrd.summary import CandidateLine, SummaryLine, as_json, as_text

CAMERA = "camera"


@dataclass(frozen=True, slots=True)
class Trial:
    """What was asked for. `detect_hz` or `every_frame`: as fast as possible, by media time."""

    source: str
    photos: Path
    every_frame: bool = False
    detect_hz: float | None = None
    seconds: float | None = None
    skip_bad: bool = False
    picture: Mapping[str, Any] = field(default_factory=dict)
    """How its pictures are made upright, as a camera's section has it."""

    @property
    def at_full_speed(self) -> bool:
        return self.every_frame or self.detect_hz is not None


def source_of(given: str, password_file: str | None) -> str:
    """The whole address, with what is not to be an argument."""
    if given == password_file == STANDARD_INPUT:
        raise UserError("only one of the address and the password is standard input")
    address = address_of(given)
    if password_file is None:
        parse(address)
        warn_of_argument(given)
        return address
    return with_password(address, secret_of(password_file, "the password of the camera"))


async def run(trial: Trial, config: Config, *, as_lines: bool) -> None:
    """Print candidates as they come and the summary at the end."""
    parse(trial.source)  # refused before anything is opened
    camera = camera_section(CAMERA, trial.source, trial.picture)
    photos = find_photos(trial.photos)
    if trial.at_full_speed and "://" in trial.source:
        raise BadInput("--every-frame and --detect-hz are for files: a live stream cannot wait")
    printer = Printer(as_lines=as_lines)
    opening = lab_site(
        config,
        camera,
        media_clock=trial.at_full_speed,
        detect_hz=None if trial.every_frame else trial.detect_hz,
        must_open=True,
        report=printer,
    )
    async with opening as site:
        printer.of(site)
        try:
            watchlist_id = await enrol_photos(site, photos, skip_bad=trial.skip_bad)
        except BadInput as error:
            if trial.skip_bad:
                raise
            raise BadInput(f"{error} (--skip-bad goes on without what cannot be used)") from None
        summary = await _deploy(site, watchlist_id, trial)
        printer.end()
        say(as_json(summary) if as_lines else "\n" + as_text(summary))
        failure = site.fleet.life.failures.get(CAMERA)
    if failure is not None:
        raise SourceError(f"{failure}: the rest was not searched")


class Printer:
    """A report that prints each line at once. Where no program reads it any more, the deployment
    that it is `of` is ended in order, and `end` says so."""

    def __init__(self, *, as_lines: bool) -> None:
        self._as_lines = as_lines
        self._deployments: DeploymentService | None = None
        self._unread: OutputClosed | None = None

    def of(self, site: Site) -> None:
        self._deployments = site.deployments

    def __call__(self, line: CandidateLine | SummaryLine) -> None:
        if self._unread is not None:
            return
        try:
            say(as_json(line) if self._as_lines else as_text(line))
        except OutputClosed as unread:
            self._unread = unread
            if self._deployments is not None:
                self._deployments.ask_to_end("nobody reads what is printed", PRINCIPAL)

    def end(self) -> None:
        """Raises OutputClosed where a line could not be printed."""
        if self._unread is not None:
            raise self._unread


async def _deploy(site: Site, watchlist_id: str, trial: Trial) -> SummaryLine:
    """One lab deployment until the source ends, the time is up, or Ctrl-C."""
    deployment = await site.deployments.start(
        LAB,
        "a trial in the lab",
        "lab",
        (watchlist_id,),
        trial.seconds or LAB_LIMIT_S,
        principal=PRINCIPAL,
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(
            number, lambda: site.deployments.ask_to_end("stopped by the user", PRINCIPAL)
        )
    await site.deployments.until_over()
    failure = site.fleet.life.failures.get(CAMERA)
    summary = site.deployments.last
    if failure is not None and not (summary and summary.frames_decoded):
        raise failure
    assert summary is not None, deployment.id
    if "://" not in trial.source and summary.frames_decoded == 1:
        raise BadInput(
            f"only one picture of {trial.source} was read, and a face is looked for in passing: "
            "it takes several pictures. Give a clip of a second or more; a photo of a person "
            "belongs into the folder of --watchlist"
        )
    return summary
