"""Writes the engine's configuration: users.xml (roles, constraints) and config.xml (memory, pools).

Pure but for `write_config`. The files are rewritten at every start, so editing them has no effect.
"""

import os
from pathlib import Path
from xml.sax.saxutils import escape

from rootspan_store.embedded.policy import FROZEN_SETTINGS, READER_GRANTS, WRITER_GRANTS
from rootspan_store.settings import StoreSettings

__all__ = ["READER_ROLE", "WRITER_ROLE", "render_config", "render_users", "write_config"]

READER_ROLE = "rootspan_reader"
WRITER_ROLE = "rootspan_writer"

# How parts are written: together a fifth of the cost of a span, inserting and merging, and a quarter of its
# bytes (docs/adr/0007). They concern new parts only; a folder of an earlier version is read as it is.
_CHEAP_PARTS = {
    # A part as inserted is one file and lives for seconds; a file for each column pays once it is merged.
    "min_level_for_wide_part": 1,
    # Most of an OTLP message's columns are empty in most inserts.
    "serialization_info_version": "with_missing_columns",
    "skip_empty_columns_on_insert": 1,
    # Lengths in a file of their own: one more file a column, and they compress worse than beside the texts.
    "string_serialization_version": "single_stream",
    # Only needed to answer a count() with a filter out of metadata.
    "compute_exact_num_defaults_for_sparse_columns": 0,
}


def _grants(statements: tuple[str, ...]) -> str:
    return "".join(f"<query>{escape(statement)}</query>" for statement in statements)


def _constraints(settings: StoreSettings) -> str:
    # A limit of 0 means "none" to ClickHouse, so the smallest value is fixed as well as the largest.
    limits = {
        "max_execution_time": ("0.001", str(settings.max_execution_time_s)),
        "max_memory_usage": ("1", str(settings.max_memory_usage_bytes)),
        "max_result_rows": ("1", str(settings.max_result_rows)),
        "max_result_bytes": ("1", str(settings.max_result_bytes)),
        # Nobody goes before an insert; who wishes to go behind it may.
        "os_threads_nice_value_query": ("0", "19"),
    }
    ranges = "".join(f"<{n}><min>{low}</min><max>{high}</max></{n}>" for n, (low, high) in limits.items())
    return ranges + "".join(f"<{name}><readonly/></{name}>" for name in sorted(FROZEN_SETTINGS))


def render_users(settings: StoreSettings) -> str:
    """Return users.xml: one user, whose two roles the handles choose from with SET ROLE."""
    values = "".join(
        f"<{name}>{escape(value)}</{name}>" for name, value in sorted(FROZEN_SETTINGS.items()) if value
    )
    return (
        "<clickhouse>"
        f"<profiles><default>{values}<constraints>{_constraints(settings)}</constraints></default></profiles>"
        f"<roles><{READER_ROLE}><grants>{_grants(READER_GRANTS)}</grants></{READER_ROLE}>"
        f"<{WRITER_ROLE}><grants>{_grants(WRITER_GRANTS)}</grants></{WRITER_ROLE}></roles>"
        "<users><default><password></password><networks><ip>::1</ip><ip>127.0.0.1</ip></networks>"
        "<profile>default</profile><quota>default</quota><grants>"
        f"<query>GRANT {READER_ROLE}</query><query>GRANT {WRITER_ROLE}</query>"
        "</grants></default></users><quotas><default/></quotas></clickhouse>\n"
    )


def render_config(settings: StoreSettings, folder: Path) -> str:
    """Return config.xml; `folder` holds users.xml and two folders: programs (none), cached schemas."""
    threads = settings.background_threads
    # ClickHouse wants this many of `threads * ratio` entries free to mutate; its defaults assume 16 * 2.
    free_entries = max(1, threads // 2)
    values: dict[str, object] = {
        "users_config": folder / "users.xml",
        "user_files_path": f"{folder / 'formats'}/",
        "user_scripts_path": f"{folder / 'scripts'}/",
        "format_schema_path": f"{folder / 'formats'}/",
        "max_server_memory_usage": settings.memory_max_bytes,
        "background_pool_size": threads,
        "background_merges_mutations_concurrency_ratio": 2,
        "background_schedule_pool_size": max(4, threads),
        "background_common_pool_size": 2,
        "background_move_pool_size": 1,
        "background_fetches_pool_size": 1,
        "background_message_broker_schedule_pool_size": 1,
        "background_distributed_schedule_pool_size": 1,
        "background_buffer_flush_schedule_pool_size": 1,
        "mark_cache_size": min(512 * 1024 * 1024, settings.memory_max_bytes // 8),
        "index_mark_cache_size": min(128 * 1024 * 1024, settings.memory_max_bytes // 16),
    }
    body = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in values.items())
    tables: dict[str, object] = {
        "number_of_free_entries_in_pool_to_lower_max_size_of_merge": free_entries,
        "number_of_free_entries_in_pool_to_execute_mutation": free_entries,
        "number_of_free_entries_in_pool_to_execute_optimize_entire_partition": free_entries,
        **_CHEAP_PARTS,
        # What the collector was told is stored, it forgets. Merged parts need no fsync of their own: their
        # sources stay for eight minutes (`old_parts_lifetime`), and the system writes pages back within one.
        "fsync_after_insert": int(settings.fsync),
        "fsync_part_directory": int(settings.fsync),
    }
    merge_tree = "".join(f"<{name}>{value}</{name}>" for name, value in tables.items())
    return f"<clickhouse>{body}<merge_tree>{merge_tree}</merge_tree></clickhouse>\n"


def write_config(settings: StoreSettings, folder: Path) -> Path:
    """Write both files and their folders below `folder`; return the path of config.xml."""
    for name in ("formats", "scripts"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("users.xml", render_users(settings)),
        ("config.xml", render_config(settings, folder)),
    ):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        os.chmod(path, 0o600)
    return folder / "config.xml"
