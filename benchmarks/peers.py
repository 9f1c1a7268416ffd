"""What a user would write instead: a loop around insightface's FaceAnalysis.

    python -m benchmarks.peers PACK CLIP

Runs SCRFD-500M and the same SFace on every frame, with the library's own defaults for threads, and
prints one JSON line: frames, faces, and the start-up that does not count.
"""

import contextlib
import json
import os
import sys
from pathlib import Path

from benchmarks.media import SHARED
from lfrd.clock import process_age_s
from lfrd.vision.graph import to_dynamic_f32
from lfrd.vision.packs import published_recogniser

DETECTOR_SIDE_PX = 640


def make_pack(folder: Path) -> Path:
    """insightface's form of a pack: a directory with both models, SFace plainly converted."""
    folder.mkdir()
    (folder / "scrfd.onnx").symlink_to((SHARED / "models" / "scrfd_500m_kps.onnx").resolve())
    plain = to_dynamic_f32(published_recogniser(), dynamic_axes=(0,))
    (folder / "sface.onnx").write_bytes(plain)
    return folder


def main() -> int:
    pack, clip = Path(sys.argv[1]), Path(sys.argv[2])
    import cv2
    from insightface.app import FaceAnalysis

    # The library prints while it loads; its lines must not get among ours.
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        app = FaceAnalysis(name=str(pack.resolve()), providers=["CPUExecutionProvider"])
        app.prepare(ctx_id=-1, det_size=(DETECTOR_SIDE_PX, DETECTOR_SIDE_PX))
    capture = cv2.VideoCapture(str(clip))
    found, picture = capture.read()
    app.get(picture)  # warmed up
    startup_s = process_age_s()
    frames = faces = 0
    while found:
        faces += len(app.get(picture))
        frames += 1
        found, picture = capture.read()
    print(json.dumps({"frames": frames, "faces": faces, "startup_s": round(startup_s, 3)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
