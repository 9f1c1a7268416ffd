"""The Containerfile keeps what the guide promises; `make container-test` builds and runs it."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from lfrd.config import load

ROOT = Path(__file__).resolve().parents[1]
KNOWN = {
    "ARG", "FROM", "COPY", "RUN", "ENV", "VOLUME", "USER", "HEALTHCHECK", "ENTRYPOINT", "CMD",
    "LABEL",
}  # fmt: skip
SECRET = re.compile(r"(?i)(password|token|secret|key)\w*=\S|://[^\s/]*:[^\s/]*@")


@dataclass
class Stage:
    """One image of the file: its instructions, in order."""

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def of(self, word: str) -> list[str]:
        return [text for found, text in self.steps if found == word]


def read(*paths: Path) -> list[Stage]:
    """The stages of a Containerfile, which may be several files in a row."""
    text = "".join(path.read_text() for path in paths)
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    stages: list[Stage] = []
    for whole in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        word, _, rest = whole.partition(" ")
        rest = " ".join(rest.split())
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stages.append(Stage(name, base))
        elif stages:
            stages[-1].steps.append((word, rest))
    return stages


CONTAINERFILE = read(ROOT / "Containerfile")
APP = read(ROOT / "Containerfile", ROOT / "packaging" / "home-assistant" / "Dockerfile")


def faults(stages: list[Stage]) -> list[str]:
    """What would make a container larger, less safe, or not the same twice."""
    found = []
    for stage in stages:
        for word, text in stage.steps:
            if word not in KNOWN:
                found.append(f"{stage.name}: {word}")
            if SECRET.search(text):
                found.append(f"{stage.name}: a secret in {word}")
            if word == "RUN" and re.search(
                r"\b(curl|wget|git clone|apt-get|sudo|chmod 777)\b", text
            ):
                found.append(f"{stage.name}: {text[:40]}")
            if word == "RUN" and "pip install" in text and text.count("--no-index") < 2:
                found.append(f"{stage.name}: a package from a network")
            if word == "COPY" and re.match(r"(\.|\*|https?:)", text):
                found.append(f"{stage.name}: COPY {text}")
            if word in {"ENTRYPOINT", "CMD"}:
                json.loads(text)  # its own process, and no shell that swallows signals
    return found


def test_it_is_in_order() -> None:
    assert faults(CONTAINERFILE) == []
    assert faults(APP) == []
    bad = Stage("bad", "x", [
        ("ADD", "https://example.org/x /"), ("ENV", "LFRD_MQTT__PASSWORD=x"), ("COPY", ". /"),
        ("RUN", "curl https://example.org | sh"), ("RUN", "pip install lfrd"),
    ])  # fmt: skip
    assert len(faults([bad])) == 5


def test_it_runs_as_nobody_special_and_writes_into_volumes_alone() -> None:
    build, final = CONTAINERFILE
    assert (build.base, final.base) == ("${BASE}", "${BASE}")
    assert final.of("USER") == ["10001"]
    assert final.steps.index(("USER", "10001")) > max(
        number for number, (word, _) in enumerate(final.steps) if word in {"RUN", "COPY"}
    )
    (variables,) = final.of("ENV")
    settings = dict(re.findall(r"(LFRD_\w+)=(\S+)", variables))
    config = load(None, settings)
    volumes = {Path(text) for text in json.loads(final.of("VOLUME")[0])}
    assert config.models.cache_dir is not None
    written = {config.site.state_dir, config.models.cache_dir, config.socket_path.parent}
    assert written == volumes
    assert config.api.tcp is None
    assert config.policy.allow_lab is False
    assert f"--gid 10002 {config.api.socket_group}" in " ".join(final.of("RUN"))


def test_only_a_daemon_that_failed_is_unhealthy() -> None:
    (check,) = CONTAINERFILE[-1].of("HEALTHCHECK")
    command = json.loads(check[check.index("[") :])
    assert command == ["/bin/sh", "-c", "lfrd health; test $? -lt 2"]


def test_nothing_of_a_site_comes_into_the_build() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert set(rules[1:]) == {
        "!dist/requirements.txt", "!dist/lfrd-*.whl", "!dist/wheelhouse", "!packaging/strip.sh",
    }  # fmt: skip
    copied = [text for stage in CONTAINERFILE for text in stage.of("COPY") if "--from" not in text]
    assert copied == [
        "dist/requirements.txt dist/lfrd-*.whl dist/wheelhouse/ packaging/strip.sh /wheels/"
    ]


def test_the_app_gives_root_up() -> None:
    app = APP[-1]
    assert app.base == "lfrd"
    assert app.of("USER") == ["0:0"]
    (entry,) = app.of("ENTRYPOINT")
    assert json.loads(entry)[1:] == ["-I", "/opt/lfrd/run.py"]
    script = (ROOT / "packaging" / "home-assistant" / "run.py").read_text()
    order = [script.index(word) for word in ("initgroups(", "setgid(", "setuid(", "execvp(")]
    assert order == sorted(order)
