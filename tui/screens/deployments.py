"""The deployments: plans with their start gate as a checklist, the running one, past ones."""

from collections.abc import Callable
from textwrap import wrap
from typing import ClassVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.vocabulary import DeploymentState
from lfrd.wire.deployments import Deployment
from lfrd.wire.lists import Watchlist
from tui.dates import day_text, near_text
from tui.gate import Line, Mend, checklist
from tui.labels import Mark, ended_text, ends_text, policy_text
from tui.rules import bar_to_urgent, rules_of
from tui.screens.ask import AskScreen
from tui.screens.deployment_form import AddDeploymentScreen, AmendDeploymentScreen, hours_of
from tui.screens.form import ReasonForm
from tui.screens.help import Topic
from tui.screens.place import BACK, MOVES, Owner, PlaceScreen, Situation, changing
from tui.this_app import app_of
from tui.widgets.line import labelled
from tui.widgets.listed import Listed
from tui.widgets.rows import Row

HOUR_S = 3600.0
STATES = {
    DeploymentState.DRAFT: Mark("○", "not authorised", "$warning"),
    DeploymentState.AUTHORISED: Mark("◐", "authorised", "$primary"),
    DeploymentState.RUNNING: Mark("●", "running", "$success"),
    DeploymentState.ENDED: Mark("–", "ended", "$quiet"),
    DeploymentState.ERASED: Mark("–", "ended, faces erased", "$quiet"),
}
TO_COME = (DeploymentState.DRAFT, DeploymentState.AUTHORISED)
DOCUMENTS = {"impact-assessment": "assessment"}
OVER = (DeploymentState.ENDED, DeploymentState.ERASED)
SIGNS = {"✓": "$success", "✗": "$error", "▲": "$warning", "▮": "$warning"}
EMPTY = "No deployment was ever planned.\n\nPress a to plan one."


class DiscardScreen(ReasonForm):
    """Enter discards a plan."""

    TITLE_TEXT = "Discard this plan: why?"
    KEYS_TEXT = "Enter discards it, Esc keeps it"
    EXAMPLE = "for example: planned twice"
    MAX_LENGTH = 200


class ExtendScreen(ReasonForm):
    """How much longer."""

    SUPERVISORS_ONLY: ClassVar[bool] = True

    TITLE_TEXT = "Extend the deployment: by how many hours?"
    KEYS_TEXT = "Enter extends it, Esc leaves it"
    EXAMPLE = "for example: 1"
    MAX_LENGTH = 5
    EMPTY_TEXT = "say the hours as a number, such as 1 or 0.5"


class UrgentScreen(ReasonForm):
    """Why there is no time for an authorisation."""

    TITLE_TEXT = "Start without authority, to be ratified by another: why?"
    KEYS_TEXT = "Enter starts it, Esc leaves it"
    EXAMPLE = "for example: a child is missing since 14:00"
    MAX_LENGTH = 200


class DeploymentsScreen(PlaceScreen):
    """What is planned, what runs, what was; Enter on a line of the gate opens what mends it."""

    TOPIC: ClassVar[Topic] = "deployments"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "add", "Plan"),
        Binding("e", "amend", "Change"),
        Binding("u", "authorise", "Authorise"),
        Binding("s", "start", "Start"),
        Binding("plus", "extend", "Extend", key_display="+"),
        Binding("p", "pause", "Pause or go on"),
        Binding("x", "end", "End or discard"),
        Binding("r", "record", "Record"),
        Binding("m", "mend", "Mend", show=False),
        Binding("U", "urgent", "Start urgently", show=False),
        Binding("R", "ratify", "Ratify", show=False),
        Binding("i", "app.technical", "Technical details", show=False),
        *MOVES,
        Binding("d", "dismiss", "Back", show=False),
        *BACK,
    ]

    def __init__(
        self,
        client: Client,
        owner: Owner,
        now: Callable[[], float],
        *,
        chosen_id: str | None = None,
        plan_at_once: bool = False,
    ) -> None:
        super().__init__(client, owner, now)
        self._list = Listed(id="deployments", classes="panel choice-list")
        self._list.border_title = "Deployments"
        self._text = Static("", markup=False, id="deployment-text")
        self._gate = Listed(id="gate", classes="gate")
        self._gate.border_title = "Start gate"
        self._all: tuple[Deployment, ...] = ()
        self._chosen_id = chosen_id
        self._lines: tuple[Line, ...] = ()
        self._gate_of: str | None = None
        self._plan_at_once = plan_at_once

    def body(self) -> ComposeResult:
        yield self._list
        with Vertical(classes="panel wide-panel") as panel:
            panel.border_title = "Deployment"
            with VerticalScroll(id="deployment-about"):
                yield self._text
            yield self._gate

    def on_mount(self) -> None:
        self._list.focus()
        if self._plan_at_once:
            self.call_after_refresh(self.action_add)

    # What is read.

    def read(self) -> None:
        self._read()

    read_news = read

    @work(group="read", exclusive=True)
    async def _read(self) -> None:
        try:
            self._all = in_order(await self._client.deployments())
            self._owner.show_lists(await self._client.watchlists())
            chosen = self._chosen()
            self._chosen_id = None if chosen is None else chosen.id
            self._lines = ()
            if chosen is not None and chosen.state in TO_COME:
                verdict = await self._client.governance.gate(chosen.id)
                self._lines, self._gate_of = checklist(verdict), chosen.id
        except LfrdError as error:
            self._owner.complain(str(error))
        self.refresh_all()

    def _chosen(self) -> Deployment | None:
        found = [item for item in self._all if item.id == self._chosen_id]
        return next(iter(found or self._all), None)

    # What the operator does.

    def keys_now(self) -> list[str]:
        """By what is chosen: a plan, the running deployment, or one that is over."""
        chosen, known = self._chosen(), self._owner.situation()
        if chosen is None:
            return ["add"]
        if chosen.state is DeploymentState.RUNNING:
            paused = known.deployment is not None and known.deployment.paused
            ratify = ["ratify"] if chosen.urgent_reason and not chosen.ratified_by else []
            pause = "pause:Go on" if paused else "pause:Pause"
            return [*ratify, "extend", pause, "end:End", "record", "add"]
        if chosen.state in OVER or chosen.ended_at_s is not None:
            return ["record"] * (chosen.started_at_s is not None) + ["add"]
        barred = any(line.sign == "✗" for line in self._lines)
        draft = chosen.state is DeploymentState.DRAFT
        steps = (["mend"] if barred else []) + (["authorise"] if draft else [])
        return [*steps, "start", "amend", "end:Discard", "add"]

    def action_move(self, step: int) -> None:
        focused = self._gate if self._gate.has_focus else self._list
        focused.move(step)

    def on_listed_moved(self, event: Listed.Moved) -> None:
        if event.listed is self._list and event.row_id != self._chosen_id:
            self._chosen_id = event.row_id
            self._read()

    def on_listed_taken(self, event: Listed.Taken) -> None:
        if event.listed is self._list:
            self._gate.focus()
        else:
            self._mend(next((x for x in self._lines if x.key == event.row_id), None))

    def action_mend(self) -> None:
        """The first line that bars the start."""
        barred = next((line for line in self._lines if line.sign == "✗"), None)
        if barred is None:
            self._owner.complain("nothing bars the start: s starts it")
        else:
            self._mend(barred)

    def _mend(self, line: Line | None) -> None:
        if self._owner.refuses():
            return
        if line is None or line.mend is Mend.NOTHING:
            sign = "" if line is None else f"{line.text}: "
            self._owner.complain(f"{sign}nothing on this screen mends it")
        elif line.mend is Mend.AMEND:
            self._amend(line.subject)
        elif line.mend is Mend.AUTHORISE:
            self.action_authorise()
        elif line.mend is Mend.CAMERAS:
            self._owner.open_cameras()
        elif line.mend is Mend.LISTS:
            self._owner.open_lists(line.subject)
        elif line.mend is Mend.RUNNING:
            running = next((x for x in self._all if x.state is DeploymentState.RUNNING), None)
            if running is not None:
                self._owner.end(running)
        else:
            self.action_start()

    @changing
    def action_add(self) -> None:
        self._open_form(None, "")

    @changing
    def action_amend(self) -> None:
        self._amend("")

    def _amend(self, name: str) -> None:
        plan = self._chosen()
        if plan is None or plan.state not in TO_COME:
            self._owner.complain("only a plan is changed: + extends the running deployment")
        else:
            self._open_form(plan, name)

    @work(group="form", exclusive=True)
    async def _open_form(self, plan: Deployment | None, name: str) -> None:
        """The form, with the rules and lists as they are now."""
        try:
            policies = await self._client.governance.policy()
            lists = await self._client.watchlists()
            self._owner.show_lists(lists)
            if not self._all:
                self._all = in_order(await self._client.deployments())
        except LfrdError as error:
            self._owner.complain(str(error))
            return
        now_s = self._now()
        if plan is None:
            last = next((x for x in self._all if x.profile == policies.own.name), None)
            form: AddDeploymentScreen | AmendDeploymentScreen = AddDeploymentScreen(
                self._client, policies, lists, last, now_s
            )
        else:
            form = AmendDeploymentScreen(self._client, policies, lists, plan, now_s)
        if name:
            form.focus_field(name)
        self.app.push_screen(form, self._planned)

    def _planned(self, plan: Deployment | None) -> None:
        if plan is not None:
            self._chosen_id = plan.id
            self.done("the plan is written down: u authorises it, then s starts it")

    @changing
    def action_authorise(self) -> None:
        plan = self._chosen()
        if plan is None or plan.state is not DeploymentState.DRAFT:
            self._owner.complain("there is no plan here that waits for authority")
        elif self.may_supervise():
            self.ask(
                lambda: self._client.governance.authorise(plan.id), "it is authorised: s starts it"
            )

    @changing
    def action_start(self) -> None:
        plan = self._chosen()
        if plan is None or plan.state not in TO_COME:
            self._owner.complain("choose a plan to start: a makes one")
            return
        barred = [x for x in self._lines if x.sign == "✗" and x.mend is not Mend.TEAM]
        if barred and self._gate_of == plan.id:
            bars = "1 thing bars" if len(barred) == 1 else f"{len(barred)} things bar"
            self._owner.complain(f"{bars} the start: m mends the first")
        elif any(x.mend is Mend.TEAM for x in self._lines):
            self.app.push_screen(
                _team_asked(), lambda yes: self._start(plan, team=True) if yes else None
            )
        else:
            self._start(plan, team=False)

    def _start(self, plan: Deployment, *, team: bool) -> None:
        async def start() -> None:
            await self._client.governance.start(plan.id, street_team=team)
            self.dismiss()

        self.ask(start, "the deployment runs", "starting, and opening the cameras")

    @changing
    def action_urgent(self) -> None:
        plan = self._chosen()
        if plan is None or plan.state is not DeploymentState.DRAFT:
            self._owner.complain("an urgent start is of a plan without authority")
        else:
            self._ask_urgently(plan)

    @work(group="form", exclusive=True)
    async def _ask_urgently(self, plan: Deployment) -> None:
        """Ask why, where the rules let this person do so."""
        try:
            rules = rules_of(await self._client.governance.policy(), plan)
        except LfrdError as error:
            self._owner.complain(str(error))
            return
        bar = bar_to_urgent(rules, is_supervisor=self._owner.situation().is_supervisor)
        if bar is not None:
            self._owner.complain(bar)
            return

        def started(done: bool | None) -> None:
            if done:
                self.done("the deployment runs; another supervisor has to ratify it in time")

        self.app.push_screen(
            UrgentScreen(lambda reason: self._client.governance.start(plan.id, reason)), started
        )

    @changing
    def action_ratify(self) -> None:
        running = self._chosen()
        if running is None or running.urgent_reason is None:
            self._owner.complain("only an urgent start is ratified")
        elif self.may_supervise():
            self.ask(lambda: self._client.governance.ratify(running.id), "it is ratified")

    @changing
    def action_extend(self) -> None:
        running = self._owner.situation().deployment
        if running is None:
            self._owner.complain("no deployment is running")
        elif self.may_supervise():
            self._owner.extend(running)

    @changing
    def action_pause(self) -> None:
        """Pause matching, or let it go on: a person may be shown around where the cameras are."""
        running = self._owner.situation().deployment
        if running is None:
            self._owner.complain("no deployment is running")
            return
        said = "matching goes on" if running.paused else "matching pauses: p lets it go on"
        self.ask(lambda: self._client.governance.pause(paused=not running.paused), said)

    @changing
    def action_end(self) -> None:
        chosen = self._chosen()
        if chosen is None or chosen.state in OVER:
            self._owner.complain("there is nothing here that could be ended")
        elif chosen.state is DeploymentState.RUNNING:
            self._owner.end(chosen)
        else:
            self._discard(chosen)

    def _discard(self, plan: Deployment) -> None:
        def discarded(done: bool | None) -> None:
            if done:
                self.done("the plan is discarded")

        self.app.push_screen(
            DiscardScreen(lambda reason: self._client.end_deployment(plan.id, reason)), discarded
        )

    def action_record(self) -> None:
        chosen = self._chosen()
        if chosen is None or chosen.started_at_s is None:
            self._owner.complain("a record is of a deployment that has begun")
        else:
            self._owner.open_record(chosen.id)

    # How it is shown.

    def draw(self, known: Situation) -> None:
        now_s = self._now()
        chosen = self._chosen()
        rows = tuple(Row(item.id, row_content(item, now_s)) for item in self._all)
        self._list.show_rows(rows, None if chosen is None else chosen.id)
        width = self._text.content_size.width or 40
        if chosen is None:
            self._text.update(Content.styled(EMPTY, "$quiet"))
        else:
            lists, technical = known.lists, app_of(self).technical
            self._text.update(about(chosen, lists, now_s, width, technical=technical))
        planned = chosen is not None and chosen.state in TO_COME
        self._gate.display = planned and bool(self._lines)
        self.set_class(self._gate.display, "-gated")
        lines = tuple(Row(x.key, line_content(x, self._gate.size.width - 4)) for x in self._lines)
        self._gate.show_rows(lines)
        barred = sum(line.sign == "✗" for line in self._lines)
        self._gate.border_title = (
            f"Start gate: {barred} to mend; Tab, Enter opens a line"
            if barred
            else "Start gate: open, s starts it"
        )


def _team_asked() -> AskScreen:
    return AskScreen(
        "Is a team on the spot?",
        "The rules want people who can speak to whomever is recognised. That you said so is "
        "recorded.",
        "A team is on the spot",
    )


def until_of(running: Deployment, hours: str) -> float:
    """When a deployment ends that is extended by so many hours. Raises BadInput."""
    return (running.planned_end_at_s or 0.0) + hours_of(hours) * HOUR_S


def in_order(found: tuple[Deployment, ...]) -> tuple[Deployment, ...]:
    """The running one, then plans, then the others, the newest first."""
    order = {DeploymentState.RUNNING: 0, DeploymentState.AUTHORISED: 1, DeploymentState.DRAFT: 1}
    return tuple(sorted(found, key=lambda item: order.get(item.state, 2)))


def row_content(item: Deployment, now_s: float) -> Content:
    """Two lines: sign and purpose; state and when."""
    mark = STATES[item.state]
    if item.state is DeploymentState.DRAFT and item.ended_at_s is not None:
        mark = Mark("–", "discarded", "$quiet")
    at_s = item.ended_at_s or item.started_at_s or item.planned_start_at_s
    when = "" if at_s is None else f" {near_text(at_s, now_s)}"
    if item.state is DeploymentState.RUNNING and item.planned_end_at_s is not None:
        when = f" until {near_text(item.planned_end_at_s, now_s)}"
    return Content.assemble(
        (f"{mark.symbol} ", mark.style), (item.purpose or "no purpose yet", "bold"),
        (f"\n  {mark.word}", mark.style), (when, "$quiet"),
    )  # fmt: skip


def about(
    item: Deployment,
    lists: tuple[Watchlist, ...],
    now_s: float,
    width: int,
    *,
    technical: bool = False,
) -> Content:
    """All that people decided about it; `technical` adds version and digest of its rules."""
    names = {x.id: x.name for x in lists}
    against = ", ".join(names.get(x, "a list that is gone") for x in item.watchlist_ids) or "none"
    rows = [("where", item.place or "not said yet"), ("against", against)]
    if item.expectation:
        rows.append(("why here", item.expectation))
    rows += [(DOCUMENTS.get(kind.strip(), kind.strip()), where.strip())
             for kind, _, where in (text.partition(":") for text in item.documents)]  # fmt: skip
    if item.started_at_s is not None:
        rows.append(("began", f"{day_text(item.started_at_s)} by {_who(item.started_by)}"))
    elif item.planned_start_at_s is not None:
        rows.append(("planned", _span(item.planned_start_at_s, item.planned_end_at_s)))
    if item.authorised_by:
        rows.append(
            ("authority", f"{_who(item.authorised_by)}, {day_text(item.authorised_at_s or 0)}")
        )
    if item.urgent_reason:
        rows.append(("urgent", item.urgent_reason))
    if item.state is DeploymentState.RUNNING:
        rows.append(("ends", ends_text(item.planned_end_at_s, now_s).removeprefix("ends ")))
    if item.ended_at_s is not None:
        rows.append(("ended", ended_text(item).removeprefix("ended ")))
    if item.summary is not None and item.started_at_s is not None:
        counts = item.summary
        rows.append(("counted", f"{counts.tracks} passing faces, {counts.candidates} candidates"))
    if item.policy is not None:
        rows.append(("rules", policy_text(item.policy, technical=technical)))
    return Content("\n").join(
        [*(Content.styled(line, "bold") for line in wrap(item.purpose or "No purpose yet", width)),
         labelled(tuple(rows), width, 13)]
    )  # fmt: skip


def _who(principal: str | None) -> str:
    return (principal or "nobody").removeprefix("user:")


def _span(begin_s: float, end_s: float | None) -> str:
    return day_text(begin_s) + ("" if end_s is None else f" to {day_text(end_s)[-5:]}")


def line_content(line: Line, width: int) -> Content:
    """The sign, then the sentence, wrapped beneath itself."""
    first, *rest = wrap(line.text, max(20, width)) or [""]
    style = "$quiet" if line.sign == "✓" else ""
    parts = Content.assemble((f"{line.sign} ", f"bold {SIGNS[line.sign]}"), (first, style))
    return Content("\n").join([parts, *(Content.styled(f"  {x}", style) for x in rest)])
