"""Statistics of the last hour, of the day, of a deployment: charts, and reviewers' figures."""

import asyncio
from collections.abc import Callable
from typing import ClassVar

from rich.cells import set_cell_size
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lfrd.client import AlertFilter, Client
from lfrd.errors import Conflict, LfrdError, NotFound
from lfrd.wire.alerts import Alert, ReviewerFigures
from lfrd.wire.deployments import Deployment
from lfrd.wire.lists import CameraMinute, CameraReasons
from tui.dates import day_text
from tui.figures import Figures, middle, span_of
from tui.labels import candidates_text, cut, duration_text
from tui.screens.help import Topic
from tui.screens.place import BACK, MOVES, Owner, PlaceScreen, Situation
from tui.widgets.line import labelled
from tui.widgets.listed import Listed
from tui.widgets.rows import Row

HOUR_S = 3_600.0
PAGE, ALERTS_MAX = 200, 2_000
CHARTS = {
    "faces": "Passing faces",
    "candidates": "Candidates",
    "decisions": "Decisions",
    "times": "Time to decision",
    "scores": "Scores, decided",
    "why": "Why no candidate",
    "latency": "Latency",
    "dropped": "Dropped pictures",
    "reviewers": "Reviewers",
}
SPANS = ("hour", "day", "deployment")
LABEL_CELLS = 7
PLAIN = ("decisions", "why", "latency", "reviewers")
"""Told as tables: words are too long to stand under bars."""


class StatisticsScreen(PlaceScreen):
    """A chart at a time, by the arrow keys; h, t and d choose the span."""

    TOPIC: ClassVar[Topic] = "statistics"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "span('hour')", "Hour"),
        Binding("t", "span('day')", "Day"),
        Binding("d", "span('deployment')", "Deployment"),
        Binding("left", "other(1)", "Earlier one", key_display="←"),
        Binding("right", "other(-1)", "Later one", key_display="→"),
        Binding("R", "read_again", "Read again"),
        *MOVES,
        Binding("S", "dismiss", "Back", show=False),
        *BACK,
    ]

    def __init__(self, client: Client, owner: Owner, now: Callable[[], float]) -> None:
        super().__init__(client, owner, now)
        from textual_plotext import PlotextPlot

        self._list = Listed(id="charts", classes="panel chart-list")
        self._list.border_title = "Statistics"
        self._plot: PlotextPlot = PlotextPlot(id="plot")
        self._said = Static("", id="chart-said", markup=False)
        self._table = Static("", markup=False)
        self._chart = "faces"
        self._span = "hour"
        self._deployment: Deployment | None = None
        self._chosen_id: str | None = None
        self._figures: Figures | None = None
        self._reviewers: tuple[ReviewerFigures, ...] | None = None
        self._drawn: object = None

    def body(self) -> ComposeResult:
        yield self._list
        with Vertical(classes="panel wide-panel", id="chart"):
            yield self._said
            yield self._plot
            with VerticalScroll(id="chart-table"):
                yield self._table

    def on_mount(self) -> None:
        self._list.focus()

    # What is read.

    def read(self) -> None:
        self._read()

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        now_s = self._now()
        try:
            self._deployment = await self._chosen_deployment()
            since_s, until_s = now_s - HOUR_S, now_s
            wanted = AlertFilter(since_s=since_s)
            if self._span == "day":
                since_s = now_s - 24 * HOUR_S
                wanted = AlertFilter(since_s=since_s)
            elif self._span == "deployment" and self._deployment is not None:
                since_s = self._deployment.started_at_s or since_s
                until_s = self._deployment.ended_at_s or now_s
                wanted = AlertFilter(deployment_id=self._deployment.id)
            alerts, more = await self._alerts(wanted)
            minutes, reasons = await self._cameras(since_s, until_s)
            self._reviewers = await self._figures_of_reviewers()
        except LfrdError as error:
            self._owner.complain(str(error))
            return
        span = span_of(self._span, since_s, until_s)
        self._figures = Figures(span, alerts, minutes, reasons, more)
        self.refresh_all()

    async def _chosen_deployment(self) -> Deployment | None:
        """The running or the last one, unless another was chosen."""
        known = self._owner.situation()
        if self._chosen_id is None:
            return known.deployment or known.last
        return await self._client.deployment(self._chosen_id)

    async def _alerts(self, wanted: AlertFilter) -> tuple[tuple[Alert, ...], bool]:
        found: list[Alert] = []
        after: str | None = None
        while len(found) < ALERTS_MAX:
            page = await self._client.alerts_page(wanted, limit=PAGE, after=after)
            found += page.items
            after = page.next
            if after is None:
                break
        return tuple(found), after is not None

    async def _cameras(
        self, since_s: float, until_s: float
    ) -> tuple[dict[str, tuple[CameraMinute, ...]], dict[str, CameraReasons]]:
        """By camera id, as far as anything was counted."""
        ids = [camera.id for camera in self._owner.situation().cameras]
        answers = await asyncio.gather(*(self._of_camera(x, since_s, until_s) for x in ids))
        known = {x: found for x, found in zip(ids, answers, strict=True) if found is not None}
        reasons = {x: why for x, (_, why) in known.items() if why is not None}
        return {x: minutes for x, (minutes, _) in known.items()}, reasons

    async def _of_camera(
        self, camera_id: str, since_s: float, until_s: float
    ) -> tuple[tuple[CameraMinute, ...], CameraReasons | None] | None:
        try:
            minutes = await self._client.flow(camera_id, since_s, until_s, self._of)
        except NotFound:  # removed meanwhile
            return None
        try:
            return minutes, await self._client.why(camera_id, since_s, until_s, self._of)
        except Conflict:  # no deployment runs on it, or it took no part
            return (minutes, None) if minutes else None

    @property
    def _of(self) -> str | None:
        """The deployment that is shown; None: all of the span."""
        item = self._deployment if self._span == "deployment" else None
        return None if item is None else item.id

    async def _figures_of_reviewers(self) -> tuple[ReviewerFigures, ...] | None:
        """Supervisors may know them."""
        if not self._owner.situation().is_supervisor:
            return None
        chosen = self._deployment if self._span == "deployment" else None
        return await self._client.reviewers(None if chosen is None else chosen.id)

    # What the operator does.

    def action_span(self, span: str) -> None:
        if span == "deployment" and self._owner.situation().deployment is None and (
            self._owner.situation().last is None
        ):  # fmt: skip
            self._owner.complain("no deployment has run yet")
            return
        self._span = span
        self.read()

    def action_other(self, step: int) -> None:
        """The deployment before the one that is shown, or after it."""
        self._choose(step)

    @work(group="choose", exclusive=True)
    async def _choose(self, step: int) -> None:
        try:
            known = [x for x in await self._client.deployments() if x.started_at_s is not None]
        except LfrdError as error:
            self._owner.complain(str(error))
            return
        known.sort(key=lambda item: item.started_at_s or 0.0, reverse=True)
        ids = [item.id for item in known]
        shown = None if self._deployment is None else self._deployment.id
        if not ids:
            self._owner.complain("no deployment has run yet")
            return
        here = ids.index(shown) if shown in ids else 0
        to = here + step if self._span == "deployment" else here
        if not 0 <= to < len(ids):
            self._owner.complain(
                "there is no other one before this" if step > 0 else "this is the newest deployment"
            )
            return
        self._chosen_id, self._span = ids[to], "deployment"
        self.read()

    def action_read_again(self) -> None:
        self._owner.say(Content("● read again"))
        self.read()

    def action_move(self, step: int) -> None:
        self._list.move(step)

    def on_listed_moved(self, event: Listed.Moved) -> None:
        self._chart = event.row_id
        self.refresh_all()

    # How it is shown.

    def draw(self, known: Situation) -> None:
        rows = tuple(Row(name, Content(title)) for name, title in CHARTS.items())
        self._list.show_rows(rows, self._chart)
        panel = self.query_one("#chart")
        panel.border_title = f"{CHARTS[self._chart]} · {self._span_text()}"
        figures = self._figures
        widths = self._table.content_size.width, self._plot.size.width
        state = (figures, self._chart, widths, self._reviewers)
        if figures is None or state == self._drawn:
            return
        self._drawn = state
        plain = self._chart in PLAIN
        self._plot.display, self.query_one("#chart-table").display = not plain, plain
        names = {camera.id: camera.name for camera in known.cameras}
        if plain:
            self._said.update(self._span_text())
            self._table.update(self._as_table(figures, names))
        else:
            labels, values, said = chart_of(self._chart, figures)
            said = f"{said}{MORE if figures.more else ''} · {self._span_text()}"
            self._said.update(Content(said))
            self._draw_bars(labels, values)

    def _span_text(self) -> str:
        if self._span == "hour":
            return "the last hour"
        if self._span == "day":
            return "the last 24 hours"
        item = self._deployment
        return (
            "a deployment"
            if item is None
            else f"{item.purpose}, {day_text(item.started_at_s or 0)}"
        )

    def _draw_bars(self, labels: list[str], values: list[int]) -> None:
        plot = self._plot.plt
        plot.clear_figure()
        if any(values):
            colour = Color.parse(self.app.theme_variables["primary"]).rgb
            places = [float(place) for place in range(len(values))]
            plot.bar(places, values, width=0.7, color=colour)
            each = max(1, -(-len(labels) * LABEL_CELLS // max(1, self._plot.size.width - 8)))
            plot.xticks(places[::each], labels[::each])
            plot.ylim(0, max(values) * 1.1)
            step = max(1, round(max(values) / 5))
            plot.yticks(list(range(0, max(values) + 1, step)))
        self._plot.refresh()

    def _as_table(self, figures: Figures, names: dict[str, str]) -> Content:
        width = self._table.content_size.width or 40
        if self._chart == "decisions":
            return decisions_content(figures.decisions(), width)
        if self._chart == "why":
            return why_content(figures, names)
        if self._chart == "latency":
            return latency_content(self._deployment)
        return reviewers_content(self._reviewers, width)


MORE = f" · the newest {ALERTS_MAX:,} only"


def chart_of(name: str, figures: Figures) -> tuple[list[str], list[int], str]:
    """The bars of a chart, and the sentence above them."""
    when = figures.span.labels()
    if name == "faces":
        bars = figures.faces()
        return when, bars, f"{sum(bars)} passing faces"
    if name == "candidates":
        bars = figures.candidates()
        return when, bars, candidates_text(sum(bars))
    if name == "dropped":
        bars = figures.dropped()
        return when, bars, f"{sum(bars)} pictures dropped: newer ones took their place"
    if name == "times":
        labels, bars = figures.time_bars()
        half = middle(figures.times_s())
        took = "" if half is None else f", half of them within {duration_text(half)}"
        return labels, bars, f"{sum(bars)} decisions that you may know of{took}"
    labels, bars = figures.score_bars()
    half = middle(figures.scores())
    at = "" if half is None else f", {half:.3f} in the middle"
    return labels, bars, f"{sum(bars)} decided candidates whose score you may know{at}"


def decisions_content(found: dict[str, int], width: int) -> Content:
    """What became of the candidates: a bar and a number each."""
    label_cells = max(map(len, found)) + 2
    room = max(10, width - label_cells - 8)
    most = max(1, *found.values())
    lines = [Content.styled(candidates_text(sum(found.values())), "$quiet"), Content()]
    for word, number in found.items():
        bar = "█" * round(room * number / most)
        lines.append(Content.assemble((f"{word:<{label_cells}}", ""), (bar, "$primary"),
                                      (f" {number}", "bold")))  # fmt: skip
    return Content("\n").join(lines)


def why_content(figures: Figures, names: dict[str, str]) -> Content:
    """For each camera: from passing faces to candidates, and what may help."""
    if not figures.reasons:
        return Content.styled("No deployment runs: d has the reasons of the last one.", "$quiet")
    parts = []
    for camera_id, why in figures.reasons.items():
        head = Content.styled(names.get(camera_id, camera_id), "bold")
        skipped = ", ".join(f"{n} {x.replace('-', ' ')}" for x, n in why.looks_skipped.items() if n)
        lines = [
            f"{why.tracks} passing faces: {why.tracks_never_compared} never compared, "
            f"{why.tracks_below} below the threshold, {why.candidates} candidates",
            *(
                [f"largest face {why.best_inter_eye_px:.0f} px between the eyes"]
                if why.best_inter_eye_px
                else []
            ),
            *([f"looks left out: {skipped}"] if skipped else []),
            *(f"→ {line}" for line in why.advice),
        ]
        parts.append(Content("\n").join([head, *(Content(f"  {line}") for line in lines)]))
    return Content("\n\n").join(parts)


def latency_content(item: Deployment | None) -> Content:
    """From the deciding look to the screen."""
    counts = None if item is None else item.summary
    if counts is None or counts.latency_p50_ms is None or counts.latency_p95_ms is None:
        return Content.styled("No candidate was raised in the last deployment.", "$quiet")
    lines = [
        f"half of the candidates were there {counts.latency_p50_ms:.0f} ms after the deciding look",
        f"95 of 100 within {counts.latency_p95_ms:.0f} ms",
        f"{counts.frames_decoded:,} pictures decoded, {counts.frames_detected:,} searched, "
        f"{counts.frames_dropped:,} dropped",
    ]
    return Content("\n").join(map(Content, lines))


REVIEWERS_HEAD = ("reviewer", "match", "not", "unsure", "agreed", "median", "decoys")
NAME_CELLS = 10
"""A name is cut to no less; where a row would be longer, each figure has a line."""


def reviewers_content(found: tuple[ReviewerFigures, ...] | None, width: int) -> Content:
    """How each reviewer decided, for supervisors."""
    if found is None:
        return Content.styled("Supervisors may see how each reviewer decides.", "$quiet")
    if not found:
        return Content.styled("Nobody has decided about a closed candidate yet.", "$quiet")
    rows = [_reviewer_row(one) for one in found]
    cells = [max(map(len, column)) + 2 for column in zip(REVIEWERS_HEAD, *rows, strict=True)][1:]
    name_cells = min(width - sum(cells), max(len(name) for name, *_ in rows) + 1)
    if name_cells < NAME_CELLS:
        lines = [_reviewer_lines(row, width) for row in rows]
    else:
        lines = [
            Content.assemble(
                set_cell_size(cut(name, name_cells - 1), name_cells),
                *(text.rjust(room) for text, room in zip(figures, cells, strict=True)),
            )
            for name, *figures in (REVIEWERS_HEAD, *rows)
        ]
        lines[0] = Content.styled(lines[0].plain, "$quiet")
    agreed = "\nagreed: of those that others decided too"
    return Content("\n").join([*lines, Content.styled(agreed, "$quiet")])


def _reviewer_row(one: ReviewerFigures) -> tuple[str, ...]:
    return (
        one.principal.removeprefix("user:"), str(one.matches), str(one.not_matches),
        str(one.unsure), f"{one.agreed}/{one.compared}" if one.compared else "-",
        "-" if one.median_s is None else duration_text(one.median_s),
        f"{one.decoys_right}/{one.decoys_shown}" if one.decoys_shown else "-",
    )  # fmt: skip


def _reviewer_lines(row: tuple[str, ...], width: int) -> Content:
    name, *figures = row
    pairs = zip(REVIEWERS_HEAD[1:], figures, strict=True)
    return Content("\n").join([Content.styled(cut(name, width), "bold"),
                               labelled(tuple(pairs), width, 8)])  # fmt: skip
