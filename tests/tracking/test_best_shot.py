from dataclasses import replace

from builders import quality

from lfrd.tracking.best_shot import BestShot, BestShotRule


def test_the_first_acceptable_look_is_taken_at_once() -> None:
    shots = BestShot(BestShotRule())
    assert shots.refusal(quality(inter_eye_px=10), 0.0) == "too-small"
    assert shots.refusal(replace(quality(), yaw_deg=-70.0), 0.0) == "turned-away"
    assert shots.refusal(quality(), 0.0) is None


def test_then_only_later_or_clearly_better_looks() -> None:
    shots = BestShot(BestShotRule())
    shots.took(quality(overall=0.5), 0.0)
    assert shots.refusal(quality(overall=0.5), 0.3) == "too-soon"
    assert shots.refusal(quality(overall=0.9), 0.1) == "too-soon"
    assert shots.refusal(quality(overall=0.9), 0.3) is None
    assert shots.refusal(quality(overall=0.4), 0.5) is None


def test_a_track_that_never_ends_costs_a_fixed_number_of_templates() -> None:
    shots = BestShot(BestShotRule(max_looks=4))
    taken = 0
    for number in range(1000):
        if shots.refusal(quality(), number) is None:
            shots.took(quality(), number)
            taken += 1
    assert taken == 4
    assert shots.refusal(quality(), 2000.0) == "track-cap"
