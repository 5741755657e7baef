"""The keeper's statements: texts from sql/ with their fragments filled in, and the settings they run under.

Pure. A statement that writes names what it writes by a token: repeated, it is a no-op, whoever repeats it.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Template

__all__ = ["COPIED", "query_settings", "statement", "write_settings"]

# Tables whose rows are copied, and what is selected of them.
COPIED: Mapping[str, str] = {"otel_traces": "span_columns", "otel_logs": ""}

# The keeper is never in a hurry: one thread, so that it takes no more than one core from those that wait.
_THREADS = "1"
_COMMON = {
    "max_threads": _THREADS,
    # On a cluster: who asks a shard gives it the result of inner queries.
    "distributed_product_mode": "global",
}


def query_settings() -> dict[str, str]:
    """Settings of a read."""
    return dict(_COMMON)


def write_settings(token: str) -> dict[str, str]:
    """Settings of an INSERT ... SELECT that is one block: all of it is written once, or nothing."""
    return {
        **_COMMON,
        "insert_deduplicate": "1",
        "deduplicate_insert_select": "force_enable",
        "deduplicate_blocks_in_dependent_materialized_views": "1",
        "insert_deduplication_token": token,
        "min_insert_block_size_rows": "1000000000",
        "min_insert_block_size_bytes": "0",
        "max_insert_threads": "1",
        "distributed_foreground_insert": "1",
        "throw_on_max_partitions_per_insert_block": "0",
    }


@cache
def statement(name: str, table: str = "") -> str:
    """Return a statement by its file's name; `table` for those that copy one."""
    text = _text(name)
    if table:
        columns = COPIED[table]
        text = Template(text).safe_substitute(
            table=table, columns=_text(f"fragments/{columns}") if columns else "*"
        )
    # Fragments name one another, one deep.
    for fragment in ("suspects", "new_traces"):
        text = text.replace(f"${{{fragment}}}", _text(f"fragments/{fragment}"))
    return text


def _text(name: str) -> str:
    text = files("rootspan_store").joinpath("keeping", "sql", f"{name}.sql").read_text(encoding="utf-8")
    return "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--")).strip()
