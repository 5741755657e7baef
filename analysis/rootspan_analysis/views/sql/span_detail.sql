-- All that is known of one span.
SELECT
    SpanId AS span_id,
    ParentSpanId AS parent_id,
    SpanName AS operation,
    SpanKind AS kind,
    ServiceName AS service,
    HostName AS host,
    toUnixTimestamp64Nano(Timestamp) AS start_ns,
    Duration AS duration_ns,
    StatusCode AS status,
    StatusMessage AS status_message,
    TraceState AS trace_state,
    ScopeName AS scope,
    ScopeVersion AS scope_version,
    mapKeys(SpanAttributes) AS attribute_keys,
    mapValues(SpanAttributes) AS attribute_values,
    mapKeys(ResourceAttributes) AS resource_keys,
    mapValues(ResourceAttributes) AS resource_values,
    arrayMap(t -> toUnixTimestamp64Nano(t), `Events.Timestamp`) AS event_ns,
    arrayMap(n -> toString(n), `Events.Name`) AS event_names,
    arrayMap(a -> toJSONString(a), `Events.Attributes`) AS event_attributes,
    `Links.TraceId` AS link_trace_ids,
    `Links.SpanId` AS link_span_ids,
    arrayMap(a -> toJSONString(a), `Links.Attributes`) AS link_attributes,
    DroppedAttributes AS dropped_attributes,
    DroppedEvents AS dropped_events,
    DroppedLinks AS dropped_links
FROM rootspan_spans
WHERE TraceId = {trace_id:String}
    AND SpanId = {span_id:String}
    AND Timestamp >= fromUnixTimestamp64Nano({first_ns:Int64})
    AND Timestamp <= fromUnixTimestamp64Nano({last_ns:Int64})
LIMIT 1
