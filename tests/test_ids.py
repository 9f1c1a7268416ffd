import time
import uuid

from lfrd.ids import new_id


def test_ids_are_version_7_unique_and_in_time_order() -> None:
    first = new_id()
    time.sleep(0.002)
    many = [new_id() for _ in range(1000)]
    assert uuid.UUID(first).version == 7
    assert uuid.UUID(first).variant == uuid.RFC_4122
    assert len(set(many)) == 1000
    assert first < min(many)
