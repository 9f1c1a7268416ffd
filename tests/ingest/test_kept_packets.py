"""What is kept of a stream that is not decoded, and that it is overwritten."""

from dataclasses import dataclass, field
from typing import cast

import av

from lfrd.ingest import kept_packets
from lfrd.ingest.kept_packets import KeptPackets


@dataclass
class FakePacket:
    """What is asked of a packet."""

    is_keyframe: bool
    data: bytes = b"face"
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.data)

    def update(self, data: bytes) -> None:
        assert len(data) == self.size
        self.data = data


def _add(kept: KeptPackets, keyframe: bool, at_s: float = 0.0, data: bytes = b"face") -> FakePacket:
    packet = FakePacket(keyframe, data)
    kept.add(cast("av.Packet[av.VideoStream]", packet), at_s)
    return packet


def test_a_keyframe_overwrites_what_came_before() -> None:
    kept = KeptPackets()
    old = [_add(kept, True), _add(kept, False)]
    new = _add(kept, True)
    assert [packet.data for packet in old] == [bytes(4), bytes(4)]
    assert new.data == b"face"
    assert len(kept) == 1


def test_what_begins_without_a_keyframe_goes_on_from_what_was_decoded() -> None:
    kept = KeptPackets()
    _add(kept, False)
    assert len(kept) == 1


def test_a_real_packet_is_overwritten() -> None:
    packet: av.Packet[av.VideoStream] = av.Packet(b"a face of somebody")
    kept_packets.overwrite(packet)
    assert bytes(packet) == bytes(18)


def test_beyond_the_seconds_all_of_it_goes_until_the_next_keyframe() -> None:
    kept = KeptPackets()
    packets = [_add(kept, True, 0.0), _add(kept, False, kept_packets.KEPT_S)]
    last = FakePacket(False)
    assert not kept.add(cast("av.Packet[av.VideoStream]", last), kept_packets.KEPT_S + 0.1)
    assert kept.broken
    assert all(packet.data == bytes(4) for packet in [*packets, last])
    _add(kept, False, kept_packets.KEPT_S + 0.2)
    assert len(kept) == 0
    _add(kept, True, kept_packets.KEPT_S + 0.3)
    assert len(kept) == 1
    assert not kept.broken


def test_beyond_the_bytes_too() -> None:
    kept = KeptPackets()
    _add(kept, True, data=bytes(kept_packets.KEPT_BYTES))
    assert not kept.broken
    assert not kept.add(cast("av.Packet[av.VideoStream]", FakePacket(False)), 0.1)
    assert kept.broken


def test_taken_packets_are_kept_no_longer() -> None:
    kept = KeptPackets()
    packet = _add(kept, True, 3.0)
    assert kept.take() == [(packet, 3.0)]
    kept.clear()
    assert packet.data == b"face"


def test_what_is_kept_and_overwritten_is_counted() -> None:
    before, kept = kept_packets.COUNTS.held, KeptPackets()
    for keyframe in (True, False, False):
        _add(kept, keyframe)
    assert kept_packets.COUNTS.held == before + 3
    _add(kept, True)
    assert kept_packets.COUNTS.held == before + 1
    for packet, _ in kept.take():
        kept_packets.overwrite(packet)
    assert kept_packets.COUNTS.held == before
