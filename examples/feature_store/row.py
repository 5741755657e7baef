"""The row of the table: fault tolerance."""

from __future__ import annotations

import importlib.util

from examples.feature_store.faults import FAULTS, PRIMARY, REPLICA
from examples.harness.rows import Retold
from examples.harness.truth import Truth

_STORE = {"service.name": "redis"}
_LINK = {"service.name": "ranker", "peer.service": "redis"}


def _missing() -> str:
    if importlib.util.find_spec("redis") is None:
        return "redis-py is not installed: pip install 'rootspan[redis]'"
    from examples.feature_store.redis_server import missing

    return missing()


ROW = Retold(
    system="fault tolerance: replication, failover",
    module="examples.feature_store",
    faults={
        "replication-lag": Truth(
            FAULTS["replication-lag"].truth, ({**_STORE, "host.name": REPLICA},), ("replication_lag",)
        ),
        "failover": Truth(FAULTS["failover"].truth, ({**_STORE, "host.name": PRIMARY},), ("failover",)),
        "primary-lost": Truth(
            FAULTS["primary-lost"].truth, ({**_LINK, "server.address": PRIMARY},), ("connection_error",)
        ),
        "replica-lost": Truth(
            FAULTS["replica-lost"].truth, ({**_LINK, "server.address": REPLICA},), ("connection_error",)
        ),
    },
    settle_s=3.0,
    once=frozenset({"failover"}),
    lacks=_missing,
)
