"""PyTorch Flight Recorder dumps (NCCL, Gloo, and whatever else records) as spans and log events.

Owns the dump's fields. A dump is what one rank knew when it was written: every collective of its ring, what
of it was complete, and the members of its groups. Spans and attributes have PyTorch's names (`pytorch.fr.*`),
which the analysis reads beside ours; their numbers count otherwise than those of `rootspan.training.watch()`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rootspan import semconv
from rootspan.spans.scope import AttributeValue
from rootspan.training.importers.plain_pickle import load_plain
from rootspan.training.importers.records import (
    ImportedEvent,
    ImportedSpan,
    ImportFailedError,
    Recording,
    derived_id,
)

MAX_DUMP_BYTES = 1 << 30
_PLAIN = ("collective_seq_id", "p2p_seq_id", "op_id", "is_p2p", "state", "timeout_ms", "pg_id")
_LISTS = ("input_sizes", "input_dtypes", "output_sizes", "output_dtypes")


def read_flight_recorder(
    where: str | Path | Mapping[int, str | Path],
    *,
    job: str,
    attempt: int = 0,
    dumped_at_ns: int | None = None,
    service: str = "flight-recorder",
) -> Recording:
    """Read the dumps of a job's ranks.

    Args:
        where: The files by rank; or a folder, or the beginning of the files' paths (TORCH_FR_DUMP_TEMP_FILE),
            whose names end with the rank.
        job: The job they belong to, as its ranks call it.
        attempt: Its attempt.
        dumped_at_ns: When they were written, which they do not tell; None takes the first deadline that a
            pending collective passed.
        service: `service.name` of what is sent.

    Returns:
        A span for each entry, without an end where it was not complete, and for each rank a log event
        `flight_recorder.status`, and `collective.pending` for each entry that was not complete. May be empty.

    Raises:
        ImportFailedError: There are no such files, or one is no dump.
    """
    dumps = {rank: _load(Path(path)) for rank, path in sorted(_files(where).items())}
    if not dumps:
        raise ImportFailedError(f"no dump at {where}: give a folder, or the beginning of the files' paths")
    if dumped_at_ns is None:
        dumped_at_ns = _first_deadline(entry for dump in dumps.values() for entry in dump["entries"])
    spans: list[ImportedSpan] = []
    events: list[ImportedEvent] = []
    for rank, dump in dumps.items():
        resource: dict[str, AttributeValue] = {
            semconv.SERVICE_NAME: service,
            semconv.TRAINING_JOB_ID: job,
            semconv.TRAINING_ATTEMPT: attempt,
            semconv.TRAINING_RANK: rank,
        }
        events.append(_status(dump, dumped_at_ns, resource))
        for entry in dump["entries"]:
            span = _span(entry, job, rank, resource)
            spans.append(span)
            if not span.end_ns:
                events.append(
                    ImportedEvent(
                        semconv.EVENT_COLLECTIVE_PENDING,
                        f"{semconv.EVENT_COLLECTIVE_PENDING} {span.name}",
                        dumped_at_ns,
                        True,
                        resource,
                        span.attributes,
                        span.trace_id,
                        span.span_id,
                    )
                )
    return Recording(tuple(sorted(spans, key=lambda span: span.start_ns)), tuple(events))


def _files(where: str | Path | Mapping[int, str | Path]) -> Mapping[int, str | Path]:
    if isinstance(where, Mapping):
        return where
    path = Path(where)
    candidates = path.iterdir() if path.is_dir() else path.parent.glob(f"{_escaped(path.name)}*")
    found: dict[int, str | Path] = {}
    for one in candidates:
        rank = re.search(r"(\d+)$", one.name)
        if rank is not None and one.is_file():
            found[int(rank[1])] = one
    return found


def _escaped(name: str) -> str:
    return re.sub(r"([*?[])", r"[\1]", name)


def _load(path: Path) -> dict[str, Any]:
    try:
        size = path.stat().st_size
        if size > MAX_DUMP_BYTES:
            raise ImportFailedError(f"{path} has {size} bytes > limit {MAX_DUMP_BYTES}; is it a dump?")
        data = path.read_bytes()
    except OSError as err:
        raise ImportFailedError(f"{path} cannot be read: {err}") from err
    if data[:1] == b"{":
        try:
            dump: object = json.loads(data)
        except ValueError as err:
            raise ImportFailedError(f"{path} is no JSON: {err}") from err
    else:
        dump = load_plain(data, str(path))
    if not isinstance(dump, dict) or not isinstance(dump.get("entries", []), list):
        raise ImportFailedError(f"{path} holds no dump: a Flight Recorder's is a dict with a list of entries")
    entries = dump.get("entries", [])
    if not all(isinstance(one, dict) and "time_created_ns" in one and "state" in one for one in entries):
        raise ImportFailedError(f"{path} holds entries without time_created_ns and state: another version?")
    return {**dump, "entries": entries}


def _span(
    entry: Mapping[str, Any], job: str, rank: int, resource: Mapping[str, AttributeValue]
) -> ImportedSpan:
    group, description = _group(entry)
    seq = entry.get("p2p_seq_id" if entry.get("is_p2p") else "collective_seq_id", entry.get("seq_id", 0))
    told: dict[str, AttributeValue] = {
        semconv.TRAINING_PHASE: "collective",
        "pytorch.fr.process_group": group,
        "pytorch.fr.process_group_desc": description,
    }
    for key in _PLAIN:
        if isinstance(entry.get(key), str | int | bool):
            told[f"pytorch.fr.{key}"] = entry[key]
    for key in _LISTS:
        if entry.get(key):
            told[f"pytorch.fr.{key}"] = json.dumps(entry[key])
    created_ns = int(entry["time_created_ns"])
    started_ns = entry.get("time_discovered_started_ns")
    if started_ns:
        told[semconv.TRAINING_COLLECTIVE_START_OFFSET_NS] = int(started_ns) - created_ns
    completed = entry["state"] == "completed"
    return ImportedSpan(
        str(entry.get("profiling_name", "collective")),
        derived_id(16, "fr", job, group, bool(entry.get("is_p2p")), seq),
        derived_id(8, "fr", job, rank, entry.get("record_id", entry.get("id", created_ns))),
        None,
        created_ns,
        int((completed and entry.get("time_discovered_completed_ns")) or 0),
        resource,
        told,
    )


def _group(entry: Mapping[str, Any]) -> tuple[str, str]:
    group = entry.get("process_group", ("", ""))
    pair: Sequence[object] = group if isinstance(group, list | tuple) else (group, "")
    return str(pair[0]) if pair else "", str(pair[1]) if len(pair) > 1 else ""


def _status(
    dump: Mapping[str, Any], dumped_at_ns: int, resource: Mapping[str, AttributeValue]
) -> ImportedEvent:
    groups = []
    for group in dump.get("pg_config", {}).values():
        ranks = group.get("ranks", "[]")
        groups.append({**group, "ranks": json.loads(ranks) if isinstance(ranks, str) else ranks})
    body = json.dumps({"pg_config": groups, "pg_status": dump.get("pg_status", {})})
    return ImportedEvent("flight_recorder.status", body, dumped_at_ns, False, resource, {})


def _first_deadline(entries: Iterator[Mapping[str, Any]]) -> int:
    ends = [
        int(entry["time_created_ns"]) + int(entry.get("timeout_ms", 0)) * 1_000_000
        for entry in entries
        if entry["state"] != "completed"
    ]
    return min(ends, default=0)
