"""How OTLP bytes are handed to ClickHouse: tables, schemas and settings of an insert.

Owns the landing table, the trimmed `.proto` and the insert settings of each signal. Pure; opens no
connection.
"""

from enum import StrEnum
from functools import cache
from importlib.resources import files

__all__ = ["Signal", "frame_prefix", "insert_settings", "insert_statement", "landing_table"]

_VARINT_CONTINUES = 0x80
_VARINT_BITS = 7


class Signal(StrEnum):
    """The three kinds of OTLP telemetry."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


_REQUEST = {
    Signal.TRACES: "ExportTraceServiceRequest",
    Signal.LOGS: "ExportLogsServiceRequest",
    Signal.METRICS: "ExportMetricsServiceRequest",
}


def landing_table(signal: Signal) -> str:
    """Name of the table that takes one OTLP export request a row and hands its content to the views."""
    return f"otlp_{signal.value}"


def insert_statement(signal: Signal) -> str:
    """The INSERT whose data are frames: for each request its `frame_prefix`, then its bytes."""
    return f"INSERT INTO {landing_table(signal)} FORMAT Protobuf"


def frame_prefix(size_bytes: int) -> bytes:
    """Length prefix of one message in ClickHouse's Protobuf format: a varint.

    Source: protobuf encoding guide, "Base 128 Varints".
    """
    prefix = bytearray()
    while size_bytes >= _VARINT_CONTINUES:
        prefix.append(size_bytes & (_VARINT_CONTINUES - 1) | _VARINT_CONTINUES)
        size_bytes >>= _VARINT_BITS
    prefix.append(size_bytes)
    return bytes(prefix)


def insert_settings(signal: Signal, token: str) -> dict[str, str]:
    """Settings of an insert of OTLP frames.

    Args:
        signal: What the frames hold.
        token: Names the data. Within the last 10,000 blocks of every target a repeated token is a no-op, in
            the raw tables and in the rollups alike. Two inserts under one token must hold equal bytes.

    Returns:
        ClickHouse settings by name.
    """
    return {
        "format_schema_source": "string",
        "format_schema": _schema(signal),
        "format_schema_message_name": _REQUEST[signal],
        # Tells a metric point's whole number from its floating-point one.
        "input_format_protobuf_oneof_presence": "1",
        "insert_deduplicate": "1",
        "insert_deduplication_token": token,
        "deduplicate_blocks_in_dependent_materialized_views": "1",
        # On a cluster: answered when every shard has its rows, not when one node has noted them.
        "distributed_foreground_insert": "1",
        # A segment is one block, hence one part: a merge costs as much as an insert.
        "max_insert_block_size": "1000000000",
        # The views' plans are as they should be: looking for better ones costs each insert some milliseconds.
        "query_plan_enable_optimizations": "0",
        # A sender whose clock jumped must not make a whole segment fail.
        "throw_on_max_partitions_per_insert_block": "0",
    }


@cache
def _schema(signal: Signal) -> str:
    text = files("rootspan_store").joinpath("otlp", f"{signal.value}.proto").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if line and not line.startswith("//"))
