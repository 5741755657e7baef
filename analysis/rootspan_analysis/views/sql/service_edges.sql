-- Calls between services, of the whole range or of some slices of it: rate, failures, the client's duration, and the edge gap,
-- which is the client's duration without the server's own. Counts are scaled up for the slices and where the senders sampled.
WITH
    chosen AS
    (
        SELECT
            cityHash64(TraceId, SpanId) AS id, ServiceName, Duration, Weight, StatusCode = 'Error' AS failed,
            SpanAttributes['peer.service'] AS peer,
            toFloat64OrNull(SpanAttributes['rootspan.peer.duration_ms']) AS peer_ms
        FROM rootspan_spans
        WHERE Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND SpanKind IN ('Client', 'Producer')
            AND ${in_slices}
            AND ({region:String} = '' OR Region = {region:String})
    ),
    servers AS
    (
        SELECT
            cityHash64(TraceId, ParentSpanId) AS parent, any(ServiceName) AS server_service, max(Duration) / 1e6 AS server_ms
        FROM rootspan_spans
        WHERE ParentSpanId != '' AND SpanKind IN ('Server', 'Consumer')
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND ${in_slices}
        GROUP BY parent
    )
${edge_figures}
