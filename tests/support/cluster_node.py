"""One node of a ClickHouse cluster, as far as the embedded engine can be one.

    python cluster_node.py --data DIR --http HOST:PORT

is the store with what a server of a cluster has and the store refuses: `Distributed` and `Replicated…` tables
and a cluster `one` whose only shard is this node. ROOTSPAN_TEST_ZOOKEEPER, a port, gives it ZooKeeper
and the macros of ROOTSPAN_TEST_SHARD and ROOTSPAN_TEST_REPLICA.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rootspan_store.embedded import config, policy

_FAMILY = ("", "Replacing", "Summing", "Aggregating")
_ENGINES = ("Distributed", *(f"Replicated{kind}MergeTree" for kind in _FAMILY))
# Locality is judged by the port alone; nothing listens on it.
_PORT = 19000

_CLUSTER = (
    f"<tcp_port>{_PORT}</tcp_port><remote_servers><one><shard><internal_replication>true</internal_replication>"
    f"<replica><host>127.0.0.1</host><port>{_PORT}</port></replica></shard></one></remote_servers>"
    # Restarting threads of a kind get four fifths of the pool, which has to be one thread at least.
    "<background_schedule_pool_size>8</background_schedule_pool_size>"
)


def _zookeeper() -> str:
    port = os.environ.get("ROOTSPAN_TEST_ZOOKEEPER")
    if port is None:
        return ""
    shard, replica = os.environ["ROOTSPAN_TEST_SHARD"], os.environ["ROOTSPAN_TEST_REPLICA"]
    return (
        f"<zookeeper><node><host>127.0.0.1</host><port>{port}</port></node></zookeeper>"
        f"<macros><shard>{shard}</shard><replica>{replica}</replica></macros>"
    )


def main() -> int:
    """Run the store with the doors of a cluster opened."""
    write = config.write_config
    config.WRITER_GRANTS = (  # type: ignore[attr-defined]
        *policy.WRITER_GRANTS,
        "GRANT READ, WRITE ON REMOTE",
        *(f"GRANT TABLE ENGINE ON {engine}" for engine in _ENGINES),
    )

    def write_config(settings: config.StoreSettings, folder: Path) -> Path:  # type: ignore[name-defined]
        path = write(settings, folder)
        text = path.read_text().replace(
            "<background_schedule_pool_size>4</background_schedule_pool_size>", ""
        )
        path.write_text(text.replace("<merge_tree>", f"{_CLUSTER}{_zookeeper()}<merge_tree>"))
        users = folder / "users.xml"
        users.write_text(
            users.read_text().replace(
                "<constraints>", "<distributed_product_mode>global</distributed_product_mode><constraints>", 1
            )
        )
        return path

    from rootspan_store.embedded import engine

    engine.write_config = write_config  # type: ignore[attr-defined]
    from rootspan_store.__main__ import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
