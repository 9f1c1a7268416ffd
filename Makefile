# Everything sets itself up: a virtual environment from uv.lock, uv itself included.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
# Imported once and one command called, so that all find their modules compiled, also where Python is
# told not to write that down: a command is twice as fast.
COMPILED := import lfrd.api.server, lfrd.cli.alert, lfrd.cli.demo, lfrd.cli.lists, \
    lfrd.cli.policy, lfrd.cli.token, lfrd.daemon, tui.app; \
    from lfrd.__main__ import main; main(["camera", "list", "--socket", "/"])

.PHONY: soak bench-backup dist wheel-test boot-test wheelhouse deb deb-test container container-test home-assistant home-assistant-test demo test fuzz test-e2e lint accuracy bench bench-ingest bench-governance bench-audit bench-api bench-outbox bench-kills bench-weight map \
    fuzz-cli fuzz-cameras bench-tui screenshots snapshots clean

demo: $(VENV)/ready
	$(BIN)/lfrd demo $(ARGS)

# Three at a time on two cores: a third of the tests' time they wait for cameras and clocks.
test: $(VENV)/ready
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -m "not e2e" -n 3 --dist worksteal $(ARGS)

# Properties with new random examples, many more of them. Half an hour; CI does not run it.
fuzz: $(VENV)/ready
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -m "hypothesis and not e2e" -n 2 --dist worksteal --hypothesis-profile=fuzz $(ARGS)

# Needs programs from outside Python; `.ci/run` installs them.
test-e2e: $(VENV)/ready-e2e
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -m e2e $(ARGS)

lint: $(VENV)/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Real video, poses and crossings, then lists, thresholds and rendered passages, then faces and clips;
# all are run, each may fail it. 25 minutes.
accuracy: $(VENV)/ready
	status=0; for part in real_video poses crossing; do \
	    $(BIN)/python -m benchmarks.$$part || status=1; done; \
	    $(BIN)/python -m benchmarks.identity $(ARGS) || status=1; \
	    $(BIN)/python -m benchmarks.accuracy || status=1; exit $$status

# Throughput beside insightface, live cameras, search; 20 minutes. Keep the machine otherwise idle.
bench: $(VENV)/ready
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --quiet --inexact --extra openvino \
	    --python $(BIN)/python || true
	$(BIN)/python -m benchmarks.performance $(ARGS)

# What each dependency takes on the disk and to import, and how long a command takes to answer.
bench-weight: $(VENV)/ready
	$(BIN)/python -m benchmarks.weight $(ARGS)

# Hostile values for every command beside a real daemon; ARGS="--cases 2000 --seed 1".
fuzz-cli: $(VENV)/ready
	$(BIN)/python -m benchmarks.fuzz_cli $(ARGS)

# How faces are drawn, how soon a key is answered, what it costs. Keep the machine otherwise idle.
bench-tui: $(VENV)/ready
	$(BIN)/python -m benchmarks.tui $(ARGS)

# The texts of every screen that the tests hold, written anew; look at their difference.
snapshots: $(VENV)/ready
	rm -rf tests/tui/snapshots
	RENEW_SNAPSHOTS=1 $(BIN)/pytest -q -n 0 tests/tui/test_screens.py

# Every screen of the terminal as SVG and PNG into docs/img.
screenshots: $(VENV)/ready
	$(BIN)/python -W ignore -m benchmarks.screenshots $(ARGS)

bench-ingest: $(VENV)/ready
	$(BIN)/python -m benchmarks.ingest $(ARGS)

# `kill -9` while two live cameras raise and people review, erase and import; then every promise is
# looked for. Cut off, it goes on where it stopped; a larger N adds to it. 100 take 20 minutes.
N ?= 100
SEED ?= 7
bench-kills: $(VENV)/ready
	$(BIN)/python -m benchmarks.governance_kill --kills $(N) --seed $(SEED) $(ARGS)

# Every fault that a site has to survive, done to a real daemon: `kill -9` and power cuts at random
# moments (both N times), full and read-only disks, lost cameras, names, models, and the start with
# 100,000 templates. 25 minutes, the first time 5 more; as root. Cut off, kills go on where they stopped.
.PHONY: bench-faults
bench-faults: $(VENV)/ready
	PYTHONPATH=tests $(BIN)/python -m benchmarks.faults --kills $(N) --cuts $(N) --seed $(SEED) $(ARGS)

# A working day in an hour: what grows without an end shows as a slope. ARGS="--rtsp 8 --whip 2".
HOURS ?= 1
MINUTES ?= $(shell echo $$(( $(HOURS) * 60 )))
soak: $(VENV)/ready
	$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) $(ARGS)

# A backup of 2 GB beside a daemon that answers and writes, and its restore. 4 minutes, 6 GB of disk.
bench-backup: $(VENV)/ready
	$(BIN)/python -m benchmarks.backup $(ARGS)

# The wheel, the hash of every file that it needs (also for a GPU: the runtime with CUDA in place of the
# one without), and an SBOM with the licences, in dist/.
dist: $(VENV)/ready
	mkdir -p dist && find dist -mindepth 1 -maxdepth 1 ! -name bare-root.tar -exec rm -rf {} +
	$(BIN)/uv build --wheel --quiet --out-dir dist
	$(BIN)/uv export --frozen --no-dev --extra mqtt --no-emit-project --quiet -o dist/requirements.txt >/dev/null
	$(BIN)/uv export --frozen --no-dev --extra mqtt --extra cuda --no-emit-package onnxruntime --no-emit-project --quiet -o dist/requirements-cuda.txt >/dev/null
	$(BIN)/uv export --frozen --no-dev --extra mqtt --format cyclonedx1.5 --quiet -o dist/uv.cdx.json >/dev/null
	$(BIN)/python -m benchmarks.sbom dist/uv.cdx.json dist/sbom.cdx.json && rm dist/uv.cdx.json

# The wheel alone in a fresh environment: the demo, the plan of a service, the size. 2 minutes; network.
wheel-test: dist
	packaging/try_wheel.sh dist/lfrd-*.whl dist/requirements.txt

# All that a machine without a network needs: dist/wheelhouse.
wheelhouse: dist
	$(PYTHON) -m pip download --quiet --disable-pip-version-check --require-hashes --only-binary :all: \
	    --no-deps -d dist/wheelhouse -r dist/requirements.txt

# A Debian package with everything in it: dist/lfrd_VERSION_ARCH.deb, for the Python of this machine.
deb: wheelhouse
	packaging/deb.sh $(BIN)/python

# The package installed, upgraded and purged in a bare root of its own. 4 minutes; as root, with mmdebstrap.
deb-test: deb dist/bare-root.tar
	DEB_SUFFIX=+next packaging/deb.sh $(BIN)/python
	packaging/try.sh dist/lfrd_*[0-9]_*.deb dist/lfrd_*+next_*.deb dist/bare-root.tar

# An image `lfrd` of the Containerfile; BASE is another base with the Python of this machine.
BASE ?= docker.io/library/python:3.11-slim-bookworm
BUILDER ?= buildah
container: wheelhouse
	$(BUILDER) build $(if $(filter docker,$(BUILDER)),,--format docker) --build-arg BASE=$(BASE) -t lfrd -f Containerfile .

# The app of Home Assistant with all that it is built of: dist/home-assistant/lfrd.
home-assistant: wheelhouse
	packaging/home_assistant.sh

# A real Home Assistant in an environment of its own (the last release for Python 3.11, 0.6 GB), and what it
# shows of a site. 20 minutes, the second time half a minute; with Mosquitto and a network.
HASS := $(VENV)-home-assistant
home-assistant-test: $(VENV)/ready-e2e $(HASS)/ready
	LFRD_HASS=$(HASS)/bin/hass $(BIN)/pytest -q -n 0 tests/e2e/test_home_assistant_core.py $(ARGS)

$(HASS)/ready:
	$(PYTHON) -m venv $(HASS)
	$(HASS)/bin/pip install --quiet --disable-pip-version-check homeassistant==2024.3.3 paho-mqtt==1.6.1 \
	    'josepy<2'
	touch $@

# Both built on a bare Debian and run. 4 minutes; as root, with mmdebstrap, buildah, podman and crun.
container-test: wheelhouse dist/bare-root.tar
	packaging/try_container.sh dist/bare-root.tar

dist/bare-root.tar:
	packaging/bare_root.sh $@

# A bare Debian booted with systemd as process 1: docs/administrator.md done in it command by command, socket,
# watchdog, timer, encrypted credentials. 5 minutes; as root, with mmdebstrap, systemd-nspawn and a network.
boot-test: deb
	packaging/boot.sh dist/lfrd_*[0-9]_*.deb

# Memory, erasure, start-up.
bench-governance: $(VENV)/ready
	$(BIN)/python -m benchmarks.governance $(ARGS)

# Audited actions a second, and a log of a million leaves: checked, proved, exported. 5 minutes.
bench-audit: $(VENV)/ready
	$(BIN)/python -m benchmarks.audit $(ARGS)

# A receiver that is away, 10,000 events, `kill -9` in between; a million rows. 4 minutes.
bench-outbox: $(VENV)/ready
	$(BIN)/python -m benchmarks.outbox $(ARGS)

# Pages of a million rows, events to many, hostile requests (schemathesis) and a full machine; 10
# minutes. ARGS="--part pages" for one part.
bench-api: $(VENV)/ready
	$(BIN)/python -m benchmarks.api $(ARGS)

# 2,000 hostile cameras beside a running deployment; 5 minutes. ARGS="--cases 200 --seed 7"
fuzz-cameras: $(VENV)/ready
	PYTHONPATH=tests $(BIN)/python -m support.fuzz_cameras $(ARGS)

$(VENV)/ready: pyproject.toml uv.lock
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -x $(BIN)/uv || $(BIN)/pip install --quiet --disable-pip-version-check uv
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --quiet --extra mqtt \
	    --python $(BIN)/python
	PYTHONDONTWRITEBYTECODE= $(BIN)/python -c '$(COMPILED)' 2>/dev/null
	touch $@

$(VENV)/ready-e2e: $(VENV)/ready
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --quiet --inexact --extra mqtt \
	    --group e2e --python $(BIN)/python
	touch $@

# Every module with the first sentence of its docstring.
map: $(VENV)/ready
	$(BIN)/python -m benchmarks.map

clean:
	rm -rf $(VENV) $(HASS) .mypy_cache .pytest_cache .ruff_cache .hypothesis
