"""What is still missing before faces can be compared, in the order in which it is done. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from lfrd.vocabulary import DeploymentState
from lfrd.wire.cameras import Camera
from lfrd.wire.deployments import Deployment
from lfrd.wire.lists import Watchlist


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is done before the first candidate. `said` is what there is of it; `rule` why
    it is wanted, in plain words."""

    name: str
    title: str
    done: bool
    said: str
    rule: str


def steps(
    cameras: Sequence[Camera],
    lists: Sequence[Watchlist],
    plans: Sequence[Deployment],
    now_s: float,
) -> tuple[Step, ...]:
    """All of them; the first that is not done is the next one."""
    enabled = [camera for camera in cameras if camera.enabled]
    valid = [item for item in lists if item.expires_at_s is None or item.expires_at_s > now_s]
    people, photos = sum(x.entries for x in valid), sum(x.templates for x in valid)
    open_plans = [p for p in plans if p.planned_end_at_s is None or p.planned_end_at_s > now_s]
    authorised = any(p.state is DeploymentState.AUTHORISED for p in open_plans)
    return (
        Step(
            "camera", "Add a camera", bool(enabled), _counted(len(enabled), "camera"),
            "Nothing is decoded before a deployment starts, and no picture is kept.",
        ),
        Step(
            "list", "Make a watchlist", bool(valid), _counted(len(valid), "list"),
            "Faces are compared with named lists alone, each with a purpose and an owner.",
        ),
        Step(
            "person", "Put a person on it", photos > 0,
            f"{_counted(people, 'person', 'people')}, {_counted(photos, 'photo')}",
            "Each entry says why the person is listed and where the photo comes from.",
        ),
        Step(
            "plan", "Plan a deployment", bool(open_plans), _counted(len(open_plans), "plan"),
            "It says what for, where, how long, and against which lists.",
        ),
        Step(
            "start", "Start it" if authorised else "Authorise and start it", False, "",
            "The start gate lists all that is missing; each line opens what mends it.",
        ),
    )  # fmt: skip


def next_step(found: Sequence[Step]) -> Step:
    """The first that is not done."""
    return next(step for step in found if not step.done)


def _counted(number: int, one: str, many: str | None = None) -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
