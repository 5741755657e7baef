"""What the training page says, from the engine's models: tiles, rows, sentences. Pure; draws nothing."""

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.training.hang import Hang
from rootspan_analysis.training.views import JobOverview, RankLag, StepTimes
from rootspan_dashboard.components.tiles import Tile
from rootspan_dashboard.formats import format_count, format_ms, format_number, format_ratio, format_time

__all__ = [
    "arrivals_frame",
    "goodput",
    "hang_words",
    "lost_gpu_hours",
    "pending_frame",
    "phases_frame",
    "stragglers_frame",
    "training_tiles",
]

RULES = {
    "absent": "did not come to the collective that the others wait in",
    "behind": "are behind the others in the same group",
    "missing": "did not enter the collective that the others wait in",
    "unknown": "could not be told apart",
}


def goodput(times: StepTimes) -> float:
    """Share of the wall time that steps of the usual length would have taken, 0-1; NaN below two steps.

    Wall time is from the first step's begin to the last one's end; what exceeds the usual length, or lies
    between steps, counts as lost.
    """
    if len(times.step) < 2:
        return math.nan
    wall = (times.begin_ns[-1] - times.begin_ns[0]) / NS_PER_S + float(times.slowest_s[-1])
    return min(1.0, len(times.step) * times.usual_s / wall) if wall > 0 else math.nan


def lost_gpu_hours(found: Sequence[RankLag], ranks: int) -> tuple[float, int]:
    """GPU-hours that a job waited for the rank whose computation exceeds its peers' most, and that rank.

    Steps end together, so all ranks wait for as long; 0 and -1 without stragglers to compare.
    """
    excess: dict[int, float] = {}
    for one in found:
        excess[one.rank] = excess.get(one.rank, 0.0) + max(0.0, one.excess_s)
    worst = max(excess, key=lambda rank: (excess[rank], -rank), default=-1)
    return (excess[worst] * ranks / 3600, worst) if worst >= 0 else (0.0, -1)


def training_tiles(
    overview: JobOverview, times: StepTimes, loss: pa.Table, lags: Sequence[RankLag]
) -> list[Tile]:
    """The row of figures."""
    job = overview.job
    axes = [
        f"{name} {size}"
        for name, size in (("dp", job.dp_size), ("tp", job.tp_size), ("pp", job.pp_size))
        if size
    ]
    told = loss["loss"].to_pylist()
    lost, worst = lost_gpu_hours(lags, job.ranks)
    by = f"by rank {worst}, all wait" if worst >= 0 else "no peers to compare"
    return [
        Tile(
            "Ranks",
            format_count(job.ranks),
            f"of {format_count(job.world_size)}, {' × '.join(axes) or 'no axes told'}",
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
        Tile("Goodput", format_ratio(goodput(times)), "usual steps of wall time", "", []),
        Tile("GPU time lost", format_number(lost, "h"), by, "", []),
        Tile(
            "Loss",
            f"{told[-1]:.4g}" if told else "–",
            "newest told" if told else "no rank tells it",
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
                "verdict": "straggler" if one.is_straggler else "",
            }
            for one in found
        ]
    )


def arrivals_frame(table: pa.Table) -> pd.DataFrame:
    """`rank, host, last, share, mean, most`: how often last to a collective, and how late, in ms."""
    frame = table.to_pandas()
    return pd.DataFrame(
        {
            "rank": frame["rank"],
            "host": frame["host"],
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


def pending_frame(hang: Hang) -> pd.DataFrame:
    """`rank, host, op, seq, group, since, blamed`, those at fault first."""
    rows = [
        {
            "rank": one.rank,
            "host": one.host,
            "op": one.op,
            "seq": one.seq,
            "group": one.description or one.group,
            "since": pd.Timestamp(one.created_ns, unit="ns") if one.created_ns else pd.NaT,
            "role": "at fault" if one.rank in hang.ranks else "waits",
        }
        for one in hang.pending
    ]
    present = {one.rank for one in hang.pending}
    rows += [
        {
            "rank": rank,
            "host": "",
            "op": "nothing pending",
            "seq": -1,
            "group": "",
            "since": pd.NaT,
            "role": "at fault",
        }
        for rank in hang.ranks
        if rank not in present
    ]
    frame = pd.DataFrame(rows)
    return frame.sort_values(["role", "rank"], ignore_index=True) if len(frame) else frame


def finite(values: np.ndarray) -> list[float]:
    """As a list, NaN kept."""
    return [float(one) for one in values]
