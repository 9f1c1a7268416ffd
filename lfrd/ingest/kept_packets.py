"""Compressed pictures that are not decoded for now, so that decoding can go on where it stopped.

They show passers-by like any picture: they exist in this process alone, are overwritten as soon as
the next keyframe makes them needless, and their number is bounded.
"""

import threading
from typing import Final

import av

KEPT_BYTES: Final = 16 * 1024 * 1024
KEPT_S: Final = 12.0
"""What is kept of one stream at most. Beyond it all of it goes, and decoding can go on with the
next keyframe only."""


class PacketCounts:
    """How many packets this process kept and how many of them it overwrote. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.kept = self.overwritten = 0

    def count(self, *, kept: int = 0, overwritten: int = 0) -> None:
        with self._lock:
            self.kept += kept
            self.overwritten += overwritten

    @property
    def held(self) -> int:
        """Kept and not yet overwritten."""
        with self._lock:
            return self.kept - self.overwritten


COUNTS: Final = PacketCounts()
"""Of all streams."""


class KeptPackets:
    """Of one stream, in the order in which they came. For the reader thread."""

    def __init__(self) -> None:
        self._packets: list[tuple[av.Packet[av.VideoStream], float]] = []
        self._bytes = 0
        self.broken = False
        """Whether some are missing that those to come are predicted from."""

    def add(self, packet: "av.Packet[av.VideoStream]", at_s: float) -> bool:
        """Keep a packet that came at `at_s`; a keyframe overwrites those before it. Returns False
        where the bound was reached just now, and all were overwritten."""
        if packet.is_keyframe:
            self.clear()
        if self.broken or not packet.size:
            return True
        self._packets.append((packet, at_s))
        COUNTS.count(kept=1)
        self._bytes += packet.size
        if self._bytes <= KEPT_BYTES and at_s - self._packets[0][1] <= KEPT_S:
            return True
        self.clear()
        self.broken = True
        return False

    def lie_s(self, now_s: float) -> float:
        """For how long the first one has been kept; 0 where there is none."""
        return now_s - self._packets[0][1] if self._packets else 0.0

    def take(self) -> list[tuple["av.Packet[av.VideoStream]", float]]:
        """All of them and when they came. They are the caller's, to be given to `overwrite`."""
        taken, self._packets, self._bytes = self._packets, [], 0
        return taken

    def clear(self) -> None:
        """Overwrite them all."""
        for packet, _ in self.take():
            overwrite(packet)
        self.broken = False

    def __len__(self) -> int:
        return len(self._packets)


def overwrite(packet: "av.Packet[av.VideoStream]") -> None:
    """Fill a packet that was kept with zeros. The decoder must be done with it."""
    packet.update(bytes(packet.size))
    COUNTS.count(overwritten=1)
