"""Everything of docs/performance.md, one section after the other: `make bench`.

With OpenVINO the photos of LFW are compared too: its bf16 has to keep the accuracy.

    python -m benchmarks.performance [--rounds 3] [--seconds 60]

Each section is a process of its own, prints what it measured beside its bar and writes its
results/<section>.json. One that misses a bar or breaks off stops no other; the exit code is then 1.
The OpenVINO sections are left out, and said to be, where that extra is not installed.
"""

import argparse
import importlib.util
import subprocess
import sys
import time

LIMIT_S = 1500.0


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=60.0, help="of live cameras")
    chosen = options.parse_args()
    providers = ["cpu"]
    if importlib.util.find_spec("openvino") is not None:
        providers.append("openvino")
    else:
        print("OpenVINO is not installed (lfrd[openvino]): its sections are left out")
    sections = [["search"], ["load", "--seconds", str(chosen.seconds)]]
    for provider in providers:
        sections += [
            ["throughput", "--provider", provider, "--rounds", str(chosen.rounds)],
            ["latency", "--provider", provider, "--seconds", str(chosen.seconds)],
        ]
        if provider != "cpu":
            sections.append(["accuracy", "lfw_pairs", "--provider", provider])
    failed = [" ".join(section) for section in sections if not _run(section)]
    for section in failed:
        print(f"MISSED A BAR OR BROKE OFF: {section}")
    return 1 if failed else 0


def _run(section: list[str]) -> bool:
    print(f"\n== {' '.join(section)}", flush=True)
    name, *arguments = section
    begun_s = time.monotonic()
    try:
        done = subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", *arguments], timeout=LIMIT_S, check=False
        )
    except subprocess.TimeoutExpired:
        print(f"   it took more than {LIMIT_S:.0f} s")
        return False
    print(f"   ({time.monotonic() - begun_s:.0f} s)")
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
