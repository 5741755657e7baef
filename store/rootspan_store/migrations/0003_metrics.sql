-- Metrics: the landing table that has the shape of an OTLP request, and one table for each of the five kinds.
-- Column names are those of the OpenTelemetry Collector's ClickHouse exporter; HostName and what follows are beyond it.

CREATE TABLE IF NOT EXISTS otlp_metrics
(
    resource_metrics Array(Tuple(
        resource Tuple(attributes ${attributes}, dropped_attributes_count UInt32),
        scope_metrics Array(Tuple(
            scope Tuple(name String, version String, attributes ${attributes}, dropped_attributes_count UInt32),
            metrics Array(Tuple(
                name String,
                description String,
                unit String,
                gauge Tuple(data_points ${number_points}),
                sum Tuple(data_points ${number_points}, aggregation_temporality Int32, is_monotonic Bool),
                histogram Tuple(
                    data_points Array(Tuple(
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Float64,
                        bucket_counts Array(UInt64),
                        explicit_bounds Array(Float64),
                        exemplars ${exemplars},
                        attributes ${attributes},
                        flags UInt32,
                        min Float64,
                        max Float64)),
                    aggregation_temporality Int32),
                exponential_histogram Tuple(
                    data_points Array(Tuple(
                        attributes ${attributes},
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Float64,
                        scale Int32,
                        zero_count UInt64,
                        positive Tuple(offset Int32, bucket_counts Array(UInt64)),
                        negative Tuple(offset Int32, bucket_counts Array(UInt64)),
                        flags UInt32,
                        exemplars ${exemplars},
                        min Float64,
                        max Float64,
                        zero_threshold Float64)),
                    aggregation_temporality Int32),
                summary Tuple(
                    data_points Array(Tuple(
                        start_time_unix_nano UInt64,
                        time_unix_nano UInt64,
                        count UInt64,
                        sum Float64,
                        quantile_values Array(Tuple(quantile Float64, value Float64)),
                        attributes ${attributes},
                        flags UInt32))),
                metadata ${attributes})),
            schema_url String)),
        schema_url String))
)
ENGINE = Null;

CREATE TABLE IF NOT EXISTS otel_metrics_gauge
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    Exemplars Nested(
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_gauge TO otel_metrics_gauge AS
WITH ${to_map} AS attribute_map
SELECT
    resource_map AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_map['service.name'] AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    if(point.value = 'as_int', toFloat64(point.as_int), point.as_double) AS Value,
    arrayMap(a -> attribute_map(a), point.exemplars.filtered_attributes) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(
        (kind, d, i) -> if(kind = 'as_int', toFloat64(i), d),
        point.exemplars.value, point.exemplars.as_double, point.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    resource_map['host.name'] AS HostName,
    resource_map['cloud.region'] AS Region,
    metric_metadata AS MetricMetadata,
    now() AS InsertedAt
FROM
(
    SELECT
        resource_map,
        resource_schema_url,
        scope_name,
        scope_version,
        scope_map,
        scope_dropped_attributes,
        scope_schema_url,
        metric.name AS metric_name,
        metric.description AS metric_description,
        metric.unit AS metric_unit,
        attribute_map(metric.metadata) AS metric_metadata,
        metric.gauge.data_points AS points
    FROM ${metrics_of_otlp}
    ARRAY JOIN metrics AS metric
)
ARRAY JOIN points AS point;

CREATE TABLE IF NOT EXISTS otel_metrics_sum
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Value Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    IsMonotonic Bool CODEC(ZSTD(1)),
    Exemplars Nested(
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_sum TO otel_metrics_sum AS
WITH ${to_map} AS attribute_map
SELECT
    resource_map AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_map['service.name'] AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    if(point.value = 'as_int', toFloat64(point.as_int), point.as_double) AS Value,
    temporality AS AggregationTemporality,
    monotonic AS IsMonotonic,
    arrayMap(a -> attribute_map(a), point.exemplars.filtered_attributes) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(
        (kind, d, i) -> if(kind = 'as_int', toFloat64(i), d),
        point.exemplars.value, point.exemplars.as_double, point.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    resource_map['host.name'] AS HostName,
    resource_map['cloud.region'] AS Region,
    metric_metadata AS MetricMetadata,
    now() AS InsertedAt
FROM
(
    SELECT
        resource_map,
        resource_schema_url,
        scope_name,
        scope_version,
        scope_map,
        scope_dropped_attributes,
        scope_schema_url,
        metric.name AS metric_name,
        metric.description AS metric_description,
        metric.unit AS metric_unit,
        attribute_map(metric.metadata) AS metric_metadata,
        metric.sum.aggregation_temporality AS temporality,
        metric.sum.is_monotonic AS monotonic,
        metric.sum.data_points AS points
    FROM ${metrics_of_otlp}
    ARRAY JOIN metrics AS metric
)
ARRAY JOIN points AS point;

CREATE TABLE IF NOT EXISTS otel_metrics_histogram
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    BucketCounts Array(UInt64) CODEC(ZSTD(1)),
    ExplicitBounds Array(Float64) CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    Exemplars Nested(
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_histogram TO otel_metrics_histogram AS
WITH ${to_map} AS attribute_map
SELECT
    resource_map AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_map['service.name'] AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.bucket_counts AS BucketCounts,
    point.explicit_bounds AS ExplicitBounds,
    point.min AS Min,
    point.max AS Max,
    temporality AS AggregationTemporality,
    arrayMap(a -> attribute_map(a), point.exemplars.filtered_attributes) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(
        (kind, d, i) -> if(kind = 'as_int', toFloat64(i), d),
        point.exemplars.value, point.exemplars.as_double, point.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    resource_map['host.name'] AS HostName,
    resource_map['cloud.region'] AS Region,
    metric_metadata AS MetricMetadata,
    now() AS InsertedAt
FROM
(
    SELECT
        resource_map,
        resource_schema_url,
        scope_name,
        scope_version,
        scope_map,
        scope_dropped_attributes,
        scope_schema_url,
        metric.name AS metric_name,
        metric.description AS metric_description,
        metric.unit AS metric_unit,
        attribute_map(metric.metadata) AS metric_metadata,
        metric.histogram.aggregation_temporality AS temporality,
        metric.histogram.data_points AS points
    FROM ${metrics_of_otlp}
    ARRAY JOIN metrics AS metric
)
ARRAY JOIN points AS point;

CREATE TABLE IF NOT EXISTS otel_metrics_exponential_histogram
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    Scale Int32 CODEC(ZSTD(1)),
    ZeroCount UInt64 CODEC(ZSTD(1)),
    ZeroThreshold Float64 CODEC(ZSTD(1)),
    PositiveOffset Int32 CODEC(ZSTD(1)),
    PositiveBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    NegativeOffset Int32 CODEC(ZSTD(1)),
    NegativeBucketCounts Array(UInt64) CODEC(ZSTD(1)),
    Min Float64 CODEC(ZSTD(1)),
    Max Float64 CODEC(ZSTD(1)),
    AggregationTemporality Int32 CODEC(ZSTD(1)),
    Exemplars Nested(
        FilteredAttributes Map(LowCardinality(String), String),
        TimeUnix DateTime64(9),
        Value Float64,
        SpanId String,
        TraceId String) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_exponential_histogram TO otel_metrics_exponential_histogram AS
WITH ${to_map} AS attribute_map
SELECT
    resource_map AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_map['service.name'] AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.scale AS Scale,
    point.zero_count AS ZeroCount,
    point.zero_threshold AS ZeroThreshold,
    point.positive.offset AS PositiveOffset,
    point.positive.bucket_counts AS PositiveBucketCounts,
    point.negative.offset AS NegativeOffset,
    point.negative.bucket_counts AS NegativeBucketCounts,
    point.min AS Min,
    point.max AS Max,
    temporality AS AggregationTemporality,
    arrayMap(a -> attribute_map(a), point.exemplars.filtered_attributes) AS `Exemplars.FilteredAttributes`,
    arrayMap(t -> fromUnixTimestamp64Nano(toInt64(t)), point.exemplars.time_unix_nano) AS `Exemplars.TimeUnix`,
    arrayMap(
        (kind, d, i) -> if(kind = 'as_int', toFloat64(i), d),
        point.exemplars.value, point.exemplars.as_double, point.exemplars.as_int) AS `Exemplars.Value`,
    arrayMap(x -> lower(hex(x)), point.exemplars.span_id) AS `Exemplars.SpanId`,
    arrayMap(x -> lower(hex(x)), point.exemplars.trace_id) AS `Exemplars.TraceId`,
    point.flags AS Flags,
    resource_map['host.name'] AS HostName,
    resource_map['cloud.region'] AS Region,
    metric_metadata AS MetricMetadata,
    now() AS InsertedAt
FROM
(
    SELECT
        resource_map,
        resource_schema_url,
        scope_name,
        scope_version,
        scope_map,
        scope_dropped_attributes,
        scope_schema_url,
        metric.name AS metric_name,
        metric.description AS metric_description,
        metric.unit AS metric_unit,
        attribute_map(metric.metadata) AS metric_metadata,
        metric.exponential_histogram.aggregation_temporality AS temporality,
        metric.exponential_histogram.data_points AS points
    FROM ${metrics_of_otlp}
    ARRAY JOIN metrics AS metric
)
ARRAY JOIN points AS point;

CREATE TABLE IF NOT EXISTS otel_metrics_summary
(
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ResourceSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion LowCardinality(String) CODEC(ZSTD(1)),
    ScopeAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeDroppedAttrCount UInt32 CODEC(ZSTD(1)),
    ScopeSchemaUrl LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    MetricName LowCardinality(String) CODEC(ZSTD(1)),
    MetricDescription LowCardinality(String) CODEC(ZSTD(1)),
    MetricUnit LowCardinality(String) CODEC(ZSTD(1)),
    Attributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    StartTimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    TimeUnix DateTime64(9) CODEC(Delta, ZSTD(1)),
    Count UInt64 CODEC(ZSTD(1)),
    Sum Float64 CODEC(ZSTD(1)),
    ValueAtQuantiles Nested(Quantile Float64, Value Float64) CODEC(ZSTD(1)),
    Flags UInt32 CODEC(ZSTD(1)),
    HostName LowCardinality(String) DEFAULT ResourceAttributes['host.name'] CODEC(ZSTD(1)),
    Region LowCardinality(String) DEFAULT ResourceAttributes['cloud.region'] CODEC(ZSTD(1)),
    MetricMetadata Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    InsertedAt DateTime DEFAULT now() CODEC(Delta, ZSTD(1))
)
ENGINE = MergeTree
PARTITION BY toDate(TimeUnix)
ORDER BY (ServiceName, MetricName, HostName, TimeUnix)
SETTINGS ttl_only_drop_parts = 1, non_replicated_deduplication_window = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS otlp_metrics_to_summary TO otel_metrics_summary AS
WITH ${to_map} AS attribute_map
SELECT
    resource_map AS ResourceAttributes,
    resource_schema_url AS ResourceSchemaUrl,
    scope_name AS ScopeName,
    scope_version AS ScopeVersion,
    scope_map AS ScopeAttributes,
    scope_dropped_attributes AS ScopeDroppedAttrCount,
    scope_schema_url AS ScopeSchemaUrl,
    resource_map['service.name'] AS ServiceName,
    metric_name AS MetricName,
    metric_description AS MetricDescription,
    metric_unit AS MetricUnit,
    attribute_map(point.attributes) AS Attributes,
    fromUnixTimestamp64Nano(toInt64(point.start_time_unix_nano)) AS StartTimeUnix,
    fromUnixTimestamp64Nano(toInt64(point.time_unix_nano)) AS TimeUnix,
    point.count AS Count,
    point.sum AS Sum,
    point.quantile_values.quantile AS `ValueAtQuantiles.Quantile`,
    point.quantile_values.value AS `ValueAtQuantiles.Value`,
    point.flags AS Flags,
    resource_map['host.name'] AS HostName,
    resource_map['cloud.region'] AS Region,
    metric_metadata AS MetricMetadata,
    now() AS InsertedAt
FROM
(
    SELECT
        resource_map,
        resource_schema_url,
        scope_name,
        scope_version,
        scope_map,
        scope_dropped_attributes,
        scope_schema_url,
        metric.name AS metric_name,
        metric.description AS metric_description,
        metric.unit AS metric_unit,
        attribute_map(metric.metadata) AS metric_metadata,
        metric.summary.data_points AS points
    FROM ${metrics_of_otlp}
    ARRAY JOIN metrics AS metric
)
ARRAY JOIN points AS point;

-- Some versions of the exporter call the fourth kind so.
CREATE VIEW IF NOT EXISTS otel_metrics_exp_histogram AS SELECT * FROM otel_metrics_exponential_histogram;
