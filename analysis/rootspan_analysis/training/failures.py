"""Finds who failed first: out of memory, or numbers that are none. What others say afterwards follows.

Owns the order of events. Times of different hosts are compared only after their clocks are brought together
by the ends of collectives; steps need no clock.
"""

from rootspan_analysis.training.case import Case
from rootspan_analysis.training.finding import Finding, Weight

__all__ = ["fetch_clock_offsets", "find_nan", "find_out_of_memory"]

_BODY_CHARS = 160
GAUGE_S = 15
"""Gauges come every 10-15 s."""


def fetch_clock_offsets(case: Case) -> dict[str, tuple[float, float]]:
    """By host, how many seconds its clock is ahead of the job's middle, and how sure that is (MAD).

    Raises:
        StoreError: The store did not answer.
    """
    if not case.job.sized_collectives or case.job.hosts < 2:
        return {}
    return {row["host"]: (row["ahead_s"], row["error_s"]) for row in case.ask("clock_offsets")}


def find_out_of_memory(case: Case) -> list[Finding]:
    """The rank that ran out of memory first. Those that NCCL aborts afterwards say something else.

    Raises:
        StoreError: The store did not answer.
    """
    rows = case.ask("out_of_memory", hosts=case.places.hosts)
    if not rows:
        return []
    offsets = fetch_clock_offsets(case) if len(rows) > 1 else {}
    first = min(rows, key=lambda row: row["at_ns"] - offsets.get(row["host"], (0.0, 0.0))[0] * 1e9)
    rank = first["rank"]
    if rank < 0 and first["host"]:
        there = case.places.ranks_on(first["host"])
        rank = there[0] if len(there) == 1 else -1
    entity = case.places.entity(rank) if rank >= 0 else case.job.entity(**{"host.name": first["host"]})
    body = " ".join(first["body"].split())[:_BODY_CHARS]
    who = f"rank {rank}" if rank >= 0 else f"host {first['host']}"
    after = f", before {len(rows) - 1} others" if len(rows) > 1 else ""
    evidence = [
        case.evidence("log", f'{who} wrote first{after}: "{body}"', "out_of_memory", hosts=case.places.hosts)
    ]
    levels = case.ask("memory", hosts=[first["host"]]) if first["host"] else []
    if levels:
        rise = max(levels, key=lambda row: row["most"])
        evidence.append(
            case.evidence(
                "metric",
                f"GPU memory on {first['host']} rose from {rise['least'] / 2**30:.1f} to "
                f"{rise['most'] / 2**30:.1f} GiB in the window",
                "memory_course",
                hosts=case.places.hosts,
                host=first["host"],
                gpu=rise["gpu"],
                every_s=max(GAUGE_S, case.course_step_s()),
            )
        )
    lost = max(0.0, (case.job.to_ns - first["at_ns"]) / 1e9)
    return [
        Finding(
            weight=Weight.STOPPED,
            kind="rank" if rank >= 0 else "host",
            entity=entity,
            fault="out_of_memory",
            ranks=(rank,) if rank >= 0 else (),
            lost_s=lost,
            p_value=0.0,
            onset_ns=first["at_ns"],
            evidence=tuple(evidence),
        )
    ]


def find_nan(case: Case) -> list[Finding]:
    """Ranks whose numbers were not finite before the all-reduce that spread them; else the whole job.

    Raises:
        StoreError: The store did not answer.
    """
    rows = case.ask("nonfinite")
    if not rows:
        return []
    first_step = rows[0]["first_step"]
    first = [row for row in rows if row["step"] == first_step]
    local = [row for row in first if row["local"] and row["rank"] >= 0]
    begin = case.times.at_ns(first_step) or first[0]["begin_ns"]
    lost = max(0.0, (case.job.to_ns - begin) / 1e9)
    single = bool(local) and 2 * len(local) <= case.job.ranks
    named = local if single else first[:1]
    found = []
    for row in named:
        what = (
            f"rank {row['rank']} has a {row['what']} that is not finite in step {first_step}, "
            "before the all-reduce"
            if single
            else f"{len(first)} of {case.job.ranks} ranks have {row['what']} that is not finite in step "
            f"{first_step} at once: no single rank began it"
        )
        found.append(
            Finding(
                weight=Weight.STOPPED,
                kind="rank" if single else "job",
                entity=case.places.entity(row["rank"]) if single else case.job.entity(),
                fault="non_finite",
                ranks=(row["rank"],) if single else (),
                lost_s=lost,
                p_value=0.0,
                onset_ns=begin,
                evidence=(case.evidence("trace", what, "nonfinite"),),
            )
        )
    return found
