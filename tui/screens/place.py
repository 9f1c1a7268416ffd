"""What every screen beside the candidates has: the banner, a body, one line of news, the keys.

The main screen stays the one that follows the daemon; a place shows what that knows and what it
reads itself, and asks the daemon for changes.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar

from textual import work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.screen import Screen

from lfrd.client import Client
from lfrd.errors import LfrdError
from lfrd.wire.alerts import Alert
from lfrd.wire.cameras import Camera, CameraAdded, CameraRates
from lfrd.wire.deployments import Deployment
from lfrd.wire.health import Health, Me
from lfrd.wire.lists import Watchlist
from tui.screens.help import HelpScreen, Topic
from tui.sizes import BREAKPOINTS_ACROSS, BREAKPOINTS_DOWN
from tui.widgets.banner import Banner
from tui.widgets.keys import KeyBar, KeyHint
from tui.widgets.line import Line
from tui.widgets.status import away_content

if TYPE_CHECKING:
    from tui.widgets.picture import ImageClass


@dataclass(frozen=True, slots=True)
class Situation:
    """What the main screen knows and a place shows: `rates` by camera id, `plans` to come."""

    deployment: Deployment | None
    last: Deployment | None
    plans: tuple[Deployment, ...]
    health: Health | None
    me: Me | None
    cameras: tuple[Camera, ...]
    rates: dict[str, CameraRates]
    lists: tuple[Watchlist, ...]
    away_since_s: float | None
    undecided: int
    notice: Content
    in_short: str

    @property
    def is_supervisor(self) -> bool:
        return self.me is not None and self.me.role in ("supervisor", "admin")


class Owner(Protocol):
    """The main screen, as a place needs it."""

    image_class: "ImageClass"
    read_only: bool

    def refuses(self) -> bool: ...
    def situation(self) -> Situation: ...
    def show_cameras(self, cameras: tuple[Camera, ...]) -> None: ...
    def show_lists(self, lists: tuple[Watchlist, ...]) -> None: ...
    def say(self, content: Content) -> None: ...
    def complain(self, sentence: str) -> None: ...
    def open_place(self, place: "PlaceScreen") -> None: ...
    def open_cameras(self) -> None: ...
    def open_lists(self, watchlist_id: str | None = None) -> None: ...
    def add_camera(self, added: Callable[[CameraAdded], None]) -> None: ...
    def add_list(self, made: Callable[[Watchlist], None]) -> None: ...
    def end(self, running: Deployment) -> None: ...
    def extend(self, running: Deployment) -> object: ...
    def choose_alert(self, alert: Alert) -> None: ...
    def open_record(self, deployment_id: str) -> None: ...
    def read_lists_and_plans(self) -> None: ...


MOVES: list[BindingType] = [
    Binding("j,down", "move(1)", "Down", show=False),
    Binding("k,up", "move(-1)", "Up", show=False),
]
BACK: list[BindingType] = [
    Binding("q", "app.quit", "Quit", show=False),
    Binding("escape", "dismiss", "Back", key_display="Esc"),
    Binding("question_mark", "help", "Help", key_display="?"),
]
"""The last keys of every place; they stay on the foot when it has no room for all others."""
ALL = KeyHint("^p", "All", "app.command_palette")
"""Before them, for what the foot has no room for."""


Place = TypeVar("Place", bound="PlaceScreen")


def changing(action: Callable[[Place], None]) -> Callable[[Place], None]:
    """An action that changes something; where the screen only shows it says so instead."""

    @wraps(action)
    def act(place: Place) -> None:
        if not place.refuses():
            action(place)

    act.changes = True  # type: ignore[attr-defined]  # the foot leaves it out where nothing may be
    return act


class PlaceScreen(Screen[None]):
    """Esc goes back to where one came from."""

    SUPERVISORS_ONLY: ClassVar[bool] = False
    """Whether it closes as soon as this operator is no supervisor any more."""

    HORIZONTAL_BREAKPOINTS = BREAKPOINTS_ACROSS
    VERTICAL_BREAKPOINTS = BREAKPOINTS_DOWN
    TOPIC: ClassVar[Topic] = "candidates"

    def __init__(self, client: Client, owner: Owner, now: Callable[[], float]) -> None:
        super().__init__()
        self._client = client
        self._owner = owner
        self._now = now
        self._banner = Banner(id="banner")
        self._away = Line(id="away")
        self._waiting = Line(id="pending")
        self._notice = Line(id="notice")
        self._key_bar = KeyBar(id="place-keys")
        self._busy = False

    @property
    def client(self) -> Client:
        return self._client

    def compose(self) -> ComposeResult:
        yield self._banner
        yield self._away
        with Horizontal(id="body"):
            yield from self.body()
        yield self._waiting
        yield self._notice
        yield self._key_bar

    def body(self) -> ComposeResult:
        """What stands between banner and news."""
        raise NotImplementedError

    def draw(self, known: Situation) -> None:
        """Bring the body in line with what is known."""
        raise NotImplementedError

    def read(self) -> None:
        """Read again what only this place shows."""

    def read_news(self) -> None:
        """Somebody else changed lists or deployments; most places show none of that."""

    def on_mount(self) -> None:
        self.read()
        self.refresh_all()

    def keys_now(self) -> Sequence[str] | None:
        """The actions that matter now, the most important first, each with its own word after a
        colon where it has one now (`pause:Go on`). None: all that are to be shown, in order."""
        return None

    def _show_keys(self) -> None:
        known = {x.action: x for x in self.BINDINGS if isinstance(x, Binding)}
        back = [x.action for x in BACK if isinstance(x, Binding) and x.show]
        wanted = self.keys_now()
        if wanted is None:
            wanted = [action for action, x in known.items() if x.show and action not in back]
        last = (ALL, *self._hints(back, known))
        self._key_bar.show_keys(self._hints(wanted, known), last)

    def _hints(self, actions: Sequence[str], known: Mapping[str, Binding]) -> tuple[KeyHint, ...]:
        """As they stand at the foot, without what may not be done here at all."""
        found = []
        for name, _, word in (action.partition(":") for action in actions):
            if self._may(name):
                binding = known[name]
                action = name if "." in name else f"screen.{name}"
                key = binding.key_display or {"plus": "+", "right": "→", "left": "←"}.get(
                    binding.key, binding.key
                )
                found.append(KeyHint(key, word or binding.description, action))
        return tuple(found)

    def _may(self, action: str) -> bool:
        """Whether it changes nothing, or something may be changed from here."""
        act = getattr(self, f"action_{action.partition('(')[0]}", None)
        return not (self._owner.read_only and getattr(act, "changes", False))

    def on_resize(self) -> None:
        self.call_after_refresh(self.refresh_all)

    def action_help(self) -> None:
        self.app.push_screen(HelpScreen(self.TOPIC))

    def refuses(self) -> bool:
        """Whether nothing may be changed from this screen, which is said then."""
        return self._owner.refuses()

    def complain(self, sentence: str) -> None:
        """Say what went wrong."""
        self._owner.complain(sentence)

    def ask(
        self, asked: Callable[[], Awaitable[object]], said: str, doing: str = "asking the daemon"
    ) -> None:
        """Have the daemon do something, and say that it did; one thing at a time."""
        if not self._busy:
            self._busy = True
            self._owner.say(Content.styled(f"◌ {doing}", "$quiet"))
            self._ask(asked, said)

    @work(group="place")
    async def _ask(self, asked: Callable[[], Awaitable[object]], said: str) -> None:
        try:
            await asked()
        except LfrdError as error:
            self._owner.complain(str(error))
        else:
            self.done(said)
        finally:
            self._busy = False

    def done(self, said: str) -> None:
        """Something was changed: say so and read again."""
        self._owner.say(Content(f"● {said}"))
        self._owner.read_lists_and_plans()
        if self.is_attached:
            self.read()

    def may_supervise(self) -> bool:
        """Whether this operator has the role for what is asked; says who has where not."""
        known = self._owner.situation()
        if not known.is_supervisor:
            role = "operator" if known.me is None else known.me.role
            self._owner.complain(f"you are an {role}: a supervisor may do this")
        return known.is_supervisor

    def refresh_all(self) -> None:
        """Bring every widget in line; each draws only what changed."""
        if not (self.app.is_running and self.is_mounted):
            return
        now_s, known = self._now(), self._owner.situation()
        self._banner.show(known.deployment, known.last, known.health, known.in_short, now_s)
        self.draw(known)
        self._away.set_class(known.away_since_s is not None, "-shown")
        if known.away_since_s is not None:
            anything_read = known.health is not None
            self._away.show(away_content(known.away_since_s, anything_read=anything_read))
        self._waiting.show(_waiting_content(known.undecided))
        self._notice.show(known.notice)
        self._show_keys()


def _waiting_content(undecided: int) -> Content:
    """Candidates are on another screen: say that they are there."""
    if not undecided:
        return Content()
    who = "1 candidate waits" if undecided == 1 else f"{undecided} candidates wait"
    return Content.assemble((f"● {who} for your decision", "bold $unread"), "  Esc goes to them")
