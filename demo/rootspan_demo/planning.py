"""Draws the fault that a configuration asks for."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from rootspan_demo.config import FleetConfig
from rootspan_demo.faults import BASIC_PLANNERS, Planner
from rootspan_demo.fleet import Fleet
from rootspan_demo.plan import Plan, Scene, healthy_plan
from rootspan_demo.scenarios import SCENARIO_PLANNERS

__all__ = ["plan_fault"]

_PLANNERS: Final[Mapping[str, Planner]] = {**BASIC_PLANNERS, **SCENARIO_PLANNERS}


def plan_fault(config: FleetConfig, fleet: Fleet, load: float, rng: np.random.Generator) -> Plan:
    """Draw onset, place and size of the fault that `config` asks for."""
    before_end = config.onset_before_end_s
    if before_end is None:
        before_end = min(rng.uniform(300, 540), config.duration_s * rng.uniform(0.3, 0.45))
    scene = Scene(config, fleet, load, config.duration_s - before_end, rng)
    return _PLANNERS[config.fault](scene, healthy_plan(fleet))
