"""The rank-by-step heatmap of a training job: drawn by the hosts' heatmap script, with steps for columns."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from rootspan_analysis.training.views import RankHeat
from rootspan_dashboard.components.mount import component
from rootspan_dashboard.words.literal import visible

__all__ = ["draw_rank_heat", "rank_heat_data"]

LEAST_DOUBLINGS, MOST_DOUBLINGS = 0.25, 2.0
HEIGHTS: Final = ((24, 17), (80, 14))


def draw_rank_heat(
    heat: RankHeat, *, phase: str, against_peers: bool, key: str, on_pick: Callable[[int, int], None]
) -> None:
    """Draw it; `on_pick` is called with a rank and a step before the next run."""

    def picked() -> None:
        value = st.session_state.get(key, {}).get("picked")
        if isinstance(value, Mapping):
            rank = str(value.get("host", "")).removeprefix("rank ")
            if rank.isdigit() and isinstance(value.get("from"), int):
                on_pick(int(rank), int(value["from"]))

    component("heatmap")(
        key=key, data=rank_heat_data(heat, phase=phase, against_peers=against_peers), on_picked_change=picked
    )


def rank_heat_data(heat: RankHeat, *, phase: str, against_peers: bool) -> dict[str, object]:
    """What the script draws: ranks by pipeline stage, seconds or their ratio to the stage's median."""
    with np.errstate(divide="ignore", invalid="ignore"):
        doublings = np.log2(heat.ratio)
        usual = heat.seconds / heat.ratio * 1e3
    shown = np.where(np.isfinite(doublings), doublings, np.nan) if against_peers else heat.seconds * 1e3
    known = shown[~np.isnan(shown)]
    if against_peers:
        reach = float(np.quantile(np.abs(known), 0.995)) if len(known) else LEAST_DOUBLINGS
        reach = min(MOST_DOUBLINGS, max(LEAST_DOUBLINGS, reach))
        low, high = -reach, reach
    elif len(known):
        low, high = float(known.min()), float(np.quantile(known, 0.995))
    else:
        low, high = 0.0, 1.0
    groups = []
    for stage in sorted(set(heat.stage.tolist())):
        places = [i for i, one in enumerate(heat.stage.tolist()) if one == stage]
        label = f"stage {stage}" if stage >= 0 else "all ranks"
        rows = [_row(heat, i, shown, against_peers=against_peers) for i in places]
        groups.append({"label": label, "note": f"{len(places)} ranks", "rows": rows})
    what = phase or "whole step"
    how = ", as a multiple of the stage's median at the same step" if against_peers else ""
    return {
        "steps": True,
        "starts": heat.first_step.tolist(),
        "step": heat.width,
        "groups": groups,
        "peers": [_numbers(row) for row in usual],
        "lo": low,
        "hi": high if high > low else low + 1.0,
        "clipped": bool(len(known)) and bool((known > high).any()),
        "unit": "times" if against_peers else "ms",
        "doublings": against_peers,
        "rawUnit": "ms",
        "diverging": against_peers,
        "lowIsBad": False,
        "gaps": bool(np.isnan(shown).any()),
        "rowHeight": next((tall for most, tall in HEIGHTS if len(heat.ranks) <= most), 11),
        "height": 560,
        "axis": "step",
        "hint": "click a cell to see that step in time",
        "legend": f"{what}{how}",
        "summary": f"{what} of {len(heat.ranks)} ranks over {len(heat.first_step)} columns, by stage",
    }


def _row(heat: RankHeat, i: int, shown: NDArray[np.float64], *, against_peers: bool) -> dict[str, object]:
    return {
        "host": f"rank {heat.ranks[i]}",
        "service": visible(heat.hosts[i]),
        "others": 0,
        "values": _numbers(shown[i]),
        "peers": i,
        "raw": _numbers(heat.seconds[i] * 1e3) if against_peers else None,
        "picked": False,
    }


def _numbers(values: Sequence[float] | NDArray[np.float64]) -> list[float | None]:
    return [float(f"{one:.4g}") if math.isfinite(one) else None for one in values]
