"""Clips for the benchmarks: made longer without touching a single compressed picture."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av

SHARED = Path(os.environ.get("LFRD_SHARED", Path(__file__).resolve().parents[1].parent / "shared"))
CROWD = SHARED / "media" / "crowd" / "video.mp4"
BACKS = SHARED / "media" / "backs" / "one-by-one-person-detection.mp4"
HAMILTON = SHARED / "media" / "hamilton"
CROWD_FPS = 25.0


def looped(clip: Path, target: Path, *, frames: int, first: int | None = None) -> int:
    """Write `clip` over and over until there are `frames` pictures; return how many there are.

    A stream copy: the packets are the same, only their stamps go on. `first`: of the clip, only so
    many packets; the next one must begin with a keyframe.
    """
    written = 0
    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        video = source.streams.video[0]
        copy = sink.add_stream_from_template(video)
        packets = [packet for packet in source.demux(video) if packet.size][:first]
        stamps = [(packet.dts or 0, packet.pts or 0) for packet in packets]
        assert video.time_base is not None
        step = packets[0].duration or round(1 / (CROWD_FPS * video.time_base))
        span = max(pts for _, pts in stamps) - min(pts for _, pts in stamps) + step
        for round_ in range(-(-frames // len(packets))):
            for packet, (dts, pts) in zip(packets, stamps, strict=True):
                packet.stream = copy
                packet.dts, packet.pts = dts + round_ * span, pts + round_ * span
                packet.time_base = video.time_base
                sink.mux(packet)
                written += 1
    return written


def pictures(clip: Path) -> Iterator[av.VideoFrame]:
    """Every decoded picture, decoded as the program does it."""
    with av.open(str(clip)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "SLICE"
        stream.codec_context.thread_count = 2
        yield from container.decode(stream)


@contextmanager
def watchlist(folder: Path, photos: dict[str, Path]) -> Iterator[Path]:
    """A folder of reference photos, named by reference."""
    folder.mkdir()
    for reference, photo in photos.items():
        (folder / f"{reference}{photo.suffix}").symlink_to(photo.resolve())
    yield folder


def listed() -> dict[str, Path]:
    """Four people of whom nobody is in the crowd clip."""
    return {
        "lin-manuel-miranda": HAMILTON / "lin-manuel-miranda.png",
        "alex-lacamoire": HAMILTON / "alex-lacamoire.png",
        "obama": HAMILTON / "obama.jpg",
        "biden": HAMILTON / "biden.jpg",
    }
