"""The two lines at the top: what is running and for how long; whether the daemon is well."""

from rich.cells import cell_len, set_cell_size
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from lfrd.wire.deployments import Deployment, PolicyBrief
from lfrd.wire.health import Health
from tui.labels import ended_text, ends_text, health_mark, policy_text
from tui.this_app import app_of
from tui.widgets.line import Line

PURPOSE_CHARACTERS_MIN = 12
"""A longer purpose is cut to leave room for the time that is left, but not to less."""
END_NEAR_S = 600.0
"""From then on the end stands out; the daemon tells of it at the same time."""

LAB = (" LAB · consenting people only ", "bold $on-lab on $lab")

PAUSES = "matching pauses"
Part = Content | str | tuple[str, str]


def is_lab(deployment: Deployment | None, site: PolicyBrief | None) -> bool:
    """Whether the rules of a lab are in force, which every screen says."""
    policy = site if deployment is None else deployment.policy
    return (policy is not None and policy.is_lab) or (
        deployment is not None and deployment.profile == "lab"
    )


def deployment_content(
    deployment: Deployment | None,
    site: PolicyBrief | None,
    now_s: float,
    last: Deployment | None = None,
    *,
    why_paused: str = PAUSES,
    technical: bool = True,
    width: int = 120,
) -> Content:
    """What the deployment is for and how long it still runs, then where and by which rules; a lab
    is said before anything else. Without one,
    how the last one ended, and the rules of the site. `technical` has their version and digest."""
    policy = site if deployment is None else deployment.policy
    lab = is_lab(deployment, site)
    parts: list[Part] = [LAB, " "] if lab else []
    rules = policy_text(policy, technical=technical) if policy is not None else ""
    if deployment is None:
        parts.append(("○ No deployment is running: ", "bold"))
        parts.append(("no frame is decoded and nobody is compared.", "$quiet"))
        if last is not None:
            parts.append(f" The last one {ended_text(last)}")
        parts.append((f" · rules {rules}" if rules else "", "$quiet"))
        return Content.assemble(*parts)
    ends, planned_s = ends_text(deployment.planned_end_at_s, now_s), deployment.planned_end_at_s
    near = planned_s is not None and planned_s - now_s <= END_NEAR_S
    ends = f"▲ {ends}" if near else ends
    room = width - len(ends) - 3 - (len(LAB[0]) + 1 if lab else 0)
    parts.append((_cut(deployment.purpose, room), "bold $primary"))
    parts += [" · ", (ends, "bold $warning" if near else "bold")]
    if deployment.paused:
        parts.append((f" · ▮ {why_paused}", "bold $warning"))
    parts.append((f" · {rules or deployment.profile} · {deployment.place}", "$quiet"))
    return Content.assemble(*parts)


def _cut(purpose: str, cells: int) -> str:
    """As much of it as has room."""
    most = max(PURPOSE_CHARACTERS_MIN, cells)
    return purpose if cell_len(purpose) <= most else f"{set_cell_size(purpose, most - 1).rstrip()}…"


def health_content(health: Health | None, cameras: str, *, technical: bool = True) -> Content:
    """Health, the cameras in short, every reason; what is cut off matters least. `technical` has
    how many templates are compared, the model and the version."""
    if health is None:
        return Content()
    mark = health_mark(health.status)
    why = f" · {'; '.join(health.reasons)}" if health.reasons else ""
    rest = f" · templates: {health.gallery_templates} · {health.model.pack} · {health.version}"
    return Content.assemble(
        (f"{mark.symbol} health {mark.word}", f"bold {mark.style}"),
        f" · {cameras}",
        (why, mark.style),
        (f" · {health.node}{rest if technical else ''}", "$quiet"),
    )


def why_paused(health: Health | None) -> str:
    """Why matching pauses, as the daemon says it."""
    found = (x for x in (health.reasons if health else ()) if x.startswith(PAUSES))
    return next(found, PAUSES).replace("user:", "")


class Banner(Vertical):
    """Two lines that never wrap; what does not fit is cut off at the right."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self._deployment = Line(id="banner-deployment")
        self._health = Line(id="banner-health")

    def compose(self) -> ComposeResult:
        yield self._deployment
        yield self._health

    def show(
        self,
        deployment: Deployment | None,
        last: Deployment | None,
        health: Health | None,
        cameras: str,
        now_s: float,
    ) -> None:
        """Bring both lines up to date."""
        site = None if health is None else health.policy
        known = health is not None
        technical = app_of(self).technical
        width = self._deployment.size.width or 120
        first = deployment_content(
            deployment, site, now_s, last,
            why_paused=why_paused(health), technical=technical, width=width,
        )  # fmt: skip
        asking = Content.styled("◌ asking the daemon for its state", "$quiet")
        self._deployment.show(first if known else asking)
        self._health.show(health_content(health, cameras, technical=technical))
