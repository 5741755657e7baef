"""Answers for windows without requests, from what machines tell of themselves: broken GPUs and the like.

Owns that answer. With requests, the same events stand beside what is slow (`candidates.events`).
"""

from typing import Any, Final

from rootspan_analysis.candidates.events import HARD, OF_PODS, is_hardware
from rootspan_analysis.evidence import render
from rootspan_analysis.explanation import Cause, Evidence, Explanation, Impact, Symptom
from rootspan_analysis.question import NS_PER_S, Question, Window
from rootspan_analysis.reader import Reader, Value, fetch

__all__ = ["explain_by_events"]

PAST_S: Final = 24 * 3600
"""What a machine told within a day before is nothing new."""
SURE: Final = 0.9
"""The kernel's own word; nothing says that anybody suffers from it."""


def explain_by_events(client: Reader, question: Question) -> Explanation | None:
    """Name machines that tell of something broken for the first time in a day, earliest first; None if none.

    Raises:
        StoreError: The store did not answer.
    """
    window = question.window
    past_ns = window.from_ns - PAST_S * NS_PER_S
    parameters: dict[str, Value] = {
        "past_ns": past_ns,
        "from_ns": window.from_ns,
        "to_ns": window.to_ns,
        "events": sorted(HARD),
        "service": question.service or "",
    }
    rows: list[dict[str, Any]] = [
        {key: one.decode() if isinstance(one, bytes) else one for key, one in row.items()}
        for row in fetch(client, "events_alone", parameters).to_pylist()
    ]
    rows = [one for one in rows if one["event"] != "gpu.xid" or is_hardware(one["code"])]
    if not rows:
        return None
    hosts = len({one["host"] for one in rows})
    who = "1 machine tells" if hosts == 1 else f"{hosts} machines tell"
    text = f"no requests to look at; {who} of broken parts"
    causes = tuple(_cause(row, rank, parameters) for rank, row in enumerate(rows[: question.top], start=1))
    baseline = Window(past_ns, window.from_ns)
    return Explanation(window, baseline, "cause_found", Symptom("component", text), causes)


def _cause(row: dict[str, Any], rank: int, parameters: dict[str, Value]) -> Cause:
    entity = {
        "host.name": row["host"],
        "k8s.pod.name": row["code"] if row["event"] in OF_PODS else "",
        "gpu.pci_address": row["pci"],
        "cloud.region": row["region"],
    }
    times = f"{row['told']} times" if row["told"] > 1 else "once"
    words = f'{row["host"]} tells {row["event"]} {times}, not so in the day before: "{row["example"]}"'
    values: dict[str, Value] = {**parameters, "event": row["event"]}
    return Cause(
        rank=rank,
        kind="gpu" if row["pci"] else "host",
        entity={name: value for name, value in entity.items() if value},
        fault=HARD[row["event"]],
        score=SURE,
        p_value=0.0,
        onset_unix_ns=int(row["first_ns"]),
        impact=Impact(),
        evidence=(Evidence("log", words, render("evidence_event", values)),),
    )
