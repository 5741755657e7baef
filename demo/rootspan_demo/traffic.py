"""Requests as they reach the gateways, with everything about them that no machine's state decides.

Owns the arrival process and the work that each request brings. One random stream, independent of the fault.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from rootspan_demo.config import REQUESTS_PER_HOST_PER_S, FleetConfig
from rootspan_demo.fleet import REGIONS, Fleet
from rootspan_demo.plan import Plan

__all__ = ["MODELS", "SURFACES", "Arrivals", "Traffic"]

MODELS: Final = ("dlrm-v3-base", "dlrm-v3-wide")
MODEL_SHARES: Final = (0.78, 0.22)
MODEL_FACTORS: Final = (0.92, 1.28)
"""Of the forward pass, relative to the mean over both."""
SURFACES: Final = ("home", "feed", "item", "cart")
EMBED_S, FORWARD_S = 0.0024, 0.0066
"""Mean GPU time of the two stages: 9 ms together, so an instance saturates a little above 100 requests/s."""
PAUSE_SHARE: Final = 0.0015
PAUSE_MAX_S: Final = 0.12
"""Rare long passes (allocator, garbage collection): Pareto, exponent 1.7 from 12 ms."""
TOKENS: Final = (128, 16_383)
"""Bounds of a user's history in tokens; two bytes on the wire."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Requests of one slice of time, by arrival at the gateway. All arrays have one entry a request."""

    at_s: NDArray[np.float64]
    region: NDArray[np.int64]
    gateway: NDArray[np.int64]
    balancer: NDArray[np.int64]
    gateway_work_s: NDArray[np.float64]
    balancer_work_s: NDArray[np.float64]
    link_s: NDArray[np.float64]
    """Gateway to balancer, one way, without any fault."""
    model: NDArray[np.int64]
    tokens: NDArray[np.int64]
    embed_s: NDArray[np.float64]
    forward_s: NDArray[np.float64]
    pick: NDArray[np.float64]
    """Uniform in [0, 1): which of the live rankers the balancer takes."""
    jitter: NDArray[np.float64]
    """Factor of the network time between balancer and ranker."""


class Traffic:
    """Draws arrivals slice by slice; slices must be asked for in order."""

    def __init__(
        self, config: FleetConfig, fleet: Fleet, load: float, rng: np.random.Generator, plan: Plan
    ) -> None:
        self._fleet, self._mix = fleet, plan.mix
        self._rng = rng
        seconds = int(config.duration_s)
        hosts = np.bincount(fleet.ranker_region, minlength=len(REGIONS))
        tilt = rng.uniform(-0.03, 0.03)
        mean = hosts * REQUESTS_PER_HOST_PER_S * load * np.array([1 + tilt, 1 - tilt])
        second = np.arange(seconds)
        period_s, phase = rng.uniform(1500, 3600), rng.uniform(0, 2 * np.pi, len(REGIONS))
        drift = 1 + 0.05 * np.sin(2 * np.pi * second[:, None] / period_s + phase[None, :])
        # A slow random walk that is pulled back (one minute), and noise within seconds.
        noise = np.zeros((seconds, len(REGIONS)))
        shock = rng.normal(0, 0.004, (seconds, len(REGIONS)))
        for i in range(1, seconds):
            noise[i] = noise[i - 1] * (1 - 1 / 60) + shock[i]
        self._rate = np.maximum(mean * (drift + noise + rng.normal(0, 0.01, noise.shape)), 0.1 * mean)
        if plan.surge is not None:
            self._rate[second >= plan.surge.from_s] *= plan.surge.factor

    def between(self, start_s: int, end_s: int) -> Arrivals:
        """Arrivals of whole seconds [start_s, end_s)."""
        rng, fleet = self._rng, self._fleet
        counts = rng.poisson(self._rate[start_s:end_s])
        n = int(counts.sum())
        cell = np.repeat(np.arange(counts.size), counts.ravel())
        at = start_s + cell // len(REGIONS) + rng.random(n)
        order = np.argsort(at)
        region = (cell % len(REGIONS))[order]
        spot = rng.random((2, n))
        gateway, balancer = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
        for r in range(len(REGIONS)):
            here = np.flatnonzero(region == r)
            for chosen, pool, u in (
                (gateway, fleet.gateways[r], spot[0]),
                (balancer, fleet.balancers[r], spot[1]),
            ):
                chosen[here] = pool[(u[here] * len(pool)).astype(np.int64)]
        z = rng.standard_normal((7, n), dtype=np.float32).astype(np.float64)
        base = fleet.network_s[fleet.zone[gateway], fleet.zone[balancer]]
        wide_share, longer = np.full(n, MODEL_SHARES[1]), np.ones(n)
        if self._mix is not None:
            other = at[order] >= self._mix.from_s
            wide_share[other & np.isfinite(self._mix.wide_share)] = self._mix.wide_share
            longer[other] = self._mix.tokens_factor
        model = (rng.random(n) < wide_share).astype(np.int64)
        tokens = np.clip(np.exp(6.2 + 0.55 * z[0]) * longer, *TOKENS).astype(np.int64)
        # Longer histories cost more, not in proportion: most of a pass is the candidates' share.
        size = 0.72 + 0.28 * tokens / 573.0
        pause = np.where(
            rng.random(n) < PAUSE_SHARE, np.minimum(0.012 * rng.random(n) ** (-1 / 1.7), PAUSE_MAX_S), 0.0
        )
        return Arrivals(
            at_s=at[order],
            region=region,
            gateway=gateway,
            balancer=balancer,
            gateway_work_s=0.0006 * np.exp(0.3 * z[1]),
            balancer_work_s=0.00016 * np.exp(0.35 * z[2]),
            link_s=base * np.exp(0.22 * z[3]),
            model=model,
            tokens=tokens,
            embed_s=EMBED_S * np.exp(0.22 * z[4] - 0.0242),
            forward_s=FORWARD_S * np.array(MODEL_FACTORS)[model] * size * np.exp(0.16 * z[5] - 0.0128)
            + pause,
            pick=rng.random(n),
            jitter=np.exp(0.22 * z[6]),
        )
