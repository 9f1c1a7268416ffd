"""The app that a part of a screen is shown by, as what it is."""

from typing import TYPE_CHECKING, cast

from textual.dom import DOMNode

if TYPE_CHECKING:
    from tui.app import OperatorApp


def app_of(node: DOMNode) -> "OperatorApp":
    """Its screens may not import it: it imports them."""
    return cast("OperatorApp", node.app)
