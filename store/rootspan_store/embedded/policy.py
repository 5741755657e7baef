"""What clients may do: roles, functions, engines and settings, open or closed. Data, no behaviour.

Three walls stand behind one another. The engine's roles: readers hold SELECT and SHOW, writers no access to
any source (files, URLs, other servers), so table functions are refused by ClickHouse itself. `readonly = 2`
and constrained settings on the reader's handle. And what the engine does not guard (the scalar `file`,
settings that hold paths or SQL, dictionaries that run programs) is refused here by name, see `guard.py`.
"""

__all__ = [
    "DATABASE_ENGINES",
    "DENIED_FUNCTIONS",
    "FROZEN_SETTINGS",
    "READER_GRANTS",
    "READ_SETTINGS",
    "READ_SETTING_PREFIXES",
    "TABLE_ENGINES",
    "WRITER_GRANTS",
]

# `file` is a scalar as well as a table function, and the embedded engine lets it read every path.
# `executable` runs programs, `python` reads objects of this process, `eval` runs SQL out of a string, `disk`
# is a place to store tables in, the `ai…` family calls out.
DENIED_FUNCTIONS = frozenset(
    {"file", "python", "eval", "executable", "filesystem", "disk", "catboostevaluate"}
)

# A table of any other engine reads files, programs or the network, or (Kafka) can keep the store from
# starting.
TABLE_ENGINES = (
    "MergeTree",
    "ReplacingMergeTree",
    "SummingMergeTree",
    "AggregatingMergeTree",
    "CollapsingMergeTree",
    "VersionedCollapsingMergeTree",
    "CoalescingMergeTree",
    "Null",
    "Memory",
    "Log",
    "TinyLog",
    "StripeLog",
    "Set",
    "Join",
    "Buffer",
    "Merge",
    "View",
    "MaterializedView",
)
DATABASE_ENGINES = frozenset({"Atomic", "Memory"})

READER_GRANTS = ("GRANT SELECT, SHOW, CHECK, dictGet ON *.*",)
WRITER_GRANTS = (
    "GRANT SELECT, SHOW, CHECK, dictGet, INSERT, ALTER, CREATE DATABASE, CREATE TABLE, CREATE VIEW, CREATE "
    "FUNCTION, "
    "DROP, UNDROP TABLE, TRUNCATE, OPTIMIZE, KILL QUERY ON *.*",
    "GRANT SYSTEM MERGES, SYSTEM TTL MERGES, SYSTEM FLUSH LOGS, SYSTEM DROP CACHE, SYSTEM SYNC REPLICA ON "
    "*.*",
    *(f"GRANT TABLE ENGINE ON {engine}" for engine in TABLE_ENGINES),
)

# Fixed for everyone, by a constraint in the engine: they name files, hold SQL, open the network or another
# language.
FROZEN_SETTINGS: dict[str, str] = {
    "additional_result_filter": "",
    "additional_table_filters": "{}",
    "allow_experimental_eval_table_function": "0",
    "allow_introspection_functions": "0",
    "dialect": "clickhouse",
    "filter": "",
    "format_avro_schema_registry_url": "",
    "format_schema_source": "string",
    "format_template_resultset": "",
    "format_template_row": "",
    "implicit_select": "0",
    "input_format_record_errors_file_path": "",
    "output_format_schema": "",
    "parallel_replicas_custom_key": "",
}

# What a SELECT may set, by URL or in its SETTINGS clause; its limits are capped by constraints.
READ_SETTINGS = frozenset(
    {
        "allow_experimental_analyzer",
        "allow_suspicious_types_in_group_by",
        "allow_suspicious_types_in_order_by",
        "any_join_distinct_right_table_keys",
        "asterisk_include_alias_columns",
        "asterisk_include_materialized_columns",
        "cancel_http_readonly_queries_on_client_close",
        "cast_keep_nullable",
        "cast_string_to_dynamic_use_inference",
        "compile_expressions",
        "count_distinct_implementation",
        "data_type_default_nullable",
        "date_time_input_format",
        "date_time_output_format",
        "distinct_overflow_mode",
        "distributed_product_mode",
        "do_not_merge_across_partitions_select_final",
        "empty_result_for_aggregation_by_empty_set",
        "enable_analyzer",
        "enable_named_columns_in_function_tuple",
        "enable_optimize_predicate_expression",
        "enable_unaligned_array_join",
        "exact_rows_before_limit",
        "extremes",
        "final",
        "force_index_by_date",
        "force_primary_key",
        "format_binary_max_array_size",
        "format_binary_max_string_size",
        "format_csv_delimiter",
        "format_custom_escaping_rule",
        "format_custom_field_delimiter",
        "format_schema",
        "format_schema_message_name",
        "format_schema_source",
        "group_by_overflow_mode",
        "group_by_two_level_threshold",
        "group_by_two_level_threshold_bytes",
        "group_by_use_nulls",
        "http_response_buffer_size",
        "http_wait_end_of_query",
        "interactive_delay",
        "join_algorithm",
        "join_default_strictness",
        "join_overflow_mode",
        "join_use_nulls",
        "legacy_column_name_of_tuple_literal",
        "limit",
        "load_balancing",
        "log_comment",
        "log_queries",
        "low_cardinality_allow_in_native_format",
        "max_ast_depth",
        "max_block_size",
        "max_bytes_before_external_group_by",
        "max_bytes_before_external_sort",
        "max_bytes_in_join",
        "max_bytes_in_set",
        "max_bytes_ratio_before_external_group_by",
        "max_bytes_ratio_before_external_sort",
        "max_bytes_to_read",
        "max_columns_to_read",
        "max_estimated_execution_time",
        "max_execution_time",
        "max_final_threads",
        "max_memory_usage",
        "max_result_bytes",
        "max_result_rows",
        "max_rows_in_join",
        "max_rows_in_set",
        "max_rows_to_group_by",
        "max_rows_to_read",
        "max_rows_to_sort",
        "max_subquery_depth",
        "max_temporary_columns",
        "max_threads",
        "offset",
        "optimize_move_to_prewhere",
        "optimize_read_in_order",
        "optimize_skip_unused_shards",
        "os_threads_nice_value_query",
        "partial_merge_join_optimizations",
        "prefer_column_name_to_alias",
        "preferred_block_size_bytes",
        "query_cache_ttl",
        "query_plan_optimize_prewhere",
        "read_overflow_mode",
        "readonly",
        "regexp_max_matches_per_row",
        "result_overflow_mode",
        "rows_before_aggregation",
        "send_progress_in_http_headers",
        "session_timezone",
        "set_overflow_mode",
        "short_circuit_function_evaluation",
        "skip_unavailable_shards",
        "sort_overflow_mode",
        "timeout_before_checking_execution_speed",
        "timeout_overflow_mode",
        "totals_mode",
        "transform_null_in",
        "union_default_mode",
        "use_index_for_in_with_subqueries",
        "use_query_cache",
        "use_skip_indexes",
        "use_skip_indexes_if_final",
        "use_uncompressed_cache",
        "workload",
    }
)
# Families that only shape text and binary formats. Members of FROZEN_SETTINGS stay fixed all the same.
READ_SETTING_PREFIXES = ("output_format_", "input_format_", "query_plan_", "use_index_", "use_skip_")
