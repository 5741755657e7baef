-- As service_edges.sql, from the sample of traces: one in {scale} of them, all of the range, in narrow columns.
WITH
    chosen AS
    (
        SELECT
            Id AS id, ServiceName, Duration, Weight, Failed AS failed, toString(Peer) AS peer, toFloat64(PeerMs) AS peer_ms
        FROM otel_spans_sampled
        WHERE Level >= {level:UInt8}
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
            AND SpanKind IN ('Client', 'Producer')
            AND ({region:String} = '' OR Region = {region:String})
    ),
    servers AS
    (
        SELECT Parent AS parent, any(ServiceName) AS server_service, max(Duration) / 1e6 AS server_ms
        FROM otel_spans_sampled
        WHERE Level >= {level:UInt8} AND Parent != 0 AND SpanKind IN ('Server', 'Consumer')
            AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}) AND Timestamp < fromUnixTimestamp64Nano({to_ns:Int64})
        GROUP BY parent
    )
${edge_figures}
