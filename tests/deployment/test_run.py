"""The counts of a deployment that goes on after a restart, and when its end is near."""

import json
from dataclasses import fields, replace

import pytest

from lfrd.deployment.run import ends_soon
from lfrd.summary import SummaryLine, as_summary_json, as_text, from_summary_json, over_restart

BEFORE = SummaryLine(
    "summary", 100, 80, 3, 20, 2, 60, 60, 1, 1.5, 10.0, 8.0, 40.0, 90.0, "d", tracks_split=4
)
NOW = SummaryLine(
    "summary", 50, 40, 1, 10, 1, 30, 30, 0, 2.5, 5.0, 4.0, None, None, "d", tracks_split=3
)


def test_what_was_counted_before_and_after_is_counted_together() -> None:
    both = over_restart(BEFORE, NOW)
    apart = {"event", "startup_s", "latency_p50_ms", "latency_p95_ms", "deployment_id"}
    for field in fields(SummaryLine):
        if field.name not in apart:
            added = getattr(BEFORE, field.name) + getattr(NOW, field.name)
            assert getattr(both, field.name) == pytest.approx(added), field.name
    assert (both.latency_p50_ms, both.latency_p95_ms) == (40.0, 90.0)


def test_a_record_of_an_earlier_version_names_no_split_tracks() -> None:
    assert from_summary_json(as_summary_json(BEFORE)) == BEFORE
    kept = json.loads(as_summary_json(BEFORE))
    del kept["tracks_split"]
    assert from_summary_json(json.dumps(kept)) == replace(BEFORE, tracks_split=0)
    assert from_summary_json(None) is None


def test_people_read_how_many_tracks_began_in_the_middle() -> None:
    assert "20 passing faces, 2 candidates, 4 begun in the middle" in as_text(BEFORE)


def test_the_end_is_told_ten_minutes_and_one_before_and_again_after_an_extension() -> None:
    left_s = [700.0, 601.0, 600.0, 599.0, 61.0, 59.5, 2.0, 4000.0, 599.0, 30.0]
    pairs = zip([0.0, *left_s], left_s, strict=False)
    told = [now for before, now in pairs if ends_soon(before, now)]
    assert told == [600.0, 59.5, 599.0, 30.0]
    assert not ends_soon(0.0, 599.0), "it began so, or was taken up again"
    assert not ends_soon(float("inf"), float("inf"))
