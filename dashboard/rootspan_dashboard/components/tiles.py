"""A row of figures, each with its change against before and its course over time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rootspan_dashboard.components.mount import component
from rootspan_dashboard.words.literal import visible

__all__ = ["Tile", "draw_tiles"]


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure, ready to be read.

    Attributes:
        series: Its course, oldest first; None and NaN where nothing is known.
    """

    name: str
    value: str
    change: str
    mood: Literal["", "worse", "better"]
    series: Sequence[float | None]


def draw_tiles(tiles: Sequence[Tile], *, key: str) -> None:
    """Draw them in one row, or in as many as the width needs."""
    data = [
        {
            "name": visible(one.name),
            "value": visible(one.value),
            "change": visible(one.change),
            "mood": one.mood,
            "series": [None if v is None or not math.isfinite(v) else float(f"{v:.4g}") for v in one.series],
        }
        for one in tiles
    ]
    component("tiles")(key=key, data={"tiles": data})
