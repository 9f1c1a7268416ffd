"""A command imports what it needs and nothing else: each library costs a part of the half second
in which a command answers, and memory in the daemon for as long as it runs."""

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import pytest

from lfrd.cli.options import ERASED, HOLD_KINDS, ROLES, USE_CASES
from lfrd.demo.clip import listed_photo
from lfrd.vision import packs
from lfrd.vocabulary import HoldKind, Role, UseCase
from lfrd.wire.deployments import ErasureRequest
from support.program import LIMIT_S, environment
from support.video import encode, moving_picture

WATCHED = """
import json, sys
before = set(sys.modules)
from lfrd.__main__ import main
codes = []
for words in json.loads(sys.argv[1]):
    try:
        codes.append(main(words))
    except SystemExit as end:
        codes.append(end.code or 0)
there = {name for name, module in sys.modules.items() if module is not None}
print(json.dumps([codes, sorted(there - before)]))
"""

ENDING = """
import os, signal, threading, time

def end():
    while not os.path.exists(os.environ["LFRD_SITE__STATE_DIR"] + "/api.sock"):
        time.sleep(0.1)
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=end, daemon=True).start()
"""
"""Ends a daemon soon after its socket is there."""

ALL = """
import importlib, json, pkgutil, sys
import lfrd, tui
for package in (lfrd, tui):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if module.name != "lfrd.demo.rtsp_server":  # the demo's server process alone
            importlib.import_module(module.name)
print(json.dumps([[], sorted(sys.modules)]))
"""

UNUSED = {
    "albumentations", "insightface", "imageio", "matplotlib", "networkx", "onnx", "requests",
    "scipy", "skimage", "sklearn", "tifffile",
}  # fmt: skip
"""Brought by insightface; onnx converts a pack once and is not needed any more."""

WIRE = {
    "annotated_types", "anyio", "certifi", "h11", "httpcore", "httpx", "idna", "pydantic",
    "pydantic_core", "sniffio", "typing_extensions", "typing_inspection",
}  # fmt: skip
"""What it takes to speak to the daemon."""

HEAVY = {
    "aiortc", "albumentations", "av", "cv2", "fastapi", "insightface", "matplotlib", "networkx",
    "numpy", "onnx", "onnxruntime", "rich", "scipy", "skimage", "sklearn", "starlette", "textual",
    "uvicorn",
}  # fmt: skip
"""Each takes longer than the whole of a client command, or is far larger."""


@dataclass(frozen=True, slots=True)
class Watched:
    codes: list[int]
    err: str
    modules: list[str]

    @property
    def foreign(self) -> set[str]:
        """The libraries among them, by the name of their package."""
        found = {name.partition(".")[0] for name in self.modules}
        return {n for n in found - sys.stdlib_module_names - {"lfrd", "tui"} if n[0] != "_"}

    def ours(self, package: str) -> list[str]:
        return [name for name in self.modules if f"{name}.".startswith(f"{package}.")]


def run(*commands: list[str], code: str = WATCHED, **variables: str) -> Watched:
    """Run commands one after the other in one fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(commands)],
        capture_output=True, text=True, timeout=LIMIT_S, env=environment(**variables),
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    codes, modules = json.loads(done.stdout.splitlines()[-1])
    return Watched(codes, done.stderr, modules)


@pytest.mark.parametrize("asked", [["--version"], ["--help"], ["camera", "add", "--help"]])
def test_to_parse_takes_nothing_but_the_words_of_the_options(asked: list[str]) -> None:
    ran = run(asked)
    assert ran.codes == [0]
    assert ran.foreign == set()
    assert "asyncio" not in ran.modules
    words = (
        "options", ".actions", ".camera_secrets", ".command_parser", ".reach", ".terminal", ".who",
    )  # fmt: skip
    own = [name for name in ran.ours("lfrd") if not name.endswith(words)]
    assert own == ["lfrd", "lfrd.__main__", "lfrd.cli", "lfrd.errors", "lfrd.text"]


def test_client_commands_import_what_speaks_to_the_daemon(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "table.csv").write_text("reference,file\na,a.jpg\n")
    commands = [
        ["camera", "list"], ["camera", "add", "door", "whip://x"], ["camera", "test", "x"],
        ["deployment", "list"], ["schedule", "list"], ["hold", "list"], ["erasure", "list"],
        ["evaluation", "list"], ["alert", "list"], ["token", "list"], ["watchlist", "list"],
        ["watchlist", "change", "x", "--expires", "2026-12-01"], ["why", "x"],
        ["threshold", "--list", "x", "--one-in", "1000"], ["trial", "report", "x"],
        ["health"], ["me"], ["events"], ["api", "/v1/me"], ["policy", "show", "--running"],
        ["models", "progress"], ["import", str(photos), "--list", "x"],
    ]  # fmt: skip
    socket = ["--socket", str(tmp_path / "api.sock")]
    ran = run(*(words + socket for words in commands))
    assert ran.codes == [2] * len(commands)
    assert ran.err.count("is lfrd running?") == len(commands), ran.err
    assert ran.foreign <= WIRE
    for package in ("lfrd.store", "lfrd.vision", "lfrd.ingest", "lfrd.governance", "lfrd.daemon"):
        assert ran.ours(package) == []


def test_rules_and_mistakes_of_a_configuration_need_no_array(tmp_path: Path) -> None:
    file = tmp_path / "lfrd.toml"
    file.write_text("[matching]\nthreshold = 0.5\n")
    ran = run(["check-config", str(file)], ["policy", "show"])
    assert ran.codes == [0, 0]
    assert ran.foreign.isdisjoint(HEAVY | {"httpx"})


@pytest.mark.slow
def test_try_imports_nothing_that_only_insightface_needs(tmp_path: Path) -> None:
    packs.load(packs.DEFAULT_PACK, packs.default_cache_dir())  # the first time converts, with onnx
    photos = tmp_path / "photos"
    photos.mkdir()
    (photos / "astronaut.jpg").write_bytes(listed_photo())
    clip = encode(tmp_path / "clip.mp4", moving_picture(320, 240, 10))
    ran = run(["try", str(clip), "--watchlist", str(photos), "--every-frame", "--json"])
    assert ran.codes == [0], ran.err
    assert {"av", "cv2", "numpy", "onnxruntime"} <= ran.foreign
    assert ran.foreign.isdisjoint(UNUSED | {"aiortc", "fastapi", "httpx", "textual", "uvicorn"})


@pytest.mark.slow
def test_the_daemon_imports_nothing_that_only_insightface_needs(tmp_path: Path) -> None:
    packs.load(packs.DEFAULT_PACK, packs.default_cache_dir())
    folder = tempfile.mkdtemp(prefix="lfrd-", dir="/tmp")  # short: it holds a socket
    try:
        ran = run(["run"], code=ENDING + WATCHED, LFRD_SITE__STATE_DIR=folder)
    finally:
        shutil.rmtree(folder)
    assert ran.codes == [0], ran.err
    assert {"fastapi", "onnxruntime", "uvicorn"} <= ran.foreign
    assert ran.foreign.isdisjoint(UNUSED | {"aiortc", "httpx", "rich", "textual"})


def test_no_module_of_ours_imports_what_only_insightface_needs() -> None:
    ran = run(code=ALL)
    assert "lfrd.vision.insight" in ran.modules
    assert ran.foreign.isdisjoint(UNUSED | {"aio_rtsp_toolkit", "onnxruntime"})


def test_choices_are_those_of_the_wire_contract() -> None:
    assert tuple(UseCase) == USE_CASES
    assert tuple(HoldKind) == HOLD_KINDS
    assert tuple(Role) == ROLES
    assert set(get_args(ErasureRequest.model_fields["kind"].annotation)) >= set(ERASED)
