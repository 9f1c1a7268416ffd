"""The layout's rules, held by reading the code."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path

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
    "pyrage": ("lfrd/backup/sealing.py",),
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
    "lfrd/audit/verify.py": (),
    "lfrd/audit/": ("lfrd.audit",),
    "lfrd/wire/": ("lfrd.wire", "lfrd.vocabulary", "lfrd.text"),
    "lfrd/client.py": ("lfrd.wire", "lfrd.vocabulary", "lfrd.errors", "lfrd.text"),
    "tui/": ("tui", "lfrd.client", "lfrd.wire", "lfrd.vocabulary", "lfrd.errors", "lfrd.text",
             "lfrd.audit", "lfrd.process", "lfrd.cli.imports"),
    "lfrd/ingest/": ("lfrd.ingest", "lfrd.types", "lfrd.errors", "lfrd.clock", "lfrd.counters",
                     "lfrd.mailbox", "lfrd.process", "lfrd.supervise", "lfrd.ids", "lfrd.text",
                     "lfrd.vision.motion"),
    "lfrd/onvif/": ("lfrd.onvif",),
    "lfrd/vision/": ("lfrd.vision", "lfrd.types", "lfrd.errors", "lfrd.clock", "lfrd.counters",
                     "lfrd.vocabulary"),
    "lfrd/tracking/": ("lfrd.tracking", "lfrd.types"),
    "lfrd/matching/": ("lfrd.matching", "lfrd.store", "lfrd.types", "lfrd.errors", "lfrd.clock",
                       "lfrd.counters", "lfrd.stats", "lfrd.vocabulary"),
    "lfrd/store/": ("lfrd.store", "lfrd.audit", "lfrd.vocabulary", "lfrd.errors", "lfrd.clock",
                    "lfrd.counters", "lfrd.ids", "lfrd.types", "lfrd.events", "lfrd.request"),
}  # fmt: skip
"""What may be imported of our own, by path; whatever is named nowhere may import everything."""

SQL = re.compile(
    r"^\s*(?:SELECT|INSERT|UPDATE \w+ SET|DELETE FROM|FROM \w+ |WHERE|PRAGMA|CREATE TABLE)\b"
)
CLIENTS_USE = (
    "lfrd.cli", "lfrd.client", "lfrd.wire", "lfrd.vocabulary", "lfrd.errors", "lfrd.text",
    "lfrd.tables", "lfrd.audit", "lfrd.stats",
)  # fmt: skip
"""What a command needs that asks the daemon, to read the table or the log that it is given, and to
work out how many people a trial needs."""

WITHOUT_DAEMON = "it brings a whole site along, or measures one's own clips and photos"
STATE_FOLDER = "it works on the state folder itself, while no daemon runs"
COMMANDS_WITH_MORE = {
    "backup.py": "it copies the state folder, also where no daemon runs",
    "bench.py": WITHOUT_DAEMON,
    "calibrate.py": WITHOUT_DAEMON,
    "clock.py": STATE_FOLDER,
    "demo.py": WITHOUT_DAEMON,
    "discover.py": "it asks the local network that the user sits in, not the daemon's",
    "doctor.py": "it looks over the machine and the state folder, also where no daemon runs",
    "evaluate.py": WITHOUT_DAEMON,
    "evaluate_clips.py": WITHOUT_DAEMON,
    "imports.py": "it reads photos, tables and archives on the machine that they lie on",
    "key.py": STATE_FOLDER,
    "models.py": "it installs model packs, before any daemon runs",
    "upgrade.py": STATE_FOLDER,
    "policy.py": "it checks rules, before any daemon runs under them",
    "reach.py": "it finds the daemon's socket in the configuration",
    "temporary.py": WITHOUT_DAEMON,
    "try_.py": WITHOUT_DAEMON,
}
"""Commands that import more than that, each with its reason. The list may only shrink."""

INFERENCES_WE_REFUSE = {"genderage", "gender", "race", "ethnicity", "emotion", "age"}


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All of a module, read once for all rules."""
    return tuple(ast.walk(ast.parse(path.read_text())))


def imports(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_a_library_is_imported_only_by_its_owner() -> None:
    found = [
        f"{name_of(path)} imports {module}"
        for path in MODULES
        for module in imports(path)
        if (owners := OWNERS.get(module.split(".")[0])) is not None
        and not name_of(path).startswith(owners)
    ]
    assert found == []


def test_leaves_import_only_leaves() -> None:
    found = [
        f"{name_of(path)} imports {module}"
        for path in MODULES
        for prefix, allowed in LEAVES.items()
        if name_of(path).startswith(prefix)
        for module in imports(path)
        if module.split(".")[0] in {"lfrd", "tui"}
        and not any(module == name or module.startswith(name + ".") for name in allowed)
    ]
    assert found == []


def test_functions_stay_readable() -> None:
    found = [
        f"{name_of(path)}: {node.name} has {length} lines"
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno) > 70
    ]
    assert found == []


def test_threads_and_tasks_have_an_owner() -> None:
    found = [
        f"{name_of(path)}:{node.lineno} starts a task that is not awaited"
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func) in {"asyncio.create_task", "asyncio.ensure_future"}
    ]
    found += [
        f"{name_of(path)}:{node.value.lineno} starts a daemon thread"
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.keyword) and node.arg == "daemon"
        if isinstance(node.value, ast.Constant) and node.value.value is True
    ]
    assert found == []


def test_people_are_not_sorted_by_race_sex_age_or_mood() -> None:
    found = [
        f"{name_of(path)}: {name}"
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.Name | ast.Attribute)
        and (name := node.id if isinstance(node, ast.Name) else node.attr).lower()
        in INFERENCES_WE_REFUSE
    ]
    assert found == []


def test_rules_of_two_people_live_in_one_place() -> None:
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.Compare) and "tx.principal" in ast.unparse(node)
    ]
    assert {place.partition(":")[0] for place in found} == {"lfrd/governance/two_person.py"}, found


def test_a_role_is_never_presumed() -> None:
    """Who forgets to say on whose behalf something is asked for must not pass as a supervisor."""
    found = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and "role" in defaults(node.args)
    ]
    assert found == []


def defaults(arguments: ast.arguments) -> set[str]:
    """The arguments that may be left out."""
    placed = [*arguments.posonlyargs, *arguments.args]
    named = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    optional = placed[len(placed) - len(arguments.defaults) :]
    return {argument.arg for argument in optional} | {
        argument.arg for argument, default in named if default is not None
    }


def test_what_people_read_passes_one_place() -> None:
    found = [
        f"{name_of(path)}:{node.lineno} writes past lfrd/cli/terminal.py"
        for path in MODULES
        if name_of(path) not in {"lfrd/cli/terminal.py", "lfrd/audit/verify.py"}  # runs alone
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"print", "sys.stdout.write", "sys.stderr.write"}
    ]
    assert found == []


def holds_sql(path: Path) -> bool:
    return any(
        isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
        for node in nodes(path)
    )


def test_sql_is_in_the_store_alone() -> None:
    found = {name_of(path) for path in MODULES if holds_sql(path)}
    assert {name for name in found if not name.startswith("lfrd/store/")} == set()


def test_routes_call_services_and_not_the_database() -> None:
    found = {
        path.name
        for path in ROOT.glob("lfrd/api/routes/*.py")
        for node in nodes(path)
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
