"""What the dashboard's questions cost over a fleet's spans: `python -m bench.query [--spans 20000000]`.

Prints, for each read model that a page asks when it is opened, the median and the worst of some runs in
milliseconds, beside the target of a second, what the engine takes for the last quarter of an hour, and the
machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Sequence

from bench.fleet_store import LARGE_TRACE, FleetStore, add_arguments, fleet_store
from rootspan_analysis import Question, explain
from rootspan_analysis.question import NS_PER_S
from rootspan_analysis.training.step_parts import fetch_lost, fetch_shares
from rootspan_analysis.training.views import fetch_jobs, fetch_overview, fetch_stragglers
from rootspan_analysis.views import call_tree, cost, fleet, logs, metrics, service_edges, trace_search, traces
from rootspan_analysis.views.timespan import TimeSpan, pick_step
from rootspan_store.client import connect

TARGET_MS = 1000.0
ASKED_NS = 900 * NS_PER_S


def questions(store: FleetStore) -> dict[str, Callable[[], object]]:
    """Every read model by name, over the whole recording."""
    client = connect(store.url, timeout_s=120)
    span = TimeSpan(store.from_ns, store.to_ns)
    step = pick_step(span, most=90)
    nothing, everything = fleet.Filters(), trace_search.TraceFilter()
    entries = fleet.fetch_entries(client, span)
    model = trace_search.TraceFilter(
        where=(trace_search.Condition("gen_ai.request.model", "=", "dlrm-v3-wide"),)
    )
    bounds = traces.fetch_trace_bounds(client, LARGE_TRACE)
    (job,) = fetch_jobs(client, span.window)
    listed = trace_search.fetch_trace_list(client, span, everything, order="random", limit=100)
    drawn = tuple(listed["trace_id"].to_pylist())
    gauge = metrics.MetricName("hw.gpu.utilization", "gauge", "1", "")
    if bounds is None:
        raise RuntimeError(f"the large trace {LARGE_TRACE} is not in the store; see sql/large_trace.sql")
    return {
        "fleet totals": lambda: fleet.fetch_totals(client, span, nothing, entries),
        "fleet series": lambda: fleet.fetch_fleet_series(client, span, nothing, entries, step_s=60),
        "hosts x time": lambda: fleet.fetch_host_cells(client, span, nothing, quantile=0.95, step_s=step),
        "hosts x time, gauge": lambda: fleet.fetch_gauge_cells(
            client, span, nothing, metric="hw.gpu.utilization", step_s=step
        ),
        "services": lambda: fleet.fetch_group_totals(client, span, nothing, (), dimension="service"),
        "latency heatmap": lambda: trace_search.fetch_latency_cells(
            client, span, everything, step_ns=trace_search.pick_cell_ns(span)
        ),
        "slowest traces": lambda: trace_search.fetch_trace_list(
            client, span, everything, order="slowest", limit=100
        ),
        "traces by attribute": lambda: trace_search.fetch_trace_list(
            client, span, model, order="slowest", limit=100
        ),
        "attribute keys": lambda: trace_search.fetch_attribute_keys(client, span, ""),
        "large trace, as a tree": lambda: traces.fetch_trace_tree(client, LARGE_TRACE, bounds),
        "window picker": lambda: fleet.fetch_request_cells(client, span, nothing, entries, step_s=60),
        "service map": lambda: service_edges.fetch_service_edges(client, span),
        "log kinds": lambda: logs.fetch_log_templates(client, span, logs.LogFilter(), step_s=step, limit=100),
        "metric by host": lambda: metrics.fetch_metric_series(
            client, span, gauge, metrics.MetricFilter(dimension="host"), step_s=step
        ),
        "GPU time": lambda: cost.fetch_gpu_time(client, span),
        "models": lambda: cost.fetch_model_usage(client, span),
        "training jobs": lambda: fetch_jobs(client, span.window),
        "a job's steps and phases": lambda: fetch_overview(client, job),
        "stragglers": lambda: fetch_stragglers(client, job),
        "GPU time by stage": lambda: fetch_shares(client, job),
        "GPU time lost": lambda: fetch_lost(client, job),
        "flame of 100 traces": lambda: call_tree.compare_forests(
            call_tree.fetch_call_forest(client, drawn, span)
        ),
    }


def measure(ask: Callable[[], object], runs: int) -> list[float]:
    """Milliseconds of each run, after one that is not counted."""
    ask()
    took = []
    for _ in range(runs):
        began = time.perf_counter()
        ask()
        took.append((time.perf_counter() - began) * 1e3)
    return took


def p95(took: Sequence[float]) -> float:
    """The 95th percentile, the nearest run to it."""
    return sorted(took)[round(0.95 * (len(took) - 1))]


def main() -> int:
    """Run it; the exit status is 0 whatever the figures are."""
    parser = argparse.ArgumentParser(prog="python -m bench.query", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with fleet_store(given) as store:
        found = {name: measure(ask, given.runs) for name, ask in questions(store).items()}
        began = time.perf_counter()
        answer = explain(connect(store.url, timeout_s=300), Question(store.to_ns - ASKED_NS, store.to_ns))
        why_s = time.perf_counter() - began
    if given.json:
        told = [
            {"name": name, "p50_s": statistics.median(took) / 1e3, "p95_s": p95(took) / 1e3}
            for name, took in found.items()
        ]
        print(
            json.dumps({"queries": told, "why_s": why_s, "spans_stored": store.spans, "hosts": store.hosts})
        )
        return 0
    print(
        f"{store.spans:,} spans of {store.hosts:,} hosts in {store.minutes} min, "
        f"filled in {store.filled_s:.0f} s"
    )
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
          f"load {os.getloadavg()[0]:.1f}")  # fmt: skip
    for name, took in sorted(found.items(), key=lambda pair: -statistics.median(pair[1])):
        middle = statistics.median(took)
        ratio = middle / TARGET_MS
        print(f"{name:24} {middle:8.0f} ms median {max(took):8.0f} ms worst   {ratio:5.2f} of 1 s")
    named = ", ".join(f"{one.kind} {one.entity.get('host.name', '')}" for one in answer.causes)
    print(f"why: {why_s:.1f} s, {answer.verdict}: {named or 'no cause'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
