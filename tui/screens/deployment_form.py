"""Planning a deployment, and changing a plan."""

from collections.abc import Sequence
from typing import Any

from textual.app import ComposeResult
from textual.widgets import Static

from lfrd.client import Client
from lfrd.errors import BadInput
from lfrd.vocabulary import Category, DeploymentState, UseCase
from lfrd.wire.deployments import (
    Deployment,
    DeploymentChange,
    DeploymentDraft,
    Policy,
    SitePolicies,
)
from lfrd.wire.lists import Watchlist
from tui.dates import DATE_HINT, day_text, moment
from tui.labels import people_text
from tui.screens.form import (
    EditScreen,
    FormScreen,
    SignCheckbox,
    Text,
    check,
    field,
    hint,
    line_input,
)
from tui.widgets.choice import Choice

HOUR_S = 3600.0
USUAL_H = 4.0
USE_CASES = {
    UseCase.ENFORCE_EXCLUSION.value: "people who may not come in",
    UseCase.LOCATE_WANTED.value: "people wanted for an offence",
    UseCase.FIND_MISSING.value: "people who are missing",
    UseCase.PROTECT_AT_RISK.value: "people who may come to harm",
    UseCase.ENFORCE_COURT_ORDER.value: "people under an order of a court",
    UseCase.TEST.value: "people who agreed to a test",
}
_USE_OF = {
    Category.EXCLUDED: UseCase.ENFORCE_EXCLUSION,
    Category.WANTED: UseCase.LOCATE_WANTED,
    Category.MISSING: UseCase.FIND_MISSING,
    Category.AT_RISK: UseCase.PROTECT_AT_RISK,
    Category.COURT_ORDER: UseCase.ENFORCE_COURT_ORDER,
    Category.TEST: UseCase.TEST,
}
STATE_WORDS = {
    DeploymentState.DRAFT: "not authorised",
    DeploymentState.AUTHORISED: "authorised",
    DeploymentState.RUNNING: "running",
}
ASSESSMENT, NOTICE = "impact-assessment", "notice"


def hours_of(typed: str) -> float:
    """As people write them. Raises BadInput."""
    try:
        return float(typed.replace(",", ".").removesuffix("h").strip())
    except ValueError:
        raise BadInput("say the hours as a number, such as 4 or 0.5") from None


def _document(documents: Sequence[str], kind: str) -> str:
    pairs = (text.partition(":") for text in documents)
    return next((where.strip() for name, _, where in pairs if name.strip() == kind), "")


class DeploymentForm(FormScreen[Deployment]):
    """What a plan says; `before` is what it said so far, or what the last one said."""

    def __init__(
        self,
        client: Client,
        policies: SitePolicies,
        lists: Sequence[Watchlist],
        before: Deployment | None,
        now_s: float,
        **edited: Any,
    ) -> None:
        super().__init__(**edited)
        self._client = client
        self._policies = policies
        self._lists = lists
        self._before = before
        self._now_s = now_s
        self._start_field = ""

    @property
    def policy(self) -> Policy:
        """The rules that the plan is made under."""
        raise NotImplementedError

    def chosen_at_first(self) -> set[str]:
        """The ids of the lists that are ticked when the form opens."""
        raise NotImplementedError

    def plan_fields(self, hours: float) -> ComposeResult:
        """The rows that both forms have."""
        old = self._before
        of_one = old is not None and not isinstance(self, AddDeploymentScreen)
        purpose = old.purpose if old and of_one else ""
        yield field(
            "what for", line_input("purpose", "such as keeping out banned visitors", purpose)
        )
        place = old.place if old else ""
        yield field("where", line_input("place", "such as the north entrance", place))
        if not self.policy.is_lab:
            expectation = old.expectation if old else ""
            why = "why the people on the list may come here"
            yield field("why here", line_input("expectation", why, expectation))
        if self.policy.values.get("documents_required"):
            documents = old.documents if old else ()
            where = "where it is, such as DPIA 7"
            yield field(
                "assessment", line_input("assessment", where, _document(documents, ASSESSMENT))
            )
            sign = "where people read of it, such as sign at the door"
            yield field("notice", line_input("notice", sign, _document(documents, NOTICE)))
        use = old.use_case if old and of_one else self._use_case()
        yield field("looked for", Choice("use_case", USE_CASES, use))
        yield field("hours", line_input("hours", value=f"{hours:g}"))
        yield Static("Compared with", classes="heading", markup=False)
        chosen = self.chosen_at_first()
        for number, item in enumerate(self._lists):
            label = f"{item.name} · {item.category.value} · {people_text(item.entries)}"
            yield field("", check(f"list-{number}", label, item.id in chosen))
        if not self._lists:
            yield hint("there is no watchlist yet: make one first")

    def _use_case(self) -> str:
        chosen = self.chosen_at_first()
        return next(
            (_USE_OF[item.category].value for item in self._lists if item.id in chosen),
            UseCase.ENFORCE_EXCLUSION.value,
        )

    def focus_field(self, name: str) -> None:
        """Begin at this field."""
        self._start_field = name

    def on_mount(self) -> None:
        for name in (self._start_field, "purpose"):
            found = self.query(f"#{name}") if name else None
            if found:
                found.first().focus()
                return

    def read_plan(self) -> dict[str, object]:
        """What was typed. Raises BadInput."""
        documents = []
        for kind, name in ((ASSESSMENT, "assessment"), (NOTICE, "notice")):
            if self.query(f"#{name}") and (where := self.text_of(name)):
                documents.append(f"{kind}: {where}")
        others = self._before.documents if self._before else ()
        documents += [text for text in others
                      if text.partition(":")[0].strip() not in (ASSESSMENT, NOTICE)]  # fmt: skip
        why = self.text_of("expectation") if self.query("#expectation") else None
        return {
            "purpose": self.text_of("purpose") or "",
            "place": self.text_of("place") or "",
            "expectation": why or "",
            "use_case": self.query_one("#use_case", Choice).value,
            "documents": tuple(documents),
            "watchlist_ids": self._ticked(),
            "duration_s": hours_of(self.text_of("hours") or f"{USUAL_H:g}") * HOUR_S,
        }

    def _ticked(self) -> tuple[str, ...]:
        return tuple(
            item.id
            for number, item in enumerate(self._lists)
            if self.query_one(f"#list-{number}", SignCheckbox).value
        )


class AddDeploymentScreen(DeploymentForm):
    """A draft: nothing starts by it, and what is missing is said by the gate afterwards."""

    TITLE_TEXT = "Plan a deployment"
    RULE_TEXT = (
        "Nothing starts by this. It is authorised next, and the start gate says what is missing."
    )

    @property
    def policy(self) -> Policy:
        lab = self._policies.lab
        own = self._policies.own
        return lab if lab is not None and self._only_tests() else own

    def _only_tests(self) -> bool:
        return bool(self._lists) and all(x.category is Category.TEST for x in self._lists)

    def chosen_at_first(self) -> set[str]:
        if self.policy.is_lab:
            return {item.id for item in self._lists}
        return {item.id for item in self._lists if item.entries and _lasts(item, self._now_s)}

    def fields(self) -> ComposeResult:
        longest_h = float(self.policy.values.get("max_deployment_h", USUAL_H))
        yield from self.plan_fields(min(USUAL_H, longest_h))
        yield Static("Only where needed", classes="heading", markup=False)
        if self._policies.lab is not None and not self._policies.own.is_lab:
            rules = {self._policies.own.name: self._policies.own.title,
                     self._policies.lab.name: self._policies.lab.title}  # fmt: skip
            yield field("rules", Choice("profile", rules, self.policy.name))
        yield field("begins", line_input("begins", f"now; or {DATE_HINT}"))
        yield field("people at", line_input("list_size", "most, such as 200; no limit"))
        yield hint("longest under these rules: " + f"{longest_h:g} h")

    async def send(self) -> Deployment:
        chosen = self.query("#profile")
        profile = self.query_one("#profile", Choice).value if chosen else self.policy.name
        size = self.text_of("list_size")
        given = {
            **self.read_plan(),
            "profile": profile,
            "start_at_s": moment(self.text_of("begins"), self._now_s),
            "list_size_max": None if size is None else _whole(size),
        }
        return await self._client.governance.draft(DeploymentDraft.model_validate(given))


class AmendDeploymentScreen(DeploymentForm, EditScreen[Deployment]):
    """A changed plan is a draft again: authority that it had is gone. Only what was changed is
    sent."""

    TITLE_TEXT = "Change the plan"
    RULE_TEXT = "Authority that this plan had is gone when it is changed: it is given anew."

    def __init__(
        self,
        client: Client,
        policies: SitePolicies,
        lists: Sequence[Watchlist],
        plan: Deployment,
        now_s: float,
    ) -> None:
        super().__init__(client, policies, lists, plan, now_s, item=plan)

    @property
    def policy(self) -> Policy:
        lab = self._policies.lab
        return lab if lab is not None and self.item.profile == lab.name else self._policies.own

    def chosen_at_first(self) -> set[str]:
        return set(self.item.watchlist_ids)

    def texts(self, item: Deployment) -> dict[str, Text]:
        found: dict[str, Text] = {
            "purpose": item.purpose, "place": item.place, "expectation": item.expectation,
            "assessment": _document(item.documents, ASSESSMENT),
            "notice": _document(item.documents, NOTICE), "use_case": item.use_case,
            "hours": f"{_planned_h(item):g}",
        }  # fmt: skip
        for number, known in enumerate(self._lists):
            found[f"list-{number}"] = known.id in item.watchlist_ids
        return {name: text for name, text in found.items() if self.query(f"#{name}")}

    def facts(self, item: Deployment) -> dict[str, str]:
        known = {x.id for x in self._lists}
        others = sum(x not in known for x in item.watchlist_ids)
        begin_s, state = item.planned_start_at_s, STATE_WORDS.get(item.state, item.state.value)
        return {"the plan": state if item.ended_at_s is None else "discarded",
                "its beginning": "now" if begin_s is None else day_text(begin_s),
                "lists that are new": str(others or "")}  # fmt: skip

    def fields(self) -> ComposeResult:
        yield from self.plan_fields(_planned_h(self.item))
        begin_s = self.item.planned_start_at_s
        at = "now" if begin_s is None else day_text(begin_s)
        yield field("begins", line_input("begins", f"{at}; now, or {DATE_HINT}"))

    async def change(self, tag: str | None) -> Deployment:
        begins, plan, was = self.text_of("begins"), self.item, self.texts(self.item)
        self._before = plan  # its further documents are kept
        typed = self.read_plan()
        given = {name: value for name, value in typed.items() if value != getattr(plan, name, None)}
        if self._ticked() == tuple(x.id for x in self._lists if x.id in plan.watchlist_ids):
            given.pop("watchlist_ids", None)
        if self.text_of("hours") == was["hours"]:
            given.pop("duration_s", None)
        late = (plan.planned_end_at_s or 0.0) <= self._now_s
        if begins is not None and begins.lower() != "now":
            given["start_at_s"] = moment(begins, self._now_s)
        elif begins is not None or late:
            given["start_at_s"] = None
        if not given:
            return plan
        change = DeploymentChange.model_validate(given)
        return await self._client.governance.amend(plan.id, change, tag)


def _planned_h(plan: Deployment) -> float:
    """For how many hours it is planned."""
    begin_s, end_s = plan.planned_start_at_s, plan.planned_end_at_s
    return USUAL_H if begin_s is None or end_s is None else (end_s - begin_s) / HOUR_S


def _whole(typed: str) -> int:
    if not typed.isdigit():
        raise BadInput("the most people is a whole number, such as 200")
    return int(typed)


def _lasts(item: Watchlist, now_s: float) -> bool:
    return item.expires_at_s is None or item.expires_at_s > now_s
