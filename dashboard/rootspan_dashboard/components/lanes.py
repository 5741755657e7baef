"""One step of a training job in time: a lane for each rank, its operations as bars, and who came last."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
import pyarrow as pa

from rootspan_dashboard.components.mount import component
from rootspan_dashboard.words.formats import format_count
from rootspan_dashboard.words.literal import visible

__all__ = ["draw_lanes", "lanes_data"]

KINDS: Final = {
    "forward": ("forward", "#0072b2"),
    "backward": ("backward", "#56b4e9"),
    "optimizer": ("optimizer", "#7d4fe0"),
    "collective": ("collective", "#cc79a7"),
    "p2p": ("to and from other stages", "#8a8f98"),
    "data": ("data", "#e69f00"),
    "h2d": ("host to device", "#e6b85c"),
    "checkpoint": ("checkpoint", "#009e73"),
    "eval": ("evaluation", "#d9a3c2"),
}
"""Words and colour by phase, and point-to-point calls apart."""
OTHER: Final = "#b0b0b0"
NAME_MOST: Final = 80
LATE_SHARE: Final = 0.01
"""Who comes later than the median rank by less than this share of the step is not called late."""


def draw_lanes(spans: pa.Table, *, step: int, marked: Sequence[int], key: str) -> None:
    """Draw it.

    Args:
        spans: As `fetch_timeline` gives them; not empty.
        marked: Ranks whose lanes are marked.
    """
    component("lanes")(key=key, data=lanes_data(spans, step=step, marked=marked))


def lanes_data(spans: pa.Table, *, step: int, marked: Sequence[int]) -> dict[str, object]:
    """What the script draws: milliseconds from the step's first operation."""
    frame = spans.to_pandas()
    begin = int(frame["start_ns"].min())
    frame["at"] = (frame["start_ns"] - begin) / 1e6
    frame["took"] = frame["duration_ns"] / 1e6
    frame["kind"] = frame["phase"].where(~(frame["p2p"].astype(bool)), "p2p")
    total = float((frame["at"] + frame["took"]).max())
    _tell_arrivals(frame, total)
    kinds = [one for one in KINDS if (frame["kind"] == one).any()]
    others = sorted(set(frame["kind"]) - set(kinds))
    names = [*kinds, *others]
    lanes = []
    for rank, rows in frame.groupby("rank", sort=True):
        first = rows.iloc[0]
        lanes.append(
            {
                "rank": int(rank),
                "stage": int(first["stage"]),
                "host": visible(first["host"], most=NAME_MOST),
                "marked": int(rank) in marked,
                "bars": [_bar(row, names) for row in rows.to_dict("records")],
            }
        )
    lanes.sort(key=lambda one: (one["stage"], one["rank"]))
    return {
        "lanes": lanes,
        "total": max(total, 1e-9),
        "kinds": [_kind(one) for one in names],
        "summary": f"Step {step:,}: what {format_count(len(lanes))} ranks did in time",
    }


def _kind(name: str) -> dict[str, str]:
    words, color = KINDS.get(name, (visible(name, most=NAME_MOST), OTHER))
    return {"name": words, "color": color}


def _tell_arrivals(frame: pd.DataFrame, total: float) -> None:
    """Add to collectives how late each rank entered, and whether it came last: the others waited for it."""
    known = frame[(frame["kind"] == "collective") & (frame["seq"] >= 0)]
    together = known.groupby(["group", "seq"])["at"]
    late = (known["at"] - together.transform("median")).reindex(frame.index)
    last = (known["at"] == together.transform("max")) & (together.transform("count") > 1)
    frame["late"] = late.where(late.notna(), 0.0)
    frame["last"] = last.reindex(frame.index, fill_value=False) & (frame["late"] > LATE_SHARE * total)


def _bar(row: dict[str, object], names: Sequence[str]) -> list[object]:
    """At, length, kind, operation, microbatch, number in its group, lateness, whether it came last."""
    return [
        round(float(row["at"]), 4),  # type: ignore[arg-type]
        round(float(row["took"]), 4),  # type: ignore[arg-type]
        names.index(str(row["kind"])),
        visible(str(row["op"]), most=NAME_MOST),
        row["microbatch"],
        row["seq"],
        round(float(row["late"]), 4),  # type: ignore[arg-type]
        bool(row["last"]),
    ]
