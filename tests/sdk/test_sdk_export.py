from __future__ import annotations

import grpc

from rootspan.testing import Receiver, attributes_of
from support.programs import RunProgram

PROGRAM = """
    import logging, rootspan
    rootspan.init("ranker", {endpoint!r}, resource={{"cloud.region": "eu-west", "gpu.index": 3}})
    from opentelemetry import metrics, trace

    @rootspan.trace
    def rank(user):
        logging.getLogger("app").warning("user %d", user, extra={{"shard": 4}})

    for user in range(20):
        rank(user)
    with trace.get_tracer("plain").start_as_current_span("plain"):
        pass
    metrics.get_meter("app").create_counter("requests").add(20)
    assert rootspan.flush(10), rootspan.delivery()
    print(rootspan.delivery().sentence())
"""


def test_spans_logs_and_metrics_arrive_over_grpc(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(PROGRAM.format(endpoint=receiver.endpoint))
    assert done.code == 0, done.err
    assert done.out.startswith("dropped nothing; delivered 20 log records, 1 metric points, 21 spans")
    resource, span = receiver.spans()[0]
    who = attributes_of(resource)
    assert who["service.name"] == "ranker"
    assert (who["cloud.region"], who["gpu.index"]) == ("eu-west", 3)
    assert who["host.name"]
    assert isinstance(who["process.pid"], int)
    assert who["service.instance.id"]
    assert span.name == "rank"
    assert {metric.name for _, metric in receiver.metrics()} == {"requests"}


def test_log_records_carry_the_ids_of_the_span_they_were_made_in(
    receiver: Receiver, run_program: RunProgram
) -> None:
    assert run_program(PROGRAM.format(endpoint=receiver.endpoint)).code == 0
    spans = {span.span_id: span for _, span in receiver.spans()}
    assert len(receiver.logs()) == 20
    for _, record in receiver.logs():
        assert spans[record.span_id].trace_id == record.trace_id
        assert record.body.string_value.startswith("user ")
        assert attributes_of(record)["shard"] == 4
        assert record.severity_text == "WARN"


def test_the_environment_alone_configures_it(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(
        """
        import rootspan
        rootspan.init()
        for _ in range(400):
            with rootspan.span("work"):
                pass
        """,
        OTEL_SERVICE_NAME="from-env",
        OTEL_RESOURCE_ATTRIBUTES="cloud.region=us-east,service.instance.id=i-7",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://{receiver.endpoint}",
        OTEL_EXPORTER_OTLP_HEADERS="x-token=abc%3D",
        OTEL_TRACES_SAMPLER="traceidratio",
        OTEL_TRACES_SAMPLER_ARG="0.5",
    )
    assert (done.code, done.err) == (0, "")
    assert receiver.headers["x-token"] == "abc="
    who = attributes_of(receiver.spans()[0][0])
    assert who["service.name"] == "from-env"
    assert (who["cloud.region"], who["service.instance.id"]) == ("us-east", "i-7")
    assert who["rootspan.sampling.ratio"] == 0.5
    # 400 fair coins: ten standard deviations around 200.
    assert 100 < len(receiver.spans()) < 300


def test_a_disabled_sdk_sends_nothing_and_the_program_runs(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(PROGRAM.format(endpoint=receiver.endpoint), OTEL_SDK_DISABLED="true")
    assert done.code == 0, done.err
    assert receiver.spans() == []


def test_calling_init_twice_is_told_once_and_changes_nothing(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import rootspan
        rootspan.init("first", {receiver.endpoint!r})
        rootspan.init("second", "127.0.0.1:1")
        with rootspan.span("work"):
            pass
        """
    )
    assert done.code == 0
    assert done.err.count("init() was called again") == 1
    assert [attributes_of(who)["service.name"] for who, _ in receiver.spans()] == ["first"]


def test_an_sdk_that_was_set_up_before_keeps_its_provider_and_we_listen(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import rootspan
        from opentelemetry import trace
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        theirs = InMemorySpanExporter()
        provider = TracerProvider(resource=Resource.create({{"service.name": "theirs"}}))
        provider.add_span_processor(SimpleSpanProcessor(theirs))
        trace.set_tracer_provider(provider)
        rootspan.init("ours", {receiver.endpoint!r})
        with rootspan.span("work"):
            pass
        assert [span.name for span in theirs.get_finished_spans()] == ["work"]
        """
    )
    assert done.code == 0, done.err
    assert [attributes_of(who)["service.name"] for who, _ in receiver.spans()] == ["theirs"]


def test_long_prompts_are_sent_in_requests_that_a_receiver_takes(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import logging, rootspan
        rootspan.init("llm", {receiver.endpoint!r}, metrics=False)
        for i in range(60):
            with rootspan.span("chat", prompt="x" * 200_000, i=i):
                logging.getLogger("app").warning("y" * 200_000)
        assert rootspan.flush(20), rootspan.delivery()
        """
    )
    assert done.code == 0, done.err
    numbers = [attributes_of(span)["i"] for _, span in receiver.spans()]
    assert numbers == list(range(60))
    assert len(receiver.logs()) == 60


def test_an_sdk_of_opentelemetry_that_changed_inside_makes_the_spans_itself(
    receiver: Receiver, run_program: RunProgram
) -> None:
    done = run_program(
        f"""
        import rootspan
        from opentelemetry.sdk.trace import Tracer
        Tracer._set_tracer_config = None  # an inner part that a later SDK may not have
        rootspan.init("ranker", {receiver.endpoint!r}, logs=False, metrics=False)
        with rootspan.span("work"):
            pass
        """
    )
    assert done.code == 0, done.err
    assert "does not fit this opentelemetry-sdk" in done.err
    assert [span.name for _, span in receiver.spans()] == ["work"]


def test_processors_added_to_our_provider_see_every_span(receiver: Receiver, run_program: RunProgram) -> None:
    done = run_program(
        f"""
        import rootspan
        from opentelemetry import trace
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
        rootspan.init("ours", {receiver.endpoint!r})
        theirs = InMemorySpanExporter()
        trace.get_tracer_provider().add_span_processor(SimpleSpanProcessor(theirs))
        with rootspan.span("work"):
            pass
        assert [span.name for span in theirs.get_finished_spans()] == ["work"]
        """
    )
    assert done.code == 0, done.err
    assert len(receiver.spans()) == 1


def test_a_collector_that_comes_back_gets_what_was_made_meanwhile(
    receiver: Receiver, run_program: RunProgram
) -> None:
    receiver.refuse_with = grpc.StatusCode.UNAVAILABLE
    done = run_program(
        f"""
        import random, sys, time, rootspan
        rootspan.init("ranker", {receiver.endpoint!r}, logs=False, metrics=False)
        random.seed(0)
        with rootspan.span("work"):
            pass
        assert not rootspan.flush(1.0)
        assert "UNAVAILABLE" in rootspan.delivery().last_error, rootspan.delivery()
        print("random untouched by retries:", random.random() == random.Random(0).random())
        """,
    )
    assert done.code == 0, done.err
    assert "untouched by retries: True" in done.out
    assert "dropped 1 spans" in done.err  # never reached: it does not wait at the end

    receiver.refuse_with = grpc.StatusCode.RESOURCE_EXHAUSTED
    import threading

    threading.Timer(1.0, setattr, (receiver, "refuse_with", None)).start()
    done = run_program(
        f"""
        import rootspan
        rootspan.init("ranker", {receiver.endpoint!r}, logs=False, metrics=False)
        with rootspan.span("later"):
            pass
        assert rootspan.flush(10), rootspan.delivery()
        """
    )
    assert done.code == 0, done.err
    assert [span.name for _, span in receiver.spans()] == ["later"]


def test_a_request_that_can_never_succeed_is_dropped_at_once_and_counted(
    receiver: Receiver, run_program: RunProgram
) -> None:
    receiver.refuse_with = grpc.StatusCode.INVALID_ARGUMENT
    done = run_program(
        f"""
        import rootspan
        rootspan.init("ranker", {receiver.endpoint!r}, metrics=False)
        with rootspan.span("work"):
            pass
        assert not rootspan.flush(5)
        print(dict(rootspan.delivery().dropped))
        """
    )
    assert "('spans', 'refused by the collector'): 1" in done.out
    assert "INVALID_ARGUMENT: refused on demand" in done.err


def test_seeded_programs_compute_the_same_with_and_without_tracing(
    receiver: Receiver, run_program: RunProgram
) -> None:
    program = """
        import random, rootspan
        if {on}:
            rootspan.init("ranker", {endpoint!r})
        from opentelemetry import metrics
        histogram = metrics.get_meter("app").create_histogram("latency")
        random.seed(7)
        for _ in range(100):
            with rootspan.span("work"):
                histogram.record(random.random())
        print(random.random())
    """
    outs = {run_program(program.format(on=on, endpoint=receiver.endpoint)).out for on in (True, False)}
    assert len(outs) == 1
    assert outs != {""}
