-- A span of otel_traces in the few columns that questions about causes read.
-- vLLM and SGLang write the names that the conventions had before: prompt_tokens and completion_tokens, and the model that answered.
Timestamp,
    cityHash64(TraceId) AS TraceHash,
    cityHash64(TraceId, SpanId) AS Id,
    if(ParentSpanId = '', 0, cityHash64(TraceId, ParentSpanId)) AS Parent,
    SpanName, SpanKind, ServiceName, HostName, Region, Zone, ServiceVersion, Gpu, JobId,
    StatusCode = 'Error' AS Failed,
    Duration, Weight,
    toLowCardinality(if(SpanAttributes['gen_ai.request.model'] != '', SpanAttributes['gen_ai.request.model'],
        SpanAttributes['gen_ai.response.model'])) AS Model,
    toLowCardinality(SpanAttributes['peer.service']) AS Peer,
    toLowCardinality(SpanAttributes['server.address']) AS Address,
    toFloat32OrNull(SpanAttributes['rootspan.peer.duration_ms']) AS PeerMs,
    toFloat32OrZero(SpanAttributes['rootspan.queue.wait_ms']) * 1e3
        + toFloat32OrZero(SpanAttributes['gen_ai.latency.time_in_queue']) * 1e6 AS WaitUs,
    log1p(greatest(toFloat32OrZero(SpanAttributes['gen_ai.usage.input_tokens']), toFloat32OrZero(SpanAttributes['gen_ai.usage.prompt_tokens']))
        + greatest(toFloat32OrZero(SpanAttributes['gen_ai.usage.output_tokens']), toFloat32OrZero(SpanAttributes['gen_ai.usage.completion_tokens']))) AS Size,
    hasAny(mapKeys(ResourceAttributes), ['dl.rank', 'nv.dl.rank', 'dl.iteration', 'nv.dl.iteration', 'pytorch.rank'])
        OR hasAny(mapKeys(SpanAttributes), ['dl.rank', 'nv.dl.rank', 'dl.iteration', 'nv.dl.iteration', 'pytorch.rank']) AS TellsRank
