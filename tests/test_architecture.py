"""The layout's rules, held by reading the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted([*ROOT.glob("lfrd/**/*.py"), *ROOT.glob("tui/**/*.py")])

OWNERS = {
    "av": ("lfrd/ingest/", "lfrd/demo/clip.py"),
    "aiortc": ("lfrd/ingest/whip.py", "lfrd/ingest/whep.py", "lfrd/ingest/webrtc.py"),
    "onnxruntime": ("lfrd/vision/session.py", "lfrd/vision/quantise.py"),
    "openvino": ("lfrd/vision/openvino.py",),
    "onnx": ("lfrd/vision/graph.py", "lfrd/vision/quantise.py"),
    "insightface": ("lfrd/vision/insight.py",),
    "cv2": ("lfrd/vision/", "lfrd/demo/clip.py", "lfrd/ingest/masks.py"),
    "apsw": ("lfrd/store/sqlite.py",),
    "sqlite_vec": ("lfrd/store/sqlite.py",),
    "sqlite3": (),
    "pickle": (),
    # insightface brings them; nothing of ours needs them
    **dict.fromkeys(
        (
            "albumentations",
            "imageio",
            "matplotlib",
            "networkx",
            "requests",
            "scipy",
            "skimage",
            "sklearn",
            "tifffile",
        ),
        (),
    ),
    "fastapi": ("lfrd/api/",),
    "uvicorn": ("lfrd/api/",),
    "textual": ("tui/",),
    "tomllib": ("lfrd/config.py", "lfrd/governance/profile.py"),
    "aio_rtsp_toolkit": ("lfrd/demo/rtsp_server.py",),
}
LEAVES = {
    "lfrd/vocabulary.py": (),
    "lfrd/text.py": (),
    "lfrd/tables.py": ("lfrd.errors",),
    "lfrd/wire/": ("lfrd.wire", "lfrd.vocabulary", "lfrd.text"),
    "lfrd/client.py": ("lfrd.wire", "lfrd.vocabulary", "lfrd.errors", "lfrd.text"),
    "tui/": ("tui", "lfrd.client", "lfrd.wire", "lfrd.vocabulary", "lfrd.errors", "lfrd.text"),
    "lfrd/ingest/": ("lfrd.ingest", "lfrd.types", "lfrd.errors", "lfrd.clock", "lfrd.counters",
                     "lfrd.mailbox", "lfrd.supervise", "lfrd.ids", "lfrd.text",
                     "lfrd.vision.motion"),
    "lfrd/vision/": ("lfrd.vision", "lfrd.types", "lfrd.errors", "lfrd.clock", "lfrd.counters"),
    "lfrd/tracking/": ("lfrd.tracking", "lfrd.types"),
    "lfrd/matching/": ("lfrd.matching", "lfrd.store", "lfrd.types", "lfrd.errors", "lfrd.clock",
                       "lfrd.counters", "lfrd.stats", "lfrd.vocabulary"),
    "lfrd/store/": ("lfrd.store", "lfrd.vocabulary", "lfrd.errors", "lfrd.clock", "lfrd.ids",
                    "lfrd.types", "lfrd.events"),
}  # fmt: skip
"""What may be imported of our own, by path; whatever is named nowhere may import everything."""

SQL = re.compile(
    r"^\s*(?:SELECT|INSERT|UPDATE \w+ SET|DELETE FROM|FROM \w+ |WHERE|PRAGMA|CREATE TABLE)\b"
)
CLIENTS_USE = (
    "lfrd.cli", "lfrd.client", "lfrd.wire", "lfrd.vocabulary", "lfrd.errors", "lfrd.text",
    "lfrd.tables",
)  # fmt: skip
"""What a command needs that asks the daemon, and to read the table that it is given."""

WITHOUT_DAEMON = "it brings a whole site along, or measures one's own clips and photos"
STATE_FOLDER = "it works on the state folder itself, while no daemon runs"
COMMANDS_WITH_MORE = {
    "calibrate.py": WITHOUT_DAEMON,
    "clock.py": STATE_FOLDER,
    "demo.py": WITHOUT_DAEMON,
    "evaluate.py": WITHOUT_DAEMON,
    "evaluate_clips.py": WITHOUT_DAEMON,
    "imports.py": "it reads photos, tables and archives on the machine that they lie on",
    "key.py": STATE_FOLDER,
    "models.py": "it installs model packs, before any daemon runs",
    "policy.py": "it checks rules, before any daemon runs under them",
    "reach.py": "it finds the daemon's socket in the configuration",
    "temporary.py": WITHOUT_DAEMON,
    "try_.py": WITHOUT_DAEMON,
}
"""Commands that import more than that, each with its reason. The list may only shrink."""

INFERENCES_WE_REFUSE = {"genderage", "gender", "race", "ethnicity", "emotion", "age"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_library_is_imported_only_by_its_owner(path: Path) -> None:
    for module in imports(path):
        owners = OWNERS.get(module.split(".")[0])
        if owners is not None:
            assert name_of(path).startswith(owners), f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_leaves_import_only_leaves(path: Path) -> None:
    for prefix, allowed in LEAVES.items():
        if not name_of(path).startswith(prefix):
            continue
        for module in imports(path):
            if module.split(".")[0] in {"lfrd", "tui"}:
                fits = any(module == name or module.startswith(name + ".") for name in allowed)
                assert fits, f"{name_of(path)} imports {module}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_functions_stay_readable(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            length = node.end_lineno - node.lineno
            assert length <= 70, f"{name_of(path)}: {node.name} has {length} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_threads_and_tasks_have_an_owner(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.keyword) and node.arg == "daemon":
            assert not (isinstance(node.value, ast.Constant) and node.value.value is True)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            call = ast.unparse(node.value.func)
            assert call not in {"asyncio.create_task", "asyncio.ensure_future"}, (
                f"{name_of(path)}:{node.lineno} starts a task that nobody awaits"
            )


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nobody_is_sorted_by_race_sex_age_or_mood(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Name | ast.Attribute):
            name = node.id if isinstance(node, ast.Name) else node.attr
            assert name.lower() not in INFERENCES_WE_REFUSE, f"{name_of(path)}: {name}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_rules_of_two_people_live_in_one_place(path: Path) -> None:
    if name_of(path) == "lfrd/governance/two_person.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Compare):
            assert "tx.principal" not in ast.unparse(node), f"{name_of(path)}:{node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_what_people_read_passes_one_place(path: Path) -> None:
    if name_of(path) == "lfrd/cli/terminal.py":
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            call = ast.unparse(node.func)
            written = call in {"print", "sys.stdout.write", "sys.stderr.write"}
            assert not written, f"{name_of(path)}:{node.lineno} writes past lfrd/cli/terminal.py"


def holds_sql(path: Path) -> bool:
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
        for node in ast.walk(ast.parse(path.read_text()))
    )


def test_sql_is_in_the_store_alone() -> None:
    found = {name_of(path) for path in MODULES if holds_sql(path)}
    assert {name for name in found if not name.startswith("lfrd/store/")} == set()


def test_routes_call_services_and_not_the_database() -> None:
    found = {
        path.name
        for path in ROOT.glob("lfrd/api/routes/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "database"
    }
    assert found == set()


def test_commands_know_the_client_and_the_contract_alone() -> None:
    found = {
        path.name
        for path in ROOT.glob("lfrd/cli/*.py")
        for module in imports(path)
        if module.startswith("lfrd.") and not module.startswith(CLIENTS_USE)
    }
    assert found == COMMANDS_WITH_MORE.keys()


def test_tests_mirror_the_tree_and_share_from_one_folder() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        folder = path.relative_to(ROOT / "tests").parent.as_posix()
        if folder == "support":
            assert not path.name.startswith("test_"), path
            continue
        assert path.name == "conftest.py" or path.name.startswith("test_"), (
            f"{path}: what tests share belongs into tests/support"
        )
        assert folder in {".", "e2e", "tui"} or (ROOT / "lfrd" / folder).is_dir(), path


def test_no_helper_of_the_tests_is_there_twice() -> None:
    places: dict[str, list[str]] = {}
    for path in (ROOT / "tests").rglob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                continue
            if len(node.body) > 1 and not node.name.startswith("test_"):
                code = ast.unparse(ast.Module(node.body, []))
                places.setdefault(code, []).append(f"{name_of(path)}: {node.name}")
    assert [where for where in places.values() if len(where) > 1] == []
