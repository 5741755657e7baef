"""What the training page says, from the engine's models: tiles, rows, sentences. Pure; draws nothing."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.training.hang import Hang, Pending
from rootspan_analysis.training.placement import NOWHERE, Place
from rootspan_analysis.training.step_parts import LostTime
from rootspan_analysis.training.views import JobOverview, RankLag, StepTimes
from rootspan_dashboard.components.tiles import Tile
from rootspan_dashboard.words.formats import format_count, format_ms, format_number, format_ratio, format_time

__all__ = [
    "arrivals_frame",
    "goodput",
    "hang_words",
    "lost_frame",
    "pending_frame",
    "phases_frame",
    "stragglers_frame",
    "training_tiles",
]

GOOD_PACE = 0.1
RULES = {
    "absent": "did not come to the collective that the others wait in",
    "behind": "are behind the others in the same group",
    "missing": "did not enter the collective that the others wait in",
    "unknown": "could not be told apart",
}


def goodput(times: StepTimes) -> float:
    """Share of the wall time that the steps would have taken at the job's good pace; NaN below two steps.

    The good pace is that of its fastest tenth: a median would take a fault that lasts for the usual. Wall
    time is from the first step's begin to the last one's end; what lies between steps counts as lost.
    """
    if len(times.step) < 2:
        return math.nan
    wall = (times.begin_ns[-1] - times.begin_ns[0]) / NS_PER_S + float(times.slowest_s[-1])
    pace = float(np.quantile(times.slowest_s, GOOD_PACE))
    return min(1.0, len(times.step) * pace / wall) if wall > 0 else math.nan


def lost_frame(lost: Sequence[LostTime]) -> pd.DataFrame:
    """`rank, host, steps, excess, hours`, the most expensive first."""
    return pd.DataFrame(
        [
            {
                "rank": one.rank,
                "host": one.host,
                "steps": one.steps,
                "excess": one.excess_s,
                "hours": one.gpu_hours,
            }
            for one in lost
        ]
    )


def training_tiles(
    overview: JobOverview, times: StepTimes, loss: pa.Table, lost: Sequence[LostTime]
) -> list[Tile]:
    """The row of figures."""
    job = overview.job
    axes = [
        f"{name} {size}"
        for name, size in (("dp", job.dp_size), ("tp", job.tp_size), ("pp", job.pp_size))
        if size
    ]
    told = loss["loss"].to_pylist()
    hours = sum(one.gpu_hours for one in lost)
    by = f"most by rank {lost[0].rank}" if lost else "no peers to compare"
    return [
        Tile(
            "Ranks",
            format_count(job.ranks),
            f"of {format_count(job.world_size)}, {' × '.join(axes) or 'no parallel axes'}",
            "",
            [],
        ),
        Tile("Hosts", format_count(job.hosts), "that sent spans", "", []),
        Tile(
            "Steps",
            format_count(len(times.step)),
            f"{overview.first_step:,} to {overview.last_step:,}",
            "",
            [],
        ),
        Tile(
            "Step time",
            format_ms(times.usual_s * 1e3),
            f"worst {format_ms(overview.worst_step_s * 1e3)}",
            "",
            times.slowest_s.tolist(),
        ),
        Tile("Goodput", format_ratio(goodput(times)), "of wall time", "", []),
        Tile("GPU time lost", format_number(hours, "h"), by, "", []),
        Tile(
            "Loss",
            f"{told[-1]:.4g}" if told else "–",
            "latest" if told else "no rank reports it",
            "",
            told,
        ),
    ]


def phases_frame(overview: JobOverview) -> pd.DataFrame:
    """`phase, mean, median, most, share`, milliseconds and percent."""
    return pd.DataFrame(
        [
            {
                "phase": one.phase,
                "mean": one.mean_s * 1e3,
                "median": one.median_s * 1e3,
                "most": one.most_s * 1e3,
                "share": one.share * 100,
            }
            for one in overview.phases
        ]
    )


def stragglers_frame(found: Sequence[RankLag]) -> pd.DataFrame:
    """`rank, host, op, ratio, steps, excess, place, verdict`."""
    return pd.DataFrame(
        [
            {
                "rank": one.rank,
                "host": one.host,
                "op": one.op,
                "ratio": one.ratio,
                "share": one.share_of_steps * 100,
                "steps": one.steps,
                "excess": one.excess_s,
                "place": " ".join(
                    f"{name} {value}"
                    for name, value in (("dp", one.dp), ("tp", one.tp), ("stage", one.stage))
                    if value >= 0
                ),
                "verdict": _verdict(one),
            }
            for one in found
        ]
    )


def _verdict(one: RankLag) -> str:
    if not one.is_straggler:
        return ""
    return f"straggler, steps {one.first_step:,} to {one.last_step:,}" if one.first_step >= 0 else "straggler"


def arrivals_frame(table: pa.Table) -> pd.DataFrame:
    """`rank, host, last, share, mean, most`: how often last to a collective, and how late, in ms."""
    frame = table.to_pandas()
    return pd.DataFrame(
        {
            "rank": frame["rank"],
            "host": frame["host"],
            "op": frame["op"],
            "group": frame["group"],
            "last": frame["last"],
            "share": 100 * frame["last"] / frame["collectives"],
            "mean": frame["mean_late_s"] * 1e3,
            "most": frame["most_late_s"] * 1e3,
        }
    )


def hang_words(hang: Hang | None) -> tuple[str, str, str]:
    """Look, headline and sentence."""
    if hang is None:
        return (
            "quiet",
            "No rank hangs",
            "At the end of this range no collective has waited longer than its timeout.",
        )
    ranks = ", ".join(str(one) for one in hang.ranks[:8]) or "unknown"
    more = f" and {len(hang.ranks) - 8} more" if len(hang.ranks) > 8 else ""
    title = f"The job hangs: rank{'s' if len(hang.ranks) != 1 else ''} {ranks}{more}"
    where = f"{hang.op or 'a collective'} {hang.seq} of group {hang.description or hang.group or 'unknown'}"
    since = f", since {format_time(hang.since_ns, date=True)} UTC" if hang.since_ns else ""
    return "found", title, f"They {RULES[hang.rule]}: {where}; {len(hang.waiting)} ranks wait{since}."


def pending_frame(hang: Hang, places: Mapping[int, Place]) -> pd.DataFrame:
    """`rank, host, op, seq, group, since, role, waits_for`, those at fault first.

    Args:
        places: Where ranks run; of one with nothing pending nothing else tells it.
    """
    rows: list[dict[str, object]] = [
        {
            "rank": one.rank,
            "host": one.host,
            "op": one.op,
            "seq": one.seq,
            "group": one.description or one.group,
            "since": pd.Timestamp(one.created_ns, unit="ns") if one.created_ns else pd.NaT,
            "role": "at fault" if one.rank in hang.ranks else "waits",
            "waits_for": _waits_for(one, hang),
        }
        for one in hang.pending
    ]
    present = {one.rank for one in hang.pending}
    rows += [
        {
            "rank": rank,
            "host": places.get(rank, NOWHERE).host,
            "op": "nothing pending",
            "seq": pd.NA,
            "group": "",
            "since": pd.NaT,
            "role": "at fault",
            "waits_for": "",
        }
        for rank in hang.ranks
        if rank not in present
    ]
    frame = pd.DataFrame(rows)
    return frame.sort_values(["role", "rank"], ignore_index=True) if len(frame) else frame


def _waits_for(one: Pending, hang: Hang) -> str:
    """Who has to come before this operation ends, as far as it is known."""
    if one.rank in hang.ranks:
        return ""
    if one.p2p and one.peer >= 0:
        return f"rank {one.peer}"
    if one.group == hang.group and hang.ranks:
        return ", ".join(f"rank {rank}" for rank in hang.ranks[:8])
    return "its group"


def finite(values: np.ndarray) -> list[float]:
    """As a list, NaN kept."""
    return [float(one) for one in values]
