"""The times of sampled requests on every machine they touch, from what the flow decided about them.

Owns what happens inside one request: links, feature look-up, GPU stages, errors and how they travel up.
Children lie within their parents and clients around their servers by construction; an attempt that nobody
answered has a client only.
"""

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from rootspan_demo.fleet import Fleet
from rootspan_demo.flow import ANSWERED, ATTEMPT_TIMEOUT_S, LOST, REFUSAL_S, Flow
from rootspan_demo.plan import Plan

__all__ = [
    "ERROR_STATUS",
    "FORWARD_FAILED",
    "NO_STORE",
    "OK_STATUS",
    "STORE_FAILED",
    "UNAVAILABLE_STATUS",
    "Attempts",
    "Journeys",
    "Trips",
    "compose",
]

NO_STORE: Final = -1
"""In place of a store: the attempt asked none."""
FORWARD_FAILED, STORE_FAILED = 1, 2
"""Where an answered attempt failed; 0: it did not."""
HEALTHY_ERROR_SHARE: Final = 0.00025
"""For each of the two places: half a per mille of all requests fail with nothing wrong."""
STORE_S: Final = 0.0015
JITTER: Final = 0.22
OK_STATUS, ERROR_STATUS, UNAVAILABLE_STATUS = 200, 500, 503
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Arrays of one length."""

    def where(self, keep: NDArray[np.bool_] | Ints) -> Self:
        """The rows that `keep` selects, in its order."""
        return type(self)(**{one.name: getattr(self, one.name)[keep] for one in fields(self)})


@dataclass(frozen=True, slots=True)
class Trips(_Columns):
    """One row a request. Times are unix nanoseconds; gateway and balancer are instances."""

    trace: Ints
    gateway: Ints
    balancer: Ints
    gateway_start: Ints
    client_start: Ints
    balancer_start: Ints
    balancer_end: Ints
    client_end: Ints
    gateway_end: Ints
    status: Ints
    attempts: Ints


@dataclass(frozen=True, slots=True)
class Attempts(_Columns):
    """One row an attempt, by trip, then attempt. Times: unix nanoseconds, of no meaning if not reached."""

    trip: Ints
    trace: Ints
    attempt: Ints
    balancer: Ints
    ranker: Ints
    """Instance that ran it, of the version it had then."""
    store: Ints
    outcome: Ints
    failed: Ints
    client_start: Ints
    client_end: Ints
    server_start: Ints
    work_start: Ints
    embed_start: Ints
    embed_end: Ints
    fetch_start: Ints
    store_start: Ints
    store_end: Ints
    fetch_end: Ints
    forward_start: Ints
    forward_end: Ints
    server_end: Ints
    model: Ints
    tokens: Ints


@dataclass(frozen=True, slots=True)
class Journeys:
    """Sampled requests that ended within the recording."""

    trips: Trips
    attempts: Attempts
    in_flight: int
    """Sampled requests left out because they end after the recording does."""


@dataclass(frozen=True, slots=True)
class _Look:
    """A feature look-up, times from the ranker's request on."""

    store: Ints
    reached_s: Floats
    done_s: Floats
    back_s: Floats
    failed: NDArray[np.bool_]


def compose(
    fleet: Fleet,
    plan: Plan,
    flow: Flow,
    *,
    upgraded: Ints,
    span_ns: tuple[int, int],
    rng: np.random.Generator,
) -> Journeys:
    """Give sampled requests their times.

    Args:
        upgraded: Instance of each ranker after its upgrade.
        span_ns: The recording's begin and end.
    """
    calls = flow.calls
    n = len(calls)
    ranker, depart, arrive = calls["ranker"], calls["depart"], calls["arrive"]
    answered, lost = calls["outcome"] == ANSWERED, calls["outcome"] == LOST
    draw = rng.random((3, n))
    z = rng.standard_normal((3, n))
    work = np.where(answered, calls["start"], arrive)
    embed_start = work + 0.00006
    embed_end = embed_start + calls["embed"]
    fetch_start = embed_end + 0.00004
    look = _look_up(fleet, plan, ranker, fetch_start, rng)
    changed = plan.is_changed(arrive, ranker)
    share = np.where(changed, plan.error_share[ranker], 0.0) + HEALTHY_ERROR_SHARE
    if plan.skip_share.any():
        look = _without(look, changed & (rng.random(n) < plan.skip_share[ranker]))
    failed = np.where(look.failed, STORE_FAILED, np.where(draw[0] < share, FORWARD_FAILED, 0))
    failed[~answered] = 0
    fetch_end = fetch_start + look.back_s
    forward_start = fetch_end + 0.00005
    ran = np.where(failed == FORWARD_FAILED, 0.1 + 0.8 * draw[1], 1.0)
    forward_end = forward_start + np.where(failed == STORE_FAILED, 0.0, calls["forward"] * ran)
    server_end = np.where(answered, forward_end + 0.00018 * np.exp(0.3 * z[0]), arrive + REFUSAL_S)
    base = fleet.network_s[fleet.zone[calls["balancer"]], fleet.zone[fleet.rankers[ranker]]]
    back_s = base * np.exp(JITTER * z[1])
    if plan.slow_node is not None:
        back_s += plan.slow_node.extra_s(server_end, ranker, rng)
    client_end = np.where(lost, depart + ATTEMPT_TIMEOUT_S, server_end + back_s)

    trip = np.searchsorted(flow.request, calls["request"])
    last = np.flatnonzero(np.append(trip[1:] != trip[:-1], True))
    arrivals = flow.arrivals
    m = len(flow.request)
    after = rng.standard_normal((3, m))
    back = fleet.network_s[fleet.zone[arrivals.gateway], fleet.zone[arrivals.balancer]] * np.exp(
        JITTER * after[0]
    )
    client_start = arrivals.at_s + arrivals.gateway_work_s
    balancer_end = client_end[last] + 0.00007 * np.exp(0.3 * after[1])
    end = balancer_end + back
    gateway_end = end + 0.0003 * np.exp(0.3 * after[2])
    status = np.where(answered[last], np.where(failed[last] > 0, ERROR_STATUS, OK_STATUS), UNAVAILABLE_STATUS)

    def stamp(seconds: Floats) -> Ints:
        return span_ns[0] + np.rint(seconds * 1e9).astype(np.int64)

    trips = Trips(
        trace=flow.request,
        gateway=arrivals.gateway,
        balancer=arrivals.balancer,
        gateway_start=stamp(arrivals.at_s),
        client_start=stamp(client_start),
        balancer_start=stamp(client_start + flow.link_s),
        balancer_end=stamp(balancer_end),
        client_end=stamp(end),
        gateway_end=stamp(gateway_end),
        status=status,
        attempts=calls["attempt"][last].astype(np.int64) + 1,
    )
    attempts = Attempts(
        trip=trip,
        trace=calls["request"].copy(),
        attempt=calls["attempt"].astype(np.int64),
        balancer=calls["balancer"].copy(),
        ranker=np.where(arrive >= plan.upgraded_s[ranker], upgraded[ranker], fleet.rankers[ranker]),
        store=look.store,
        outcome=calls["outcome"].astype(np.int64),
        failed=failed,
        client_start=stamp(depart),
        client_end=stamp(client_end),
        server_start=stamp(arrive),
        work_start=stamp(work),
        embed_start=stamp(embed_start),
        embed_end=stamp(embed_end),
        fetch_start=stamp(fetch_start),
        store_start=stamp(fetch_start + look.reached_s),
        store_end=stamp(fetch_start + look.done_s),
        fetch_end=stamp(fetch_end),
        forward_start=stamp(forward_start),
        forward_end=stamp(forward_end),
        server_end=stamp(server_end),
        model=arrivals.model[trip],
        tokens=arrivals.tokens[trip],
    )
    ended = trips.gateway_end < span_ns[1]
    place = np.cumsum(ended) - 1
    kept = attempts.where(ended[trip])
    kept.trip[:] = place[kept.trip]
    return Journeys(trips.where(ended), kept, m - int(ended.sum()))


def _without(look: _Look, skipped: NDArray[np.bool_]) -> _Look:
    """Look-ups of which some are not made."""
    return _Look(
        np.where(skipped, NO_STORE, look.store),
        np.where(skipped, 0.0, look.reached_s),
        np.where(skipped, 0.0, look.done_s),
        np.where(skipped, 0.0, look.back_s),
        look.failed & ~skipped,
    )


def _look_up(fleet: Fleet, plan: Plan, ranker: Ints, at_s: Floats, rng: np.random.Generator) -> _Look:
    """Feature look-ups of rankers at instances of their own region."""
    n = len(ranker)
    place = rng.random(n)
    z = rng.standard_normal((3, n))
    region = fleet.ranker_region[ranker]
    sizes = np.array([len(one) for one in fleet.stores])
    number = (place * sizes[region]).astype(np.int64) + np.concatenate(([0], np.cumsum(sizes)))[region]
    store = np.concatenate(fleet.stores)[number]
    zone = fleet.zone[store]
    base = fleet.network_s[fleet.zone[fleet.rankers[ranker]], zone]
    out = base * np.exp(JITTER * z[0])
    slow = plan.slow_edge
    if slow is not None and slow.edge == "ranker-store":
        out += slow.extra_s(at_s, region, zone, rng)
    tail = np.where(rng.random(n) < 0.002, np.minimum(0.004 * rng.random(n) ** (-1 / 1.7), 0.08), 0.0)
    changed = at_s >= plan.store_changed_s[number]
    work = (STORE_S * np.exp(0.35 * z[1]) + tail) * np.where(changed, plan.store_factor[number], 1.0)
    if plan.slow_node is not None:
        out += plan.slow_node.extra_s(at_s, ranker, rng)
    share = np.where(changed, plan.store_error_share[number], 0.0) + HEALTHY_ERROR_SHARE
    failed = rng.random(n) < share
    work = np.where(failed, work * 0.6, work)
    return _Look(store, out, out + work, out + work + base * np.exp(JITTER * z[2]), failed)
