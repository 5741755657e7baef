"""Reads all that a question about requests needs, several statements at a time.

Owns what is read and in which order. A statement leaves a core idle while its answer travels and is spread
over the timeline, so the next ones run meanwhile. Compares nothing.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np

from rootspan_analysis.baseline import LATE_S
from rootspan_analysis.candidates import batches, code_paths, events
from rootspan_analysis.candidates.edges import placed
from rootspan_analysis.candidates.hosts import fetch_host_cells
from rootspan_analysis.candidates.processors import Processors, fetch_processors
from rootspan_analysis.cells import Cells, fetch_cells, fetch_edges, fetch_table
from rootspan_analysis.question import NS_PER_S, Question
from rootspan_analysis.reader import Reader, Value, fetch, numbers, strings
from rootspan_analysis.scene import Place
from rootspan_analysis.symptom import Requests, fetch_requests
from rootspan_analysis.window import Timeline

__all__ = ["Reading", "read"]

AT_A_TIME: Final = 3
SHAPE_SPANS: Final = 500_000
"""Spans from which the shape of calls is read: shares need no more."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the store has of the question's time.

    Attributes:
        cells: Components, of all traces or of a sample of them.
        by_host: Counts of all spans by host, where `cells` are of a sample; else None.
        edges: Links, with the callee's place.
        records, shapes, happened: Log templates, calls by caller, events of machines and services.
        batches: Requests by whether a large one was in their batch; none where traces are sampled.
        alive_s: By host, unix seconds of its latest log record or gauge.
        places: Where each host is.
        first_seen_ns: By service and version, unix nanoseconds of its first span.
    """

    requests: Requests
    cells: Cells
    by_host: Cells | None
    edges: Cells
    records: Cells
    shapes: Cells
    happened: Cells
    batches: Cells
    processors: Processors
    alive_s: dict[str, int]
    places: Mapping[str, Place]
    first_seen_ns: Mapping[tuple[str, str], int]


def read(
    client: Reader, question: Question, timeline: Timeline, *, on_progress: Callable[[str, float], None]
) -> Reading:
    """Read it. The client must serve several threads.

    Raises:
        StoreError: The store did not answer.
    """
    values = timeline.parameters(question)
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="rootspan-reading") as pool:

        def table(name: str, keys: tuple[str, ...], read: tuple[str, ...], **more: Value) -> Future[Cells]:
            told = {**values, **more}
            return pool.submit(fetch_table, client, name, timeline, told, keys=keys, values=read)

        # The longest first; what other statements are made from, too.
        components = pool.submit(fetch_cells, client, timeline, values)
        inventory = pool.submit(_inventory, client, timeline)
        requests = pool.submit(fetch_requests, client, timeline, values)
        least = code_paths.LOG_LEAST
        records = table("logs", code_paths.LOG_KEYS, ("spans", "written"), least=least)
        modulus = _shape_modulus(timeline)
        shapes = table("shapes", code_paths.SHAPE_KEYS, ("spans",), shape_modulus=modulus)
        happened = table("events", events.KEYS, events.VALUES)
        processors = pool.submit(fetch_processors, client, question)
        alive = pool.submit(_signs_of_life, client, timeline)
        try:
            on_progress("reading components", 0.1)
            places, first_seen = inventory.result()
            links = pool.submit(fetch_edges, client, timeline, values, hosts=len(places))
            cells = components.result()
            hosts = (
                pool.submit(fetch_host_cells, client, timeline, values, cells)
                if timeline.has_minutes
                else None
            )
            batched = {} if timeline.modulus > 1 else batches.batch_operations(cells)
            mates = table("batches", batches.KEYS, batches.VALUES, **batched) if batched else None
            on_progress("reading edges", 0.4)
            edges = placed(links.result(), places)
            on_progress("reading logs and gauges", 0.7)
            return Reading(
                requests=requests.result(),
                cells=cells,
                by_host=hosts.result() if hosts is not None else None,
                edges=edges,
                records=records.result(),
                shapes=shapes.result(),
                happened=happened.result(),
                batches=mates.result() if mates is not None else cells.where(np.zeros(len(cells), np.bool_)),
                processors=processors.result(),
                alive_s=alive.result(),
                places=places,
                first_seen_ns=first_seen,
            )
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _shape_modulus(timeline: Timeline) -> int:
    """One trace in so many, of those that are read at all."""
    spans = timeline.spans // timeline.modulus
    return timeline.modulus * max(1, -(-spans // SHAPE_SPANS))


def _signs_of_life(client: Reader, timeline: Timeline) -> dict[str, int]:
    since_ns = timeline.origin_ns - LATE_S * NS_PER_S
    table = fetch(client, "signs_of_life", {"from_ns": since_ns, "to_ns": timeline.end_ns})
    last_s = numbers(table, "last_s").astype(int).tolist()
    return dict(zip(strings(table, "host").tolist(), last_s, strict=True))


def _inventory(client: Reader, timeline: Timeline) -> tuple[dict[str, Place], dict[tuple[str, str], int]]:
    table = fetch(client, "instances", {"from_ns": timeline.start_ns, "to_ns": timeline.end_ns})
    places: dict[str, Place] = {}
    first: dict[tuple[str, str], int] = {}
    names = ("service", "version", "host", "region", "zone", "rack", "switch")
    columns = [strings(table, name) for name in names]
    seen_ns = numbers(table, "first_ns").astype(np.int64).tolist()
    for seen, row in zip(seen_ns, zip(*columns, strict=True), strict=True):
        service, version, host, *place = row
        places[host] = Place(*place)
        key = (service, version)
        first[key] = min(first.get(key, seen), seen)
    return places, first
