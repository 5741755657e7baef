"""The systems that `examples.run_all` runs, in the order of its table. Pure."""

from __future__ import annotations

from examples.consensus.row import ROW as CONSENSUS
from examples.ddp_training.row import ROW as DATA_PARALLEL
from examples.elastic_training.row import ROW as ELASTIC
from examples.feature_store.row import ROW as FEATURE_STORE
from examples.harness.rows import Row
from examples.node_logs.row import ROW as NODE_LOGS
from examples.orchestration.row import ROW as ORCHESTRATION
from examples.pipeline_training.row import ROW as PIPELINE
from examples.recsys.row import ROW as RECSYS
from examples.region_loss.row import ROW as REGION_LOSS
from examples.scaling.row import ROW as COST
from examples.tensor_training.row import ROW as TENSOR
from examples.two_regions.row import ROW as TWO_REGIONS

ROWS: tuple[Row, ...] = (
    DATA_PARALLEL,
    PIPELINE,
    TENSOR,
    ELASTIC,
    RECSYS,
    FEATURE_STORE,
    CONSENSUS,
    ORCHESTRATION,
    NODE_LOGS,
    COST,
    TWO_REGIONS,
    REGION_LOSS,
)
