"""Moves every request through balancer and rankers in virtual time: queues, refusals, timeouts, retries.

Time advances in ticks. The balancer retries on the tick after it learnt of a failure, so nothing that happens
in a tick can reach a queue in the same tick: results are exact, without looking at requests one by one.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rootspan_demo.fleet import REGIONS, Fleet
from rootspan_demo.plan import Plan
from rootspan_demo.queues import serve_fifo
from rootspan_demo.traffic import Arrivals, Traffic

__all__ = [
    "ANSWERED",
    "ATTEMPT_TIMEOUT_S",
    "LOST",
    "MAX_ATTEMPTS",
    "METRIC_INTERVAL_S",
    "REFUSED",
    "Flow",
    "run_flow",
]

ANSWERED, REFUSED, LOST = 0, 1, 2
"""How an attempt ended: with an answer; its queue was full; nobody answered before the timeout."""
TICK_S: Final = 0.25
RETRY_JITTER_S: Final = 0.04
MAX_ATTEMPTS: Final = 3
MAX_WAIT_S: Final = 0.35
"""Bound of a ranker's queue, as time: about 40 requests."""
ATTEMPT_TIMEOUT_S: Final = 1.0
REFUSAL_S: Final = 0.0003
"""What a ranker needs to refuse."""
MIN_LIVE_SHARE: Final = 0.25
"""Below this share of live rankers in its region the balancer sends everything to the other region."""
METRIC_INTERVAL_S: Final = 10
BLOCK_REQUESTS: Final = 150_000

CALL: Final = np.dtype(
    [
        ("request", np.int64),
        ("balancer", np.int64),
        ("ranker", np.int64),
        ("depart", np.float64),
        ("arrive", np.float64),
        ("start", np.float64),
        ("embed", np.float64),
        ("forward", np.float64),
        ("embed_nominal", np.float64),
        ("forward_nominal", np.float64),
        ("region", np.int8),
        ("attempt", np.int8),
        ("outcome", np.int8),
        ("sampled", np.bool_),
    ]
)
Calls = NDArray[np.void]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Flow:
    """What happened. `arrivals`, `link_s` and `request` are of sampled requests, `calls` are their attempts.

    Attributes:
        request: Number of each sampled request, ascending.
        link_s: Gateway to balancer, one way, faults included.
        calls: Records of CALL, by request, then attempt.
        busy_s: GPU time by (metric interval, ranker), all requests.
        requests, answered, failed, attempts, refused, lost: Counts over all requests and attempts;
            requests = answered + failed.
    """

    arrivals: Arrivals
    request: Ints
    link_s: Floats
    calls: Calls
    busy_s: Floats
    requests: int
    answered: int
    failed: int
    attempts: int
    refused: int
    lost: int


class _Router:
    """Which rankers the balancers use at any time: the live ones of the region, or the other region's."""

    def __init__(self, fleet: Fleet, plan: Plan) -> None:
        # Health checks run on ticks; this also keeps the number of different fleets small.
        ejected = np.ceil(plan.ejected_s / TICK_S) * TICK_S
        self._changes = np.unique(ejected[np.isfinite(ejected)])
        self._live: list[list[Ints]] = []
        for moment in (-np.inf, *self._changes):
            live = [
                np.flatnonzero((fleet.ranker_region == r) & (ejected > moment)) for r in range(len(REGIONS))
            ]
            total = np.bincount(fleet.ranker_region)
            usable = [len(live[r]) >= MIN_LIVE_SHARE * total[r] for r in range(len(REGIONS))]
            self._live.append(
                [live[r] if usable[r] or not len(live[1 - r]) else live[1 - r] for r in range(2)]
            )

    def pick(self, at_s: Floats, region: Ints, u: Floats, avoid: Ints | None = None) -> Ints:
        """A ranker for each request, uniformly among the usable; not `avoid` where there is a choice."""
        epoch = np.searchsorted(self._changes, at_s, side="right")
        chosen = np.zeros(len(at_s), dtype=np.int64)
        for e in np.unique(epoch):
            for r in range(len(REGIONS)):
                here = np.flatnonzero((epoch == e) & (region == r))
                live = self._live[e][r]
                place = (u[here] * len(live)).astype(np.int64)
                if avoid is not None:
                    place = np.where(live[place] == avoid[here], (place + 1) % len(live), place)
                chosen[here] = live[place]
        return chosen


class _Simulation:
    """State between ticks: when each ranker is free, and retries on their way."""

    def __init__(self, fleet: Fleet, plan: Plan, rng: np.random.Generator) -> None:
        self._fleet, self._plan, self._rng = fleet, plan, rng
        self._router = _Router(fleet, plan)
        self._ranker_zone = fleet.zone[fleet.rankers]
        self._instance_region = np.array([one.region for one in fleet.instances])
        self._deaths = bool(np.isfinite(plan.dies_s).any())
        self._free_at = np.zeros(len(fleet.rankers))
        self.retries: Calls = np.empty(0, dtype=CALL)

    def gateway_links(self, arrivals: Arrivals) -> Floats:
        """One-way times from gateway to balancer."""
        slow = self._plan.slow_edge
        if slow is None or slow.edge != "gateway-balancer":
            return arrivals.link_s
        zone = self._fleet.zone[arrivals.balancer]
        return arrivals.link_s + slow.extra_s(arrivals.at_s, arrivals.region, zone, self._rng)

    def first_calls(
        self, arrivals: Arrivals, link_s: Floats, number: Ints, sampled: NDArray[np.bool_]
    ) -> Calls:
        """First attempts of requests."""
        calls = np.zeros(len(number), dtype=CALL)
        calls["request"], calls["sampled"] = number, sampled
        calls["balancer"], calls["region"] = arrivals.balancer, arrivals.region
        calls["embed_nominal"], calls["forward_nominal"] = arrivals.embed_s, arrivals.forward_s
        calls["depart"] = arrivals.at_s + arrivals.gateway_work_s + link_s + arrivals.balancer_work_s
        calls["ranker"] = self._router.pick(calls["depart"], arrivals.region, arrivals.pick)
        self._crowd(calls, arrivals.pick)
        if self._plan.model_factor:
            new = calls["depart"] >= self._plan.changed_s.min()
            factor = np.array(self._plan.model_factor)[arrivals.model]
            calls["forward_nominal"] *= np.where(new, factor, 1.0)
        self._travel(calls, arrivals.jitter)
        return calls

    def _crowd(self, calls: Calls, pick: Floats) -> None:
        """Send a share of first attempts to one ranker, if the balancers do so."""
        crowd = self._plan.crowd
        if crowd is None:
            return
        here = (calls["region"] == self._fleet.ranker_region[crowd.ranker]) & (
            calls["depart"] >= crowd.from_s
        )
        # Another digit of the draw that chose the ranker, so that choices stay independent of it.
        calls["ranker"][here & (pick * 1e4 % 1 < crowd.share)] = crowd.ranker

    def _travel(self, calls: Calls, jitter: Floats) -> None:
        """Set arrival and GPU times for the chosen rankers."""
        plan, ranker = self._plan, calls["ranker"]
        zone = self._ranker_zone[ranker]
        calls["arrive"] = (
            calls["depart"] + self._fleet.network_s[self._fleet.zone[calls["balancer"]], zone] * jitter
        )
        slow = plan.slow_edge
        if slow is not None and slow.edge == "balancer-ranker":
            caller = self._instance_region[calls["balancer"]]
            calls["arrive"] += slow.extra_s(calls["depart"], caller, zone, self._rng)
        if plan.slow_node is not None:
            calls["arrive"] += plan.slow_node.extra_s(calls["depart"], ranker, self._rng)
        changed = plan.is_changed(calls["arrive"], ranker)
        speed = self._fleet.speed[ranker]
        calls["embed"] = calls["embed_nominal"] * speed * np.where(changed, plan.embed_factor[ranker], 1.0)
        calls["forward"] = (
            calls["forward_nominal"] * speed * np.where(changed, plan.forward_factor[ranker], 1.0)
        )

    def serve(self, calls: Calls, tick_end_s: float) -> None:
        """Queue calls that arrive in one tick (sorted), set how they ended, and prepare retries."""
        ranker, arrive = calls["ranker"].copy(), calls["arrive"].copy()
        service = calls["embed"] + calls["forward"]
        cut = np.zeros(len(calls), dtype=np.bool_)
        if self._plan.cut is not None:
            caller = self._instance_region[calls["balancer"]]
            cut = self._plan.cut.swallows(calls["depart"], caller, self._ranker_zone[ranker], self._rng)
            service[cut] = 0.0
        start, refused = serve_fifo(ranker, arrive, service, self._free_at, MAX_WAIT_S)
        calls["start"] = start
        outcome = np.where(refused, REFUSED, ANSWERED)
        if self._deaths:
            dies = self._plan.dies_s[ranker]
            outcome[(arrive >= dies) | (~refused & (start + service > dies))] = LOST
        outcome[cut] = LOST
        calls["outcome"] = outcome
        again = np.flatnonzero((outcome != ANSWERED) & (calls["attempt"] < MAX_ATTEMPTS - 1))
        if len(again):
            self._retry(calls[again], tick_end_s)

    def _retry(self, calls: Calls, tick_end_s: float) -> None:
        n = len(calls)
        back = calls["arrive"] - calls["depart"]
        learnt = np.where(
            calls["outcome"] == LOST, calls["depart"] + ATTEMPT_TIMEOUT_S, calls["arrive"] + REFUSAL_S + back
        )
        tick = np.maximum(np.ceil(learnt / TICK_S) * TICK_S, tick_end_s)
        calls["depart"] = tick + self._rng.uniform(0, RETRY_JITTER_S, n)
        calls["attempt"] += 1
        # The last attempt leaves the region as often as not, in case all of it is in trouble.
        away = (calls["attempt"] == MAX_ATTEMPTS - 1) & (self._rng.random(n) < 0.5)
        region = np.where(away, 1 - calls["region"], calls["region"]).astype(np.int64)
        calls["ranker"] = self._router.pick(calls["depart"], region, self._rng.random(n), calls["ranker"])
        self._travel(calls, np.exp(0.22 * self._rng.standard_normal(n)))
        self.retries = np.concatenate([self.retries, calls])

    def due(self, tick_end_s: float) -> Calls:
        """Take the retries that arrive before the tick's end."""
        now = self.retries["arrive"] < tick_end_s
        taken: Calls = self.retries[now]
        self.retries = self.retries[~now]
        return taken


def run_flow(
    fleet: Fleet,
    plan: Plan,
    traffic: Traffic,
    *,
    duration_s: float,
    sampled: Callable[[Ints], NDArray[np.bool_]],
    rng: np.random.Generator,
) -> Flow:
    """Simulate all requests that arrive in [0, duration_s), each until it has ended.

    Args:
        sampled: Says which request numbers to keep in the result.
        rng: Draws retries' and faults' randomness; the traffic has its own.
    """
    simulation = _Simulation(fleet, plan, rng)
    rankers = len(fleet.rankers)
    busy = np.zeros((int(-(-duration_s // METRIC_INTERVAL_S)) + 1) * rankers)
    kept_arrivals: list[Arrivals] = []
    kept_numbers: list[Ints] = []
    kept_links: list[Floats] = []
    kept_calls: list[Calls] = []
    count = dict.fromkeys(("requests", "answered", "failed", "attempts", "refused", "lost"), 0)
    step = METRIC_INTERVAL_S if rankers * 60 * METRIC_INTERVAL_S <= BLOCK_REQUESTS else 1
    carried: Calls = np.empty(0, dtype=CALL)
    block = 0
    while block < duration_s or len(carried) or len(simulation.retries):
        end = min(block + step, int(duration_s)) if block < duration_s else block + 1
        pool = carried
        if block < duration_s:
            arrivals = traffic.between(block, end)
            number = count["requests"] + np.arange(len(arrivals.at_s))
            count["requests"] += len(number)
            keep = sampled(number)
            links = simulation.gateway_links(arrivals)
            pool = np.concatenate([carried, simulation.first_calls(arrivals, links, number, keep)])
            kept_arrivals.append(_take(arrivals, keep))
            kept_numbers.append(number[keep])
            kept_links.append(links[keep])
        pool = pool[np.argsort(pool["arrive"])]
        ticks = np.arange(block, end, TICK_S) + TICK_S
        cuts = np.searchsorted(pool["arrive"], ticks)
        carried = pool[cuts[-1] :]
        for tick_end, low, high in zip(ticks, np.concatenate(([0], cuts)), cuts, strict=False):
            batch = pool[low:high]
            if len(simulation.retries):
                batch = np.concatenate([batch, simulation.due(tick_end)])
                batch = batch[np.argsort(batch["arrive"])]
            simulation.serve(batch, float(tick_end))
            kept_calls.append(batch[batch["sampled"]])
            _tally(batch, count, busy, rankers)
        block = end
    calls = np.concatenate(kept_calls)
    return Flow(
        arrivals=_join(kept_arrivals),
        request=np.concatenate(kept_numbers),
        link_s=np.concatenate(kept_links),
        calls=calls[np.lexsort((calls["attempt"], calls["request"]))],
        busy_s=busy.reshape(-1, rankers),
        **count,
    )


def _tally(batch: Calls, count: dict[str, int], busy: Floats, rankers: int) -> None:
    outcome = batch["outcome"]
    answered = outcome == ANSWERED
    count["attempts"] += len(batch)
    n = int(answered.sum())
    count["answered"] += n
    if n < len(batch):
        count["refused"] += int((outcome == REFUSED).sum())
        count["lost"] += int((outcome == LOST).sum())
        count["failed"] += int((~answered & (batch["attempt"] == MAX_ATTEMPTS - 1)).sum())
        batch = batch[answered]
    interval = np.minimum((batch["start"] / METRIC_INTERVAL_S).astype(np.int64), len(busy) // rankers - 1)
    cell = interval * rankers + batch["ranker"]
    if len(cell):
        low = int(cell.min())
        seconds = np.bincount(cell - low, weights=batch["embed"] + batch["forward"])
        busy[low : low + len(seconds)] += seconds


def _take(arrivals: Arrivals, keep: NDArray[np.bool_]) -> Arrivals:
    return Arrivals(**{one.name: getattr(arrivals, one.name)[keep] for one in fields(Arrivals)})


def _join(parts: list[Arrivals]) -> Arrivals:
    return Arrivals(
        **{one.name: np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(Arrivals)}
    )
