"""The two lines at the top: what is running and for how long; whether the daemon is well."""

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content

from lfrd.api.schema import Deployment, Health
from tui.widgets.line import Line
from tui.words import ends_text, health_mark


def deployment_content(deployment: Deployment | None, now_s: float) -> Content:
    """The running deployment; a lab profile is said before anything else."""
    if deployment is None:
        return Content.assemble(
            ("○ No deployment is running: ", "bold"),
            ("no frame is decoded and nobody is compared.", "$quiet"),
        )
    parts: list[Content | str | tuple[str, str]] = []
    if deployment.profile == "lab":
        parts.append((" LAB · consenting people only ", "bold $on-lab on $lab"))
        parts.append(" ")
    else:
        parts.append((f"{deployment.profile} ", "bold $primary"))
    parts.append((ends_text(deployment.planned_end_at_s, now_s), "bold"))
    parts.append(f" · {deployment.purpose}")
    parts.append((f" · {deployment.place}", "$quiet"))
    return Content.assemble(*parts)


def health_content(health: Health | None, cameras: str) -> Content:
    """Health, the cameras in short, every reason; what is cut off matters least."""
    if health is None:
        return Content.styled("◌ asking the daemon for its state", "$quiet")
    mark = health_mark(health.status)
    why = f" · {'; '.join(health.reasons)}" if health.reasons else ""
    rest = f"templates: {health.gallery_templates} · {health.model.pack}"
    return Content.assemble(
        (f"{mark.symbol} health {mark.word}", f"bold {mark.style}"),
        f" · {cameras}",
        (why, mark.style),
        (f" · {rest} · {health.node} · {health.version}", "$quiet"),
    )


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
        self, deployment: Deployment | None, health: Health | None, cameras: str, now_s: float
    ) -> None:
        """Bring both lines up to date."""
        first = Content() if health is None else deployment_content(deployment, now_s)
        self._deployment.show(first)
        self._health.show(health_content(health, cameras))
