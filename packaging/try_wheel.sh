#!/bin/sh
# The wheel alone in a virtual environment of its own, outside the source tree: `make wheel-test`.
set -eu
wheel=$(realpath "${1:?give the wheel}")
locked=$(realpath "${2:?give the locked list}")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
unset PYTHONPATH
export HOME="$place/home" XDG_CACHE_HOME="$place/cache"
mkdir home
works() {
    "$1/bin/lfrd" demo --headless --seconds 26 >lines || { tail -n 3 lines >&2; exit 1; }
    grep -q '"event": *"candidate"' lines
    "$1/bin/lfrd" service install --dry-run >plan
    grep -q '^write /etc/systemd/system/lfrd.service$' plan
    "$1/bin/lfrd" models list >models
    "$1/bin/lfrd" doctor --json >findings
    "$1/bin/python" -c '
import json, sys
program = {"versions", "processor", "provider", "runtime", "models", "sqlite-vec", "units"}
sys.exit([item for item in json.load(open("findings"))
          if item["level"] == "fail" or (item["what"] in program and item["level"] != "ok")] or None)'
    du -sm "$1/lib" | cut -f 1
}

echo '== with what pip takes by itself'
python3 -m venv alone
alone/bin/pip install --quiet --disable-pip-version-check "$wheel" 2>pip.log || { cat pip.log >&2; exit 1; }
echo "MB: $(works alone)"

echo '== from the locked list, as on a server'
python3 -m venv server
server/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r "$locked" 2>pip.log ||
    { cat pip.log >&2; exit 1; }
server/bin/pip install --quiet --disable-pip-version-check --no-deps "$wheel"
for needless in opencv_python.libs skimage scipy; do
    test ! -e "$(echo server/lib/python3*/site-packages)/$needless"
done
echo "MB: $(works server)"
echo '== a pack in insightface'"'"'s form is read without scikit-image'
mkdir pack
server/bin/python -c 'from pathlib import Path
from lfrd.vision.graph import to_dynamic_f32
from lfrd.vision.packs import published_recogniser
Path("pack/sface.onnx").write_bytes(to_dynamic_f32(published_recogniser(), dynamic_axes=(0,)))'
! server/bin/lfrd models install pack --accept-licence 2>said
grep -q 'holds no SCRFD detector' said || { cat said >&2; exit 1; }
echo '== all well'
