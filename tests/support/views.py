"""Pictures that were never in a decoder."""

from dataclasses import dataclass

from lfrd.types import U8, Planes


@dataclass(frozen=True, slots=True)
class Drawn:
    """Planes as `lfrd.ingest.source.View`."""

    drawn: Planes

    def planes(self) -> Planes:
        return self.drawn

    def luma(self) -> U8:
        return self.drawn.y
