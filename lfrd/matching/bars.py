"""The score that each entry must reach, now: the deployment's threshold and what lies on top.

The threshold may rise while a deployment runs (its list grew) and never falls; a list and an entry
may ask for more by a margin of their own, never for less. Single-writer: the event loop.
"""

from collections.abc import Mapping


class Bars:
    """One deployment's threshold and the stricter margins of its entries."""

    def __init__(self, threshold: float, margins: Mapping[str, float] | None = None) -> None:
        self.threshold = threshold
        self._margins = dict(margins or {})

    def bar(self, entry_id: str) -> float:
        """The fused score from which this entry is raised."""
        return self.threshold + self._margins.get(entry_id, 0.0)

    def raise_to(self, threshold: float) -> bool:
        """Make the threshold stricter; False where it is as strict already."""
        if threshold <= self.threshold:
            return False
        self.threshold = threshold
        return True

    def set_margin(self, entry_id: str, margin: float) -> None:
        """How much more than the threshold this entry must reach."""
        assert margin >= 0.0, margin
        self._margins[entry_id] = margin

    def forget(self, entry_id: str) -> None:
        """The entry is gone."""
        self._margins.pop(entry_id, None)
