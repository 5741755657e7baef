// Sends one trace of two spans, and with "http/json" a log record and three metrics, by OpenTelemetry's own SDK.
// node send.mjs PROTOCOL GRPC_ADDRESS HTTP_ADDRESS; prints the ids as JSON.
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, TraceFlags, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPMetricExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPTraceExporter as GrpcTraces } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { LoggerProvider, SimpleLogRecordProcessor } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BasicTracerProvider, SimpleSpanProcessor } from "@opentelemetry/sdk-trace-base";

const [protocol, grpcAddress, httpAddress] = process.argv.slice(2);
const resource = resourceFromAttributes({ "service.name": `node-${protocol}`, "host.name": "node-host" });
const http = (path) => ({ url: `http://${httpAddress}/v1/${path}`, compression: "gzip" });

const exporter = {
  grpc: () => new GrpcTraces({ url: `http://${grpcAddress}` }),
  "http/json": () => new JsonTraces(http("traces")),
  "http/protobuf": () => new ProtoTraces(http("traces")),
}[protocol]();

const provider = new BasicTracerProvider({ resource, spanProcessors: [new SimpleSpanProcessor(exporter)] });
const tracer = provider.getTracer("node-scope", "1.2.3");
const linked = { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: TraceFlags.SAMPLED };
const parent = tracer.startSpan("parent", { kind: SpanKind.CLIENT, startTime: [1_800_000_000, 1] }, ROOT_CONTEXT);
const child = tracer.startSpan(
  "child",
  {
    kind: SpanKind.SERVER,
    startTime: [1_800_000_000, 2],
    attributes: { text: "a \"quoted\" ✓", whole: 42, broken: 0.25, yes: true, many: ["a", "b"], numbers: [1, 2] },
    links: [{ context: linked, attributes: { why: "batch" } }],
  },
  trace.setSpan(ROOT_CONTEXT, parent),
);
child.addEvent("cache.miss", { key: "k1" }, [1_800_000_000, 500]);
child.setStatus({ code: SpanStatusCode.ERROR, message: "out of memory" });
child.end([1_800_000_000, 1_000_002]);
parent.end([1_800_000_000, 2_000_001]);
await provider.shutdown();

if (protocol === "http/json") {
  const logs = new LoggerProvider({ resource, processors: [new SimpleLogRecordProcessor({ exporter: new OTLPLogExporter(http("logs")) })] });
  logs.getLogger("node-scope", "1.2.3").emit({
    timestamp: [1_800_000_000, 7],
    severityNumber: SeverityNumber.ERROR,
    severityText: "ERROR",
    body: "it broke",
    attributes: { code: 7 },
    context: trace.setSpan(ROOT_CONTEXT, child),
  });
  await logs.shutdown();

  const reader = new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter(http("metrics")) });
  const meter = new MeterProvider({ resource, readers: [reader] });
  const named = meter.getMeter("node-scope", "1.2.3");
  named.createCounter("requests", { unit: "1", description: "how many" }).add(5, { route: "/a" });
  named.createHistogram("latency", { unit: "ms", advice: { explicitBucketBoundaries: [1, 10] } }).record(3);
  named.createGauge("load").record(0.5);
  await meter.shutdown();
}
console.log(JSON.stringify({ trace: parent.spanContext().traceId, parent: parent.spanContext().spanId, child: child.spanContext().spanId }));
